/**
 * What an operator does to budgets and tenants.
 */
import * as Either from "effect/Either"
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import type { Unit } from "../../protocol/Amount.js"
import type { Budget } from "../Budget.js"
import { type CommandOf, type Refusal, refuse } from "../Command.js"
import { budgetAt, dropBudget, type Outcome, putBudgets, type State, type Tenant } from "../State.js"
import { blocked } from "./rules.js"

/** What is reserved is never set: it is what ACTIVE reservations hold on the budget. */
const heldOn = (state: State, scope: string, unit: Unit): bigint => {
  let held = 0n
  for (const id of HashMap.keys(state.active)) {
    const { budgetedScopes, estimate } = HashMap.unsafeGet(state.reservations, id)
    if (estimate.unit === unit && budgetedScopes.includes(scope)) held += estimate.amount
  }
  return held
}

const write = (state: State, budget: Budget): Outcome<Budget> =>
  Either.map(putBudgets(state, [budget]), (next) => [next, budget] as const)

export const putBudget = (state: State, { budget }: CommandOf<"PutBudget">): Outcome<Budget> =>
  write(state, { ...budget, reserved: heldOn(state, budget.scope, budget.unit) })

const existing = (state: State, scope: string, unit: Unit): Either.Either<Budget, Refusal> =>
  Option.match(budgetAt(state, scope, unit), {
    onNone: () => refuse("NOT_FOUND", `Budget not found for provided scope: ${scope}`),
    onSome: (budget) => Either.right(budget)
  })

export const removeBudget = (state: State, { scope, unit }: CommandOf<"RemoveBudget">): Outcome<Budget> =>
  Either.map(existing(state, scope, unit), (budget) => [dropBudget(state, scope, unit), budget] as const)

/** New funds do not pay debt; whether the budget is over its limit is asked anew. */
export const credit = (state: State, { amount, scope }: CommandOf<"Credit">): Outcome<Budget> =>
  Either.flatMap(existing(state, scope, amount.unit), (budget) => {
    const stop = blocked(budget)
    return stop !== undefined ? Either.left(stop) : write(state, {
      ...budget,
      allocated: budget.allocated + amount.amount,
      isOverLimit: budget.debt > budget.overdraftLimit
    })
  })

export const setStatus = (state: State, { scope, status, unit }: CommandOf<"SetStatus">): Outcome<Budget> =>
  Either.flatMap(existing(state, scope, unit), (budget) => write(state, { ...budget, status }))

/** New reservations get these caps; those that are held keep theirs. */
export const setCaps = (state: State, { caps, scope, unit }: CommandOf<"SetCaps">): Outcome<Budget> =>
  Either.flatMap(existing(state, scope, unit), (budget) => write(state, { ...budget, caps }))

export const putTenant = (state: State, { id, tenant }: CommandOf<"PutTenant">): Outcome<Tenant> =>
  Either.right([{ ...state, tenants: HashMap.set(state.tenants, id, tenant) }, tenant])
