/**
 * Work inside a budget: reserve, run, settle.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { dual } from "effect/Function"
import * as Option from "effect/Option"
import type { NoExcessProperties } from "effect/Types"
import type { YieldWrap } from "effect/Utils"
import { CurrentReservation } from "../lifecycle/CurrentReservation.js"
import type { Cycles } from "../lifecycle/Cycles.js"
import type { ContextOf, ErrorOf } from "../lifecycle/internal/inferred.js"
import type { Restore } from "../lifecycle/internal/source.js"
import * as Lease from "../lifecycle/Lease.js"
import { Amount } from "../protocol/Amount.js"
import * as Telemetry from "../protocol/Telemetry.js"
import type { CommonGuardOptions, GuardError } from "./GuardOptions.js"
import { begin, type Obtain, type Session } from "./internal/session.js"
import { warn } from "./internal/warn.js"
import { inSpan, setContext } from "./internal/within.js"

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
 * How to guard an effect: what to hold and for whom, what it used, and what follows a denial, an outage or a lost lease.
 *
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

/** What follows the work, whose result stays. */
const end: <A, E, E2, R2>(
  session: Session<R2>,
  exit: Exit.Exit<A, E>,
  options: GuardOptions<A, E2, R2>,
  restore: Restore
) => Effect.Effect<A, E | GuardError, R2> = Effect.fnUntraced(
  function*<A, E, E2, R2>(
    session: Session<R2>,
    exit: Exit.Exit<A, E>,
    options: GuardOptions<A, E2, R2>,
    restore: Restore
  ) {
    const { open } = session
    const known = Exit.isSuccess(exit) ? yield* knownActual(options.actual, exit.value, restore) : undefined
    const strict = options.whenActualUnknown === "fail"
    const unknown = strict && known !== undefined && Option.isNone(known) ? yield* open.abandon : Option.none()
    yield* session.settle(
      known === undefined
        ? open.fail("guarded_method_failed")
        : open.succeed(known, options.actual !== undefined && !strict)
    )
    if (Option.isSome(unknown)) return yield* unknown.value
    yield* session.finalize
    return yield* exit
  }
)

/**
 * The work, and what follows it. While the work runs, its fiber keeps one frame of this, and the context is set and set back instead of
 * being provided: of ten thousand calls that wait for their model, each object counts.
 */
const runIn = <A, E, R, E2, R2>(
  session: Session<R2>,
  self: Effect.Effect<A, E, R>,
  options: GuardOptions<A, E2, R2>,
  restore: Restore
): Effect.Effect<A, E | GuardError, Exclude<R, CurrentReservation> | R2> =>
  Effect.withFiberRuntime(({ currentContext }) => inside(session, self, options, restore, currentContext))

/** One scope for all that is kept. */
const inside = <A, E, R, E2, R2>(
  session: Session<R2>,
  self: Effect.Effect<A, E, R>,
  options: GuardOptions<A, E2, R2>,
  restore: Restore,
  outside: Context.Context<never>
): Effect.Effect<A, E | GuardError, Exclude<R, CurrentReservation> | R2> => {
  const { lease, reservation } = session.open
  // The context that is set has it.
  // @effect-diagnostics-next-line unsafeEffectTypeAssertion:off
  const work = self as Effect.Effect<A, E, Exclude<R, CurrentReservation>>
  return Effect.zipRight(
    setContext(Context.add(outside, CurrentReservation, reservation)),
    Effect.matchCauseEffect(restore(Lease.whileHeld(lease, session.policy)(work)), {
      onFailure: (cause) => Effect.zipRight(setContext(outside), end(session, Exit.failCause(cause), options, restore)),
      onSuccess: (value) => Effect.zipRight(setContext(outside), end(session, Exit.succeed(value), options, restore))
    })
  )
}

const observed = Telemetry.observed(Telemetry.guardSpan)

/** A guard that comes to its hold in a way of its own. */
export const guardedBy = <A, E, R, E2, R2>(
  self: Effect.Effect<A, E, R>,
  options: GuardOptions<A, E2, R2>,
  by?: Obtain
): Effect.Effect<A, E | E2 | GuardError, Exclude<R, CurrentReservation> | R2 | Cycles> =>
  Effect.uninterruptibleMask((restore) =>
    observed((_fiber, _status, span) => {
      const guard = Effect.flatMap(begin(options, restore, by), (session) => runIn(session, self, options, restore))
      return span === undefined ? guard : inSpan(guard, span)
    })
  )

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
  <A, O extends NoExcessProperties<GuardOptions<NoInfer<A>, unknown, unknown>, O>>(
    options: O
  ): <E, R>(
    self: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | ErrorOf<O> | GuardError, Exclude<R, CurrentReservation> | ContextOf<O> | Cycles>
  <A, E, R, O extends NoExcessProperties<GuardOptions<NoInfer<A>, unknown, unknown>, O>>(
    self: Effect.Effect<A, E, R>,
    options: O
  ): Effect.Effect<A, E | ErrorOf<O> | GuardError, Exclude<R, CurrentReservation> | ContextOf<O> | Cycles>
} = dual(2, guardedBy)
