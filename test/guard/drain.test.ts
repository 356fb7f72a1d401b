import { assert, describe, it } from "@effect/vitest"
import { Amount, Cycles, guardedStream, type GuardedStreamOptions, type Settlement, UsageMeter } from "effect-cycles"
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { embedded, ledger } from "../support/embedded.js"
import type { Call } from "../support/faults.js"

const estimate = Amount.tokens(100)

interface Delta {
  readonly n: number
  readonly total?: number
}

/** An element of one token every 100 ms; the last says the total. */
const ten = Stream.schedule(
  Stream.map(Stream.range(1, 10), (n): Delta => n === 10 ? { n, total: 12 } : { n }),
  Schedule.spaced("100 millis")
)

/** Exact at the end, one token for each element until then. */
const usage = UsageMeter.orElse(
  UsageMeter.final(({ total }: Delta) => total === undefined ? undefined : Amount.tokens(total)),
  UsageMeter.incremental(() => Amount.tokens(1))
)

const book = () => {
  const seen: Array<Settlement> = []
  return { seen, onSettled: (settlement: Settlement) => Effect.sync(() => void seen.push(settlement)) }
}

const drained = (stream: Stream.Stream<Delta, unknown>, options: Partial<GuardedStreamOptions<Delta>> = {}) =>
  guardedStream(stream, { estimate, usage, onEarlyEnd: "drain", ...options })

const spent = Effect.map(ledger(), ({ spent }) => spent)
const last = (calls: ReadonlyArray<Call>) => JSON.parse(calls.at(-1)?.body ?? "{}")

describe("drain", () => {
  it.effect("lets the reader go at once, and learns the exact usage in the background", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      const { onSettled, seen } = book()
      let closed = false
      const closing = Stream.ensuring(
        ten,
        Effect.sync(() => {
          closed = true
        })
      )
      const fiber = yield* Effect.fork(Stream.runCollect(Stream.take(drained(closing, { onSettled }), 3)))
      yield* TestClock.adjust("350 millis")
      assert.strictEqual((yield* Fiber.join(fiber)).length, 3)
      assert.isFalse(closed)
      assert.deepStrictEqual(seen, [])
      assert.strictEqual((yield* ledger()).active, 1)
      yield* TestClock.adjust("1 second")
      assert.isTrue(closed)
      assert.deepInclude(yield* ledger(), { spent: 12n, active: 0, reserved: 0n })
      assert.deepInclude(seen[0], { _tag: "Committed", source: "usage" })
      assert.deepStrictEqual(last(calls).metadata, { stream_end: "stopped" })
      assert.strictEqual(last(calls).metrics.custom.elements, 10)
    }).pipe(Effect.provide(embedded({ calls })))
  })

  it.effect("marks what was read to the end without a final word", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      const meter = UsageMeter.incremental<Delta>(() => Amount.tokens(1))
      const fiber = yield* Effect.fork(Stream.runDrain(Stream.take(drained(ten, { usage: meter }), 3)))
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(fiber)
      assert.strictEqual(yield* spent, 10n)
      assert.deepStrictEqual(last(calls).metadata, { stream_end: "stopped", drained: true })
    }).pipe(Effect.provide(embedded({ calls })))
  })

  it.effect("keeps an element that was on its way when the reader was interrupted", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.fork(Stream.runDrain(drained(ten)))
      yield* TestClock.adjust("450 millis")
      yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust("2 seconds")
      assert.deepInclude(yield* ledger(), { spent: 12n, active: 0 })
    }).pipe(Effect.provide(embedded())))

  it.effect("hands on every element, in order, to who reads to the end", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.fork(Stream.runCollect(drained(ten)))
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(
        Chunk.toArray(yield* Fiber.join(fiber)).map(({ n }) => n),
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
      )
      assert.strictEqual(yield* spent, 12n)
    }).pipe(Effect.provide(embedded())))

  const partial: ReadonlyArray<
    readonly [string, Stream.Stream<Delta, string>, Partial<GuardedStreamOptions<Delta>>, bigint]
  > = [
    ["that takes too long", ten, { drain: { within: "250 millis" } }, 5n],
    ["that stalls", Stream.concat(Stream.take(ten, 3), Stream.never), {}, 3n],
    [
      "that cannot be interrupted",
      Stream.concat(Stream.take(ten, 3), Stream.fromEffect(Effect.uninterruptible(Effect.never))),
      {},
      3n
    ],
    ["that fails", Stream.concat(Stream.take(ten, 4), Stream.fail("down")), {}, 4n],
    ["without a place", ten, { drain: { atMost: 0 } }, 3n]
  ]
  for (const [name, stream, options, expected] of partial) {
    it.effect(`of a stream ${name} falls back to the part that is known`, () =>
      Effect.gen(function*() {
        const fiber = yield* Effect.fork(Stream.runDrain(Stream.take(drained(stream, options), 3)))
        yield* TestClock.adjust("11 seconds")
        yield* Fiber.join(fiber)
        assert.deepInclude(yield* ledger(), { spent: expected, active: 0, reserved: 0n })
      }).pipe(Effect.provide(embedded())))
  }

  it.effect("a stream that failed by itself is not drained", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.fork(
        Effect.flip(Stream.runDrain(drained(Stream.concat(Stream.take(ten, 4), Stream.fail("down")))))
      )
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "down")
      assert.deepInclude(yield* ledger(), { spent: 4n, active: 0 })
    }).pipe(Effect.provide(embedded())))

  it.effect(
    "1000 aborts: never more than the bound at once, never longer than the bound, and every one settled",
    () =>
      Effect.gen(function*() {
        let reading = 0
        let most = 0
        let aborted = false
        const { onSettled, seen } = book()
        // Every third provider stalls for ever.
        const stream = (i: number) =>
          Stream.acquireRelease(
            Effect.void,
            () =>
              Effect.sync(() => {
                if (aborted) reading -= 1
              })
          ).pipe(
            Stream.flatMap(() => i % 3 === 0 ? Stream.concat(Stream.take(ten, 4), Stream.never) : ten)
          )
        const fibers = yield* Effect.forEach(Array.from({ length: 1000 }, (_, i) => i), (i) =>
          Effect.fork(Stream.runDrain(
            drained(stream(i), { onSettled, drain: { within: "5 seconds", atMost: 50 } })
          )))
        yield* TestClock.adjust("350 millis")
        reading = 1000
        aborted = true
        yield* Fiber.interruptAll(fibers)
        // Those that found no place are closed and settled by now.
        most = reading
        const settledAtOnce = seen.length
        const started = yield* Clock.currentTimeMillis
        yield* TestClock.adjust("5 seconds")
        yield* Cycles.flush
        assert.strictEqual((yield* Clock.currentTimeMillis) - started, 5000)
        assert.isAtMost(most, 50)
        assert.strictEqual(settledAtOnce, 950)
        assert.strictEqual(seen.length, 1000)
        assert.strictEqual(reading, 0)
        const charged = seen.map((settlement) =>
          settlement._tag === "Committed" ? Number(settlement.charged.amount) : -1
        )
        const count = (n: number) => charged.filter((amount) => amount === n).length
        // 3 where there was no place; 12 where the end was reached, 4 where the provider stalled.
        assert.strictEqual(count(3) + count(12) + count(4), 1000)
        assert.strictEqual(count(3), 950)
        assert.isAbove(count(12), 25)
        assert.isAbove(count(4), 10)
        assert.deepInclude(yield* ledger(), { active: 0, reserved: 0n, spent: BigInt(charged.reduce((a, b) => a + b)) })
      }).pipe(Effect.provide(embedded())),
    60_000
  )

  it.effect("the end of the layer waits half of flushTimeout, then settles what is known", () =>
    Effect.gen(function*() {
      const calls: Array<Call> = []
      const scope = yield* Scope.make()
      const context = yield* Scope.extend(Layer.build(embedded({ calls, flushTimeout: "10 seconds" })), scope)
      const stalled = Stream.concat(Stream.take(ten, 3), Stream.never)
      const fiber = yield* Effect.fork(
        Effect.provide(Stream.runDrain(Stream.take(drained(stalled, { drain: { within: "1 hour" } }), 3)), context)
      )
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(calls.filter(({ operation }) => operation === "commit").length, 0)
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(closing)
      assert.strictEqual(last(calls).actual.amount, 3)
      assert.deepInclude(yield* Effect.provide(ledger(), context), { spent: 3n, active: 0 })
    }))
})
