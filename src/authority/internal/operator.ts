/**
 * What an operator does to budgets and tenants.
 */
import type { Unit } from "../../protocol/Amount.js"
import { type Budget, view } from "../Budget.js"
import { type CommandOf, isRefusal, type Outcomes, type Refusal, refusal } from "../Command.js"
import { budgetAt, type Report, type State } from "../State.js"
import { blocked } from "./rules.js"
import { deleteBudget, putBudget as write, putTenant as writeTenant, unsound } from "./write.js"

/** What is reserved is never set: it is what ACTIVE reservations hold on the budget. */
const heldOn = (state: State, scope: string, unit: Unit): bigint => {
  let held = 0n
  for (const row of state.active.values()) {
    if (row.unit === unit && row.budgetedScopes.includes(scope)) held += row.estimate
  }
  return held
}

/** Writes a budget unless a figure would leave the int64 range. */
export const change = (state: State, budget: Budget, now: number, report: Report): Budget | Refusal => {
  const bad = unsound([budget])
  if (bad !== undefined) return bad
  write(state, budget, now, report)
  return budget
}

export const putBudget = (
  state: State,
  { budget, id }: CommandOf<"PutBudget">,
  now: number,
  report: Report
): Outcomes["PutBudget"] | Refusal => {
  const about = budgetAt(state, budget.scope, budget.unit)?.about ?? { ledgerId: id, createdAt: now, updatedAt: now }
  const reserved = heldOn(state, budget.scope, budget.unit)
  return change(state, { ...budget, reserved, about: { ...about, updatedAt: now } }, now, report)
}

const existing = (state: State, scope: string, unit: Unit): Budget | Refusal =>
  budgetAt(state, scope, unit) ?? refusal("NOT_FOUND", `Budget not found for provided scope: ${scope}`)

export const removeBudget = (
  state: State,
  { scope, unit }: CommandOf<"RemoveBudget">,
  report: Report
): Outcomes["RemoveBudget"] | Refusal => {
  const budget = existing(state, scope, unit)
  if (!isRefusal(budget)) deleteBudget(state, budget, report)
  return budget
}

/** New funds do not pay debt; whether the budget is over its limit is asked anew. */
export const credit = (
  state: State,
  { amount, scope }: CommandOf<"Credit">,
  now: number,
  report: Report
): Outcomes["Credit"] | Refusal => {
  const before = existing(state, scope, amount.unit)
  if (isRefusal(before)) return before
  const budget = blocked(before) ?? change(
    state,
    {
      ...before,
      allocated: before.allocated + amount.amount,
      isOverLimit: before.debt > before.overdraftLimit
    },
    now,
    report
  )
  if (!isRefusal(budget)) {
    report.events?.push({ _tag: "Funded", at: now, budget: view(budget), operation: "CREDIT", amount })
  }
  return budget
}

export const setStatus = (
  state: State,
  { scope, status, unit }: CommandOf<"SetStatus">,
  now: number,
  report: Report
): Outcomes["SetStatus"] | Refusal => {
  const budget = existing(state, scope, unit)
  return isRefusal(budget) ? budget : change(state, { ...budget, status }, now, report)
}

/** New reservations get these caps; those that are held keep theirs. */
export const setCaps = (
  state: State,
  { caps, scope, unit }: CommandOf<"SetCaps">,
  now: number,
  report: Report
): Outcomes["SetCaps"] | Refusal => {
  const budget = existing(state, scope, unit)
  return isRefusal(budget) ? budget : change(state, { ...budget, caps }, now, report)
}

export const putTenant = (
  state: State,
  { id, tenant }: CommandOf<"PutTenant">,
  report: Report
): Outcomes["PutTenant"] => {
  writeTenant(state, id, tenant, report)
  return tenant
}
