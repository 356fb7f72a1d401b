/**
 * The error of work that does not say what it used.
 */
import * as Schema from "effect/Schema"
import { ReservationId } from "../protocol/Reservation.js"

/**
 * The work succeeded, but its actual is unknown and no usage was recorded, and the guard was told not to record the estimate instead
 * (`whenActualUnknown: "fail"`). Nothing is recorded and nothing is given back: the hold of this reservation ends with its time, and what
 * was spent is missing in the ledger until someone records it.
 *
 * @since 0.1.0
 * @category errors
 */
export class ActualUnknown extends Schema.TaggedError<ActualUnknown>("effect-cycles/ActualUnknown")("ActualUnknown", {
  reservationId: ReservationId
}) {
  override get message(): string {
    return `The work under reservation ${this.reservationId} is done, but what it used is unknown: nothing was recorded`
  }
}
