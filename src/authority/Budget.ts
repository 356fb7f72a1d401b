/**
 * One budget: what was allocated to a scope in a unit, and where it went.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { Amount, SignedAmount, Unit } from "../protocol/Amount.js"
import type { Balance } from "../protocol/Balance.js"
import { Caps } from "../protocol/Caps.js"
import { JsonObject } from "../protocol/Json.js"
import { leafOf } from "./Scopes.js"

/**
 * A FROZEN or CLOSED budget takes no reservation and no event; what is already reserved on it still settles.
 *
 * @since 0.1.0
 * @category schemas
 */
export const BudgetStatus = Schema.Literal("ACTIVE", "FROZEN", "CLOSED")

/**
 * @since 0.1.0
 * @category models
 */
export type BudgetStatus = typeof BudgetStatus.Type

const figures = {
  scope: Schema.String,
  unit: Unit,
  allocated: Schema.BigInt,
  reserved: Schema.BigInt,
  spent: Schema.BigInt,
  debt: Schema.BigInt,
  overdraftLimit: Schema.BigInt,
  isOverLimit: Schema.Boolean
}

/**
 * The figures of a budget at one moment, int64 in `unit`; encoded as decimal text. What remains is never stored: it is
 * `allocated - spent - reserved - debt`.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Figures = Schema.Struct(figures)

/**
 * @since 0.1.0
 * @category models
 */
export interface Figures extends Schema.Schema.Type<typeof Figures> {}

/**
 * What the configuration of the program said of a budget when it was opened last: what it says anew is compared with this.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ConfiguredBudget = Schema.Struct({
  allocated: Schema.BigInt,
  overdraftLimit: Schema.BigInt,
  status: BudgetStatus,
  caps: Schema.optional(Caps)
})

/**
 * @since 0.1.0
 * @category models
 */
export interface ConfiguredBudget extends Schema.Schema.Type<typeof ConfiguredBudget> {}

/**
 * What an administrator knows of a budget and the arithmetic does not: instants are epoch ms, the policies are stored and have no effect.
 *
 * @since 0.1.0
 * @category schemas
 */
export const BudgetAbout = Schema.Struct({
  ledgerId: Schema.String,
  createdAt: Schema.Number,
  updatedAt: Schema.Number,
  closedAt: Schema.optional(Schema.Number),
  overagePolicy: Schema.optional(Schema.String),
  rolloverPolicy: Schema.optional(Schema.String),
  periodStart: Schema.optional(Schema.String),
  periodEnd: Schema.optional(Schema.String),
  metadata: Schema.optional(JsonObject),
  configured: Schema.optional(ConfiguredBudget)
})

/**
 * @since 0.1.0
 * @category models
 */
export interface BudgetAbout extends Schema.Schema.Type<typeof BudgetAbout> {}

/**
 * A budget, identified by its scope and unit. A row is never changed in place: a step puts another one in its stead.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Budget = Schema.Struct({
  ...figures,
  status: BudgetStatus,
  caps: Schema.optional(Caps),
  about: BudgetAbout
})

/**
 * @since 0.1.0
 * @category models
 */
export interface Budget extends Schema.Schema.Type<typeof Budget> {}

/**
 * What remains; below zero only in debt or when funds were taken away.
 *
 * @since 0.1.0
 * @category getters
 */
export const remaining = (budget: Figures): bigint => budget.allocated - budget.spent - budget.reserved - budget.debt

/** The budget with other figures. Written out, since a spread costs ten times as much. */
export const moved = (
  budget: Budget,
  reserved: bigint,
  spent: bigint,
  debt: bigint,
  isOverLimit: boolean
): Budget => ({
  scope: budget.scope,
  unit: budget.unit,
  allocated: budget.allocated,
  reserved,
  spent,
  debt,
  overdraftLimit: budget.overdraftLimit,
  isOverLimit,
  status: budget.status,
  caps: budget.caps,
  about: budget.about
})

const maxInt64 = 9223372036854775807n
const isCount = (n: bigint): boolean => n >= 0n && n <= maxInt64

/**
 * Whether every figure is one that an int64 holds, and only `remaining` is below zero.
 *
 * @since 0.1.0
 * @category guards
 */
export const isSound = (budget: Figures): boolean =>
  isCount(budget.allocated) && isCount(budget.reserved) && isCount(budget.spent) && isCount(budget.debt) &&
  isCount(budget.overdraftLimit) && remaining(budget) >= -maxInt64

/** What `new A({ unit, amount })` gives for figures whose bounds are known to hold, at a tenth of the cost. */
const made = <A extends { readonly unit: Unit; readonly amount: bigint }>(
  prototype: A,
  unit: Unit,
  amount: bigint
): A => Object.assign(Object.create(prototype), { unit, amount })

/** An amount whose bounds are known to hold. */
export const amountOf = (unit: Unit, amount: bigint): Amount => made(Amount.prototype, unit, amount)

const signedOf = (unit: Unit, amount: bigint): SignedAmount => made(SignedAmount.prototype, unit, amount)

/**
 * The budget as the protocol shows it: `debt`, `overdraftLimit` and `isOverLimit` only when there are any.
 *
 * @since 0.1.0
 * @category getters
 */
export const toBalance = (budget: Figures): Balance => {
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
  /** `allocated - spent - reserved - debt`; below zero in debt. */
  readonly remaining: SignedAmount
  /** What is held by reservations. */
  readonly reserved: Amount
  readonly spent: Amount
  /** What was spent beyond the budget. */
  readonly debt: Amount
  readonly overdraftLimit: Amount
  /** Whether reservations are refused until somebody adds funds. */
  readonly isOverLimit: boolean
  readonly caps: Option.Option<Caps>
}

/**
 * A budget with its figures as amounts.
 *
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
  caps: Option.fromNullable(budget.caps)
})
