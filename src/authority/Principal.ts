/**
 * Who may do what: tenants by their keys.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { type Refusal, refusal } from "./Command.js"
import { type makeVerifier, prefixOf } from "./internal/secrets.js"
import type { State } from "./State.js"

/**
 * The permissions that a key can have. They are stored; whether they are also enforced is an option of the authority. `admin:write`
 * stands for every permission to write, `admin:read` for every permission to read.
 *
 * @since 0.1.0
 * @category models
 */
export const permissions = [
  "reservations:create",
  "reservations:commit",
  "reservations:release",
  "reservations:extend",
  "reservations:list",
  "balances:read",
  "decide",
  "events:create",
  "events:read",
  "budgets:read",
  "budgets:write",
  "policies:read",
  "policies:write",
  "webhooks:read",
  "webhooks:write",
  "admin:read",
  "admin:write"
] as const

/**
 * What a key may be allowed to do.
 *
 * @since 0.1.0
 * @category models
 */
export type Permission = typeof permissions[number]

/** Whether a name is that of a permission. */
export const isPermission = (name: string): boolean => permissions.some((permission) => permission === name)

/**
 * What a key gets when nobody says which permissions: those of an agent.
 *
 * @since 0.1.0
 * @category models
 */
export const agentPermissions: ReadonlyArray<Permission> = permissions.slice(0, 6)

/**
 * The holder of a valid key. `may` says whether one of some permissions is granted.
 *
 * @since 0.1.0
 * @category models
 */
export interface Principal {
  readonly tenant: string
  readonly scopeFilter: ReadonlyArray<string> | undefined
  readonly may: (...anyOf: ReadonlyArray<Permission>) => boolean
}

const unauthorized = (reason: string): Refusal => refusal("UNAUTHORIZED", reason)

const grants = (granted: ReadonlyArray<string>) => (...anyOf: ReadonlyArray<Permission>): boolean =>
  anyOf.some((permission) =>
    granted.includes(permission) || (permission.endsWith(":read") && granted.includes("admin:read")) ||
    (permission.endsWith(":write") && granted.includes("admin:write"))
  )

/**
 * The holder of a key: one of `fixed` (which may everything), else one that the ledger keeps. Refuses in this order: KEY_NOT_FOUND,
 * KEY_REVOKED, KEY_EXPIRED, INVALID_KEY, TENANT_SUSPENDED or TENANT_CLOSED.
 */
export const identify = (
  state: State,
  fixed: ReadonlyMap<string, string>,
  verifier: ReturnType<typeof makeVerifier>,
  enforced: boolean
): (secret: string) => Effect.Effect<Principal, Refusal> =>
  Effect.fnUntraced(function*(secret) {
    const own = fixed.get(secret)
    if (own !== undefined) return yield* ofTenant(state, { tenant: own, scopeFilter: undefined, may: () => true })
    const now = yield* Clock.currentTimeMillis
    const prefix = prefixOf(secret)
    const rows = Array.from(state.apiKeys.values()).filter((row) => row.prefix === prefix)
    const live = rows.filter(({ expiresAt, status }) => status === "ACTIVE" && now <= expiresAt)
    if (live.length === 0) return yield* Effect.fail(unauthorized(whyNone(rows)))
    const row = yield* verifier.find(secret, live)
    if (row === undefined) return yield* Effect.fail(unauthorized("INVALID_KEY"))
    const { scopeFilter, tenant } = row
    return yield* ofTenant(state, { tenant, scopeFilter, may: enforced ? grants(row.permissions) : () => true })
  })

const whyNone = (rows: ReadonlyArray<{ readonly status: string }>): string =>
  rows.length === 0 ? "KEY_NOT_FOUND" : rows.every(({ status }) => status === "REVOKED") ? "KEY_REVOKED" : "KEY_EXPIRED"

const ofTenant = (state: State, principal: Principal): Effect.Effect<Principal, Refusal> => {
  const status = state.tenants.get(principal.tenant)?.status
  return status === "SUSPENDED" || status === "CLOSED"
    ? Effect.fail(unauthorized(`TENANT_${status}`))
    : Effect.succeed(principal)
}
