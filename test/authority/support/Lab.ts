import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpServer from "@effect/platform/HttpServer"
import { assert } from "@effect/vitest"
import * as Admin from "effect-cycles/authority/Admin"
import * as App from "effect-cycles/authority/App"
import {
  Authority,
  type BudgetOptions,
  make,
  type Options as AuthorityOptions,
  type Service
} from "effect-cycles/authority/Authority"
import * as InProcess from "effect-cycles/authority/InProcess"
import { Amount } from "effect-cycles/protocol/Amount"
import * as Json from "effect-cycles/protocol/Json"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type { YieldWrap } from "effect/Utils"
import { atClock, makeClock } from "./clock.js"
import { type Fields, type Reply, rows, send, type Sent } from "./http.js"

/** The instant at which every scenario begins. */
export const T0 = 1_700_000_000_000

export const A = "tenant:tenant-a"
export const Q = "tenant:tenant-a/agent:x"
export const child = { tenant: "tenant-a", agent: "x" }

type Answer = Effect.Effect<Reply, HttpClientError.HttpClientError>

export interface Options {
  /** The idempotency key; a fresh one when absent. */
  readonly k?: string
  readonly unit?: string
  readonly policy?: string
  /** Who calls: KA when absent. */
  readonly as?: "KA" | "KB" | "ADM"
  readonly headers?: Readonly<Record<string, string>>
  /** Members of the body that are added or, when `undefined`, removed. */
  readonly body?: Fields
}

export interface ReserveOptions extends Options {
  readonly ttl?: number
  readonly grace?: number
  readonly dry?: boolean
  readonly subject?: Fields
}

/** A fresh authority with the fixture, and short words for its operations. */
export interface Lab {
  readonly authority: Service
  readonly send: (sent: Sent) => Answer
  /** A call of the administrator's plane, by its key unless other headers are given. */
  readonly admin: (method: Sent["method"], path: string, body?: Fields, headers?: Sent["headers"]) => Answer
  readonly post: (path: string, body: Fields, options?: Options) => Answer
  readonly get: (path: string, options?: Options) => Answer
  readonly R: (amount: number | bigint, options?: ReserveOptions) => Answer
  readonly D: (amount: number | bigint, options?: ReserveOptions) => Answer
  readonly V: (amount: number | bigint, options?: ReserveOptions) => Answer
  readonly C: (reservation: Reply | string, amount: number | bigint, options?: Options) => Answer
  readonly X: (reservation: Reply | string, options?: Options) => Answer
  readonly E: (reservation: Reply | string, extendBy: number, options?: Options) => Answer
  readonly read: (reservation: Reply | string, options?: Options) => Answer
  readonly list: (query?: string, options?: Options) => Answer
  readonly balances: (query: string, options?: Options) => Answer
  /** Moves the clock to T0 + `ms`. */
  readonly clock: (ms: number) => Effect.Effect<void>
  /** Puts a budget in TOKENS; the limit is 0 when absent. */
  readonly budget: (
    scope: string,
    allocated: number,
    rest?: Omit<BudgetOptions, "scope" | "allocated" | "overdraftLimit"> & { readonly limit?: number }
  ) => Effect.Effect<unknown, unknown>
  /** `remaining/reserved/spent/debt`, and `!` when the budget is over its limit. */
  readonly figures: (scope: string) => Effect.Effect<string, HttpClientError.HttpClientError>
}

const keys = { KA: "key-of-tenant-a", KB: "key-of-tenant-b", ADM: "key-of-the-admin" } as const

export const credentials = (as: keyof typeof keys): Readonly<Record<string, string>> =>
  as === "ADM" ? { "x-admin-api-key": keys.ADM } : { "x-cycles-api-key": keys[as] }

const idOf = (reservation: Reply | string): string =>
  typeof reservation === "string" ? reservation : String(reservation.json["reservation_id"])

const makeAuthority = (options: AuthorityOptions) =>
  make({
    ...options,
    budgets: [
      { scope: A, allocated: Amount.tokens(1_000_000), overdraftLimit: Amount.tokens(100_000) },
      { scope: "tenant:tenant-b", allocated: Amount.tokens(500_000), overdraftLimit: Amount.tokens(50_000) }
    ],
    keys: [{ key: Redacted.make(keys.KA), tenant: "tenant-a" }, { key: Redacted.make(keys.KB), tenant: "tenant-b" }],
    adminKey: Redacted.make(keys.ADM)
  })

const operations = (client: HttpClient.HttpClient) => {
  const post: Lab["post"] = (path, body, { as = "KA", body: more, headers, k, policy: __, unit: _ } = {}) =>
    send(client, {
      method: "POST",
      path,
      headers: { ...credentials(as), ...headers },
      text: Either.getOrThrow(
        Json.stringify({ idempotency_key: k ?? globalThis.crypto.randomUUID(), ...body, ...more })
      )
    })
  const get: Lab["get"] = (path, { as = "KA", headers } = {}) =>
    send(client, { method: "GET", path, headers: { ...credentials(as), ...headers } })
  const what = ({ subject }: ReserveOptions) => ({
    subject: subject ?? { tenant: "tenant-a" },
    action: { kind: "llm.completion", name: "test-model" }
  })
  const amount = (n: number | bigint, { unit = "TOKENS" }: Options) => ({ unit, amount: n })
  const at = (reservation: Reply | string) => `/v1/reservations/${encodeURIComponent(idOf(reservation))}`
  const operations: Omit<Lab, "authority" | "admin" | "clock" | "budget" | "figures"> = {
    send: (sent) => send(client, sent),
    post,
    get,
    R: (n, options = {}) =>
      post("/v1/reservations", {
        ...what(options),
        estimate: amount(n, options),
        ttl_ms: options.ttl ?? 60_000,
        grace_period_ms: options.grace,
        overage_policy: options.policy ?? "REJECT",
        dry_run: options.dry
      }, options),
    D: (n, options = {}) => post("/v1/decide", { ...what(options), estimate: amount(n, options) }, options),
    V: (n, options = {}) =>
      post("/v1/events", { ...what(options), actual: amount(n, options), overage_policy: options.policy }, options),
    C: (reservation, n, options = {}) => post(`${at(reservation)}/commit`, { actual: amount(n, options) }, options),
    X: (reservation, options) => post(`${at(reservation)}/release`, {}, options),
    E: (reservation, extendBy, options) => post(`${at(reservation)}/extend`, { extend_by_ms: extendBy }, options),
    read: (reservation, options) => get(at(reservation), options),
    list: (query = "", options) => get(`/v1/reservations?${query}`, options),
    balances: (query, options) => get(`/v1/balances?${query}`, options)
  }
  return operations
}

const numberAt = (row: Fields, key: string): unknown => (row[key] as Fields | undefined)?.["amount"] ?? 0

const figuresOf = (row: Fields): string =>
  `${["remaining", "reserved", "spent", "debt"].map((key) => String(numberAt(row, key))).join("/")}${
    row["is_over_limit"] === true ? "!" : ""
  }`

/** The remaining amount that the other figures imply. */
const impliedBy = (row: Fields): bigint => {
  const [allocated = 0n, ...used] = ["allocated", "spent", "reserved", "debt"].map((key) =>
    BigInt(String(numberAt(row, key)))
  )
  return used.reduce((n, figure) => n - figure, allocated)
}

const clientOf = (backend: Plane, authority: Service) =>
  Effect.flatMap(
    Layer.build(Layer.provide(backend, Layer.succeed(Authority, authority))),
    (context) => Effect.provide(HttpClient.HttpClient, context)
  )

/** An authority with a clock, and its words over a backend. `options` are beside the fixture. */
export const makeLab = (backend: Backend, options: AuthorityOptions = {}) =>
  Effect.gen(function*() {
    const { clock, set } = makeClock(T0)
    const authority = atClock(yield* makeAuthority(options), clock)
    const words = operations(yield* clientOf(backend.runtime, authority))
    const administrator = yield* clientOf(backend.admin, authority)
    const lab: Lab = {
      ...words,
      authority,
      admin: (method, path, body, headers = credentials("ADM")) =>
        send(administrator, {
          method,
          path,
          headers,
          ...(body === undefined ? {} : { text: Either.getOrThrow(Json.stringify(body)) })
        }),
      clock: (ms) => set(T0 + ms),
      budget: (scope, allocated, { limit = 0, ...rest } = {}) =>
        authority.putBudget({
          scope,
          allocated: Amount.tokens(allocated),
          overdraftLimit: Amount.tokens(limit),
          ...rest
        }),
      figures: (scope) =>
        Effect.map(words.balances("tenant=tenant-a&limit=200"), (reply) => {
          const row = rows(reply, "balances").find((row) =>
            row["scope_path"] === scope && (row["remaining"] as Fields)["unit"] === "TOKENS"
          )
          if (row === undefined) return "none"
          assert.strictEqual(String(numberAt(row, "remaining")), impliedBy(row).toString())
          return figuresOf(row)
        })
    }
    return lab
  })

type Plane = Layer.Layer<HttpClient.HttpClient, unknown, Authority>

/** The two planes of an authority over one wire. */
export interface Backend {
  readonly runtime: Plane
  readonly admin: Plane
}

const named = (plane: Layer.Layer<HttpClient.HttpClient, never, Authority>): Plane =>
  Layer.effect(
    HttpClient.HttpClient,
    Effect.map(HttpClient.HttpClient, HttpClient.mapRequest(HttpClientRequest.prependUrl("http://authority")))
  ).pipe(Layer.provide(plane))

const served = (app: typeof App.httpApp): Plane =>
  Layer.fresh(Layer.provideMerge(HttpServer.serve(app), NodeHttpServer.layerTest))

/** The same wire, twice: on the caller's own fiber, and through a socket. */
export const backends: ReadonlyArray<readonly [string, Backend]> = [
  ["in process", { runtime: named(InProcess.layer), admin: named(InProcess.layerAdmin) }],
  ["socket", { runtime: served(App.httpApp), admin: served(Admin.httpApp) }]
]

/** One row of the table. `balance` is what the budgets show afterwards, `options` those of the authority beside the fixture. */
export interface Scenario {
  readonly name: string
  readonly options?: AuthorityOptions
  readonly balance?: Readonly<Record<string, string>>
  readonly run: (lab: Lab) => Effect.Effect<unknown, unknown>
}

/** A row: its number and words, its steps, and the figures of A (or of several scopes) afterwards. */
export const scenario = (
  name: string,
  steps: (lab: Lab) => Generator<YieldWrap<Effect.Effect<unknown, unknown>>, unknown, never>,
  balance?: string | Readonly<Record<string, string>>,
  options: AuthorityOptions = {}
): Scenario => ({
  name,
  options,
  run: (lab) => Effect.gen(() => steps(lab)),
  ...(balance === undefined ? {} : { balance: typeof balance === "string" ? { [A]: balance } : balance })
})
