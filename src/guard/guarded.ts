/**
 * Work inside a budget: reserve, run, settle.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { dual } from "effect/Function"
import * as Option from "effect/Option"
import type { YieldWrap } from "effect/Utils"
import { CurrentReservation } from "../lifecycle/CurrentReservation.js"
import type { Cycles } from "../lifecycle/Cycles.js"
import type { Restore } from "../lifecycle/internal/source.js"
import * as Lease from "../lifecycle/Lease.js"
import { Amount } from "../protocol/Amount.js"
import * as Telemetry from "../protocol/Telemetry.js"
import type { CommonGuardOptions, GuardError } from "./GuardOptions.js"
import { begin, type Obtain } from "./internal/session.js"
import { warn } from "./internal/warn.js"

/**
 * What was used, from the value of the work. `undefined` means unknown, which is not zero.
 *
 * @since 0.1.0
 * @category models
 */
export type Actual<A, E = unknown, R = never> =
  | Amount
  | ((value: A) => Amount | undefined | Effect.Effect<Amount | undefined, E, R>)
  | Effect.Effect<Amount | undefined, E, R>

/**
 * @since 0.1.0
 * @category models
 */
export interface GuardOptions<A, E = never, R = never> extends CommonGuardOptions<E, R> {
  /**
   * What was used. Without this option it is the usage recorded in the work, and without any the estimate, marked
   * `actual_source: "estimate"`. When it gives `undefined` or fails, it is the larger of the two: usage that was recorded on the way may
   * be a part.
   */
  readonly actual?: Actual<A, unknown, R> | undefined
}

const isAmount = (u: unknown): u is Amount => u instanceof Amount

/** An actual that is no amount, or that could not be had, is unknown: never zero, never an error after the work is done. */
const knownActual = function*<A, X, R>(
  actual: Actual<A, X, R> | undefined,
  value: A,
  restore: Restore
): Generator<YieldWrap<Effect.Effect<Option.Option<Amount>, never, R>>, Option.Option<Amount>> {
  let result: Amount | undefined | Effect.Effect<Amount | undefined, X, R>
  try {
    result = typeof actual === "function" ? actual(value) : actual
  } catch (defect) {
    result = Effect.die(defect)
  }
  if (!Effect.isEffect(result)) return Option.liftPredicate(result, isAmount)
  const known = Effect.catchAllCause(
    Effect.map(result, Option.liftPredicate(isAmount)),
    (cause) =>
      Effect.as(
        warn("The actual of guarded work could not be had: usage or the estimate is recorded", cause),
        Option.none()
      )
  )
  return yield* Effect.map(Effect.exit(restore(known)), Exit.getOrElse(Option.none))
}

/** A guard that comes to its hold in a way of its own. */
export const guardedBy = <A, E, R, E2, R2>(
  self: Effect.Effect<A, E, R>,
  options: GuardOptions<A, E2, R2>,
  by?: Obtain
): Effect.Effect<A, E | E2 | GuardError, Exclude<R, CurrentReservation> | R2 | Cycles> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      const { abandon, fail, finalize, lease, policy, reservation, settle, succeed } = yield* begin(
        options,
        restore,
        by
      )
      const exit = yield* Effect.exit(
        restore(Lease.whileHeld(lease, policy)(Effect.provideService(self, CurrentReservation, reservation)))
      )
      const known = Exit.isSuccess(exit) ? yield* knownActual(options.actual, exit.value, restore) : undefined
      const strict = options.whenActualUnknown === "fail"
      const unknown = strict && known !== undefined && Option.isNone(known)
        ? yield* abandon
        : Option.none()
      yield* settle(
        known === undefined
          ? fail("guarded_method_failed")
          : succeed(known, options.actual !== undefined && !strict)
      )
      if (Option.isSome(unknown)) return yield* unknown.value
      yield* finalize
      return yield* exit
    })
  ).pipe(Telemetry.spanned(Telemetry.guardSpan, {}))

/**
 * Runs an effect inside a budget: reserves the estimate, runs the effect with `CurrentReservation`, and settles by how it ends.
 *
 * - Denied, or the authority cannot be reached: the effect is not run and the guard fails with a `GuardError`.
 * - Success: the actual is committed.
 * - Failure, defect or interruption: usage that was recorded is committed, or what `markDispatched` says once the request is out; without
 *   either the hold is released. The cause is kept as it is.
 *
 * Settlement never changes the result: see it with `onSettled`.
 *
 * @example
 * ```ts
 * import { Amount, guarded } from "effect-cycles"
 * import * as Effect from "effect/Effect"
 *
 * const answer = Effect.succeed({ text: "42", cost: Amount.usd("0.0021") }).pipe(
 *   guarded({
 *     action: { kind: "llm.completion", name: "gpt-4o" },
 *     estimate: Amount.usd("0.05"),
 *     actual: (reply) => reply.cost
 *   })
 * )
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const guarded: {
  <A, E2 = never, R2 = never>(
    options: GuardOptions<NoInfer<A>, E2, R2>
  ): <E, R>(
    self: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | E2 | GuardError, Exclude<R, CurrentReservation> | R2 | Cycles>
  <A, E, R, E2 = never, R2 = never>(
    self: Effect.Effect<A, E, R>,
    options: GuardOptions<NoInfer<A>, E2, R2>
  ): Effect.Effect<A, E | E2 | GuardError, Exclude<R, CurrentReservation> | R2 | Cycles>
} = dual(2, guardedBy)
