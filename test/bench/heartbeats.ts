/**
 * Guarded calls held open, each extended in time: the heap that one takes, the caller's suspended fiber included, and the CPU of one
 * beat. The heap is read after a collection.
 */
import { Amount, guarded } from "effect-cycles"
import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import type { Bench, Settings, Topic, Way } from "./support/bench.js"
import { table } from "./support/figures.js"
import { layerOf } from "./support/guardedCalls.js"
import { startStub, stub } from "./support/stub.js"

const open = Number(process.env["BENCH_OPEN"] ?? 10_000)
const ttlMs = 30_000
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
const holding = (hold: (opened: () => void) => Effect.Effect<unknown, unknown>): Way => async ({ count, waitMs }) => {
  if (waitMs !== undefined) return void await sleep(Number(waitMs))
  const before = await heap()
  await new Promise<void>((resolve, reject) => {
    let [begun, done] = [0, 0]
    const begin = () => {
      if (++begun > Number(count)) return
      Effect.runFork(hold(opened)).addObserver((exit) => reject(new Error(`it ended: ${JSON.stringify(exit)}`)))
    }
    const opened = () => {
      if (++done === Number(count)) resolve()
      else queueMicrotask(begin)
    }
    for (let n = 0; n < 64; n++) begin()
  })
  // What the opening itself needed is gone by then.
  await sleep(500)
  return { heap: (await heap() - before) / Number(count) }
}

const guardedHeld = async (settings: Settings): Promise<Way> => {
  const runtime = await ManagedRuntime.make(layerOf(settings)).runtime()
  const call = (work: Effect.Effect<unknown>) => Effect.provide(guarded(work, options), runtime)
  for (let n = 0; n < 10; n++) {
    await Effect.runPromise(Effect.all(Array.from({ length: 100 }, () => call(Effect.void)), { concurrency: 100 }))
  }
  return holding((opened) => call(Effect.zipRight(Effect.sync(opened), Effect.never)))
}

const bareHeld = (): Promise<Way> =>
  Promise.resolve(holding((opened) => Effect.zipRight(Effect.sync(opened), Effect.never)))

const measure = async (bench: Bench, way: string) => {
  const { baseUrl, worker: server } = await startStub(bench, { ttlMs })
  const holder = await bench.start(way, { baseUrl, entry: "node", journal: "memory" }, { gc: true })
  const { heap = NaN } = await holder.sample({ count: open })
  const { beats: before = 0 } = await server.sample()
  const { cpuMs } = await holder.sample({ waitMs: way === "bare" ? 1000 : watchMs })
  const { beats: after = 0 } = await server.sample()
  return { heap, beats: after - before, cpuPerBeat: cpuMs * 1000 / (after - before) }
}

export const topic: Topic = {
  ways: { stub, bare: bareHeld, guarded: guardedHeld },
  run: async (bench) => {
    const bare = await measure(bench, "bare")
    const guarded = await measure(bench, "guarded")
    const kilobytes = (bytes: number) => (bytes / 1000).toFixed(1)
    console.log(`${open} held open, leases of ${ttlMs / 1000} s, watched for ${watchMs / 1000} s\n`)
    console.log(table([
      ["", "heap each, kB", "beats", "CPU per beat, µs"],
      ["a suspended fiber", kilobytes(bare.heap), "", ""],
      ["a guarded call", kilobytes(guarded.heap), String(guarded.beats), guarded.cpuPerBeat.toFixed(0)]
    ]))
  }
}
