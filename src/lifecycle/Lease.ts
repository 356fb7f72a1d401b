/**
 * How long a hold lasts, and the only place that extends it.
 */
import type * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import type { Reply } from "../client/Client.js"
import type { ExtendError } from "../protocol/CyclesError.js"
import * as Idempotency from "../protocol/Idempotency.js"
import { invalidInput } from "../protocol/InvalidInput.js"
import type { CreateResponse, ExtendResponse, ReservationId } from "../protocol/Reservation.js"
import type { Service } from "./Cycles.js"

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

const leadOf = ({ meta, value }: Reply<CreateResponse | ExtendResponse>): Option.Option<Duration.Duration> =>
  Option.map(value.remainingTtl, (left) => Duration.subtract(left, Duration.millis(meta.rttMs)))

/** The lease that came with a new reservation. */
export const granted = (reply: Reply<CreateResponse>): Lease => ({
  expiresAt: reply.value.expiresAt,
  lead: leadOf(reply)
})

/** Adds to the current expiry, 1 ms to 24 h, and remembers the new lease. One attempt. */
export const extend = (
  cycles: Service,
  id: ReservationId,
  lease: Ref.Ref<Lease>,
  by: Duration.DurationInput
): Effect.Effect<Lease, ExtendError> =>
  Effect.gen(function*() {
    const extendBy = yield* Duration.decodeUnknown(by).pipe(
      Option.match({
        onNone: () => Effect.fail(invalidInput("extend_by_ms", "must be a duration", by)),
        onSome: Effect.succeed
      })
    )
    const reply = yield* cycles.extendReservation(id, { idempotencyKey: yield* Idempotency.fresh, extendBy })
    const next = { expiresAt: Option.some(reply.value.expiresAt), lead: leadOf(reply) }
    yield* Ref.set(lease, next)
    return next
  })
