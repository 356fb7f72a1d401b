/**
 * The state of one budget.
 */
import * as Schema from "effect/Schema"
import { Amount, SignedAmount } from "./Amount.js"
import { commonText } from "./internal/plain.js"
import { Count, option, query, required } from "./internal/wire.js"
import { levelFilters } from "./Subject.js"

/**
 * One budget: all amounts have one unit, and `remaining = allocated - spent - reserved - debt` when all are present.
 * `scope` is for people (authorities differ in it): identify a budget by `scopePath`.
 *
 * Source: components/schemas/Balance.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Balance = Schema.Struct({
  scope: required("scope", commonText),
  scopePath: required("scope_path", commonText),
  remaining: required("remaining", SignedAmount),
  reserved: option("reserved", Amount),
  spent: option("spent", Amount),
  debt: option("debt", Amount),
  allocated: option("allocated", Amount),
  overdraftLimit: option("overdraft_limit", Amount),
  isOverLimit: option("is_over_limit", Schema.Boolean)
}).annotations({ identifier: "Balance" })

/**
 * @since 0.1.0
 * @category models
 */
export type Balance = typeof Balance.Type

const QueryBoolean = Schema.BooleanFromString.annotations({ jsonSchema: { type: "boolean", default: false } })

/** A number in a query string. */
export const QueryLimit = Schema.NumberFromString.pipe(Schema.compose(Count), Schema.between(1, 200)).annotations({
  jsonSchema: { type: "integer", minimum: 1, maximum: 200, default: 50 }
})

/**
 * Which balances: at least one level; `limit` is 1 to 200, 50 when absent.
 *
 * Source: getBalances.
 *
 * @since 0.1.0
 * @category schemas
 */
export const BalanceFilter = Schema.Struct({
  ...levelFilters,
  includeChildren: query("include_children", QueryBoolean),
  limit: query("limit", QueryLimit),
  cursor: query("cursor", Schema.String)
})

/**
 * @since 0.1.0
 * @category models
 */
export type BalanceFilter = typeof BalanceFilter.Type

/**
 * A page of balances. Source: components/schemas/BalanceResponse.
 *
 * @since 0.1.0
 * @category schemas
 */
export const BalancePage = Schema.Struct({
  balances: required("balances", Schema.Array(Balance)),
  nextCursor: option("next_cursor", Schema.String),
  hasMore: option("has_more", Schema.Boolean)
}).annotations({ identifier: "BalanceResponse" })

/**
 * @since 0.1.0
 * @category models
 */
export type BalancePage = typeof BalancePage.Type
