import { assert, describe, it } from "@effect/vitest"
import { Amount, Cycles, guardedStream, type GuardedStreamOptions, type Settlement, UsageMeter } from "effect-cycles"
import * as Chunk from "effect/Chunk"
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
/** `DRAIN_ABORTS=1000` for the long run. */
const aborts = Number(process.env["DRAIN_ABORTS"] ?? 200)

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

  it.live(
    `${aborts} aborts: no more than the bound at once, no longer than the bound, and every one settled`,
    () =>
      Effect.gen(function*() {
        const { onSettled, seen } = book()
        const more = yield* Effect.makeLatch()
        let open = 0
        const three = Stream.map(Stream.range(1, 3), (n): Delta => ({ n }))
        const rest = Stream.fromIterable<Delta>([{ n: 4 }, { n: 5, total: 12 }])
        // Every third provider stalls for ever.
        const stream = (i: number) =>
          Stream.acquireRelease(Effect.sync(() => open++), () => Effect.sync(() => open--)).pipe(
            Stream.flatMap(() =>
              Stream.concat(
                Stream.rechunk(three, 1),
                i % 3 === 0 ? Stream.never : Stream.flatMap(Stream.fromEffect(more.await), () => rest)
              )
            )
          )
        const options: Partial<GuardedStreamOptions<Delta>> = { onSettled, drain: { within: "2 seconds", atMost: 50 } }
        const fibers = yield* Effect.forEach(Array.from({ length: aborts }, (_, i) => i), (i) =>
          Effect.gen(function*() {
            const reached = yield* Effect.makeLatch()
            const fiber = yield* Effect.fork(
              Stream.runForEach(drained(stream(i), options), ({ n }) => n === 3 ? reached.open : Effect.void)
            )
            yield* reached.await
            return fiber
          }), { concurrency: 50 })
        assert.strictEqual(open, aborts)
        yield* Fiber.interruptAll(fibers)
        // Those without a place are closed and settled by now.
        assert.isAtMost(open, 50)
        assert.isAtLeast(seen.length, aborts - 50)
        yield* more.open
        assert.isTrue(yield* Cycles.flush)
        // A stream is closed beside its settlement, which does not wait for it.
        yield* Effect.repeat(Effect.sleep("10 millis"), { until: () => open === 0, times: 500 })
        assert.strictEqual(open, 0)
        assert.strictEqual(seen.length, aborts)
        const charged = seen.map((settlement) =>
          settlement._tag === "Committed" ? Number(settlement.charged.amount) : -1
        )
        assert.deepStrictEqual([...new Set(charged)].sort((a, b) => a - b), [3, 12])
        assert.isAbove(charged.filter((amount) => amount === 12).length, 25)
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
