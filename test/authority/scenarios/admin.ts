import { assert } from "@effect/vitest"
import { Amount } from "effect-cycles/protocol/Amount"
import * as Effect from "effect/Effect"
import { absent, type Fields, is, refuses, type Reply, tokens } from "../support/http.js"
import { A, type Lab, Q, scenario } from "../support/Lab.js"

const at = (path: string, scope = A, rest = "&tenant_id=tenant-a") =>
  `/v1/admin/budgets${path}?scope=${encodeURIComponent(scope)}&unit=TOKENS${rest}`

const fund = (lab: Lab, operation: string, amount: number, rest: Fields = {}) =>
  lab.admin("POST", at("/fund"), { operation, amount: tokens(amount), ...rest })

/** The figures of the administrator's plane, which shows zeros too. */
const figuresOf = ({ json }: Reply) => {
  const of = (key: string) => String((json[key] as Fields)["amount"])
  const flag = json["is_over_limit"] === true ? "!" : ""
  return `${of("remaining")}/${of("reserved")}/${of("spent")}/${of("debt")}${flag} of ${of("allocated")}`
}

const lookup = (lab: Lab) => Effect.map(lab.admin("GET", at("/lookup")), figuresOf)

const tenant = (lab: Lab, id: string, name = "A name") =>
  lab.admin("POST", "/v1/admin/tenants", { tenant_id: id, name })

const runtime = [
  "reservations:create",
  "reservations:commit",
  "reservations:release",
  "reservations:extend",
  "reservations:list",
  "balances:read"
]

const makeKey = (lab: Lab, options: Fields = {}) =>
  Effect.map(
    lab.admin("POST", "/v1/admin/api-keys", { tenant_id: "acme-corp", name: "quickstart-key", ...options }),
    (reply) => is(reply, 201)
  )

const by = (key: Reply) => ({ "x-cycles-api-key": String(key.json["key_secret"]) })

const budget = (scope: string, allocated = 1000, rest: Fields = {}) => ({
  scope,
  unit: "TOKENS",
  allocated: tokens(allocated),
  ...rest
})

/** Row 39: a debt of 50000. */
const indebted = function*(lab: Lab) {
  yield* lab.V(950_000)
  is(yield* lab.C(yield* lab.R(1000, { policy: "ALLOW_WITH_OVERDRAFT" }), 100_000), 200)
}

/** The lines of the quick start, with a key of each run. */
const quickStart = (lab: Lab) =>
  Effect.gen(function*() {
    const first = yield* tenant(lab, "acme-corp", "Acme Corporation")
    const key = yield* makeKey(lab, { permissions: runtime })
    assert.match(key.text, /"key_secret":"cyc_live_[A-Za-z0-9_-]{32}"/)
    const scope = "tenant:acme-corp"
    const unit = "USD_MICROCENTS"
    const created = yield* lab.admin(
      "POST",
      "/v1/admin/budgets",
      { scope, unit, allocated: { unit, amount: 100_000_000 } },
      by(key)
    )
    const post = (path: string, body: Fields) =>
      lab.post(path, body, { headers: by(key), k: String(body["idempotency_key"]) })
    const subject = { tenant: "acme-corp" }
    const action = { kind: "llm.completion", name: "gpt-4o" }
    const reserved = is(
      yield* post("/v1/reservations", {
        idempotency_key: "qs-reserve-001",
        subject,
        action,
        estimate: { unit, amount: 500_000 },
        ttl_ms: 30_000
      }),
      200
    )
    assert.match(reserved.text, /"reservation_id":"[0-9a-f-]{36}"/)
    const committed = yield* post(`/v1/reservations/${reserved.json["reservation_id"]}/commit`, {
      idempotency_key: "qs-commit-001",
      actual: { unit, amount: 350_000 }
    })
    assert.include(is(committed, 200).text, "\"status\":\"COMMITTED\"")
    const balances = yield* lab.balances("tenant=acme-corp", { headers: by(key) })
    assert.include(balances.text, "\"remaining\":{\"unit\":\"USD_MICROCENTS\",\"amount\":99650000}")
    assert.include(balances.text, "\"spent\":{\"unit\":\"USD_MICROCENTS\",\"amount\":350000}")
    return [first.status, created.status]
  })

export const admin = [
  scenario(
    "#147 too many calls of a public endpoint",
    function*(lab) {
      const get = lab.send({ method: "GET", path: `/v1/evidence/${"a".repeat(64)}` })
      yield* lab.clock(20_000)
      for (let i = 0; i < 30; i++) refuses(yield* get, 404, "NOT_FOUND")
      const limited = refuses(yield* get, 429, "LIMIT_EXCEEDED", "retry after")
      // The minute of T0 + 20 s is a third gone when it begins at T0 - 20 s.
      assert.deepInclude(limited.headers, { "retry-after": "20", "x-ratelimit-remaining": "0" })
      assert.strictEqual(Number(limited.headers["x-ratelimit-reset"]) % 60, 0)
      is(yield* lab.R(1), 200)
      yield* lab.clock(40_000)
      refuses(yield* get, 404, "NOT_FOUND")
    },
    "999999/1/0/0",
    { publicLimit: 30 }
  ),

  scenario("#148 a tenant twice, and under another name", function*(lab) {
    const first = is(yield* tenant(lab, "acme-corp"), 201, {
      tenant_id: "acme-corp",
      name: "A name",
      status: "ACTIVE",
      created_at: "2023-11-14T22:13:20.000Z",
      default_commit_overage_policy: "ALLOW_IF_AVAILABLE",
      default_reservation_ttl_ms: 60_000,
      max_reservation_ttl_ms: 3_600_000,
      max_reservation_extensions: 10,
      parent_tenant_id: absent
    })
    assert.strictEqual(is(yield* tenant(lab, "acme-corp"), 200).text, first.text)
    refuses(yield* tenant(lab, "acme-corp", "Another"), 409, "DUPLICATE_RESOURCE")
    is(yield* lab.admin("GET", "/v1/admin/tenants/acme-corp"), 200, { name: "A name" })
    refuses(yield* lab.admin("GET", "/v1/admin/tenants/nobody"), 404, "TENANT_NOT_FOUND")
    for (const body of [{ tenant_id: "A B", name: "x" }, { tenant_id: "ab", name: "x" }, { tenant_id: "abc" }, {}]) {
      refuses(yield* lab.admin("POST", "/v1/admin/tenants", body), 400, "INVALID_REQUEST")
    }
    refuses(
      yield* lab.admin("POST", "/v1/admin/tenants", { tenant_id: "abc", name: "x", colour: 1 }),
      400,
      "INVALID_REQUEST"
    )
  }),

  scenario("#149a permissions are kept: a key of an agent may make a budget", function*(lab) {
    yield* tenant(lab, "acme-corp")
    const key = yield* makeKey(lab)
    assert.deepStrictEqual(key.json["permissions"], runtime)
    assert.strictEqual(String(key.json["key_prefix"]), String(key.json["key_secret"]).slice(0, 14))
    is(yield* lab.admin("POST", "/v1/admin/budgets", budget("tenant:acme-corp"), by(key)), 201)
    const listed = yield* lab.admin("GET", "/v1/admin/api-keys?tenant_id=acme-corp")
    assert.notInclude(listed.text, String(key.json["key_secret"]))
    assert.include(listed.text, String(key.json["key_prefix"]))
  }),

  scenario(
    "#149b permissions are enforced when somebody says so",
    function*(lab) {
      yield* tenant(lab, "acme-corp")
      const key = yield* makeKey(lab, { permissions: runtime.slice(0, 2) })
      const create = (scope: string, key: Reply) => lab.admin("POST", "/v1/admin/budgets", budget(scope), by(key))
      refuses(yield* create("tenant:acme-corp", key), 403, "INSUFFICIENT_PERMISSIONS", "budgets:write")
      for (const permission of ["budgets:write", "admin:write"]) {
        const writer = yield* makeKey(lab, { permissions: [permission] })
        is(yield* create(`tenant:acme-corp/agent:${permission.slice(0, 5)}`, writer), 201)
        refuses(yield* lab.balances("tenant=acme-corp", { headers: by(writer) }), 403, "FORBIDDEN", "balances:read")
      }
      const subject = { tenant: "acme-corp", agent: "admin" }
      const reply = is(yield* lab.R(1, { headers: by(key), subject }), 200)
      refuses(yield* lab.X(reply, { headers: by(key) }), 403, "FORBIDDEN", "reservations:release")
      is(yield* lab.C(reply, 1, { headers: by(key) }), 200)
      refuses(yield* lab.list("", { headers: by(key) }), 403, "FORBIDDEN", "reservations:list")
    },
    undefined,
    { permissions: "enforced" }
  ),

  scenario("#149c whose key opens what", function*(lab) {
    yield* tenant(lab, "acme-corp")
    const key = yield* makeKey(lab, { scope_filter: ["tenant:acme-corp/agent:*"] })
    const create = (headers: Fields, scope = "tenant:acme-corp/agent:x") =>
      lab.admin("POST", "/v1/admin/budgets", budget(scope), headers as Record<string, string>)
    refuses(yield* create({}), 401, "UNAUTHORIZED", "Missing API key")
    refuses(yield* create({ "x-cycles-api-key": "bogus" }), 403, "FORBIDDEN", "Invalid API key: KEY_NOT_FOUND")
    const forged = `${String(key.json["key_secret"]).slice(0, 20)}${"A".repeat(21)}`
    refuses(yield* create({ "x-cycles-api-key": forged }), 403, "FORBIDDEN", "INVALID_KEY")
    refuses(yield* create({ "x-admin-api-key": "wrong", ...by(key) }), 401, "UNAUTHORIZED", "Invalid admin API key")
    refuses(yield* create(by(key), "tenant:acme-corp"), 403, "FORBIDDEN", "does not reach")
    is(yield* create(by(key)), 201)
    refuses(yield* lab.admin("GET", "/v1/admin/tenants", undefined, by(key)), 401, "UNAUTHORIZED", "X-Admin-API-Key")
    refuses(yield* lab.admin("GET", "/v1/admin/nothing"), 404, "NOT_FOUND")
    is(yield* lab.admin("PUT", "/v1/admin/tenants", {}), 405)
    const id = String(key.json["key_id"])
    is(yield* lab.admin("PATCH", `/v1/admin/api-keys/${id}`, { name: "other" }), 200, { name: "other" })
    const path = "/v1/admin/api-keys"
    refuses(
      yield* lab.admin("PATCH", `${path}/${id}`, { permissions: ["fly"] }),
      400,
      "INVALID_REQUEST",
      "Unrecognized permission: fly"
    )
    refuses(
      yield* lab.admin("POST", path, { tenant_id: "acme-corp", name: "k", permissions: ["fly"] }),
      400,
      "INVALID_REQUEST",
      "Unrecognized permission: fly"
    )
    refuses(yield* lab.admin("POST", path, { tenant_id: "nobody", name: "k" }), 404, "TENANT_NOT_FOUND")
    is(yield* lab.admin("DELETE", `${path}/${id}`), 200, { status: "REVOKED" })
    refuses(yield* lab.admin("DELETE", `${path}/${id}`), 409, "KEY_REVOKED")
    refuses(yield* lab.balances("tenant=acme-corp", { headers: by(key) }), 401, "UNAUTHORIZED", "KEY_REVOKED")
    const short = yield* makeKey(lab, { expires_at: "2023-11-14T22:13:21Z" })
    is(yield* lab.balances("tenant=acme-corp", { headers: by(short) }), 200)
    yield* lab.clock(1001)
    refuses(yield* lab.balances("tenant=acme-corp", { headers: by(short) }), 401, "UNAUTHORIZED", "KEY_EXPIRED")
    const adopted = yield* lab.admin("GET", "/v1/admin/tenants", undefined, {
      "x-admin-api-key": "key-of-the-admin",
      "x-request-id": "mine"
    })
    assert.strictEqual(adopted.headers["x-request-id"], "mine")
  }),

  scenario("#150 what is no budget", function*(lab) {
    yield* tenant(lab, "acme-corp")
    const create = (scope: string, rest: Fields = {}) =>
      lab.admin("POST", "/v1/admin/budgets", budget(scope, 1000, { tenant_id: "acme-corp", ...rest }))
    refuses(yield* create("workspace:x"), 400, "INVALID_REQUEST", "scope")
    refuses(yield* create("tenant:acme-corp/agent:a/app:b"), 400, "INVALID_REQUEST", "scope")
    refuses(yield* create("tenant:acme-corp/agent:*"), 400, "INVALID_REQUEST", "scope")
    refuses(yield* create("tenant:other"), 400, "INVALID_REQUEST")
    refuses(yield* create("tenant:acme-corp", { unit: "CREDITS" }), 400, "UNIT_MISMATCH")
    refuses(yield* create("tenant:acme-corp", { tenant_id: null }), 400, "INVALID_REQUEST", "tenant_id is required")
    refuses(yield* create("tenant:nobody", { tenant_id: "nobody" }), 404, "TENANT_NOT_FOUND")
    is(yield* create("tenant:ACME-corp"), 201, {
      tenant_id: "acme-corp",
      scope: "tenant:acme-corp",
      allocated: tokens(1000),
      remaining: tokens(1000),
      reserved: tokens(0),
      spent: tokens(0),
      debt: tokens(0),
      overdraft_limit: tokens(0),
      is_over_limit: false,
      status: "ACTIVE"
    })
    refuses(yield* create("tenant:acme-corp"), 409, "DUPLICATE_RESOURCE")
    const key = yield* makeKey(lab)
    const named = budget("tenant:acme-corp/agent:a", 1, { tenant_id: "acme-corp" })
    refuses(yield* lab.admin("POST", "/v1/admin/budgets", named, by(key)), 400, "INVALID_REQUEST", "tenant_id")
    is(yield* lab.admin("POST", "/v1/admin/budgets", budget("tenant:acme-corp/agent:a"), by(key)), 201)
    is(yield* lab.admin("GET", `${at("/lookup", "tenant:acme-corp", "")}`, undefined, by(key)), 200)
    // [R] The reference looks up whatever budget is named: here it must be one of the key's tenant.
    refuses(yield* lab.admin("GET", at("/lookup", A, ""), undefined, by(key)), 403, "FORBIDDEN")
  }),

  scenario("#151 credit keeps debt", function*(lab) {
    yield* indebted(lab)
    is(yield* fund(lab, "CREDIT", 200_000), 200, {
      operation: "CREDIT",
      previous_allocated: tokens(1_000_000),
      new_allocated: tokens(1_200_000),
      previous_remaining: tokens(-50_000),
      new_remaining: tokens(150_000),
      previous_debt: tokens(50_000),
      new_debt: tokens(50_000),
      previous_spent: tokens(1_000_000),
      new_spent: tokens(1_000_000),
      timestamp: "2023-11-14T22:13:20.000Z"
    })
    assert.strictEqual(yield* lookup(lab), "150000/0/1000000/50000 of 1200000")
  }, "150000/0/1000000/50000"),

  scenario("#152 debt is repaid first, the rest is allocated", function*(lab) {
    yield* indebted(lab)
    is(yield* fund(lab, "REPAY_DEBT", 70_000), 200)
    assert.strictEqual(yield* lookup(lab), "20000/0/1000000/0 of 1020000")
  }, "20000/0/1000000/0"),

  scenario("#153 any funding asks the limit anew", function*(lab) {
    yield* lab.V(990_000)
    is(yield* lab.C(yield* lab.R(1000, { policy: "ALLOW_IF_AVAILABLE" }), 50_000), 200)
    assert.strictEqual(yield* lookup(lab), "0/0/1000000/0! of 1000000")
    is(yield* fund(lab, "CREDIT", 1), 200)
  }, "1/0/1000000/0"),

  scenario("#154 no more is taken away than remains", function*(lab) {
    yield* lab.R(1000)
    is(yield* fund(lab, "DEBIT", 999_000), 200)
    refuses(yield* fund(lab, "DEBIT", 1), 409, "BUDGET_EXCEEDED")
  }, "0/1000/0/0"),

  scenario("#155 reset", function*(lab) {
    yield* lab.R(1000)
    yield* lab.V(5000)
    is(yield* fund(lab, "RESET", 10_000), 200, { new_allocated: tokens(10_000), new_remaining: tokens(4000) })
  }, "4000/1000/5000/0"),

  scenario("#156 reset of what was spent", function*(lab) {
    yield* lab.R(1000)
    yield* lab.V(5000)
    is(yield* fund(lab, "RESET_SPENT", 10_000), 200, { new_spent: tokens(0) })
    assert.strictEqual(yield* lookup(lab), "9000/1000/0/0 of 10000")
    refuses(yield* fund(lab, "CREDIT", 1, { spent: tokens(1) }), 400, "INVALID_REQUEST", "RESET_SPENT")
    is(yield* fund(lab, "RESET_SPENT", 10_000, { spent: tokens(2000) }), 200)
  }, "7000/1000/2000/0"),

  scenario("#156b a funding is done once for a key, and refused where it does not belong", function*(lab) {
    const once = { idempotency_key: "f1" }
    const first = is(yield* fund(lab, "CREDIT", 5, once), 200)
    assert.strictEqual(is(yield* fund(lab, "CREDIT", 5, once), 200).text, first.text)
    refuses(yield* fund(lab, "CREDIT", 6, once), 409, "IDEMPOTENCY_MISMATCH")
    const create = { scope: Q, unit: "TOKENS", allocated: tokens(1), tenant_id: "tenant-a" }
    yield* lab.authority.putTenant("tenant-a", { status: "ACTIVE" })
    is(yield* lab.admin("POST", "/v1/admin/budgets", create), 201)
    // [R] The key belongs to one budget; the reference shares it among all tenants.
    is(yield* lab.admin("POST", at("/fund", Q), { operation: "CREDIT", amount: tokens(6), ...once }), 200)
    refuses(
      yield* lab.admin("POST", at("/fund", "tenant:none"), { operation: "CREDIT", amount: tokens(1) }),
      404,
      "BUDGET_NOT_FOUND"
    )
    refuses(yield* lab.admin("POST", at("/fund"), { operation: "GIFT", amount: tokens(1) }), 400, "INVALID_REQUEST")
    refuses(
      yield* lab.admin("POST", at("/fund"), { operation: "CREDIT", amount: { unit: "CREDITS", amount: 1 } }),
      400,
      "UNIT_MISMATCH"
    )
    refuses(
      yield* lab.admin("POST", at("/fund", A, ""), { operation: "CREDIT", amount: tokens(1) }),
      400,
      "INVALID_REQUEST",
      "tenant_id"
    )
    refuses(
      yield* lab.admin("POST", at("/fund", A, "&tenant_id=tenant-b"), { operation: "CREDIT", amount: tokens(1) }),
      403,
      "FORBIDDEN"
    )
    // [R] int64 is exact and its bounds are kept: the reference counts in doubles.
    refuses(
      yield* lab.admin("POST", at("/fund"), { operation: "CREDIT", amount: tokens(9_223_372_036_854_775_807n) }),
      500,
      "INTERNAL_ERROR"
    )
  }, { [A]: "1000005/0/0/0", [Q]: "7/0/0/0" }),

  scenario("#157 freeze and unfreeze", function*(lab) {
    is(yield* lab.admin("POST", at("/freeze")), 200, { status: "FROZEN" })
    refuses(yield* lab.admin("POST", at("/freeze"), { reason: "again" }), 409, "INVALID_REQUEST", "already frozen")
    refuses(yield* lab.R(1), 409, "BUDGET_FROZEN")
    refuses(yield* fund(lab, "CREDIT", 1), 409, "BUDGET_FROZEN")
    is(yield* lab.admin("PATCH", at(""), { metadata: { a: 1 } }), 200, { metadata: { a: 1 } })
    is(yield* lab.admin("POST", at("/unfreeze"), {}), 200, { status: "ACTIVE" })
    refuses(yield* lab.admin("POST", at("/unfreeze")), 409, "INVALID_REQUEST", "not frozen")
    is(yield* lab.R(1), 200)
    yield* lab.authority.setStatus(A, "TOKENS", "CLOSED")
    refuses(yield* lab.admin("POST", at("/freeze")), 409, "BUDGET_CLOSED")
    refuses(yield* lab.admin("PATCH", at(""), {}), 409, "BUDGET_CLOSED")
    refuses(yield* lab.admin("POST", at("/freeze", "tenant:none")), 404, "BUDGET_NOT_FOUND")
  }, "999999/1/0/0"),

  scenario("#158 a lower limit puts a debt over it", function*(lab) {
    yield* indebted(lab)
    is(yield* lab.admin("PATCH", at(""), { overdraft_limit: tokens(0) }), 200, { is_over_limit: true })
    refuses(yield* lab.R(1), 409, "OVERDRAFT_LIMIT_EXCEEDED")
  }, "-50000/0/1000000/50000!"),

  scenario("#159 the quick start, twice", function*(lab) {
    assert.deepStrictEqual(yield* quickStart(lab), [201, 201])
    assert.deepStrictEqual(yield* quickStart(lab), [200, 409])
  }),

  // [R] A close releases what is held, as the governance text wants: the reference drains the budgets and gives the holds back twice.
  scenario("#160 a tenant is closed, once and for all", function*(lab) {
    yield* tenant(lab, "acme-corp")
    const key = yield* makeKey(lab)
    const scope = "tenant:acme-corp"
    is(yield* lab.admin("POST", "/v1/admin/budgets", budget(scope), by(key)), 201)
    const reply = is(yield* lab.R(400, { headers: by(key), subject: { tenant: "acme-corp" } }), 200)
    const patch = (status: string) => lab.admin("PATCH", "/v1/admin/tenants/acme-corp", { status })
    is(yield* patch("SUSPENDED"), 200, { status: "SUSPENDED" })
    refuses(yield* lab.balances("tenant=acme-corp", { headers: by(key) }), 401, "UNAUTHORIZED", "TENANT_SUSPENDED")
    refuses(
      yield* lab.admin("POST", "/v1/admin/api-keys", { tenant_id: "acme-corp", name: "k" }),
      400,
      "INVALID_REQUEST"
    )
    is(yield* patch("CLOSED"), 200, { status: "CLOSED", closed_at: "2023-11-14T22:13:20.000Z" })
    is(yield* patch("CLOSED"), 200)
    refuses(yield* patch("ACTIVE"), 400, "INVALID_REQUEST", "Cannot transition from CLOSED")
    const ledger = is(yield* lab.admin("GET", at("/lookup", scope, "")), 200, { status: "CLOSED" })
    assert.strictEqual(figuresOf(ledger), "1000/0/0/0 of 1000")
    is(yield* lab.read(reply, { as: "ADM" }), 200, { status: "RELEASED" })
    refuses(yield* lab.X(reply, { as: "ADM" }), 409, "TENANT_CLOSED")
    refuses(yield* lab.balances("tenant=acme-corp", { headers: by(key) }), 401, "UNAUTHORIZED", "KEY_REVOKED")
    refuses(yield* lab.admin("POST", "/v1/admin/api-keys", { tenant_id: "acme-corp", name: "k" }), 409, "TENANT_CLOSED")
    const late = lab.admin("POST", "/v1/admin/budgets", budget(`${scope}/agent:x`, 1, { tenant_id: "acme-corp" }))
    refuses(yield* late, 409, "TENANT_CLOSED")
    yield* lab.clock(100_000)
    assert.strictEqual(figuresOf(yield* lab.admin("GET", at("/lookup", scope, ""))), figuresOf(ledger))
  }, "1000000/0/0/0"),

  scenario("#160b the listing of budgets", function*(lab) {
    yield* lab.budget(Q, 100)
    yield* lab.V(90, { subject: { tenant: "tenant-a", agent: "x" } })
    const list = (query: string, headers?: Record<string, string>) =>
      Effect.map(lab.admin("GET", `/v1/admin/budgets?${query}`, undefined, headers), (reply) => {
        is(reply, 200)
        return (reply.json["ledgers"] as ReadonlyArray<Fields>).map(({ scope }) => scope)
      })
    const B = "tenant:tenant-b"
    assert.deepStrictEqual(yield* list(""), [Q, A, B])
    assert.deepStrictEqual(yield* list("tenant_id=tenant-a&sort_by=scope&sort_dir=asc"), [A, Q])
    assert.deepStrictEqual(yield* list("tenant_id=tenant-b", { "x-cycles-api-key": "key-of-tenant-a" }), [Q, A])
    assert.deepStrictEqual(yield* list("utilization_min=0.5"), [Q])
    assert.deepStrictEqual(yield* list("utilization_max=0.00001"), [B])
    assert.deepStrictEqual(yield* list("scope_prefix=tenant:tenant-a/"), [Q])
    assert.deepStrictEqual(yield* list("search=AGENT"), [Q])
    for (const none of ["unit=CREDITS", "status=FROZEN", "over_limit=true", "has_debt=true"]) {
      assert.deepStrictEqual(yield* list(none), [])
    }
    const first = yield* lab.admin("GET", "/v1/admin/budgets?limit=2")
    assert.strictEqual(first.json["has_more"], true)
    assert.deepStrictEqual(yield* list(`limit=2&cursor=${first.json["next_cursor"]}`), [B])
    assert.lengthOf(yield* list("limit=0"), 1)
    refuses(yield* lab.admin("GET", "/v1/admin/budgets?cursor=x"), 400, "INVALID_REQUEST", "cursor")
    refuses(yield* lab.admin("GET", "/v1/admin/budgets?utilization_min=2"), 400, "INVALID_REQUEST")
    yield* lab.authority.putBudget({ scope: Q, allocated: Amount.usd("1") })
    assert.deepStrictEqual(yield* list("unit=USD_MICROCENTS"), [Q])
  })
]
