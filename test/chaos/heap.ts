/**
 * Flat heap: guarded calls and handles against an authority that remembers nothing, so that what grows is ours.
 *
 * `NODE_OPTIONS=--expose-gc npx tsx --tsconfig test/tsconfig.json test/chaos/heap.ts`
 *
 * `HEAP_CALLS` (100 000), `HEAP_HANDLES` (20 000) and `HEAP_STREAMS` (20 000) choose the size. Ends with 1 when the heap after a collection grows by more than 2 MiB from
 * the first reading after the warm-up to the last.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import {
  Amount,
  CurrentReservation,
  Cycles,
  guarded,
  guardedStream,
  Journal,
  recordEvent,
  reserve,
  UsageMeter
} from "effect-cycles"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { textResponse } from "../../src/authority/internal/textResponse.js"
import { operationOf } from "../support/faults.js"

const calls = Number(process.env["HEAP_CALLS"] ?? 100_000)
const handles = Number(process.env["HEAP_HANDLES"] ?? 20_000)
const streams = Number(process.env["HEAP_STREAMS"] ?? 20_000)
const boundMiB = 2
const apiKey = Redacted.make("cyc_live_heap")
const baseUrl = "http://authority.localhost"
const tokens = (amount: number) => ({ unit: "TOKENS", amount })

let count = 0
let attempts = 0

const refused = (error: string) => ({ error, message: "injected", request_id: "r" })

/** One of eight commits fails at first, and goes on in the background; one of a hundred reservations is denied. */
const answer = (operation: ReturnType<typeof operationOf>): readonly [number, object] => {
  switch (operation) {
    case "create":
      count++
      return count % 100 === 0
        ? [409, refused("BUDGET_EXCEEDED")]
        : [200, {
          decision: "ALLOW",
          reservation_id: `reservation-${count}`,
          affected_scopes: ["tenant:tenant-a"],
          remaining_ttl_ms: 60_000,
          expires_at_ms: Date.now() + 60_000,
          reserved: tokens(1000)
        }]
    case "commit":
      return ++attempts % 8 === 0
        ? [503, refused("INTERNAL_ERROR")]
        : [200, { status: "COMMITTED", charged: tokens(7), released: tokens(993) }]
    case "release":
      return [200, { status: "RELEASED", released: tokens(1000) }]
    case "extend":
      return [200, { status: "ACTIVE", expires_at_ms: Date.now() + 60_000, remaining_ttl_ms: 60_000 }]
    default:
      return [201, { status: "APPLIED", event_id: "event" }]
  }
}

const authority = Layer.succeed(
  HttpClient.HttpClient,
  HttpClient.make((request) =>
    Effect.sync(() => {
      const [status, body] = answer(operationOf(request))
      return textResponse(request, {
        status,
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body)
      })
    })
  )
)

const estimate = Amount.tokens(1000)
const actual = Amount.tokens(7)

const work = (n: number) =>
  Effect.gen(function*() {
    const { setUsage } = yield* CurrentReservation
    if (n % 5 === 0) yield* setUsage(actual)
    if (n % 7 === 0) return yield* Effect.fail("failed" as const)
    if (n % 11 === 0) return yield* Effect.interrupt
    return actual
  })

const call = (n: number): Effect.Effect<unknown, never, Cycles> =>
  n % 25 === 0
    ? Effect.exit(recordEvent({ actual }))
    : Effect.exit(guarded(work(n), {
      estimate,
      actual: (used) => used,
      settle: n % 3 === 0 ? "background" : "await",
      onLeaseLost: n % 13 === 0 ? "interrupt" : "warn"
    }))

const handle = (n: number): Effect.Effect<unknown, never, Cycles> =>
  Effect.exit(Effect.scoped(Effect.gen(function*() {
    const reservation = yield* reserve({ estimate })
    yield* reservation.setUsage(Amount.tokens(3))
    if (n % 2 === 0) yield* reservation.commit(actual)
    else if (n % 3 === 0) yield* reservation.release()
  })))

const deltas = Stream.rechunk(Stream.range(1, 4), 1)
const meter = UsageMeter.incremental<number>(() => actual)

/** Ended in every way, some drained. */
const stream = (n: number): Effect.Effect<unknown, never, Cycles> => {
  const guarded = guardedStream(deltas, {
    estimate,
    usage: meter,
    onEarlyEnd: n % 4 === 0 ? "drain" : n % 5 === 0 ? "release" : "commitKnown"
  })
  if (n % 3 === 0) return Effect.exit(Stream.runDrain(Stream.take(guarded, 2)))
  if (n % 7 === 0) return Effect.exit(Stream.runForEach(guarded, (k) => k === 3 ? Effect.interrupt : Effect.void))
  if (n % 11 === 0) return Effect.exit(Stream.runForEach(guarded, (k) => k === 3 ? Effect.fail("bad") : Effect.void))
  return Effect.exit(Stream.runDrain(guarded))
}

const collect = () => {
  if (globalThis.gc === undefined) throw new Error("start with NODE_OPTIONS=--expose-gc")
  for (let i = 0; i < 4; i++) globalThis.gc()
  return process.memoryUsage().heapUsed / 2 ** 20
}

const readings: Array<number> = []

const read = (what: string, done: number) =>
  Effect.gen(function*() {
    yield* Cycles.flush
    const { settler } = yield* Cycles
    const store = yield* Effect.flatMap(
      Journal.Journal,
      ({ open }) => Effect.scoped(open({ baseUrl, tenant: "tenant-a", apiKey }))
    )
    const waiting = (yield* store.entries).length
    yield* Effect.sleep(10)
    const heap = collect()
    readings.push(heap)
    console.log(
      `${what.padEnd(8)} ${String(done).padStart(7)}  heap ${heap.toFixed(2)} MiB  ` +
        `settler ${yield* settler.pending}  journal ${waiting}`
    )
  })

const rounds = (what: string, total: number, one: (n: number) => Effect.Effect<unknown, never, Cycles>) =>
  Effect.gen(function*() {
    const size = Math.min(10_000, total)
    for (let done = 0; done < total; done += size) {
      yield* Effect.forEach(Array.from({ length: size }, (_, i) => done + i + 1), one, {
        concurrency: 64,
        discard: true
      })
      yield* read(what, done + size)
    }
  })

const program = Effect.gen(function*() {
  yield* rounds("warm-up", 10_000, (n) => Effect.all([call(n), handle(n), stream(n)], { discard: true }))
  yield* rounds("guarded", calls, call)
  yield* rounds("handles", handles, handle)
  yield* rounds("streams", streams, stream)
  const [first = 0] = readings
  const last = readings[readings.length - 1] ?? 0
  const growth = last - first
  console.log(`growth ${growth.toFixed(2)} MiB, bound ${boundMiB} MiB`)
  if (growth > boundMiB) process.exitCode = 1
})

const live = Cycles.layer({
  baseUrl,
  apiKey,
  subject: { tenant: "tenant-a" },
  retry: { initialDelay: 5, maxDelay: 10 }
}).pipe(
  Layer.provide(authority),
  Layer.provideMerge(Journal.layerMemory())
)

Effect.runFork(program.pipe(Effect.provide(live), Effect.provide(Logger.minimumLogLevel(LogLevel.None))))
