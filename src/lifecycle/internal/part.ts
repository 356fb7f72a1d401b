/**
 * Parts of a hold that is there already: they cost no request, and what they use is in what the hold commits.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { Amount } from "../../protocol/Amount.js"
import type { CreateRequest } from "../../protocol/Reservation.js"
import type { Service } from "../Cycles.js"
import { Settlement } from "../Settlement.js"
import type { Allocation, Holder } from "./allocation.js"
import { recordAsEvent } from "./eventSpend.js"
import { type Backing, type Open, openOn } from "./handle.js"
import { localId } from "./local.js"

/** `reserved` is what was set aside for it: nothing when it takes as it goes. */
export interface Part extends Pick<CreateRequest, "estimate" | "subject" | "action"> {
  readonly reserved: Amount
}

/** `isLedgered` is false for a hold of this process only, whose parts are recorded by those who spend them. */
export const openPart = (
  cycles: Service,
  { action, estimate, reserved, subject }: Part,
  { facts, lease }: Holder,
  allocation: Allocation,
  isLedgered = true
): Effect.Effect<Open> =>
  Effect.flatMap(localId("part"), (id) => {
    const { amount, unit } = reserved
    const record: Backing["record"] = (spend, final, isCounted) =>
      isCounted || !isLedgered
        ? final.succeed(Settlement.Committed({
          reservationId: id,
          actual: spend.actual,
          charged: spend.actual,
          released: Option.liftPredicate(
            new Amount({ unit, amount: amount > spend.actual.amount ? amount - spend.actual.amount : 0n }),
            (rest) => rest.amount > 0n
          ),
          balances: [],
          source: spend.source,
          via: "parent"
        }))
        : recordAsEvent(cycles, { id, subject, action }, {
          ...spend,
          metadata: { ...spend.metadata, recovered_reservation_id: facts.id, recovery_reason: "parent_settled" }
        }, final)
    const backing: Backing = {
      facts: { ...facts, id, estimate, reserved, subject, action },
      lease: {
        current: lease.current,
        extend: (by) => lease.extend(by),
        awaitLost: lease.awaitLost,
        lost: lease.lost,
        end: Effect.void
      },
      onRejected: "deadLetter",
      record,
      giveBack: (reason, final) =>
        final.succeed(Settlement.Released({ reservationId: id, released: reserved, reason, balances: [] }))
    }
    return openOn(backing, allocation)
  })
