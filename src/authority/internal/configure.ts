/**
 * What a configuration means in a ledger that is kept: it creates the budgets that are missing, and where it has changed since, the budgets
 * change with it. What was spent, held or funded meanwhile stays.
 */
import { canonical } from "../../protocol/Json.js"
import type { Budget, ConfiguredBudget } from "../Budget.js"
import { type CommandOf, isRefusal, type Refusal } from "../Command.js"
import { budgetAt, type Report, type State } from "../State.js"
import { change, putBudget } from "./operator.js"

const isSame = (a: unknown, b: unknown): boolean => canonical(a) === canonical(b)

/** A budget with what the configuration says now, when it is not what it said before. */
const adapted = (budget: Budget, before: ConfiguredBudget, now: ConfiguredBudget): Budget => {
  const allocated = budget.allocated + now.allocated - before.allocated
  const isNew = <K extends "overdraftLimit" | "caps" | "status">(key: K) => !isSame(now[key], before[key])
  const next = {
    ...budget,
    // Who has moved funds away meanwhile cannot be made to have moved more than there is.
    allocated: allocated < 0n ? 0n : allocated,
    overdraftLimit: isNew("overdraftLimit") ? now.overdraftLimit : budget.overdraftLimit,
    caps: isNew("caps") ? now.caps : budget.caps,
    status: isNew("status") ? now.status : budget.status
  }
  const hasMore = next.allocated > budget.allocated || next.overdraftLimit > budget.overdraftLimit
  return hasMore ? { ...next, isOverLimit: budget.debt > next.overdraftLimit } : next
}

/**
 * Creates a budget of the configuration, or adapts the one that is there. One that the configuration did not make is left as it is, until the
 * configuration changes. A refusal when a figure would leave the int64 range.
 */
export const configure = (
  state: State,
  command: CommandOf<"PutBudget">,
  now: number,
  report: Report
): Budget | Refusal => {
  const { allocated, caps, overdraftLimit, scope, status, unit } = command.budget
  const configured = { allocated, overdraftLimit, status, caps }
  const budget = budgetAt(state, scope, unit) ?? putBudget(state, command, now, report)
  if (isRefusal(budget)) return budget
  const before = budget.about.configured
  if (before !== undefined && isSame(before, configured)) return budget
  const next = before === undefined ? budget : adapted(budget, before, configured)
  return change(state, { ...next, about: { ...next.about, updatedAt: now, configured } }, now, report)
}
