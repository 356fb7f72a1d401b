/**
 * What the administrator does to tenants and their keys.
 */
import { moved } from "../Budget.js"
import { type CommandOf, isRefusal, type Outcomes, type Refusal, refusal } from "../Command.js"
import type { ApiKey, Tenant } from "../Rows.js"
import { type Report, type State } from "../State.js"
import { detail } from "./answer.js"
import { withoutHold } from "./expiry.js"
import { budgetsOf } from "./read.js"
import { putApiKey, putBudget, putBudgets, putReservation, putTenant } from "./write.js"

export const createTenant = (
  state: State,
  { id, tenant: draft }: CommandOf<"CreateTenant">,
  now: number,
  report: Report
): Outcomes["CreateTenant"] | Refusal => {
  const known = state.tenants.get(id)
  if (known !== undefined) {
    return known.name === draft.name
      ? { tenant: known, created: false }
      : refusal("DUPLICATE_RESOURCE", `Tenant ${id} exists under another name`)
  }
  const tenant: Tenant = { ...draft, status: "ACTIVE", createdAt: now, updatedAt: now }
  putTenant(state, id, tenant, report)
  return { tenant, created: true }
}

const unknown = (id: string) => refusal("TENANT_NOT_FOUND", `Tenant not found: ${id}`)

export const updateTenant = (
  state: State,
  { id, patch }: CommandOf<"UpdateTenant">,
  now: number,
  report: Report
): Outcomes["UpdateTenant"] | Refusal => {
  const before = state.tenants.get(id)
  if (before === undefined) return unknown(id)
  if (before.status === "CLOSED") {
    return patch.status === undefined || patch.status === "CLOSED"
      ? before
      : refusal("INVALID_REQUEST", "Cannot transition from CLOSED")
  }
  const closes = patch.status === "CLOSED"
  const tenant: Tenant = { ...before, ...patch, updatedAt: now, ...(closes ? { closedAt: now } : {}) }
  putTenant(state, id, tenant, report)
  if (closes) close(state, id, now, report)
  return tenant
}

/** Whether a scope is of a tenant. */
const isOf = (scope: string, tenant: string): boolean =>
  scope === `tenant:${tenant}` || scope.startsWith(`tenant:${tenant}/`)

/** The end of a tenant: its holds are released, its budgets closed, its keys revoked, all in one step. */
const close = (state: State, id: string, now: number, report: Report): void => {
  for (const row of Array.from(state.active.values())) {
    if (row.tenant !== id) continue
    putBudgets(state, withoutHold(state, row), now, report)
    const reservation = { ...row, status: "RELEASED", endedAt: now, reason: "TENANT_CLOSED" } as const
    putReservation(state, reservation, report)
    report.events?.push({ _tag: "Released", at: now, tenant: id, reservation: detail(reservation) })
  }
  for (const budget of budgetsOf(state)) {
    if (!isOf(budget.scope, id.toLowerCase()) || budget.status === "CLOSED") continue
    const { debt, isOverLimit, reserved, spent } = budget
    const about = { ...budget.about, updatedAt: now, closedAt: now }
    putBudget(state, { ...moved(budget, reserved, spent, debt, isOverLimit), status: "CLOSED", about }, now, report)
  }
  for (const key of state.apiKeys.values()) {
    if (key.tenant === id && key.status === "ACTIVE") putApiKey(state, revoked(key, now, "TENANT_CLOSED"), report)
  }
  report.events?.push({ _tag: "TenantClosed", at: now, tenant: id })
}

const revoked = (key: ApiKey, now: number, reason: string | undefined): ApiKey => ({
  ...key,
  status: "REVOKED",
  revokedAt: now,
  revokedReason: reason
})

/** A tenant that exists and is ACTIVE, so that it may get a key or a budget. */
export const unable = (state: State, id: string): Refusal | undefined => {
  const tenant = state.tenants.get(id)
  if (tenant === undefined) return unknown(id)
  if (tenant.status === "CLOSED") {
    return refusal("TENANT_CLOSED", `Tenant ${id} is closed; owned objects are read-only`)
  }
  return tenant.status === "ACTIVE" ? undefined : refusal("INVALID_REQUEST", `Tenant ${id} is ${tenant.status}`)
}

export const createApiKey = (
  state: State,
  { key }: CommandOf<"CreateApiKey">,
  now: number,
  report: Report
): Outcomes["CreateApiKey"] | Refusal => {
  const stop = unable(state, key.tenant)
  if (stop !== undefined) return stop
  const row: ApiKey = { ...key, status: "ACTIVE", createdAt: now }
  putApiKey(state, row, report)
  return row
}

const apiKeyAt = (state: State, id: string): ApiKey | Refusal =>
  state.apiKeys.get(id) ?? refusal("NOT_FOUND", `API key not found: ${id}`)

export const updateApiKey = (
  state: State,
  { id, patch }: CommandOf<"UpdateApiKey">,
  report: Report
): Outcomes["UpdateApiKey"] | Refusal => {
  const key = apiKeyAt(state, id)
  if (isRefusal(key)) return key
  if (key.status === "REVOKED") return refusal("KEY_REVOKED", `API key ${id} is revoked`)
  const row = { ...key, ...patch }
  putApiKey(state, row, report)
  return row
}

export const revokeApiKey = (
  state: State,
  { id, reason }: CommandOf<"RevokeApiKey">,
  now: number,
  report: Report
): Outcomes["RevokeApiKey"] | Refusal => {
  const key = apiKeyAt(state, id)
  if (isRefusal(key)) return key
  if (key.status === "REVOKED") return refusal("KEY_REVOKED", `API key ${id} is already revoked`)
  const row = revoked(key, now, reason)
  putApiKey(state, row, report)
  return row
}

export const tenants = (state: State): Outcomes["Tenants"] =>
  Array.from(state.tenants, ([id, tenant]) => ({ id, tenant }))

export const apiKeys = (state: State, { tenant }: CommandOf<"ApiKeys">): Outcomes["ApiKeys"] =>
  Array.from(state.apiKeys.values()).filter((key) => tenant === undefined || key.tenant === tenant)
