/**
 * A reservation that the authority holds for us.
 */
import type { Reply } from "../../client/Client.js"
import type { CreateRequest, CreateResponse, ReservationId } from "../../protocol/Reservation.js"

export interface Held {
  readonly id: ReservationId
  readonly request: CreateRequest
  readonly reply: Reply<CreateResponse>
  /** When the answer arrived, on the monotonic clock. */
  readonly receivedAtNanos: bigint
}

export const logs = { package: "effect-cycles", module: "lifecycle" } as const
