/**
 * Watched work: what a guard would have said and cost, without holding or stopping anything.
 */
import type * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type * as Stream from "effect/Stream"
import type { NoExcessProperties } from "effect/Types"
import type { CurrentReservation } from "../lifecycle/CurrentReservation.js"
import type { Cycles } from "../lifecycle/Cycles.js"
import type { ContextOf } from "../lifecycle/internal/inferred.js"
import { guardedBy, type GuardOptions } from "./guarded.js"
import { guardedStreamBy, type GuardedStreamOptions, type StreamSource } from "./guardedStream.js"
import type { CommonGuardOptions } from "./GuardOptions.js"
import { watchBy } from "./internal/watching.js"
import type { ShadowReport } from "./ShadowReport.js"

/**
 * What a guard would have asked for, and who hears what it would have been answered.
 *
 * @since 0.1.0
 * @category models
 */
export interface WatchOptions<E = never, R = never>
  extends Pick<CommonGuardOptions<E, R>, "estimate" | "subject" | "action" | "metadata">
{
  /** Sees what would have been, in the background, after the work. */
  readonly onReport?: ((report: ShadowReport) => Effect.Effect<void, never, R>) | undefined
  /**
   * Whether what the work used is recorded as an event, so that balances, and with them the verdicts, are what they would be with a guard.
   * Default false: the ledger sees nothing.
   */
  readonly record?: boolean | undefined
}

/**
 * How to watch an effect.
 *
 * @since 0.1.0
 * @category models
 */
export interface ShadowOptions<A, E = never, R = never>
  extends WatchOptions<E, R>, Pick<GuardOptions<A, E, R>, "actual">
{}

/**
 * How to watch a stream.
 *
 * @since 0.1.0
 * @category models
 */
export interface ShadowStreamOptions<A, E = never, R = never>
  extends WatchOptions<E, R>, Pick<GuardedStreamOptions<A, E, R>, "usage" | "onEarlyEnd" | "drain">
{}

const run = <A, E, R, E2, R2>(
  self: Effect.Effect<A, E, R>,
  options: ShadowOptions<A, E2, R2>
): Effect.Effect<A, E, Exclude<R, CurrentReservation> | R2 | Cycles> =>
  // Nothing is held or asked for, so that none of a guard's errors can occur.
  // @effect-diagnostics-next-line unsafeEffectTypeAssertion:off
  guardedBy(
    self,
    { estimate: options.estimate, actual: options.actual } as GuardOptions<A, never, R2>,
    watchBy(options)
  ) as Effect.Effect<A, E, Exclude<R, CurrentReservation> | R2 | Cycles>

/**
 * Runs an effect as if there were no budget, and asks the authority beside it what a guard would have been answered. The effect is never
 * stopped, delayed or failed by that, also when the authority hangs, is gone or refuses, and nothing is held. What would have been is in a
 * `ShadowReport`: for `onReport`, in the stream of `ShadowReports`, and counted (`cycles.shadow.verdict`, `cycles.shadow.use`).
 *
 * @example
 * ```ts
 * import { Amount, shadow, wouldDeny } from "effect-cycles"
 * import * as Effect from "effect/Effect"
 *
 * const answer = Effect.succeed({ text: "42", cost: Amount.usd("0.0021") }).pipe(
 *   shadow({
 *     estimate: Amount.usd("0.05"),
 *     actual: (reply) => reply.cost,
 *     onReport: (report) => wouldDeny(report) ? Effect.logInfo("a guard would have denied this") : Effect.void
 *   })
 * )
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const shadow: {
  <A, O extends NoExcessProperties<ShadowOptions<NoInfer<A>, unknown, unknown>, O>>(
    options: O
  ): <E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, Exclude<R, CurrentReservation> | ContextOf<O> | Cycles>
  <A, E, R, O extends NoExcessProperties<ShadowOptions<NoInfer<A>, unknown, unknown>, O>>(
    self: Effect.Effect<A, E, R>,
    options: O
  ): Effect.Effect<A, E, Exclude<R, CurrentReservation> | ContextOf<O> | Cycles>
} = dual(2, run)

const runStream = <A, E, R, E2, R2>(
  source: StreamSource<A, E, R>,
  options: ShadowStreamOptions<A, E2, R2>
): Stream.Stream<A, E, Exclude<R, CurrentReservation> | R2 | Cycles> => {
  const { drain, estimate, onEarlyEnd, usage } = options
  // @effect-diagnostics-next-line unsafeEffectTypeAssertion:off
  return guardedStreamBy(
    source,
    { estimate, usage, onEarlyEnd, drain } as GuardedStreamOptions<A, never, R2>,
    watchBy(options)
  ) as Stream.Stream<A, E, Exclude<R, CurrentReservation> | R2 | Cycles>
}

/**
 * As `shadow`, for a stream: metered and ended as `guardedStream` does, but never stopped, delayed or failed by the authority.
 *
 * @since 0.1.0
 * @category combinators
 */
export const shadowStream: {
  <A, O extends NoExcessProperties<ShadowStreamOptions<NoInfer<A>, unknown, unknown>, O>>(
    options: O
  ): <E, R>(
    source: StreamSource<A, E, R>
  ) => Stream.Stream<A, E, Exclude<R, CurrentReservation> | ContextOf<O> | Cycles>
  <A, E, R, O extends NoExcessProperties<ShadowStreamOptions<NoInfer<A>, unknown, unknown>, O>>(
    source: StreamSource<A, E, R>,
    options: O
  ): Stream.Stream<A, E, Exclude<R, CurrentReservation> | ContextOf<O> | Cycles>
} = dual(2, runStream)
