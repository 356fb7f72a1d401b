/**
 * The administrator's listing of budgets: filters, order, pages.
 */
import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"
import * as Order from "effect/Order"
import { type Budget, remaining } from "../Budget.js"
import { type Refusal, refusal } from "../Command.js"
import { type BudgetFilter, budgetShape } from "./adminShapes.js"
import { pageOf } from "./list.js"

/** The share of what was allocated that is spent, held or owed; 1 when nothing was allocated and something is used. */
const utilization = (budget: Budget): number => {
  const used = budget.allocated - remaining(budget)
  return budget.allocated > 0n ? Number(used * 1_000_000n / budget.allocated) / 1_000_000 : used > 0n ? 1 : 0
}

const fits = (budget: Budget, filter: BudgetFilter): boolean => {
  const share = utilization(budget)
  return budget.scope.startsWith(filter.scopePrefix?.toLowerCase() ?? "") &&
    budget.scope.includes(filter.search?.toLowerCase() ?? "") &&
    budget.unit === (filter.unit ?? budget.unit) &&
    budget.status === (filter.status ?? budget.status) &&
    budget.isOverLimit === (filter.overLimit ?? budget.isOverLimit) &&
    (budget.debt > 0n) === (filter.hasDebt ?? (budget.debt > 0n)) &&
    share >= (filter.utilizationMin ?? share) && share <= (filter.utilizationMax ?? share)
}

const orders = {
  utilization: Order.mapInput(Order.number, utilization),
  scope: Order.mapInput(Order.string, ({ scope }: Budget) => scope),
  unit: Order.mapInput(Order.string, ({ unit }: Budget) => unit),
  status: Order.mapInput(Order.string, ({ status }: Budget) => status),
  created_at: Order.mapInput(Order.number, ({ about }: Budget) => about.createdAt)
}

const placeOf = ({ scope, unit }: Budget): string => `${scope} ${unit}`

/** A page of ledgers, after the one that the cursor names. */
export const budgetPage = (
  budgets: ReadonlyArray<Budget>,
  filter: BudgetFilter
): Either.Either<object, Refusal> => {
  const order = orders[filter.sortBy ?? "utilization"]
  const sorted = budgets.filter((budget) => fits(budget, filter)).sort(Order.combine(
    (filter.sortDir ?? "desc") === "asc" ? order : Order.reverse(order),
    Order.mapInput(Order.string, placeOf)
  ))
  const after = filter.cursor === undefined
    ? undefined
    : Either.getOrElse(Encoding.decodeBase64UrlString(filter.cursor), () => "")
  const from = after === undefined ? 0 : sorted.findIndex((budget) => placeOf(budget) === after) + 1
  if (after !== undefined && from === 0) {
    return Either.left(refusal("INVALID_REQUEST", "cursor is not valid for these filters"))
  }
  const limit = Math.min(100, Math.max(1, filter.limit ?? 50))
  const { items, next } = pageOf(sorted.slice(from), limit, (last) => Encoding.encodeBase64Url(placeOf(last)))
  return Either.right({
    ledgers: items.map(budgetShape),
    has_more: next._tag === "Some",
    ...(next._tag === "Some" ? { next_cursor: next.value } : {})
  })
}
