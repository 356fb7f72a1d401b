import { assert, describe, it } from "@effect/vitest"
import {
  ActualUnknown,
  Amount,
  CurrentReservation,
  Cycles,
  guarded,
  type GuardOptions,
  type Settlement
} from "effect-cycles"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { embedded, ledger } from "../support/embedded.js"
import type { Call } from "../support/faults.js"

const estimate = Amount.tokens(1000)
const record = (tokens: number) => Effect.flatMap(CurrentReservation, ({ setUsage }) => setUsage(Amount.tokens(tokens)))

const strict = { estimate, whenActualUnknown: "fail" } as const

const operations = (calls: ReadonlyArray<Call>) => calls.map(({ operation }) => operation)

const assertUnreleased = (settlement: Settlement, reservationId: string) => {
  assert.strictEqual(settlement.reservationId, reservationId)
  assert.strictEqual(settlement._tag, "Unreleased")
  if (settlement._tag !== "Unreleased") return
  assert.deepStrictEqual([settlement.reason, settlement.error._tag], ["actual_unknown", "ActualUnknown"])
}

describe("an unknown actual, with `whenActualUnknown: \"fail\"`", () => {
  const unknown: ReadonlyArray<readonly [string, GuardOptions<number>]> = [
    ["no option", strict],
    ["undefined", { ...strict, actual: () => undefined }],
    ["a failing effect", { ...strict, actual: Effect.fail("no price") }],
    ["a dying effect", { ...strict, actual: Effect.die("bug") }],
    ["an interrupted effect", { ...strict, actual: Effect.interrupt }],
    ["no amount", { ...strict, actual: () => 12 as never }],
    ["no option, settled in the background", { ...strict, settle: "background" }]
  ]
  for (const [name, options] of unknown) {
    it.effect(`${name}: fails with the reservation and sends nothing`, () => {
      const calls: Array<Call> = []
      return Effect.gen(function*() {
        const settled = yield* Deferred.make<Settlement>()
        const error = yield* Effect.flip(
          guarded(Effect.succeed(5), { ...options, onSettled: (one) => Effect.asVoid(Deferred.succeed(settled, one)) })
        )
        assert.instanceOf(error, ActualUnknown)
        assert.include(error.message, error.reservationId)
        assertUnreleased(yield* Deferred.await(settled), error.reservationId)
        assert.isTrue(yield* Cycles.flush)
        assert.deepStrictEqual(operations(calls), ["create"])
        assert.deepInclude(yield* ledger(), { spent: 0n, reserved: 1000n, active: 1 })
      }).pipe(Effect.provide(embedded({ calls })))
    })
  }

  it.effect("the handle is settled for those who still hold it", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      const error = yield* Deferred.make<Settlement>()
      const leak = Effect.flatMap(CurrentReservation, (reservation) =>
        reservation.settlement.pipe(
          Effect.zipRight(reservation.release()),
          Effect.zipRight(reservation.commit(Amount.tokens(1))),
          Effect.intoDeferred(error),
          Effect.forkDaemon
        ))
      const failure = yield* Effect.flip(guarded(leak, strict))
      assert.strictEqual(failure._tag, "ActualUnknown")
      assertUnreleased(yield* Deferred.await(error), failure._tag === "ActualUnknown" ? failure.reservationId : "")
      assert.deepStrictEqual(operations(calls), ["create"])
    }).pipe(Effect.provide(embedded({ calls })))
  })

  const known: ReadonlyArray<
    readonly [string, Effect.Effect<void, never, CurrentReservation | Cycles>, GuardOptions<void>, bigint]
  > = [
    ["a known actual", Effect.void, { ...strict, actual: Amount.tokens(37) }, 37n],
    ["an actual of zero", Effect.void, { ...strict, actual: Amount.tokens(0) }, 0n],
    ["recorded usage", record(40), strict, 40n],
    ["recorded usage below the estimate, with an actual that is not known", record(40), {
      ...strict,
      actual: () => undefined
    }, 40n],
    [
      "a commit by the work itself",
      Effect.flatMap(CurrentReservation, ({ commit }) => commit(Amount.tokens(41))),
      strict,
      41n
    ]
  ]
  for (const [name, work, options, spent] of known) {
    it.effect(`${name} is recorded`, () =>
      Effect.gen(function*() {
        yield* guarded(work, options)
        assert.deepInclude(yield* ledger(), { spent, reserved: 0n, committed: 1 })
      }).pipe(Effect.provide(embedded())))
  }

  it.effect("a failure releases as ever", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Effect.exit(guarded(Effect.fail("no"), strict)), Exit.fail("no"))
      assert.deepInclude(yield* ledger(), { spent: 0n, reserved: 0n, released: 1 })
    }).pipe(Effect.provide(embedded())))
})
