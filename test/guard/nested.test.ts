import { assert, describe, it } from "@effect/vitest"
import {
  Amount,
  CurrentReservation,
  guarded,
  type GuardOptions,
  type Nested,
  reserve,
  type Settlement
} from "effect-cycles"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/TestClock"
import { embedded, ledger } from "../support/embedded.js"
import type { Call } from "../support/faults.js"

const tokens = Amount.tokens

const inner = (nested: Nested | undefined, used: number, estimate = 100) =>
  Effect.succeed("inner").pipe(guarded({ nested, estimate: tokens(estimate), actual: tokens(used) }))

const outer = <A, E, R>(work: Effect.Effect<A, E, R>, options: Partial<GuardOptions<A>> = {}) =>
  guarded(work, { estimate: tokens(1000), ...options } as GuardOptions<A>)

const operations = (calls: ReadonlyArray<Call>) => calls.map(({ operation }) => operation)

const withWarnings = <A, E, R>(self: Effect.Effect<A, E, R>) => {
  const warnings: Array<string> = []
  return Effect.map(
    Effect.provide(
      self,
      Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => void warnings.push(String(message))))
    ),
    (value) => [value, warnings] as const
  )
}

describe("a guard inside the work of another one", () => {
  const modes: ReadonlyArray<readonly [Nested | undefined, number, bigint, ReadonlyArray<string>]> = [
    [undefined, 30, 40n, ["create", "create", "commit", "commit"]],
    ["independent", 30, 40n, ["create", "create", "commit", "commit"]],
    ["split", 30, 40n, ["create", "commit"]],
    ["join", 30, 40n, ["create", "commit"]]
  ]
  for (const [nested, used, spent, expected] of modes) {
    it.effect(`${nested ?? "by default"}: both are charged, once`, () => {
      const calls: Array<Call> = []
      return Effect.gen(function*() {
        yield* outer(inner(nested, used), { actual: tokens(10) })
        assert.deepInclude(yield* ledger(), { spent, reserved: 0n, active: 0 })
        assert.deepStrictEqual(operations(calls), expected)
      }).pipe(Effect.provide(embedded({ calls })))
    })
  }

  it.effect("warns once by default, and never when told", () =>
    Effect.gen(function*() {
      const count = (mode: Nested | undefined) =>
        withWarnings(Effect.repeatN(outer(inner(mode, 1), { actual: tokens(1) }), 2)).pipe(
          Effect.map(([, warnings]) => warnings.filter((text) => text.includes("`nested`")).length),
          Effect.provide(embedded())
        )
      assert.deepStrictEqual(yield* Effect.forEach([undefined, "independent", "split", "join"] as const, count), [
        1,
        0,
        0,
        0
      ])
    }))

  it.effect("forbid: fails before anything, and only inside another guard", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      let ran = false
      const error = yield* Effect.flip(
        outer(guarded(Effect.sync(() => void (ran = true)), { nested: "forbid", estimate: tokens(1) }))
      )
      assert.strictEqual(error._tag, "NestedForbidden")
      assert.isFalse(ran)
      yield* inner("forbid", 5)
      assert.deepStrictEqual(operations(calls), ["create", "release", "create", "commit"])
      assert.deepInclude(yield* ledger(), { spent: 5n, active: 0 })
    }).pipe(Effect.provide(embedded({ calls })))
  })

  it.effect("split: asks for no more than what is left, says what is, and returns what is not used", () =>
    Effect.gen(function*() {
      yield* outer(
        Effect.gen(function*() {
          const { remaining, setUsage } = yield* CurrentReservation
          yield* setUsage(tokens(100))
          assert.deepStrictEqual(yield* remaining, tokens(900))
          const error = yield* Effect.flip(inner("split", 1, 901))
          assert.deepInclude(error, { _tag: "AllocationExceeded", requested: tokens(901), available: tokens(900) })
          yield* inner("split", 200, 900)
          assert.deepStrictEqual(yield* remaining, tokens(700))
          yield* Effect.ignore(guarded(Effect.fail("no"), { nested: "split", estimate: tokens(700) }))
          assert.deepStrictEqual(yield* remaining, tokens(700))
        })
      )
      assert.deepInclude(yield* ledger(), { spent: 300n, reserved: 0n })
    }).pipe(Effect.provide(embedded())))

  it.effect("split and join: another unit is refused before anything runs", () =>
    Effect.gen(function*() {
      for (const nested of ["split", "join"] as const) {
        const error = yield* Effect.flip(
          outer(guarded(Effect.die("ran"), { nested, estimate: Amount.credits(1) }))
        )
        assert.deepInclude(error, { _tag: "InvalidInput", field: "estimate.unit" })
      }
    }).pipe(Effect.provide(embedded())))

  it.effect("what cannot be sent is refused before it runs, and its part is free again", () =>
    Effect.gen(function*() {
      yield* outer(Effect.gen(function*() {
        const error = yield* Effect.flip(
          guarded(Effect.die("ran"), { nested: "split", estimate: tokens(900), action: { kind: "k".repeat(65) } })
        )
        assert.deepInclude(error, { _tag: "InvalidInput", field: "action.kind" })
        yield* inner("split", 200, 900)
      }))
      assert.deepInclude(yield* ledger(), { spent: 200n, reserved: 0n })
    }).pipe(Effect.provide(embedded())))

  it.effect("a release by hand gives back what children have not spent", () =>
    Effect.gen(function*() {
      const settlement = yield* Effect.scoped(Effect.gen(function*() {
        const reservation = yield* reserve({ estimate: tokens(1000) })
        yield* reservation.setUsage(tokens(500))
        yield* Effect.provideService(inner("split", 30), CurrentReservation, reservation)
        return yield* reservation.release()
      }))
      assert.deepInclude(settlement, { _tag: "Committed", actual: tokens(30), source: "usage" })
      assert.deepInclude(yield* ledger(), { spent: 30n, reserved: 0n })
    }).pipe(Effect.provide(embedded())))

  it.effect("an actual in another unit does not take the spend of the children with it", () =>
    Effect.gen(function*() {
      const middle = guarded(inner("split", 30, 100), {
        nested: "split",
        estimate: tokens(500),
        actual: Amount.credits(3)
      })
      yield* outer(Effect.zipRight(middle, Effect.flatMap(CurrentReservation, ({ setUsage }) => setUsage(tokens(1)))))
      assert.deepInclude(yield* ledger(), { spent: 31n, reserved: 0n })
    }).pipe(Effect.provide(embedded({ flushTimeout: 0 }))))

  it.effect("says own and inclusive cost apart, to the work and to the ledger", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      const settlements: Array<Settlement> = []
      const onSettled = (settlement: Settlement) => Effect.sync(() => void settlements.push(settlement))
      const cost = yield* outer(
        Effect.gen(function*() {
          const { cost, setUsage } = yield* CurrentReservation
          yield* setUsage(tokens(7))
          yield* guarded(inner("split", 20, 30), {
            nested: "split",
            estimate: tokens(100),
            actual: tokens(5),
            onSettled
          })
          yield* inner("join", 3)
          return yield* cost
        }),
        { onSettled }
      )
      assert.deepStrictEqual(cost, { own: tokens(7), children: tokens(28), inclusive: tokens(35) })
      assert.deepInclude(settlements[0], { _tag: "Committed", via: "parent", charged: tokens(25) })
      assert.deepInclude(settlements[1], { _tag: "Committed", via: "commit", charged: tokens(35), source: "usage" })
      assert.deepInclude(JSON.parse(calls.at(-1)?.body ?? "").metadata, { own: 7, children: 28 })
    }).pipe(Effect.provide(embedded({ calls })))
  })

  it.effect("an outer guard that fails commits what its children have used", () =>
    Effect.gen(function*() {
      yield* Effect.ignore(outer(Effect.zipRight(inner("split", 30), Effect.fail("no"))))
      assert.deepInclude(yield* ledger(), { spent: 30n, reserved: 0n, committed: 1 })
    }).pipe(Effect.provide(embedded())))

  it.effect("spend above the part is counted as it is", () =>
    Effect.gen(function*() {
      yield* outer(Effect.zipRight(inner("split", 150), Effect.void))
      assert.deepInclude(yield* ledger(), { spent: 150n, reserved: 0n })
    }).pipe(Effect.provide(embedded())))

  it.effect("a child that outlives its parent records its spend by itself, and keeps its part", () =>
    Effect.gen(function*() {
      const work = Effect.zipRight(
        Effect.sleep("1 minute"),
        inner("split", 1, 1)
      ).pipe(guarded({ nested: "split", estimate: tokens(100), actual: tokens(60) }))
      const fiber = yield* outer(Effect.zipLeft(Effect.forkDaemon(work), Effect.yieldNow()), { actual: tokens(10) })
      assert.deepInclude(yield* ledger(), { spent: 10n, reserved: 0n, active: 0 })
      yield* TestClock.adjust("2 minutes")
      yield* Fiber.join(fiber)
      assert.deepInclude(yield* ledger(), { spent: 71n, reserved: 0n, active: 0 })
    }).pipe(Effect.provide(embedded())))
})
