/**
 * What holds that no authority knows have in common.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { Amount } from "../../protocol/Amount.js"
import * as Idempotency from "../../protocol/Idempotency.js"
import { type CreateRequest, ReservationId } from "../../protocol/Reservation.js"
import type { Lease, LeaseHandle } from "../Lease.js"
import type { Backing } from "./handle.js"

/** An id that no authority knows. */
export const localId = (what: string): Effect.Effect<ReservationId> =>
  Effect.map(Idempotency.fresh, (key) => ReservationId.make(`effect-cycles-${what}-${key}`.slice(0, 128)))

const forever: Lease = { expiresAt: Option.none(), lead: Option.none() }

/** Nothing is held, so that nothing is lost. */
export const unleased: LeaseHandle = {
  current: Effect.succeed(forever),
  extend: () => Effect.succeed(forever),
  awaitLost: Effect.never,
  lost: Effect.succeedNone,
  end: Effect.void
}

/** The facts of work that runs without a hold. */
export const unheld = (
  id: ReservationId,
  { action, estimate, subject }: Pick<CreateRequest, "estimate" | "subject" | "action">
): Backing["facts"] => ({
  id,
  decision: "ALLOW",
  caps: Option.none(),
  estimate,
  reserved: Amount.zero(estimate.unit),
  subject,
  action,
  scopePath: Option.none(),
  affectedScopes: [],
  balances: []
})
