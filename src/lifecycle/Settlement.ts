/**
 * How a reservation ended.
 */
import * as Data from "effect/Data"
import type * as Option from "effect/Option"
import type { Amount } from "../protocol/Amount.js"
import type { Balance } from "../protocol/Balance.js"
import type { CommitError, EventError, ReleaseError } from "../protocol/CyclesError.js"
import type { Metrics } from "../protocol/Metrics.js"
import type { ReservationId } from "../protocol/Reservation.js"
import type { ActualUnknown } from "./ActualUnknown.js"

/**
 * Where the charged amount came from: said by the caller, recorded while the work ran, or the estimate for want of both.
 *
 * @since 0.1.0
 * @category models
 */
export type ActualSource = "actual" | "usage" | "estimate"

/**
 * The end of a reservation.
 *
 * - `Committed`: the ledger has the spend. `charged` may be less than `actual` when the budget could not cover it; `via` is
 *   `event` when the spend was recorded without the reservation, because it had expired or was none, and `parent` when the reservation was
 *   a part of another one, which has counted the spend and commits it. `none`: the work was only watched, and nothing was charged.
 * - `Released`: nothing was spent, the hold is back in the budget.
 * - `Pending`: the attempts so far to record `actual` proved nothing. It is in the journal, and goes on in the background with the
 *   same key.
 * - `Rejected`: the authority refused to record `actual`. The spend is real and not in the ledger: it is kept as a dead letter, and the
 *   hold ends with its time.
 * - `Unreleased`: the hold could not be given back by the first attempt. While another may help, it goes on in the background;
 *   at the latest the hold ends with its time. `ActualUnknown`: it was not given back on purpose, for something was spent.
 *
 * @since 0.1.0
 * @category models
 */
export type Settlement = Data.TaggedEnum<{
  Committed: {
    readonly reservationId: ReservationId
    readonly actual: Amount
    readonly charged: Amount
    readonly released: Option.Option<Amount>
    readonly balances: ReadonlyArray<Balance>
    readonly source: ActualSource
    readonly via: "commit" | "event" | "parent" | "none"
  }
  Released: {
    readonly reservationId: ReservationId
    readonly released: Amount
    readonly reason: string
    readonly balances: ReadonlyArray<Balance>
  }
  Pending: {
    readonly reservationId: ReservationId
    readonly actual: Amount
    readonly source: ActualSource
    readonly error: CommitError | EventError
  }
  Rejected: {
    readonly reservationId: ReservationId
    readonly actual: Amount
    readonly source: ActualSource
    readonly error: CommitError | EventError
  }
  Unreleased: {
    readonly reservationId: ReservationId
    readonly reason: string
    readonly error: ReleaseError | ActualUnknown
  }
}>

/**
 * Constructors, `$is` and `$match`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const Settlement = Data.taggedEnum<Settlement>()

/**
 * Whether the ledger charged less than was used.
 *
 * @since 0.1.0
 * @category guards
 */
export const isCapped = (settlement: Settlement): boolean =>
  settlement._tag === "Committed" && settlement.charged.amount < settlement.actual.amount

/** What to record. */
export interface Spend {
  readonly actual: Amount
  readonly source: ActualSource
  readonly metrics: Metrics
  readonly metadata: Readonly<Record<string, unknown>>
  /** What to do with spend that the authority refuses to commit. */
  readonly onRejected: "deadLetter" | "event"
}
