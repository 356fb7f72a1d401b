/**
 * What a guard costs a stream of chunks of one element: chunks per second, CPU and allocation for each chunk, against the bare stream.
 */
import type { Cycles } from "effect-cycles"
import { AbortableStream, Amount, guardedStream, type GuardedStreamOptions, UsageMeter } from "effect-cycles"
import { Authority } from "effect-cycles/authority"
import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Stream from "effect/Stream"
import type { Topic, Way, Worker } from "./support/bench.js"
import { median, spread, table, takeTurns } from "./support/figures.js"

const rounds = Number(process.env["BENCH_ROUNDS"] ?? 7)
const chunks = 50_000
/** So few that no garbage is collected while they run: what the heap grows by is what was allocated. The shorter run is the fixed part. */
const [short, long] = [100, 1100] as const

interface Delta {
  readonly tokens: number
}

const delta: Delta = { tokens: 1 }
async function* deltas(n: number) {
  for (let i = 0; i < n; i++) yield delta
}

const bare = (n: number) => Stream.fromAsyncIterable(deltas(n), String)
const abortable = (n: number) => AbortableStream.fromAsyncIterable(() => deltas(n), String)
const options: GuardedStreamOptions<Delta> = {
  estimate: Amount.tokens(1_000_000),
  usage: UsageMeter.incremental(({ tokens }: Delta) => Amount.tokens(tokens))
}

const runtime = () =>
  ManagedRuntime.make(Authority.layer({ budgets: [{ scope: "tenant:acme", allocated: Amount.tokens(10n ** 15n) }] }))

const allocated = async (run: (n: number) => Promise<unknown>, n: number): Promise<number> => {
  globalThis.gc?.()
  const before = process.memoryUsage().heapUsed
  await run(n)
  return process.memoryUsage().heapUsed - before
}

const measured = (run: (n: number) => Promise<unknown>): Way => async () => {
  const bytes: Array<number> = []
  for (let i = 0; i < 9; i++) bytes.push((await allocated(run, long) - await allocated(run, short)) / (long - short))
  const cpu = process.cpuUsage()
  const begin = performance.now()
  await run(chunks)
  const ms = performance.now() - begin
  const { system, user } = process.cpuUsage(cpu)
  return { ms, cpuMs: (user + system) / 1000, bytes: median(bytes) }
}

const way = <E>(make: (n: number) => Stream.Stream<Delta, E, Cycles>) => async (): Promise<Way> => {
  const { runPromise } = runtime()
  return measured((n) => runPromise(Stream.runDrain(make(n))))
}

const iterated = async (): Promise<Way> => {
  const runner = runtime()
  await runner.runPromise(Effect.void)
  return measured(async (n) => {
    for await (const _ of AbortableStream.toAsyncIterable(runner)(guardedStream(abortable(n), options))) void _
  })
}

const names: Readonly<Record<string, string>> = {
  bare: "Stream.fromAsyncIterable, bare",
  guarded: "the same, guarded and metered",
  abortable: "AbortableStream.fromAsyncIterable, bare",
  both: "the same, guarded and metered",
  drain: "the same, with drain",
  iterated: "the same, out again by toAsyncIterable"
}

export const topic: Topic = {
  ways: {
    bare: way(bare),
    guarded: way((n) => guardedStream(bare(n), options)),
    abortable: way(abortable),
    both: way((n) => guardedStream(abortable(n), options)),
    drain: way((n) => guardedStream(abortable(n), { ...options, onEarlyEnd: "drain" })),
    iterated
  },
  run: async (bench) => {
    const workers: Array<Worker> = []
    for (const name of Object.keys(names)) {
      const worker = await bench.start(name, {}, { gc: true, youngMiB: 64 })
      await worker.sample()
      workers.push(worker)
    }
    const samples = await takeTurns(workers, rounds, () => ({}))
    const all = (worker: Worker | undefined) => worker === undefined ? [] : samples.get(worker) ?? []
    const base = median(all(workers[0]).map(({ ms }) => ms))
    const rows = [["way", "chunks/s", "speed against bare", "CPU per chunk, µs", "bytes per chunk"]]
    for (const worker of workers) {
      const own = all(worker)
      rows.push([
        names[worker.way] ?? worker.way,
        spread(own.map(({ ms }) => chunks * 1000 / ms)),
        (base / median(own.map(({ ms }) => ms))).toFixed(2),
        spread(own.map(({ cpuMs }) => cpuMs * 1000 / chunks), 1),
        spread(own.map(({ bytes }) => bytes ?? 0))
      ])
    }
    console.log(table(rows))
  }
}
