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
import { table } from "./support/figures.js"
import { layerOf } from "./support/guardedCalls.js"
import { startStub, stub } from "./support/stub.js"

const open = Number(process.env["BENCH_OPEN"] ?? 10_000)
const ttlMs = 30_000
/** From the moment when all are open. By then what the opening has left is collected, and nothing beats yet. */
const settleMs = ttlMs / 2
/** From then on. The first beat comes after two thirds of a lease, the second one after as much again. */
const firstMs = ttlMs / 3
/** From then on. */
const watchMs = Number(process.env["BENCH_WATCH_MS"] ?? 40_000)

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

const measure = async (bench: Bench, way: string, ...waits: ReadonlyArray<number>) => {
  const { baseUrl, worker: server } = await startStub(bench, { ttlMs })
  const holder = await bench.start(way, { baseUrl, entry: "node", journal: "memory" }, { gc: true })
  const { heap = NaN } = await holder.sample({ count: open })
  if (waits.length > 0) await holder.sample({ waitMs: settleMs })
  const rounds: Array<{ readonly beats: number; readonly cpuEach: number }> = []
  for (const waitMs of waits) {
    const { beats: before = 0 } = await server.sample()
    const { cpuMs } = await holder.sample({ waitMs })
    const { beats: after = 0 } = await server.sample()
    if (after === before) throw new Error(`no beat in ${waitMs} ms: BENCH_WATCH_MS must reach beyond the next`)
    rounds.push({ beats: after - before, cpuEach: cpuMs * 1000 / (after - before) })
  }
  return { heap, rounds }
}

export const topic: Topic = {
  ways: { stub, bare: heldOn(identity), guarded: heldOn(guarded(options)) },
  run: async (bench) => {
    const bare = await measure(bench, "bare")
    const guarded = await measure(bench, "guarded", firstMs, watchMs)
    const kilobytes = (bytes: number) => (bytes / 1000).toFixed(1)
    const [first, later] = guarded.rounds.map(({ beats, cpuEach }) => [String(beats), cpuEach.toFixed(0)])
    console.log(`${open} held open, leases of ${ttlMs / 1000} s, watched for ${(settleMs + firstMs + watchMs) / 1000} s\n`)
    console.log(table([
      ["", "heap each, kB", "first beats", "CPU each, µs", "later beats", "CPU each, µs"],
      ["a suspended fiber", kilobytes(bare.heap), "", "", "", ""],
      ["a guarded call", kilobytes(guarded.heap), ...first ?? [], ...later ?? []]
    ]))
  }
}
