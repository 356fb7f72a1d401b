/**
 * Time passes: holds whose grace is over return to their budgets.
 */
import * as Either from "effect/Either"
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import type { Budget } from "../Budget.js"
import { budgetsAt, putBudgets, putReservation, type Reservation, type State } from "../State.js"
import { prune } from "./replay.js"

/** The budgets of a reservation without its hold. */
export const withoutHold = (state: State, row: Reservation): ReadonlyArray<Budget> =>
  budgetsAt(state, row.budgetedScopes, row.estimate.unit).map((budget) => ({
    ...budget,
    reserved: budget.reserved - row.estimate.amount
  }))

const expire = (state: State, row: Reservation, now: number): State => {
  // Giving back a hold only makes figures smaller.
  const freed = Either.getOrElse(putBudgets(state, withoutHold(state, row)), () => state)
  return putReservation(freed, { ...row, status: "EXPIRED", endedAt: Option.some(now) })
}

const sweep = (state: State, now: number): State => {
  if (now <= state.nextExpiry) return state
  let next: State = state
  let nextExpiry = Infinity
  for (const [id, deadline] of state.active) {
    if (deadline >= now) nextExpiry = Math.min(nextExpiry, deadline)
    else next = expire(next, HashMap.unsafeGet(state.reservations, id), now)
  }
  return { ...next, nextExpiry }
}

/** The state as it is at `now`, before any command. */
export const advance = (state: State, now: number): State => prune(sweep(state, now), now)
