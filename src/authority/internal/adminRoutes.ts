/**
 * The routes of the administrator's plane: who may, what is read, what is done.
 */
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type { Service } from "../Authority.js"
import { type Administrator, type Refusal, refusal } from "../Command.js"
import type { Permission } from "../Principal.js"
import * as Shapes from "./adminShapes.js"
import { budgetPage } from "./budgetList.js"
import { freshId } from "./correlation.js"
import { decoder } from "./input.js"

/** What a handler gets: who asks, the decoded parts, the parameter of the path. */
interface Asked<Q, B> {
  readonly by: Administrator
  readonly id: string
  readonly query: Q
  readonly body: B
}

/** A status and a body; members that are `undefined` are left out. */
export interface Answered {
  readonly status: number
  readonly body: object
}

export interface AdminRoute {
  readonly method: string
  /** `*` stands for the id. */
  readonly path: string
  /** What a key of a tenant needs; without it, only the administrator is let in. */
  readonly permission: Permission | undefined
  readonly query: ReturnType<typeof decoder> | undefined
  readonly body: ReturnType<typeof decoder> | undefined
  /** Whether a request without a body is one with an empty object. */
  readonly bodyOptional: boolean
  readonly run: (authority: Service, asked: Asked<unknown, unknown>) => Effect.Effect<Answered, Refusal>
}

const route = <Q = unknown, QI = unknown, B = unknown, BI = unknown>(
  method: string,
  path: string,
  options: {
    readonly permission?: Permission
    readonly query?: Schema.Schema<Q, QI>
    readonly body?: Schema.Schema<B, BI>
    readonly bodyOptional?: boolean
  },
  run: (authority: Service, asked: Asked<Q, B>) => Effect.Effect<Answered, Refusal>
): AdminRoute => ({
  method,
  path,
  permission: options.permission,
  query: options.query === undefined ? undefined : decoder(options.query as never, "ignore"),
  body: options.body === undefined ? undefined : decoder(options.body as never, "error"),
  bodyOptional: options.bodyOptional ?? false,
  // The decoders gave what the handler takes, which the table cannot say.
  run: run as never
})

const ok = (body: object): Answered => ({ status: 200, body })
const made = (body: object): Answered => ({ status: 201, body })

/** A patch without the members that were not sent. */
const given = <A extends object>(patch: A): { readonly [K in keyof A]?: Exclude<A[K], undefined> } =>
  Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined)) as never

const tenants = [
  route(
    "POST",
    "/v1/admin/tenants",
    { body: Shapes.TenantCreate },
    ({ run }, { body: { id, ...tenant } }) =>
      Effect.map(
        run({ _tag: "CreateTenant", id, tenant }),
        ({ created, tenant }) => ({ status: created ? 201 : 200, body: Shapes.tenantShape(id, tenant) })
      )
  ),
  route(
    "GET",
    "/v1/admin/tenants",
    {},
    ({ run }) =>
      Effect.map(
        run({ _tag: "Tenants" }),
        (rows) => ok({ tenants: rows.map(({ id, tenant }) => Shapes.tenantShape(id, tenant)), has_more: false })
      )
  ),
  route("GET", "/v1/admin/tenants/*", {}, ({ run }, { id }) =>
    Effect.flatMap(run({ _tag: "Tenants" }), (rows) => {
      const row = rows.find((row) => row.id === id)
      return row === undefined
        ? Effect.fail(refusal("TENANT_NOT_FOUND", `Tenant not found: ${id}`))
        : Effect.succeed(ok(Shapes.tenantShape(id, row.tenant)))
    })),
  route(
    "PATCH",
    "/v1/admin/tenants/*",
    { body: Shapes.TenantPatch },
    ({ run }, { body, id }) =>
      Effect.map(run({ _tag: "UpdateTenant", id, patch: given(body) }), (tenant) => ok(Shapes.tenantShape(id, tenant)))
  )
]

const keys = [
  route(
    "POST",
    "/v1/admin/api-keys",
    { body: Shapes.ApiKeyCreate },
    ({ createApiKey }, { body: { expiresAt, ...key } }) =>
      Effect.map(
        createApiKey({ ...key, expiresAt: expiresAt === undefined ? undefined : Shapes.millisOf(expiresAt) }),
        (key) => made(Shapes.madeKeyShape(key))
      )
  ),
  route(
    "GET",
    "/v1/admin/api-keys",
    { query: Shapes.TenantQuery },
    ({ run }, { query: { tenant } }) =>
      Effect.map(
        run({ _tag: "ApiKeys", tenant }),
        (keys) => ok({ keys: keys.map(Shapes.apiKeyShape), has_more: false })
      )
  ),
  route(
    "PATCH",
    "/v1/admin/api-keys/*",
    { body: Shapes.ApiKeyPatch },
    ({ run }, { body, id }) =>
      Effect.map(run({ _tag: "UpdateApiKey", id, patch: given(body) }), (key) => ok(Shapes.apiKeyShape(key)))
  ),
  route(
    "DELETE",
    "/v1/admin/api-keys/*",
    {},
    ({ run }, { id }) => Effect.map(run({ _tag: "RevokeApiKey", id }), (key) => ok(Shapes.apiKeyShape(key)))
  )
]

const write = { permission: "budgets:write" } as const
const read = { permission: "budgets:read" } as const

const budgets = [
  route("POST", "/v1/admin/budgets", { ...write, body: Shapes.BudgetCreate }, ({ run }, { body, by }) => {
    const { allocated, overdraftLimit, scope, tenant, unit, ...about } = body
    return Effect.map(
      run({
        _tag: "CreateBudget",
        id: freshId(),
        by,
        tenant,
        scope,
        unit,
        allocated: Shapes.moneyOf(unit, allocated),
        overdraftLimit: overdraftLimit === undefined ? undefined : Shapes.moneyOf(unit, overdraftLimit),
        about
      }),
      (budget) => made(Shapes.budgetShape(budget))
    )
  }),
  route(
    "GET",
    "/v1/admin/budgets",
    { ...read, query: Shapes.BudgetFilter },
    ({ run }, { by, query }) =>
      Effect.flatMap(
        run({ _tag: "Budgets", by, tenant: query.tenant }),
        (budgets) => Effect.map(budgetPage(budgets, query), ok)
      )
  ),
  route(
    "GET",
    "/v1/admin/budgets/lookup",
    { ...read, query: Shapes.BudgetQuery },
    ({ run }, { by, query }) =>
      Effect.map(run({ _tag: "LookupBudget", by, ...query }), (budget) => ok(Shapes.budgetShape(budget)))
  ),
  route(
    "POST",
    "/v1/admin/budgets/fund",
    { ...write, query: Shapes.BudgetQuery, body: Shapes.FundBody },
    ({ run }, { body, by, query }) =>
      Effect.map(
        run({
          _tag: "Fund",
          by,
          ...query,
          operation: body.operation,
          amount: Shapes.moneyOf(query.unit, body.amount),
          spent: body.spent === undefined ? undefined : Shapes.moneyOf(query.unit, body.spent),
          idempotencyKey: body.idempotencyKey
        }),
        (receipt) => ok(Shapes.fundingShape(receipt))
      )
  ),
  route(
    "PATCH",
    "/v1/admin/budgets",
    { query: Shapes.BudgetQuery, body: Shapes.BudgetPatch },
    ({ run }, { body: { overdraftLimit, ...about }, by, query }) =>
      Effect.map(
        run({
          _tag: "UpdateBudget",
          by,
          ...query,
          overdraftLimit: overdraftLimit === undefined ? undefined : Shapes.moneyOf(query.unit, overdraftLimit),
          about: given(about)
        }),
        (budget) => ok(Shapes.budgetShape(budget))
      )
  ),
  ...(["FreezeBudget", "UnfreezeBudget"] as const).map((_tag) =>
    route(
      "POST",
      _tag === "FreezeBudget" ? "/v1/admin/budgets/freeze" : "/v1/admin/budgets/unfreeze",
      { query: Shapes.BudgetQuery, body: Shapes.Reason, bodyOptional: true },
      ({ run }, { by, query }) => Effect.map(run({ _tag, by, ...query }), (budget) => ok(Shapes.budgetShape(budget)))
    )
  )
]

export const adminRoutes: ReadonlyArray<AdminRoute> = [...tenants, ...keys, ...budgets]
