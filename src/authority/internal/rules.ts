/**
 * The checks that several commands share: each gives what it found, or the refusal.
 */
import type { Action } from "../../protocol/Action.js"
import { Unit } from "../../protocol/Amount.js"
import { InvalidInput, invalidInput } from "../../protocol/InvalidInput.js"
import { OveragePolicy } from "../../protocol/Reservation.js"
import type { Subject } from "../../protocol/Subject.js"
import type { Budget } from "../Budget.js"
import { type Refusal, refusal, refusalOf } from "../Command.js"
import type { Reservation } from "../Rows.js"
import * as Scopes from "../Scopes.js"
import { budgetAt, type State } from "../State.js"
import * as Generations from "./generations.js"

const actionProblem = ({ kind, name }: Action): InvalidInput | undefined =>
  kind.trim() === ""
    ? invalidInput("action.kind", "must not be blank", kind)
    : name.trim() === ""
    ? invalidInput("action.name", "must not be blank", name)
    : undefined

/** The scopes of a well-formed subject of the caller's own tenant, for an action with names. */
export const scopesOf = (
  state: State,
  tenant: string,
  { action, subject }: { readonly subject: Subject; readonly action: Action }
): ReadonlyArray<string> | Refusal => {
  const scopes = Scopes.scopesOf(state.paths, subject)
  const problem = scopes instanceof InvalidInput ? scopes : actionProblem(action)
  if (problem !== undefined) return refusal("INVALID_REQUEST", problem.message)
  return otherTenant(tenant, subject.tenant) ?? scopes as ReadonlyArray<string>
}

/** A tenant that is named must be that of the key, letter for letter. */
export const otherTenant = (tenant: string, named: string | undefined): Refusal | undefined =>
  named === undefined || named === tenant
    ? undefined
    : refusal("FORBIDDEN", `The tenant of the request is not the tenant of the key: ${tenant}`)

/** What a closed tenant owns is read-only. A record with an unknown status stops everything. */
export const guard = (state: State, tenant: string): Refusal | undefined => {
  switch (state.tenants.get(tenant)?.status) {
    case undefined:
    case "ACTIVE":
    case "SUSPENDED":
      return undefined
    case "CLOSED":
      return refusal("TENANT_CLOSED", `Tenant ${tenant} is closed; owned objects are read-only`)
    default:
      return refusal("INTERNAL_ERROR", `Malformed tenant record: tenant:${tenant}`)
  }
}

/** The policy of the request, else of the tenant, else ALLOW_IF_AVAILABLE. */
export const policyOf = (
  state: State,
  tenant: string,
  requested: OveragePolicy | undefined
): OveragePolicy | Refusal => {
  if (requested !== undefined) return requested
  const policy = state.tenants.get(tenant)?.defaultOveragePolicy ?? "ALLOW_IF_AVAILABLE"
  return OveragePolicy.literals.find((literal) => literal === policy) ??
    refusal("INVALID_REQUEST", `Invalid tenant default_commit_overage_policy: ${policy}`)
}

/** A budget that takes no new spend. */
export const blocked = (budget: Budget): Refusal | undefined => {
  switch (budget.status) {
    case "ACTIVE":
      return undefined
    case "FROZEN":
      return refusalOf(budget, "BUDGET_FROZEN", `Budget is frozen for scope: ${budget.scope}`)
    case "CLOSED":
      return refusalOf(budget, "BUDGET_CLOSED", `Budget is closed for scope: ${budget.scope}`)
  }
}

/** Why a path has no budget in a unit: another unit at the widest scope that has any, else nothing at all. */
export const unbudgeted = (state: State, scopes: ReadonlyArray<string>, unit: Unit): Refusal => {
  for (const scope of scopes) {
    const units = Unit.literals.filter((other) => budgetAt(state, scope, other) !== undefined)
    if (units.length === 0) continue
    return refusal(
      "UNIT_MISMATCH",
      `Budget at scope '${scope}' exists but in a different unit (requested: ${unit}, expected: [${units.join(", ")}])`,
      { scope, requested_unit: unit, expected_units: units }
    )
  }
  return refusal("NOT_FOUND", `Budget not found for provided scope: ${scopes[scopes.length - 1]}`)
}

/** A reservation by its id, whatever became of it. */
export const reservationAt = ({ active, ended }: State, id: string): Reservation | undefined =>
  active.get(id) ?? Generations.get(ended, id)

/** A reservation that exists and that the caller may see. */
export const find = (state: State, id: string, tenant: string | undefined): Reservation | Refusal => {
  const row = reservationAt(state, id)
  if (row === undefined) return refusal("NOT_FOUND", `Reservation not found: ${id}`)
  return tenant === undefined || row.tenant === tenant
    ? row
    : refusal("FORBIDDEN", `Reservation ${id} belongs to another tenant`)
}

/** Only an ACTIVE reservation of a tenant that is not closed changes. */
export const inactive = (state: State, row: Reservation): Refusal | undefined => {
  const closed = guard(state, row.tenant)
  if (closed !== undefined) return closed
  switch (row.status) {
    case "ACTIVE":
      return undefined
    case "EXPIRED":
      return expired(row)
    default:
      return refusal("RESERVATION_FINALIZED", `Reservation ${row.id} is already ${row.status}`)
  }
}

export const expired = (row: Reservation): Refusal =>
  refusal("RESERVATION_EXPIRED", `Reservation ${row.id} has expired`)
