/**
 * Interruption at random moments over a real socket: nothing stays held, and the ledger has exactly what was committed.
 */
import { assert, describe, it } from "@effect/vitest"
import { Amount, CurrentReservation, Cycles, guarded, type Settlement } from "effect-cycles"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import { ledger } from "../support/embedded.js"
import { socket } from "../support/socket.js"

const estimate = Amount.tokens(1000)

const account = () => {
  const settlements: Array<Settlement> = []
  return {
    settlements,
    onSettled: (settlement: Settlement) => Effect.sync(() => void settlements.push(settlement)),
    // After a flush, what was pending is committed too.
    spends: () =>
      settlements.flatMap((settlement) =>
        settlement._tag === "Committed"
          ? [settlement.charged.amount]
          : settlement._tag === "Pending"
          ? [settlement.actual.amount]
          : []
      )
  }
}

const settled = (calls: number, { spends }: ReturnType<typeof account>) =>
  Effect.gen(function*() {
    assert.isTrue(yield* Cycles.flush)
    const after = yield* ledger()
    assert.deepInclude(after, { active: 0, reserved: 0n, spent: spends().reduce((a, b) => a + b, 0n), expired: 0 })
    assert.strictEqual(spends().length, after.committed)
    assert.isAtMost(after.committed + after.released, calls)
    return after
  })

/** Some record usage, some fail, all take a moment. */
const work = (n: number) =>
  Effect.gen(function*() {
    const { setUsage } = yield* CurrentReservation
    yield* Effect.sleep(n % 17)
    if (n % 3 === 0) yield* setUsage(Amount.tokens(n % 101))
    yield* Effect.sleep(n % 13)
    return n % 11 === 0 ? yield* Effect.fail("failed" as const) : Amount.tokens(n % 997)
  })

describe("over a real socket", () => {
  it.live("1200 guarded calls, interrupted before, during and after every step", () =>
    Effect.gen(function*() {
      const book = account()
      const outcomes = yield* Effect.forEach(
        Array.from({ length: 1200 }, (_, n) => n),
        (n) =>
          Effect.gen(function*() {
            const fiber = yield* Effect.fork(
              guarded(work(n), { estimate, actual: (used) => used, onSettled: book.onSettled })
            )
            if (n % 6 === 0) return yield* Fiber.await(fiber)
            yield* Effect.flatMap(Random.nextIntBetween(0, 70), (ms) => Effect.sleep(ms))
            return yield* Fiber.interrupt(fiber)
          }),
        { concurrency: 24 }
      )
      const after = yield* settled(1200, book)
      outcomes.forEach((exit, n) => {
        if (Exit.isSuccess(exit)) return assert.strictEqual(exit.value.amount, BigInt(n % 997))
        const failed = Cause.failures(exit.cause)
        return assert.isTrue(
          Cause.isInterruptedOnly(exit.cause) || (n % 11 === 0 && [...failed].every((error) => error === "failed")),
          Cause.pretty(exit.cause)
        )
      })
      assert.isAbove(after.committed, 0)
      assert.isAbove(after.released, 0)
      assert.isAbove(outcomes.filter(Exit.isInterrupted).length, 100)
    }).pipe(Effect.provide(socket({ readTimeout: "1 minute" }))), 60_000)

  it.live("timeouts, race losers and fan-outs with one failing branch", () =>
    Effect.gen(function*() {
      const book = account()
      const slow = (n: number) => guarded(work(n), { estimate, actual: (used) => used, onSettled: book.onSettled })
      yield* Effect.forEach(
        Array.from({ length: 120 }, (_, n) => n + 1),
        (n) =>
          Effect.all([
            Effect.exit(Effect.timeout(slow(n), n % 40)),
            Effect.exit(Effect.race(slow(n + 1), slow(n + 2))),
            Effect.exit(Effect.all([slow(n), slow(n + 1), slow(11 * n), slow(n + 3)], { concurrency: "unbounded" }))
          ]),
        { concurrency: 4, discard: true }
      )
      yield* settled(120 * 7, book)
    }).pipe(Effect.provide(socket({ readTimeout: "1 minute" }))), 60_000)

  it.live(
    "an interrupt and a timeout return within 150 ms while the reserve answer is slow",
    () =>
      Effect.gen(function*() {
        const fiber = yield* Effect.fork(guarded(Effect.never, { estimate }))
        yield* Effect.sleep("50 millis")
        const [interrupting] = yield* Effect.timed(Fiber.interrupt(fiber))
        assert.isBelow(Duration.toMillis(interrupting), 150)
        const [timing, exit] = yield* Effect.timed(
          Effect.exit(Effect.timeout(guarded(Effect.never, { estimate }), "50 millis"))
        )
        assert.isTrue(Exit.isFailure(exit))
        assert.isBelow(Duration.toMillis(timing), 200)
        yield* settled(2, account())
        assert.deepInclude(yield* ledger(), { released: 2 })
      }).pipe(Effect.provide(socket({
        script: ({ operation }) => operation === "create" ? { after: "600 millis" } : undefined
      }))),
    20_000
  )
})
