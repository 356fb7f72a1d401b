/**
 * The checks that several commands share.
 */
import * as Either from "effect/Either"
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import type { Action } from "../../protocol/Action.js"
import { Unit } from "../../protocol/Amount.js"
import { type InvalidInput, invalidInput } from "../../protocol/InvalidInput.js"
import { OveragePolicy } from "../../protocol/Reservation.js"
import type { Subject } from "../../protocol/Subject.js"
import type { Budget } from "../Budget.js"
import { type Refusal, refusal, refuse } from "../Command.js"
import * as Scopes from "../Scopes.js"
import { budgetAt, type Reservation, type State, type Tenant } from "../State.js"

type Check = Either.Either<void, Refusal>

const fine: Check = Either.void

const actionProblem = ({ kind, name }: Action): InvalidInput | undefined =>
  kind.trim() === ""
    ? invalidInput("action.kind", "must not be blank", kind)
    : name.trim() === ""
    ? invalidInput("action.name", "must not be blank", name)
    : undefined

/** A well-formed subject of the caller's own tenant, and an action with names. */
export const checkWho = (
  tenant: string,
  { action, subject }: { readonly subject: Subject; readonly action: Action }
): Check => {
  const problem = Scopes.problemOf(subject) ?? actionProblem(action)
  return problem === undefined ? checkTenant(tenant, subject.tenant) : refuse("INVALID_REQUEST", problem.message)
}

/** A tenant that is named must be that of the key, letter for letter. */
export const checkTenant = (tenant: string, named: string | undefined): Check =>
  named === undefined || named === tenant
    ? fine
    : refuse("FORBIDDEN", `The tenant of the request is not the tenant of the key: ${tenant}`)

/** The record of a tenant. */
export const tenantOf = (state: State, tenant: string): Option.Option<Tenant> => HashMap.get(state.tenants, tenant)

/** What a closed tenant owns is read-only. A record with an unknown status stops everything. */
export const guard = (state: State, tenant: string): Check => {
  switch (Option.getOrUndefined(tenantOf(state, tenant))?.status) {
    case undefined:
    case "ACTIVE":
    case "SUSPENDED":
      return fine
    case "CLOSED":
      return refuse("TENANT_CLOSED", `Tenant ${tenant} is closed; owned objects are read-only`)
    default:
      return refuse("INTERNAL_ERROR", `Malformed tenant record: tenant:${tenant}`)
  }
}

/** The policy of the request, else of the tenant, else ALLOW_IF_AVAILABLE. */
export const policyOf = (
  state: State,
  tenant: string,
  requested: OveragePolicy | undefined
): Either.Either<OveragePolicy, Refusal> => {
  if (requested !== undefined) return Either.right(requested)
  const policy = Option.getOrUndefined(tenantOf(state, tenant))?.defaultOveragePolicy ?? "ALLOW_IF_AVAILABLE"
  const known = OveragePolicy.literals.find((literal) => literal === policy)
  return known === undefined
    ? refuse("INVALID_REQUEST", `Invalid tenant default_commit_overage_policy: ${policy}`)
    : Either.right(known)
}

/** A budget that takes no new spend. */
export const blocked = ({ scope, status }: Budget): Refusal | undefined => {
  switch (status) {
    case "ACTIVE":
      return undefined
    case "FROZEN":
      return refusal("BUDGET_FROZEN", `Budget is frozen for scope: ${scope}`)
    case "CLOSED":
      return refusal("BUDGET_CLOSED", `Budget is closed for scope: ${scope}`)
  }
}

/** Why a path has no budget in a unit: another unit at the widest scope that has any, else nothing at all. */
export const unbudgeted = (state: State, scopes: ReadonlyArray<string>, unit: Unit): Refusal => {
  for (const scope of scopes) {
    const units = Unit.literals.filter((other) => Option.isSome(budgetAt(state, scope, other)))
    if (units.length === 0) continue
    return refusal(
      "UNIT_MISMATCH",
      `Budget at scope '${scope}' exists but in a different unit (requested: ${unit}, expected: [${units.join(", ")}])`,
      { scope, requested_unit: unit, expected_units: units }
    )
  }
  return refusal("NOT_FOUND", `Budget not found for provided scope: ${scopes[scopes.length - 1]}`)
}

/** A reservation that exists and that the caller may see. */
export const find = (
  state: State,
  id: string,
  tenant: string | undefined
): Either.Either<Reservation, Refusal> => {
  const row = HashMap.get(state.reservations, id)
  if (Option.isNone(row)) return refuse("NOT_FOUND", `Reservation not found: ${id}`)
  return tenant === undefined || row.value.tenant === tenant
    ? Either.right(row.value)
    : refuse("FORBIDDEN", `Reservation ${id} belongs to another tenant`)
}

/** Only an ACTIVE reservation of a tenant that is not closed changes. */
export const checkActive = (state: State, row: Reservation): Check =>
  Either.flatMap(guard(state, row.tenant), () => {
    switch (row.status) {
      case "ACTIVE":
        return fine
      case "EXPIRED":
        return expired(row)
      default:
        return refuse("RESERVATION_FINALIZED", `Reservation ${row.id} is already ${row.status}`)
    }
  })

export const expired = (row: Reservation): Either.Either<never, Refusal> =>
  refuse("RESERVATION_EXPIRED", `Reservation ${row.id} has expired`)
