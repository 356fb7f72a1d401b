/**
 * What stands against another attempt at work that has a key of its own.
 */
import * as Schema from "effect/Schema"
import { Amount } from "../protocol/Amount.js"
import { IdempotencyKey } from "../protocol/Idempotency.js"
import { ReservationId } from "../protocol/Reservation.js"

/**
 * The work of this key is done and charged: it was not run again, and nothing was charged. Whoever needs its result has to have kept it.
 *
 * `charged` is what the ledger took for it, when the authority says.
 *
 * @since 0.1.0
 * @category errors
 */
export class AlreadyCharged
  extends Schema.TaggedError<AlreadyCharged>("effect-cycles/AlreadyCharged")("AlreadyCharged", {
    idempotencyKey: IdempotencyKey,
    reservationId: ReservationId,
    charged: Schema.optionalWith(Amount, { as: "Option" })
  })
{
  override get message(): string {
    return `The work of "${this.idempotencyKey}" is charged already (${this.reservationId}): it was not run again`
  }
}

/**
 * Another attempt at the work of this key holds its budget: it runs, or its process has ended and the hold has not yet. Nothing was run.
 * After `expiresAt` and the grace of the hold, another attempt can be made.
 *
 * @since 0.1.0
 * @category errors
 */
export class AttemptInProgress
  extends Schema.TaggedError<AttemptInProgress>("effect-cycles/AttemptInProgress")("AttemptInProgress", {
    idempotencyKey: IdempotencyKey,
    reservationId: ReservationId,
    expiresAt: Schema.DateTimeUtcFromSelf
  })
{
  override get message(): string {
    return `Another attempt at the work of "${this.idempotencyKey}" holds its budget (${this.reservationId})`
  }
}

/**
 * Why a reservation with an idempotency key of the caller's own is not made: another attempt has it, or has been charged.
 *
 * @since 0.1.0
 * @category errors
 */
export type AttemptError = AlreadyCharged | AttemptInProgress
