/**
 * Time passes: holds whose grace is over return to their budgets, and what is old is forgotten.
 */
import { type Budget, moved } from "../Budget.js"
import { Operation, type Reservation } from "../Rows.js"
import { budgetsAt, lifetimes, type Report, type State } from "../State.js"
import { detail } from "./answer.js"
import { deadlineOf, take } from "./deadlines.js"
import { forget as forgetRows, putBudgets, putReservation } from "./write.js"

/** The budgets of a reservation without its hold. */
export const withoutHold = (state: State, row: Reservation): Array<Budget> => {
  const budgets = budgetsAt(state, row.budgetedScopes, row.unit)
  for (let i = 0; i < budgets.length; i++) {
    const budget = budgets[i] as Budget
    budgets[i] = moved(budget, budget.reserved - row.estimate, budget.spent, budget.debt, budget.isOverLimit)
  }
  return budgets
}

const expire = (state: State, row: Reservation, now: number, report: Report): void => {
  // Giving back a hold only makes figures smaller: no check is needed.
  putBudgets(state, withoutHold(state, row), now, report)
  const reservation: Reservation = { ...row, status: "EXPIRED", endedAt: now }
  putReservation(state, reservation, report)
  report.events?.push({ _tag: "Expired", at: now, tenant: row.tenant, reservation: detail(reservation) })
}

const sweep = (state: State, now: number, report: Report): void => {
  const { active, deadlines } = state
  for (;;) {
    const row = deadlines[0]
    if (row === undefined || deadlineOf(row) >= now) return
    take(deadlines)
    if (active.get(row.id) === row) expire(state, row, now, report)
  }
}

const hour = 3_600_000

const forget = (state: State, now: number, report: Report): void => {
  state.nextForget = now + hour
  const old = now - (state.settings.retentionMs ?? lifetimes.ended)
  forgetRows(state, { _tag: "Forget", table: "reservations", before: old }, report)
  forgetRows(state, { _tag: "Forget", table: "spend", before: old }, report)
  forgetRows(state, { _tag: "Forget", table: "audits", before: old }, report)
  forgetRows(state, { _tag: "Forget", table: "documents", before: old }, report)
  for (const operation of Operation.literals) {
    forgetRows(state, { _tag: "Forget", table: "records", operation, before: now }, report)
  }
}

/** Brings the state to `now`, before any command. */
export const advance = (state: State, now: number, report: Report): void => {
  const first = state.deadlines[0]
  if (first !== undefined && deadlineOf(first) < now) sweep(state, now, report)
  if (now >= state.nextForget) forget(state, now, report)
}
