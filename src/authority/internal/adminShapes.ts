/**
 * What the administrator's plane takes and gives: snake_case, instants as ISO 8601 text.
 */
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { Amount, Unit } from "../../protocol/Amount.js"
import { Count, optional, query, required, text, UnsignedInt64 } from "../../protocol/internal/wire.js"
import { sanitize } from "../../protocol/InvalidInput.js"
import { JsonObject } from "../../protocol/Json.js"
import { OveragePolicy } from "../../protocol/Reservation.js"
import type { MadeKey } from "../Authority.js"
import { amountOf, type Budget, BudgetStatus, type Figures, remaining } from "../Budget.js"
import type { FundOperation } from "../Command.js"
import { isPermission } from "../Principal.js"
import type { ApiKey, ReceiptOf, Tenant } from "../Rows.js"

const Metadata = JsonObject.pipe(
  Schema.filter((map) => Object.keys(map).length <= 32 || "must have at most 32 entries")
)
const Ttl = Count.pipe(Schema.between(1000, 86_400_000))
const Instant = Schema.String.pipe(
  Schema.filter((at) => Option.isSome(DateTime.make(at)) || "must be an ISO 8601 instant")
)

/** The epoch ms of an instant that was decoded. */
export const millisOf = (instant: string): number => DateTime.toEpochMillis(DateTime.unsafeMake(instant))

const ExpiryPolicy = Schema.Literal("AUTO_RELEASE", "MANUAL_CLEANUP", "GRACE_ONLY")

const defaults = {
  defaultOveragePolicy: optional("default_commit_overage_policy", OveragePolicy),
  defaultTtlMs: optional("default_reservation_ttl_ms", Ttl),
  maxTtlMs: optional("max_reservation_ttl_ms", Ttl),
  maxExtensions: optional("max_reservation_extensions", Count),
  expiryPolicy: optional("reservation_expiry_policy", ExpiryPolicy),
  metadata: optional("metadata", Metadata)
}

const Name = text(256).pipe(Schema.minLength(1))

export const TenantCreate = Schema.Struct({
  id: required(
    "tenant_id",
    text(64).pipe(
      Schema.minLength(3),
      Schema.filter((id) => /^[a-z0-9-]+$/.test(id) || "must contain only a to z, 0 to 9 and \"-\"")
    )
  ),
  name: required("name", Name),
  parentTenantId: optional("parent_tenant_id", Schema.String),
  ...defaults
})

export const TenantPatch = Schema.Struct({
  name: optional("name", Name),
  status: optional("status", Schema.Literal("ACTIVE", "SUSPENDED", "CLOSED")),
  ...defaults
})

const key = {
  description: optional("description", text(1024)),
  permissions: optional(
    "permissions",
    Schema.Array(Schema.String.pipe(
      Schema.filter((name) => isPermission(name) || `Unrecognized permission: ${sanitize(name, 80)}`)
    ))
  ),
  scopeFilter: optional("scope_filter", Schema.Array(Schema.String)),
  metadata: optional("metadata", Metadata)
}

export const ApiKeyCreate = Schema.Struct({
  tenant: required("tenant_id", Schema.String),
  name: required("name", Name),
  expiresAt: optional("expires_at", Instant),
  ...key
})

export const ApiKeyPatch = Schema.Struct({ name: optional("name", Name), ...key })

/** An amount with its unit or, where the budget says the unit, a bare integer. */
const Money = Schema.Union(Amount, UnsignedInt64)

/** An amount of the unit that the request names elsewhere. */
export const moneyOf = (unit: Unit, money: typeof Money.Type): Amount =>
  typeof money === "bigint" ? amountOf(unit, money) : money

const about = {
  overagePolicy: optional("commit_overage_policy", OveragePolicy),
  metadata: optional("metadata", Metadata)
}

export const BudgetCreate = Schema.Struct({
  tenant: optional("tenant_id", Schema.String),
  scope: required("scope", Schema.String),
  unit: required("unit", Unit),
  allocated: required("allocated", Money),
  overdraftLimit: optional("overdraft_limit", Money),
  rolloverPolicy: optional("rollover_policy", Schema.Literal("NONE", "CARRY_FORWARD", "CAP_AT_ALLOCATED")),
  periodStart: optional("period_start", Instant),
  periodEnd: optional("period_end", Instant),
  ...about
})

export const BudgetPatch = Schema.Struct({ overdraftLimit: optional("overdraft_limit", Money), ...about })

const operations = ["CREDIT", "DEBIT", "RESET", "RESET_SPENT", "REPAY_DEBT"] as const satisfies ReadonlyArray<
  FundOperation
>

export const FundBody = Schema.Struct({
  operation: required("operation", Schema.Literal(...operations)),
  amount: required("amount", Money),
  spent: optional("spent", Money),
  reason: optional("reason", text(512)),
  idempotencyKey: optional("idempotency_key", text(256).pipe(Schema.minLength(1))),
  metadata: optional("metadata", Metadata)
})

export const Reason = Schema.Struct({ reason: optional("reason", text(512)), metadata: optional("metadata", Metadata) })

/** Which budget: scope, unit and, from the administrator, its tenant. */
export const BudgetQuery = Schema.Struct({
  scope: Schema.String,
  unit: Unit,
  tenant: query("tenant_id", Schema.String)
})

export const TenantQuery = Schema.Struct({ tenant: query("tenant_id", Schema.String) })

const Share = Schema.NumberFromString.pipe(Schema.between(0, 1))
const Flag = Schema.BooleanFromString

export const BudgetFilter = Schema.Struct({
  tenant: query("tenant_id", Schema.String),
  scopePrefix: query("scope_prefix", Schema.String),
  unit: query("unit", Unit),
  status: query("status", BudgetStatus),
  overLimit: query("over_limit", Flag),
  hasDebt: query("has_debt", Flag),
  utilizationMin: query("utilization_min", Share),
  utilizationMax: query("utilization_max", Share),
  search: query("search", Schema.String),
  sortBy: query("sort_by", Schema.Literal("utilization", "scope", "unit", "status", "created_at")),
  sortDir: query("sort_dir", Schema.Literal("asc", "desc")),
  limit: query("limit", Schema.NumberFromString.pipe(Schema.int())),
  cursor: query("cursor", Schema.String)
})

/** @internal */
export interface BudgetFilter extends Schema.Schema.Type<typeof BudgetFilter> {}

const iso = (at: number | undefined) => at === undefined ? undefined : DateTime.formatIso(DateTime.unsafeMake(at))

export const tenantShape = (id: string, tenant: Tenant) => ({
  tenant_id: id,
  name: tenant.name ?? id,
  status: tenant.status,
  parent_tenant_id: tenant.parentTenantId,
  default_commit_overage_policy: tenant.defaultOveragePolicy ?? "ALLOW_IF_AVAILABLE",
  default_reservation_ttl_ms: tenant.defaultTtlMs ?? 60_000,
  max_reservation_ttl_ms: tenant.maxTtlMs ?? 3_600_000,
  max_reservation_extensions: tenant.maxExtensions ?? 10,
  reservation_expiry_policy: tenant.expiryPolicy ?? "AUTO_RELEASE",
  metadata: tenant.metadata,
  created_at: iso(tenant.createdAt),
  updated_at: iso(tenant.updatedAt),
  closed_at: iso(tenant.closedAt)
})

export const apiKeyShape = (key: ApiKey) => ({
  key_id: key.id,
  tenant_id: key.tenant,
  name: key.name,
  description: key.description,
  key_prefix: key.prefix,
  permissions: key.permissions,
  scope_filter: key.scopeFilter,
  status: key.status,
  created_at: iso(key.createdAt),
  expires_at: iso(key.expiresAt),
  revoked_at: iso(key.revokedAt),
  revoked_reason: key.revokedReason,
  metadata: key.metadata
})

/** The only answer that ever holds a secret. */
export const madeKeyShape = ({ key, secret }: MadeKey) => ({
  key_id: key.id,
  key_secret: Redacted.value(secret),
  key_prefix: key.prefix,
  tenant_id: key.tenant,
  permissions: key.permissions,
  created_at: iso(key.createdAt),
  expires_at: iso(key.expiresAt)
})

const money = ({ unit }: Figures) => (amount: bigint) => ({ unit, amount })

export const budgetShape = (budget: Budget) => {
  const { about, scope, unit } = budget
  const of = money(budget)
  return {
    ledger_id: about.ledgerId,
    tenant_id: /^tenant:([^/]*)/.exec(scope)?.[1],
    scope,
    unit,
    allocated: of(budget.allocated),
    remaining: of(remaining(budget)),
    reserved: of(budget.reserved),
    spent: of(budget.spent),
    debt: of(budget.debt),
    overdraft_limit: of(budget.overdraftLimit),
    is_over_limit: budget.isOverLimit,
    status: budget.status,
    commit_overage_policy: about.overagePolicy,
    rollover_policy: about.rolloverPolicy,
    period_start: about.periodStart,
    period_end: about.periodEnd,
    metadata: about.metadata,
    created_at: iso(about.createdAt),
    updated_at: iso(about.updatedAt),
    closed_at: iso(about.closedAt)
  }
}

export const fundingShape = ({ after, at, before, operation }: ReceiptOf<"Funding">) => {
  const of = money(after)
  return {
    operation,
    previous_allocated: of(before.allocated),
    new_allocated: of(after.allocated),
    previous_remaining: of(remaining(before)),
    new_remaining: of(remaining(after)),
    previous_debt: of(before.debt),
    new_debt: of(after.debt),
    previous_spent: of(before.spent),
    new_spent: of(after.spent),
    timestamp: iso(at)
  }
}
