/**
 * A stream inside a budget: reserve when it is run, meter what it produces, settle however it ends.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Stream from "effect/Stream"
import type { NoExcessProperties } from "effect/Types"
import { CurrentReservation } from "../lifecycle/CurrentReservation.js"
import type { Cycles } from "../lifecycle/Cycles.js"
import type { ContextOf, ErrorOf } from "../lifecycle/internal/inferred.js"
import type { Restore } from "../lifecycle/internal/source.js"
import type { Reservation } from "../lifecycle/Reservation.js"
import * as Telemetry from "../protocol/Telemetry.js"

import type { CommonGuardOptions, GuardError } from "./GuardOptions.js"
import * as Detached from "./internal/detached.js"
import { begin, type Obtain } from "./internal/session.js"
import { boundsOf, drains, ending } from "./internal/streamEnd.js"
import * as Tally from "./internal/tally.js"
import type { Meter } from "./Meter.js"

/**
 * How a stream ends before its own end: the reader has enough (`take`, `runHead`, `Stream.timeout`), the stream or what is downstream of it
 * fails, or the fiber that runs it is interrupted.
 *
 * @since 0.1.0
 * @category models
 */
export type EarlyEnd = "stopped" | "failed" | "interrupted"

/**
 * What an early end does with the budget.
 *
 * - `commitKnown`: commits what the meter shows, at least what `markDispatched` said. Where the meter shows nothing: the estimate once the
 *   stream has produced an element or the request was marked as dispatched, marked `actual_source: "estimate"`; before that, the hold is
 *   released.
 * - `drain`: the reader goes on at once, and the rest of the stream is read in the background and thrown away, to learn the exact usage
 *   (bounded by `drain`). Then, or without a free place, or where the stream itself failed, as `commitKnown`.
 * - `release`: gives the hold back whatever the meter shows: for providers that do not charge for such an end.
 *
 * @since 0.1.0
 * @category models
 */
export type EndPolicy = "commitKnown" | "drain" | "release"

/**
 * The bounds of `drain`.
 *
 * @since 0.1.0
 * @category models
 */
export interface DrainOptions {
  /** How long one stream is read on. Default 10 s. */
  readonly within?: Duration.DurationInput | undefined
  /** How many streams of this client are read on at the same time, at least 0. Default 64. */
  readonly atMost?: number | undefined
}

/**
 * How to guard a stream: as an effect, with a meter that reads the usage off the elements, and a policy for early ends.
 *
 * @since 0.1.0
 * @category models
 */
export interface GuardedStreamOptions<A, E = never, R = never> extends CommonGuardOptions<E, R> {
  /**
   * Reads the usage off the elements, each of which is weighed once, when the stream produces it: what was produced is what is paid for,
   * whoever reads it. Without a meter it is the usage recorded on the reservation, and without any the estimate.
   */
  readonly usage?: Meter<A, R> | undefined
  /** What an early end does: one policy, or one for each kind of end. Default `commitKnown`. */
  readonly onEarlyEnd?: EndPolicy | { readonly [End in EarlyEnd]?: EndPolicy | undefined } | undefined
  readonly drain?: DrainOptions | undefined
}

/**
 * A stream, or a function from the reservation to one: for requests that respect its caps.
 *
 * @since 0.1.0
 * @category models
 */
export type StreamSource<A, E, R> =
  | Stream.Stream<A, E, R>
  | ((reservation: Reservation) => Stream.Stream<A, E, R>)

/** One run of the stream, in a hold that its scope settles. */
const opened = Effect.fnUntraced(
  function*<A, E, R, E2, R2>(
    source: StreamSource<A, E, R>,
    options: GuardedStreamOptions<A, E2, R2>,
    by: Obtain | undefined,
    restore: Restore
  ) {
    const asked = boundsOf(options.drain)
    // Work that is only watched is not stopped by an option.
    const bounds = yield* by === undefined ? asked : Effect.orElse(asked, () => boundsOf())
    const session = yield* begin(options, restore, by)
    const tally = Tally.make(options.usage, yield* Effect.clock)
    const body = (typeof source === "function" ? Stream.suspend(() => source(session.open.reservation)) : source)
      .pipe(
        Stream.mapChunks(tally.add),
        Stream.provideService(CurrentReservation, session.open.reservation)
      )
    const detached = drains(options) ? yield* Detached.make(body) : undefined
    const { complete, early } = ending(session, tally, options, bounds, detached)
    yield* Effect.addFinalizer(early)
    const held = detached?.stream ?? body
    return Stream.concat(
      session.policy === "interrupt" ? Stream.interruptWhen(held, session.open.lease.awaitLost) : held,
      Stream.execute(complete)
    )
  }
)

/** A guard that comes to its hold in a way of its own. */
export const guardedStreamBy = <A, E, R, E2, R2>(
  source: StreamSource<A, E, R>,
  options: GuardedStreamOptions<A, E2, R2>,
  by?: Obtain
): Stream.Stream<A, E | E2 | GuardError, Exclude<R, CurrentReservation> | R2 | Cycles> =>
  Stream.unwrapScoped(Effect.uninterruptibleMask((restore) => opened(source, options, by, restore))).pipe(
    Stream.withSpan(Telemetry.guardSpan, { captureStackTrace: false })
  )

/**
 * Runs a stream inside a budget. Cold: each run reserves the estimate before the stream opens, and settles it however the stream ends.
 *
 * - Denied, or the authority cannot be reached: the stream is not opened, and fails with a `GuardError`.
 * - Its own end: what the meter shows is committed. A meter that shows nothing is not zero: usage recorded on the reservation counts, else
 *   the estimate, marked `actual_source: "estimate"` (or `ActualUnknown`, with `whenActualUnknown: "fail"`).
 * - Any other end: as `onEarlyEnd` says, marked `stream_end` in the metadata of the commit. The finalizers of the stream run first, so that
 *   the provider hears of its end before the authority does.
 *
 * Settlement never changes the elements or the error of the stream: see it with `onSettled`. `LeaseLost` ends the stream under the lease
 * policy `interrupt` when it is pulled next, and comes in place of its own end under `failOnFinalize`.
 *
 * @example
 * ```ts
 * import { Amount, guardedStream, UsageMeter } from "effect-cycles"
 * import * as Stream from "effect/Stream"
 *
 * const answer = Stream.make("To ", "be ", "or ", "not").pipe(
 *   guardedStream({
 *     action: { kind: "llm.completion", name: "gpt-4o" },
 *     estimate: Amount.tokens(500),
 *     usage: UsageMeter.incremental(() => Amount.tokens(1))
 *   })
 * )
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const guardedStream: {
  <A, O extends NoExcessProperties<GuardedStreamOptions<NoInfer<A>, unknown, unknown>, O>>(
    options: O
  ): <E, R>(
    source: StreamSource<A, E, R>
  ) => Stream.Stream<A, E | ErrorOf<O> | GuardError, Exclude<R, CurrentReservation> | ContextOf<O> | Cycles>
  <A, E, R, O extends NoExcessProperties<GuardedStreamOptions<NoInfer<A>, unknown, unknown>, O>>(
    source: Stream.Stream<A, E, R>,
    options: O
  ): Stream.Stream<A, E | ErrorOf<O> | GuardError, Exclude<R, CurrentReservation> | ContextOf<O> | Cycles>
  <A, E, R, O extends NoExcessProperties<GuardedStreamOptions<NoInfer<A>, unknown, unknown>, O>>(
    source: (reservation: Reservation) => Stream.Stream<A, E, R>,
    options: O
  ): Stream.Stream<A, E | ErrorOf<O> | GuardError, Exclude<R, CurrentReservation> | ContextOf<O> | Cycles>
} = dual(2, guardedStreamBy)
