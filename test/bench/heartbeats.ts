/**
 * Guarded calls held open, each extended in time: the heap that one takes, the caller's suspended fiber included, and the CPU of one
 * beat. The heap is read after a collection. The first beat of each is counted apart: it runs code that is compiled meanwhile.
 */
import { Amount, type Cycles, guarded } from "effect-cycles"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { identity } from "effect/Function"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Runtime from "effect/Runtime"
import type { Bench, Settings, Topic, Way } from "./support/bench.js"
import { spread, table } from "./support/figures.js"
import { layerOf } from "./support/guardedCalls.js"
import { startStub, stub } from "./support/stub.js"

const open = Number(process.env["BENCH_OPEN"] ?? 10_000)
const ttlMs = 30_000
/** After two thirds of a lease all have beaten once more. */
const roundMs = ttlMs * 2 / 3
const rounds = Number(process.env["BENCH_ROUNDS"] ?? 5)

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

const heap = async (): Promise<number> => {
  for (let n = 0; n < 4; n++) {
    globalThis.gc?.()
    await sleep(50)
  }
  return process.memoryUsage().heapUsed
}

const options = {
  action: { kind: "llm.completion", name: "gpt-4o" },
  estimate: Amount.usd("0.05"),
  actual: Amount.usd("0.0123"),
  ttl: ttlMs
}

/** First call: opens so many and says the heap of each. Later calls: waits so long. */
const holding =
  (fork: (work: Effect.Effect<unknown>) => Fiber.RuntimeFiber<unknown, unknown>): Way => async ({ count, waitMs }) => {
    if (waitMs !== undefined) return void await sleep(Number(waitMs))
    const before = await heap()
    await new Promise<void>((resolve, reject) => {
      let [begun, done] = [0, 0]
      const begin = () => {
        if (++begun > Number(count)) return
        fork(held).addObserver((exit) => reject(new Error(`it ended: ${JSON.stringify(exit)}`)))
      }
      const held = Effect.zipRight(
        Effect.sync(() => {
          if (++done === Number(count)) resolve()
          else queueMicrotask(begin)
        }),
        Effect.never
      )
      for (let n = 0; n < 64; n++) begin()
    })
    // What the opening itself needed is gone by then.
    await sleep(500)
    return { heap: (await heap() - before) / Number(count) }
  }

/** As a server does: on the runtime of the layer. */
const heldOn =
  (around: (work: Effect.Effect<unknown>) => Effect.Effect<unknown, unknown, Cycles>) =>
  async (settings: Settings): Promise<Way> => {
    const runtime = await ManagedRuntime.make(layerOf(settings)).runtime()
    const calls = Effect.replicateEffect(around(Effect.void), 1000, { concurrency: 64, discard: true })
    await Runtime.runPromise(runtime)(calls)
    return holding((work) => Runtime.runFork(runtime)(around(work)))
  }

const measure = async (bench: Bench, way: string, count: number) => {
  const { baseUrl, worker: server } = await startStub(bench, { ttlMs })
  const holder = await bench.start(way, { baseUrl, entry: "node", journal: "memory" }, { gc: true })
  const { heap = NaN } = await holder.sample({ count: open })
  const cpuPerBeat: Array<number> = []
  const next = async (waitMs: number): Promise<void> => {
    const { beats: before = 0 } = await server.sample()
    const { cpuMs } = await holder.sample({ waitMs })
    const { beats: after = 0 } = await server.sample()
    if (after - before < open / 2) throw new Error(`${after - before} beats of ${open} in a round`)
    cpuPerBeat.push(cpuMs * 1000 / (after - before))
  }
  if (count > 0) {
    // What the opening has left is collected in this time, and nothing beats yet.
    await sleep(roundMs * 3 / 4)
    for (let n = 0; n < count; n++) await next(n === 0 ? roundMs / 2 : roundMs)
  }
  return { heap, cpuPerBeat }
}

export const topic: Topic = {
  ways: { stub, bare: heldOn(identity), guarded: heldOn(guarded(options)) },
  run: async (bench) => {
    const bare = await measure(bench, "bare", 0)
    const guarded = await measure(bench, "guarded", 1 + rounds)
    const [first = NaN, ...later] = guarded.cpuPerBeat
    const kilobytes = (bytes: number) => (bytes / 1000).toFixed(1)
    console.log(`${open} held open, leases of ${ttlMs / 1000} s, ${rounds} rounds of beats after the first\n`)
    console.log(table([
      ["", "heap each, kB", "CPU of a first beat, µs", "CPU per beat, µs"],
      ["a suspended fiber", kilobytes(bare.heap), "", ""],
      ["a guarded call", kilobytes(guarded.heap), first.toFixed(0), spread(later)]
    ]))
  }
}
