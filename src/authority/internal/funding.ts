/**
 * What an administrator does to budgets: create, fund, change, freeze.
 */
import * as Either from "effect/Either"
import type { Amount } from "../../protocol/Amount.js"
import { amountOf, type Budget, type BudgetAbout, remaining, view } from "../Budget.js"
import {
  type Administrator,
  type CommandOf,
  type FundOperation,
  isRefusal,
  type Outcomes,
  type Refusal,
  refusal,
  refusalOf
} from "../Command.js"
import type { ReceiptOf } from "../Rows.js"
import * as Scopes from "../Scopes.js"
import { budgetAt, lifetimes, type Report, type State } from "../State.js"
import { change } from "./operator.js"
import { budgetsOf } from "./read.js"
import { recall } from "./replay.js"
import { blocked } from "./rules.js"
import { unable } from "./tenancy.js"
import { putRecord } from "./write.js"

type BudgetCommand = CommandOf<
  "CreateBudget" | "Fund" | "UpdateBudget" | "FreezeBudget" | "UnfreezeBudget" | "LookupBudget"
>

const tenantOf = (scope: string): string => /^tenant:([^/]*)/.exec(scope)?.[1] ?? ""

/** Whether a key that is confined to some scopes reaches this one: a scope, all below it, or a pattern that ends in `*`. */
const reaches = ({ scopeFilter }: Administrator, scope: string): boolean =>
  scopeFilter === undefined || scopeFilter.length === 0 || scopeFilter.some((allowed) => {
    const stem = allowed.toLowerCase()
    return stem.endsWith("*")
      ? scope.startsWith(stem.slice(0, -1)) || scope === stem.slice(0, -2)
      : scope === stem || scope.startsWith(`${stem}/`)
  })

const mismatched = (unit: string, ...amounts: ReadonlyArray<Amount | undefined>): Refusal | undefined => {
  const bad = amounts.find((amount) => amount !== undefined && amount.unit !== unit)
  return bad === undefined
    ? undefined
    : refusal("UNIT_MISMATCH", `The budget counts ${unit}, not ${bad.unit}`)
}

const forbidden = (scope: string): Refusal => refusal("FORBIDDEN", `The API key does not reach scope: ${scope}`)

/** The tenant of a command: that of the key, which does not name it again, or the one that the administrator names. */
const named = ({ by, tenant }: BudgetCommand): string | Refusal =>
  by.tenant === undefined
    ? tenant ?? refusal("INVALID_REQUEST", "tenant_id is required with an admin key")
    : tenant === undefined
    ? by.tenant
    : refusal("INVALID_REQUEST", "tenant_id must not be sent with an API key: it is that of the key")

export const createBudget = (
  state: State,
  command: CommandOf<"CreateBudget">,
  now: number,
  report: Report
): Outcomes["CreateBudget"] | Refusal => {
  const { about, allocated, by, id, overdraftLimit, unit } = command
  const wrongUnit = mismatched(unit, allocated, overdraftLimit)
  if (wrongUnit !== undefined) return wrongUnit
  const scope = Either.getOrElse(Scopes.parse(command.scope), (problem) => refusal("INVALID_REQUEST", problem.message))
  if (isRefusal(scope)) return scope
  if (!reaches(by, scope)) return forbidden(scope)
  const tenant = named(command)
  if (isRefusal(tenant)) return tenant
  if (tenantOf(scope) !== tenant.toLowerCase()) {
    return refusal("INVALID_REQUEST", `The scope ${scope} is not of tenant ${tenant}`)
  }
  const stop = unable(state, tenant)
  if (stop !== undefined) return stop
  if (budgetAt(state, scope, unit) !== undefined) {
    return refusal("DUPLICATE_RESOURCE", `A budget exists for scope ${scope} in ${unit}`)
  }
  return change(
    state,
    {
      scope,
      unit,
      allocated: allocated.amount,
      reserved: 0n,
      spent: 0n,
      debt: 0n,
      overdraftLimit: overdraftLimit?.amount ?? 0n,
      isOverLimit: false,
      status: "ACTIVE",
      caps: undefined,
      about: { ...about, ledgerId: id, createdAt: now, updatedAt: now }
    },
    now,
    report
  )
}

/** The budget of a command, which the caller may see. */
const find = (state: State, { by, scope, tenant, unit }: BudgetCommand): Budget | Refusal => {
  const budget = budgetAt(state, scope.toLowerCase(), unit)
  if (budget === undefined) return refusal("BUDGET_NOT_FOUND", `Budget not found for scope ${scope} in ${unit}`)
  const owner = by.tenant ?? tenant
  return owner === undefined || tenantOf(budget.scope) === owner.toLowerCase()
    ? budget
    : refusal("FORBIDDEN", `The budget of scope ${scope} belongs to another tenant`)
}

export const lookupBudget = (state: State, command: CommandOf<"LookupBudget">): Outcomes["LookupBudget"] | Refusal =>
  reaches(command.by, command.scope.toLowerCase()) ? find(state, command) : forbidden(command.scope)

const funded = (
  budget: Budget,
  operation: FundOperation,
  amount: bigint,
  spent: bigint | undefined
): Budget | Refusal => {
  switch (operation) {
    case "CREDIT":
      return { ...budget, allocated: budget.allocated + amount }
    case "DEBIT":
      return remaining(budget) < amount
        ? refusalOf(budget, "BUDGET_EXCEEDED", `Less than the amount remains for scope: ${budget.scope}`)
        : { ...budget, allocated: budget.allocated - amount }
    case "RESET":
      return { ...budget, allocated: amount }
    case "RESET_SPENT":
      return { ...budget, allocated: amount, spent: spent ?? 0n }
    case "REPAY_DEBT": {
      const paid = budget.debt < amount ? budget.debt : amount
      return { ...budget, debt: budget.debt - paid, allocated: budget.allocated + amount - paid }
    }
  }
}

export const fund = (
  state: State,
  command: CommandOf<"Fund">,
  now: number,
  report: Report
): Outcomes["Fund"] | Refusal => {
  const { amount, by, idempotencyKey: key, operation, scope, spent, unit } = command
  if (!reaches(by, scope.toLowerCase())) return forbidden(scope)
  const wrong = mismatched(unit, amount, spent) ??
    (spent !== undefined && operation !== "RESET_SPENT"
      ? refusal("INVALID_REQUEST", "spent is for RESET_SPENT only")
      : undefined)
  if (wrong !== undefined) return wrong
  const tenant = named(command)
  if (isRefusal(tenant)) return tenant
  if (state.tenants.get(tenant)?.status === "CLOSED") return unable(state, tenant) as Refusal
  const owner = `${tenant} ${unit} ${scope.toLowerCase()}`
  const print = JSON.stringify([operation, amount.amount.toString(), spent?.amount.toString() ?? null])
  const known = key === undefined ? undefined : recall(state, "fund", owner, key, print, now)
  if (known !== undefined) return known as ReceiptOf<"Funding"> | Refusal
  const before = find(state, command)
  if (isRefusal(before)) return before
  const after = blocked(before) ?? funded(before, operation, amount.amount, spent?.amount)
  if (isRefusal(after)) return after
  const budget = change(
    state,
    {
      ...after,
      isOverLimit: after.debt > after.overdraftLimit,
      about: { ...after.about, updatedAt: now }
    },
    now,
    report
  )
  if (isRefusal(budget)) return budget
  const receipt: ReceiptOf<"Funding"> = { _tag: "Funding", operation, before, after: budget, at: now }
  if (key !== undefined) {
    putRecord(state, { operation: "fund", owner, key, print, until: now + lifetimes.fund, receipt }, report)
  }
  report.events?.push({
    _tag: "Funded",
    at: now,
    budget: view(budget),
    operation,
    amount: amountOf(unit, amount.amount)
  })
  return receipt
}

export const updateBudget = (
  state: State,
  command: CommandOf<"UpdateBudget">,
  now: number,
  report: Report
): Outcomes["UpdateBudget"] | Refusal => {
  const { about, overdraftLimit, unit } = command
  const wrong = mismatched(unit, overdraftLimit)
  if (wrong !== undefined) return wrong
  const budget = find(state, command)
  if (isRefusal(budget)) return budget
  if (budget.status === "CLOSED") return blocked(budget) as Refusal
  const limit = overdraftLimit?.amount ?? budget.overdraftLimit
  const merged: BudgetAbout = { ...budget.about, ...about, updatedAt: now }
  return change(
    state,
    { ...budget, overdraftLimit: limit, isOverLimit: budget.debt > limit, about: merged },
    now,
    report
  )
}

export const freezeBudget = (
  state: State,
  command: CommandOf<"FreezeBudget" | "UnfreezeBudget">,
  now: number,
  report: Report
): Outcomes["FreezeBudget"] | Refusal => {
  const budget = find(state, command)
  if (isRefusal(budget)) return budget
  if (budget.status === "CLOSED") return blocked(budget) as Refusal
  const freezes = command._tag === "FreezeBudget"
  if (freezes === (budget.status === "FROZEN")) {
    return { ...refusal("INVALID_REQUEST", `Budget is ${freezes ? "already" : "not"} frozen`), status: 409 }
  }
  const status = freezes ? "FROZEN" : "ACTIVE"
  return change(state, { ...budget, status, about: { ...budget.about, updatedAt: now } }, now, report)
}

/** The budgets of the key's tenant, of the tenant that the administrator names, or all. */
export const budgets = (state: State, { by, tenant }: CommandOf<"Budgets">): Outcomes["Budgets"] => {
  const owner = (by.tenant ?? tenant)?.toLowerCase()
  return budgetsOf(state).filter(({ scope }) =>
    (owner === undefined || tenantOf(scope) === owner) && reaches(by, scope)
  )
}
