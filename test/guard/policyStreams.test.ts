/**
 * The policies of a guard are the same for streams: they decide before the stream opens.
 */
import { assert, describe, it } from "@effect/vitest"
import {
  Amount,
  CurrentReservation,
  Cycles,
  guardedStream,
  OnDenied,
  OnUnavailable,
  runBudget,
  type ShadowReport,
  shadowStream,
  UsageMeter,
  wouldDeny
} from "effect-cycles"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { embedded, ledger } from "../support/embedded.js"
import type { Call } from "../support/faults.js"

const tokens = Amount.tokens
const usage = UsageMeter.incremental<number>((n) => tokens(n))
const budgets = [{ scope: "tenant:tenant-a", allocated: tokens(600) }]
const answer = Stream.unwrap(
  Effect.map(CurrentReservation, ({ estimate }) => Stream.make(Number(estimate.amount), 1, 2))
)

const collect = <A, E, R>(stream: Stream.Stream<A, E, R>) =>
  Effect.map(Stream.runCollect(stream), (chunk) => Chunk.toReadonlyArray(chunk))

describe("policies of streams", () => {
  it.effect("a ladder opens the stream once, on the rung that is allowed", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      const onDenied = OnDenied.degrade([{ estimate: tokens(900) }, { estimate: tokens(100) }])
      const parts = yield* collect(guardedStream(answer, { estimate: tokens(1000), onDenied, usage }))
      assert.deepStrictEqual(parts, [100, 1, 2])
      assert.deepStrictEqual(calls.map(({ operation }) => operation), ["create", "create", "create", "commit"])
      assert.deepInclude(yield* ledger(), { spent: 103n, reserved: 0n, active: 0 })
    }).pipe(Effect.provide(embedded({ calls, budgets })))
  })

  it.effect("a run caps them, and parts of them count", () =>
    Effect.gen(function*() {
      const stream = guardedStream(answer, { estimate: tokens(100), usage })
      const tag = yield* collect(Stream.concat(Stream.take(stream, 1), stream)).pipe(
        Effect.match({ onFailure: ({ _tag }) => _tag, onSuccess: () => "ran" }),
        Effect.provide(runBudget({ limit: tokens(150) }))
      )
      assert.strictEqual(tag, "AllocationExceeded")
      assert.deepInclude(yield* ledger(), { spent: 103n, reserved: 0n, active: 0 })
    }).pipe(Effect.provide(embedded({ budgets }))))

  it.effect("nested as a part of an outer hold", () =>
    Effect.gen(function*() {
      const inner = guardedStream(Stream.make(3, 4), { estimate: tokens(50), usage, nested: "split" })
      yield* collect(guardedStream(Stream.concat(Stream.make(1), inner), { estimate: tokens(100) }))
      assert.deepInclude(yield* ledger(), { spent: 7n, committed: 1, reserved: 0n })
    }).pipe(Effect.provide(embedded({ budgets }))))

  it.effect("without the authority: the stream runs, also to an early end, and its spend arrives", () => {
    let down = true
    return Effect.gen(function*() {
      const stream = guardedStream(answer, { estimate: tokens(10), usage, onUnavailable: OnUnavailable.allowUnlimited })
      assert.deepStrictEqual(yield* collect(stream), [10, 1, 2])
      assert.deepStrictEqual(yield* collect(Stream.take(stream, 1)), [10])
      down = false
      yield* TestClock.adjust("10 minutes")
      assert.deepInclude(yield* ledger(), { spent: 26n, reserved: 0n, active: 0 })
    }).pipe(Effect.provide(embedded({ budgets, script: () => down ? { refuse: true } : undefined })))
  })

  it.effect("shadow: nothing is held, and the report says what was produced", () =>
    Effect.gen(function*() {
      const reports: Array<ShadowReport> = []
      const onReport = (report: ShadowReport) => Effect.sync(() => void reports.push(report))
      const stream = shadowStream(Stream.make(5, 6, 7), { estimate: tokens(1000), usage, onReport })
      assert.deepStrictEqual(yield* collect(stream), [5, 6, 7])
      yield* Cycles.flush
      assert.deepStrictEqual(reports.map(wouldDeny), [true])
      assert.deepStrictEqual(reports[0]?.actual, Option.some(tokens(18)))
      assert.deepInclude(yield* ledger(), { spent: 0n, reserved: 0n, active: 0 })
    }).pipe(Effect.provide(embedded({ budgets }))))

  it.effect("shadow: an authority that hangs delays nothing", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* collect(shadowStream(Stream.make(1, 2), { estimate: tokens(1), usage })), [1, 2])
    }).pipe(Effect.provide(embedded({ flushTimeout: 0, script: () => ({ before: "1 hour" }) }))))
})
