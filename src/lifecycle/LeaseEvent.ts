/**
 * What can be known of a lease, and what can happen to it.
 */
import * as Data from "effect/Data"
import type * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as LogLevel from "effect/LogLevel"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Reply } from "../client/Client.js"
import type { ExtendError } from "../protocol/CyclesError.js"
import { type CreateResponse, type ExtendResponse, ReservationId } from "../protocol/Reservation.js"
import * as Telemetry from "../protocol/Telemetry.js"
import { logs } from "./internal/held.js"
import { expiryOf } from "./internal/leaseAnswer.js"
import { type Disposition, StopReason } from "./LeasePlan.js"

/**
 * `expiresAt` is on the authority's clock. `lead` is what was left of the time when the last answer arrived, less the round trip:
 * `None` when the authority does not say.
 *
 * @since 0.1.0
 * @category models
 */
export interface Lease {
  readonly expiresAt: Option.Option<DateTime.Utc>
  readonly lead: Option.Option<Duration.Duration>
}

/** The lease that came with an answer. */
export const leaseOf = ({ meta, value }: Reply<CreateResponse | ExtendResponse>): Lease => ({
  expiresAt: expiryOf(value),
  lead: Option.map(value.remainingTtl, (left) => Duration.subtract(left, Duration.millis(meta.rttMs)))
})

/**
 * What happens to a lease. `disposition` says what becomes of the hold.
 *
 * - `Extended`: the authority moved the expiry.
 * - `Retrying`: an attempt proved nothing or was throttled; the same one follows after `delay`.
 * - `Stopped`: it is not extended any more; the hold stands for at least `lead`.
 * - `Lost`: from now on the hold is gone, or may be.
 *
 * @since 0.1.0
 * @category models
 */
export type LeaseEvent = Data.TaggedEnum<{
  Extended: { readonly reservationId: ReservationId; readonly disposition: Disposition; readonly lease: Lease }
  Retrying: {
    readonly reservationId: ReservationId
    readonly disposition: Disposition
    readonly delay: Duration.Duration
    readonly error: Option.Option<ExtendError>
  }
  Stopped: {
    readonly reservationId: ReservationId
    readonly disposition: Disposition
    readonly reason: StopReason
    readonly lead: Duration.Duration
    readonly error: Option.Option<ExtendError>
  }
  Lost: { readonly reservationId: ReservationId; readonly disposition: Disposition; readonly reason: StopReason }
}>

/**
 * Constructors, `$is` and `$match`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const LeaseEvent = Data.taggedEnum<LeaseEvent>()

/**
 * The hold of running work is gone, or may be: other work may have been given its budget. `reason` says why it was not extended.
 *
 * @since 0.1.0
 * @category errors
 */
export class LeaseLost extends Schema.TaggedError<LeaseLost>("effect-cycles/LeaseLost")("LeaseLost", {
  reservationId: ReservationId,
  reason: StopReason
}) {
  override get message(): string {
    return `The lease of reservation ${this.reservationId} was lost while its work ran (${this.reason})`
  }
}

const millis = (duration: Duration.Duration): number => Math.floor(Duration.toMillis(duration))

const cause = Option.match({
  onNone: () => ({}),
  onSome: ({ _tag, message }: ExtendError) => ({ error: _tag, detail: message })
})

const warning = (message: string, annotations: Record<string, unknown>): Effect.Effect<void> =>
  Effect.annotateLogs(Effect.logWarning(message), annotations)

/** Annotations are dear, and there are many beats: they are made only when someone reads them. */
const debug = (message: string, annotations: () => Record<string, unknown>): Effect.Effect<void> =>
  Effect.flatMap(FiberRef.get(FiberRef.currentMinimumLogLevel), (level) =>
    level.ordinal > LogLevel.Debug.ordinal
      ? Effect.void
      : Effect.annotateLogs(Effect.logDebug(message), annotations()))

/** Debug while a lease is kept, Warning when it is not; a lost one is counted. */
export const log = (event: LeaseEvent): Effect.Effect<void> => {
  const about = () => ({ reservation: event.reservationId, disposition: event.disposition, ...logs })
  switch (event._tag) {
    case "Extended":
      return debug("A lease was extended", () => ({
        ...about(),
        ...Option.match(event.lease.lead, { onNone: () => ({}), onSome: (lead) => ({ leadMs: millis(lead) }) })
      }))
    case "Retrying":
      return debug("An extend did not succeed: the same one follows", () => ({
        ...about(),
        delayMs: millis(event.delay),
        ...cause(event.error)
      }))
    case "Stopped":
      return warning("The lease of running work is not extended any more", {
        ...about(),
        reason: event.reason,
        leadMs: millis(event.lead),
        ...cause(event.error)
      })
    case "Lost":
      return Effect.zipRight(
        Metric.increment(Telemetry.leaseLost),
        warning("The lease of running work is lost: its hold is gone, or may be", { ...about(), reason: event.reason })
      )
  }
}
