/**
 * What happened in a ledger, for people and programs that watch it. A repeated request is no event.
 */
import type { Action } from "../protocol/Action.js"
import type { Amount } from "../protocol/Amount.js"
import type { OveragePolicy } from "../protocol/Reservation.js"
import type { ReservationDetail } from "../protocol/ReservationQuery.js"
import type { Subject } from "../protocol/Subject.js"
import type { BudgetView } from "./Budget.js"
import type { RefusalCode } from "./Command.js"

/** Every event says when it happened: epoch ms. */
interface At {
  readonly at: number
}

/**
 * A change of one reservation; `reservation` is how it is afterwards.
 *
 * - `Committed`: `reservation.committed` was spent. `Overage`: the `actual` was more than the estimate; it comes before its `Committed`.
 * - `Expired`: nobody settled it; the hold returned to its budgets.
 *
 * @since 0.1.0
 * @category models
 */
export type ReservationEvent =
  & At
  & (
    | {
      readonly _tag: "Reserved" | "Committed" | "Released" | "Extended" | "Expired"
      readonly tenant: string
      readonly reservation: ReservationDetail
    }
    | {
      readonly _tag: "Overage"
      readonly tenant: string
      readonly reservation: ReservationDetail
      readonly actual: Amount
      readonly policy: OveragePolicy
    }
  )

/**
 * A reserve, dry run, decide, commit or event that was refused for want of budget, with the code of the refusal and the amount that was
 * asked for. `scope` is the budget that refused, when one did.
 *
 * @since 0.1.0
 * @category models
 */
export interface Denied extends At {
  readonly _tag: "Denied"
  readonly operation: "reserve" | "dryRun" | "decide" | "commit" | "event"
  readonly tenant: string
  readonly code: RefusalCode
  readonly path: string
  readonly scope: string | undefined
  readonly requested: Amount
}

/**
 * A change of one budget; `budget` is how it is afterwards.
 *
 * - `Exhausted`: what remains went from more than nothing to exactly nothing.
 * - `OverLimitEntered`: no reservation is accepted until somebody adds funds.
 * - `DebtIncurred`: `incurred` could not be paid from what remained.
 * - `Funded`: an operator changed the funds (`operation` is CREDIT, DEBIT, RESET, RESET_SPENT or REPAY_DEBT) by a command of `amount`.
 * - `StatusChanged`: it was frozen, reopened or closed.
 *
 * @since 0.1.0
 * @category models
 */
export type BudgetEvent =
  & At
  & { readonly budget: BudgetView }
  & (
    | { readonly _tag: "Exhausted" | "OverLimitEntered" | "StatusChanged" }
    | { readonly _tag: "DebtIncurred"; readonly incurred: Amount }
    | { readonly _tag: "Funded"; readonly operation: string; readonly amount: Amount }
  )

/**
 * Spend without a reservation: the budgets paid `charged` of `actual`.
 *
 * @since 0.1.0
 * @category models
 */
export interface SpendApplied extends At {
  readonly _tag: "SpendApplied"
  readonly tenant: string
  readonly eventId: string
  readonly idempotencyKey: string
  readonly subject: Subject
  readonly action: Action
  readonly path: string
  readonly actual: Amount
  readonly charged: Amount
}

/**
 * A tenant was closed: what it owns is read-only from now on.
 *
 * @since 0.1.0
 * @category models
 */
export interface TenantClosed extends At {
  readonly _tag: "TenantClosed"
  readonly tenant: string
}

/**
 * What happened in the ledger, as `observe` tells it.
 *
 * @since 0.1.0
 * @category models
 */
export type LedgerEvent = ReservationEvent | Denied | BudgetEvent | SpendApplied | TenantClosed
