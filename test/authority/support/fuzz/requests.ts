/**
 * Requests to both planes: what a caller would send, and what nobody should.
 */
import type { Call } from "effect-cycles/authority/App"
import * as Option from "effect/Option"
import type { Dice } from "./dice.js"
import { mutated, oddTexts, type Tree, write } from "./mutate.js"

export interface Shot {
  readonly plane: "runtime" | "admin"
  readonly method: string
  readonly path: string
  readonly query: string
  readonly headers: Readonly<Record<string, string>>
  /** Nothing when it cannot be read. */
  readonly body: string | undefined
}

/** What callers have learned from answers. */
export interface Memory {
  readonly reservations: Array<string>
  readonly keys: Array<string>
  readonly secrets: Array<string>
  readonly cursors: Array<string>
  readonly envelopes: Array<string>
}

export const remember = (): Memory => ({ reservations: [], keys: [], secrets: [], cursors: [], envelopes: [] })

export const callerKeys = ["key-of-tenant-a", "key-of-tenant-b"] as const
export const adminKey = "key-of-the-admin"

const tenants = ["tenant-a", "tenant-b", "acme-corp", "small-co"]
const units = ["TOKENS", "TOKENS", "TOKENS", "USD_MICROCENTS", "CREDITS"]
const policies = ["REJECT", "ALLOW_IF_AVAILABLE", "ALLOW_WITH_OVERDRAFT"]
const agents = ["x", "X", "y", "none"]

interface Draft {
  readonly method: string
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  readonly body?: { readonly [key: string]: Tree }
}

type Maker = (dice: Dice, memory: Memory) => Draft

const maybe = <A>(dice: Dice, key: string, value: () => A): Readonly<Record<string, A>> =>
  dice.oneIn(3) ? { [key]: value() } : {}

const known = (dice: Dice, ids: ReadonlyArray<string>, otherwise: string) =>
  ids.length === 0 || dice.oneIn(12) ? otherwise : dice.pick(ids)

const money = (dice: Dice, unit = dice.pick(units)): { readonly [key: string]: Tree } => ({
  unit,
  amount: dice.oneIn(25) ? dice.pick([9_223_372_036_854_775_807n, 4_611_686_018_427_387_904n]) : dice.int(20_000)
})

const idempotency = (dice: Dice) => ({ idempotency_key: `k${dice.int(400)}` })
const action = (dice: Dice) => ({
  action: { kind: "llm.completion", name: "test-model", ...maybe(dice, "tags", () => ["a", "b"]) }
})
const metadata = (dice: Dice) => maybe(dice, "metadata", () => ({ run: dice.int(9), "ключ": ["é", null, { a: 1.5 }] }))
const subject = (dice: Dice) => ({
  subject: {
    tenant: dice.oneIn(12) ? dice.pick(tenants) : "tenant-a",
    ...maybe(dice, "agent", () => dice.pick(agents)),
    ...maybe(dice, "dimensions", () => ({ team: "t", "\u00e9": "v" }))
  }
})
const metrics = (dice: Dice) =>
  maybe(dice, "metrics", () => ({ tokens_input: dice.int(99), latency_ms: 5, custom: { a: 1.5 } }))
const policy = (dice: Dice) => maybe(dice, "overage_policy", () => dice.pick(policies))

const one: Maker = (dice, { reservations }) => ({
  method: "GET",
  path: `/v1/reservations/${known(dice, reservations, "no-such")}`
})

const reserve: Maker = (dice) => ({
  method: "POST",
  path: "/v1/reservations",
  body: {
    ...idempotency(dice),
    ...subject(dice),
    ...action(dice),
    estimate: money(dice),
    ...maybe(dice, "ttl_ms", () => 1000 + dice.int(100_000)),
    ...maybe(dice, "grace_period_ms", () => dice.int(60_001)),
    ...maybe(dice, "dry_run", () => dice.oneIn(2)),
    ...policy(dice),
    ...metadata(dice)
  }
})

const settle = (verb: string, more: (dice: Dice) => Readonly<Record<string, Tree>>): Maker => (dice, memory) => ({
  method: "POST",
  path: `${one(dice, memory).path}/${verb}`,
  body: { ...idempotency(dice), ...more(dice) }
})

const runtime: ReadonlyArray<Maker> = [
  reserve,
  reserve,
  reserve,
  settle("commit", (dice) => ({ actual: money(dice, "TOKENS"), ...metrics(dice), ...metadata(dice) })),
  settle("commit", (dice) => ({ actual: money(dice) })),
  settle("release", (dice) => maybe(dice, "reason", () => "no longer wanted")),
  settle("extend", (dice) => ({ extend_by_ms: 1 + dice.int(100_000) })),
  one,
  (dice) => ({
    method: "POST",
    path: "/v1/decide",
    body: { ...idempotency(dice), ...subject(dice), ...action(dice), estimate: money(dice), ...metadata(dice) }
  }),
  (dice) => ({
    method: "POST",
    path: "/v1/events",
    body: {
      ...idempotency(dice),
      ...subject(dice),
      ...action(dice),
      actual: money(dice),
      ...policy(dice),
      ...metrics(dice),
      ...maybe(dice, "client_time_ms", () => dice.int(2 ** 31))
    }
  }),
  (dice, { cursors }) => ({
    method: "GET",
    path: "/v1/reservations",
    query: {
      ...maybe(dice, "tenant", () => dice.pick(tenants)),
      ...maybe(dice, "agent", () => dice.pick(agents)),
      ...maybe(dice, "status", () => dice.pick(["ACTIVE", "COMMITTED", "EXPIRED", "RELEASED"])),
      ...maybe(dice, "from", () => "2023-11-14T00:00:00Z"),
      ...maybe(dice, "expires_to", () => "2030-01-01T00:00:00+02:00"),
      ...maybe(dice, "sort_by", () => dice.pick(["created_at_ms", "reservation_id", "status", "RESERVED", "tenant"])),
      ...maybe(dice, "sort_dir", () => dice.pick(["asc", "DESC"])),
      ...maybe(dice, "include", () => dice.pick(["metadata", "evidence,committed_metadata"])),
      ...maybe(dice, "limit", () => String(1 + dice.int(5))),
      ...maybe(dice, "cursor", () => known(dice, cursors, ""))
    }
  }),
  (dice, { cursors }) => ({
    method: "GET",
    path: "/v1/balances",
    query: {
      tenant: "tenant-a",
      ...maybe(dice, "agent", () => dice.pick(agents)),
      ...maybe(dice, "include_children", () => "true"),
      ...maybe(dice, "limit", () => String(1 + dice.int(3))),
      ...maybe(dice, "cursor", () => known(dice, cursors, ""))
    }
  }),
  (dice, { envelopes }) => ({ method: "GET", path: `/v1/evidence/${known(dice, envelopes, "0".repeat(64))}` }),
  () => ({ method: "GET", path: "/v1/.well-known/cycles-jwks.json" })
]

const scope = (dice: Dice, tenant: string) =>
  `tenant:${tenant}${dice.pick(["", "", "/agent:x", "/agent:y", "/app:web/agent:x"])}`

const place = (dice: Dice) => {
  const tenant = dice.pick(tenants)
  return { scope: scope(dice, tenant), unit: dice.pick(units), tenant_id: tenant }
}

const limit = (dice: Dice) => maybe<Tree>(dice, "overdraft_limit", () => dice.int(9000))

/** A key derivation is slow on purpose: keys are made seldom. */
const createKey: Maker = (dice) => ({
  method: "POST",
  path: "/v1/admin/api-keys",
  body: {
    tenant_id: dice.pick(tenants),
    name: "worker",
    ...maybe(dice, "permissions", () => ["reservations:create", "budgets:read", "budgets:write"]),
    ...maybe(dice, "scope_filter", () => ["tenant:acme-corp/*"]),
    ...maybe(dice, "expires_at", () => "2030-01-01T00:00:00Z")
  }
})

const admin: ReadonlyArray<Maker> = [
  (dice) => ({
    method: "POST",
    path: "/v1/admin/tenants",
    body: {
      tenant_id: dice.pick(tenants),
      name: dice.pick(["Acme", "Small"]),
      ...maybe(dice, "default_reservation_ttl_ms", () => 30_000),
      ...maybe(dice, "max_reservation_extensions", () => 1),
      ...metadata(dice)
    }
  }),
  () => ({ method: "GET", path: "/v1/admin/tenants" }),
  (dice) => ({ method: "GET", path: `/v1/admin/tenants/${dice.pick(tenants)}` }),
  (dice) => ({
    method: "PATCH",
    path: `/v1/admin/tenants/${dice.pick(tenants)}`,
    body: {
      ...maybe(dice, "name", () => "Renamed"),
      ...maybe(dice, "status", () => dice.pick(["ACTIVE", "ACTIVE", "ACTIVE", "SUSPENDED", "CLOSED"])),
      ...maybe(dice, "default_commit_overage_policy", () => dice.pick(policies))
    }
  }),
  (dice, memory) => dice.oneIn(20) ? createKey(dice, memory) : { method: "GET", path: "/v1/admin/api-keys" },
  (dice, { keys }) => ({
    method: "PATCH",
    path: `/v1/admin/api-keys/${known(dice, keys, "no-such")}`,
    body: { name: "renamed", ...maybe(dice, "permissions", () => ["admin:read"]) }
  }),
  (dice, { keys }) => ({ method: "DELETE", path: `/v1/admin/api-keys/${known(dice, keys, "no-such")}` }),
  (dice) => {
    const { unit, ...where } = place(dice)
    return {
      method: "POST",
      path: "/v1/admin/budgets",
      body: { ...where, unit, allocated: dice.oneIn(2) ? money(dice, unit) : dice.int(99_999), ...limit(dice) }
    }
  },
  (dice, { cursors }) => ({
    method: "GET",
    path: "/v1/admin/budgets",
    query: {
      ...maybe(dice, "tenant_id", () => dice.pick(tenants)),
      ...maybe(dice, "has_debt", () => "false"),
      ...maybe(dice, "utilization_min", () => "0.1"),
      ...maybe(dice, "sort_by", () => dice.pick(["scope", "created_at", "status"])),
      ...maybe(dice, "limit", () => String(1 + dice.int(3))),
      ...maybe(dice, "cursor", () => known(dice, cursors, ""))
    }
  }),
  (dice) => ({ method: "GET", path: "/v1/admin/budgets/lookup", query: place(dice) }),
  (dice) => ({
    method: "POST",
    path: "/v1/admin/budgets/fund",
    query: place(dice),
    body: {
      operation: dice.pick(["CREDIT", "CREDIT", "DEBIT", "RESET", "RESET_SPENT", "REPAY_DEBT"]),
      amount: dice.oneIn(2) ? money(dice, "TOKENS") : dice.int(50_000),
      ...idempotency(dice)
    }
  }),
  (dice) => ({ method: "PATCH", path: "/v1/admin/budgets", query: place(dice), body: { ...limit(dice) } }),
  (dice) => ({
    method: "POST",
    path: `/v1/admin/budgets/${dice.pick(["freeze", "unfreeze", "unfreeze"])}`,
    query: place(dice),
    body: maybe(dice, "reason", () => "to be looked at")
  })
]

const traces: ReadonlyArray<Readonly<Record<string, string>>> = [
  { traceparent: `00-${"a1".repeat(16)}-${"b2".repeat(8)}-01` },
  { traceparent: `00-${"0".repeat(32)}-${"b2".repeat(8)}-01` },
  { traceparent: "ff-junk" },
  { "x-cycles-trace-id": "C3".repeat(16) },
  { "x-cycles-trace-id": "\u00e9" },
  { "x-request-id": "mine" },
  { "x-request-id": "a\u00ffb" }
]

const headersOf = (dice: Dice, plane: Shot["plane"], { body }: Draft, { secrets }: Memory): Record<string, string> => {
  const own = dice.oneIn(12) ? known(dice, secrets, callerKeys[1]) : callerKeys[0]
  return {
    ...(plane === "admin" && !dice.oneIn(8) ? { "x-admin-api-key": adminKey } : { "x-cycles-api-key": own }),
    ...(body === undefined || dice.oneIn(9) ? {} : { "content-type": "application/json" }),
    ...(typeof body?.["idempotency_key"] === "string" && dice.oneIn(4)
      ? { "x-idempotency-key": body["idempotency_key"] }
      : {}),
    ...(dice.oneIn(4) ? dice.pick(traces) : {})
  }
}

const types = ["text/plain", "application/json; charset=latin1", "APPLICATION/JSON", "application/jsonx", "", "a/b;;,"]

const wrongHeaders = (dice: Dice, headers: Readonly<Record<string, string>>): Record<string, string> => {
  const name = dice.pick([
    "x-cycles-api-key",
    "x-admin-api-key",
    "content-type",
    "x-idempotency-key",
    "traceparent",
    "x-cycles-trace-id",
    "x-request-id",
    "__proto__x"
  ])
  const { [name]: _, ...rest } = headers
  return dice.oneIn(5)
    ? rest
    : { ...headers, [name]: dice.pick([...types, ...oddTexts, ` ${callerKeys[0]} `, callerKeys[1], adminKey]) }
}

const methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "post", "PROPFIND", "__proto__"]

const segments = [
  "",
  ".",
  "..",
  "%2F",
  "%00",
  "%zz",
  "%ED%A0%80",
  "%F0%9F%98%80",
  "__proto__",
  "constructor",
  "lookup",
  "commit",
  "*",
  ":reservation_id",
  "a".repeat(128),
  "a".repeat(129),
  "a".repeat(8000),
  "v1"
]

const wrongPath = (dice: Dice, path: string): string => {
  const parts = path.split("/")
  const at = 1 + dice.int(parts.length)
  switch (dice.int(5)) {
    case 0:
      return path.toUpperCase()
    case 1:
      return dice.pick(["", "*", "/", "//", "/v1", "/v1/", "v1/decide", "/v1/admin", "/openapi.json", `${path}/`])
    case 2:
      return [...parts.slice(0, at), dice.pick(segments), ...parts.slice(at)].join("/")
    default:
      return [...parts.slice(0, at), dice.pick(segments), ...parts.slice(at + 1)].join("/")
  }
}

const wrongQuery = (dice: Dice, query: Readonly<Record<string, string>>): string => {
  const entries = Object.entries(query)
  const [name, value] = dice.pick<readonly [string, string]>([
    ...entries,
    ["cursor", ""],
    ["limit", "0"],
    ["from", ""],
    ["created_to", ""],
    ["tenant", ""],
    ["include", "x"]
  ])
  const flipped = value === "" ? "" : value.slice(0, -1) + dice.pick(["A", "=", "é", "%", "\u0000"])
  const other = dice.pick([flipped, ...oddTexts, "201", "1.5", "Infinity", "-0", "__proto__"])
  const rest = dice.oneIn(2) ? entries.filter(([key]) => key !== name) : entries
  const text = String(new URLSearchParams([[name, other], ...rest.map(([key, value]) => [key, value])]))
  return dice.oneIn(6)
    ? text + dice.pick(["&", "&=", "&%zz=%", "&__proto__=1", "?a=b", "&cursor=%ED%A0%80", "#x"])
    : text
}

/** The next request: about half of them are what a caller would send. */
export const shoot = (dice: Dice, memory: Memory): Shot => {
  const plane = dice.oneIn(4) ? "admin" : "runtime"
  const draft = dice.pick(plane === "admin" ? admin : runtime)(dice, memory)
  const faults = dice.pick([0, 0, 0, 1, 1, 2])
  const wrong = Array.from(
    { length: faults },
    () => dice.pick(["body", "body", "body", "headers", "path", "query", "method"])
  )
  const plain = draft.body === undefined ? "" : write(draft.body)
  const headers = headersOf(dice, plane, draft, memory)
  return {
    plane,
    method: wrong.includes("method") ? dice.pick(methods) : draft.method,
    path: wrong.includes("path") ? wrongPath(dice, draft.path) : draft.path,
    query: wrong.includes("query")
      ? wrongQuery(dice, draft.query ?? {})
      : String(new URLSearchParams(Object.entries(draft.query ?? {}))),
    headers: wrong.includes("headers") ? wrongHeaders(dice, headers) : headers,
    body: !wrong.includes("body")
      ? plain
      : dice.oneIn(60)
      ? undefined
      : mutated(dice, draft.body ?? dice.pick<Tree>([{}, "", 1]))
  }
}

export const callOf = ({ body, headers, method, path, query }: Shot): Call => ({
  method,
  path,
  query: new URLSearchParams(query),
  headers,
  body: Option.fromNullable(body),
  client: "127.0.0.1"
})
