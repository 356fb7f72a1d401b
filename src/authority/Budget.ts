/**
 * One budget: what was allocated to a scope in a unit, and where it went.
 */
import * as Option from "effect/Option"
import { Amount, SignedAmount, type Unit } from "../protocol/Amount.js"
import type { Balance } from "../protocol/Balance.js"
import type { Caps } from "../protocol/Caps.js"
import { leafOf } from "./Scopes.js"

/**
 * A FROZEN or CLOSED budget takes no reservation and no event; what is already reserved on it still settles.
 *
 * @since 0.1.0
 * @category models
 */
export type BudgetStatus = "ACTIVE" | "FROZEN" | "CLOSED"

/**
 * Amounts are int64 in `unit`. What remains is never stored: it is `allocated - spent - reserved - debt`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Budget {
  readonly scope: string
  readonly unit: Unit
  readonly allocated: bigint
  readonly reserved: bigint
  readonly spent: bigint
  readonly debt: bigint
  readonly overdraftLimit: bigint
  readonly isOverLimit: boolean
  readonly status: BudgetStatus
  readonly caps: Option.Option<Caps>
}

/**
 * What remains; below zero only in debt or when funds were taken away.
 *
 * @since 0.1.0
 * @category getters
 */
export const remaining = (budget: Budget): bigint => budget.allocated - budget.spent - budget.reserved - budget.debt

const maxInt64 = 9223372036854775807n
const isCount = (n: bigint): boolean => n >= 0n && n <= maxInt64

/**
 * Whether every figure is one that an int64 holds, and only `remaining` is below zero.
 *
 * @since 0.1.0
 * @category guards
 */
export const isSound = (budget: Budget): boolean =>
  isCount(budget.allocated) && isCount(budget.reserved) && isCount(budget.spent) && isCount(budget.debt) &&
  isCount(budget.overdraftLimit) && remaining(budget) >= -maxInt64

/** An amount whose bounds are known to hold. */
export const amountOf = (unit: Unit, amount: bigint): Amount =>
  new Amount({ unit, amount }, { disableValidation: true })

const signedOf = (unit: Unit, amount: bigint): SignedAmount =>
  new SignedAmount({ unit, amount }, { disableValidation: true })

/**
 * The budget as the protocol shows it: `debt`, `overdraftLimit` and `isOverLimit` only when there are any.
 *
 * @since 0.1.0
 * @category getters
 */
export const toBalance = (budget: Budget): Balance => {
  const { allocated, debt, isOverLimit, overdraftLimit, reserved, scope, spent, unit } = budget
  const positive = (n: bigint) => n > 0n ? Option.some(amountOf(unit, n)) : Option.none()
  return {
    scope: leafOf(scope),
    scopePath: scope,
    remaining: signedOf(unit, remaining(budget)),
    reserved: Option.some(amountOf(unit, reserved)),
    spent: Option.some(amountOf(unit, spent)),
    debt: positive(debt),
    allocated: Option.some(amountOf(unit, allocated)),
    overdraftLimit: positive(overdraftLimit),
    isOverLimit: isOverLimit ? Option.some(true) : Option.none()
  }
}

/**
 * A budget to look at: every figure is an amount, none is left out.
 *
 * @since 0.1.0
 * @category models
 */
export interface BudgetView {
  readonly scope: string
  readonly unit: Unit
  readonly status: BudgetStatus
  readonly allocated: Amount
  readonly remaining: SignedAmount
  readonly reserved: Amount
  readonly spent: Amount
  readonly debt: Amount
  readonly overdraftLimit: Amount
  readonly isOverLimit: boolean
  readonly caps: Option.Option<Caps>
}

/**
 * @since 0.1.0
 * @category getters
 */
export const view = (budget: Budget): BudgetView => ({
  scope: budget.scope,
  unit: budget.unit,
  status: budget.status,
  allocated: amountOf(budget.unit, budget.allocated),
  remaining: signedOf(budget.unit, remaining(budget)),
  reserved: amountOf(budget.unit, budget.reserved),
  spent: amountOf(budget.unit, budget.spent),
  debt: amountOf(budget.unit, budget.debt),
  overdraftLimit: amountOf(budget.unit, budget.overdraftLimit),
  isOverLimit: budget.isOverLimit,
  caps: budget.caps
})
