import * as HttpApp from "@effect/platform/HttpApp"
import { assert, describe, it } from "@effect/vitest"
import * as App from "effect-cycles/authority/App"
import { Authority, layer } from "effect-cycles/authority/Authority"
import { Amount } from "effect-cycles/protocol/Amount"
import * as Json from "effect-cycles/protocol/Json"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"

const key = { "x-cycles-api-key": "key-of-acme" }

const live = layer({
  budgets: [{ scope: "tenant:acme", allocated: Amount.tokens(100) }],
  keys: [{ key: Redacted.make("key-of-acme"), tenant: "acme" }]
})

const get = (path: string, headers: App.Call["headers"] = key, query = ""): App.Call => ({
  method: "GET",
  path,
  query: new URLSearchParams(query),
  headers,
  body: Option.none()
})

const create = (body: object, headers: App.Call["headers"] = key): App.Call => ({
  method: "POST",
  path: "/v1/reservations",
  query: [],
  headers,
  body: Option.some(JSON.stringify({
    idempotency_key: "k",
    subject: { tenant: "acme" },
    action: { kind: "k", name: "n" },
    estimate: { unit: "TOKENS", amount: 10 },
    ...body
  }))
})

const read = (reply: App.Reply) => Either.getOrThrow(Json.parse(reply.body)) as Record<string, unknown>

describe("respond", () => {
  it.effect("goes by the clock of the program", () =>
    Effect.gen(function*() {
      const created = yield* App.respond(create({}))
      assert.strictEqual(created.status, 200)
      assert.include(read(created), { expires_at_ms: 60_000 })
      const path = `/v1/reservations/${read(created)["reservation_id"]}`
      yield* TestClock.adjust("65 seconds")
      assert.strictEqual((yield* App.respond(get(path))).status, 200)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual((yield* App.respond(get(path))).status, 410)
    }).pipe(Effect.provide(live)))

  it.effect("a body that could not be read is refused after the key, before anything else", () =>
    Effect.gen(function*() {
      const call = { ...create({}), body: Option.none() }
      const refused = yield* App.respond(call)
      assert.strictEqual(refused.status, 400)
      assert.include(String(read(refused)["message"]), "1048576 bytes")
      assert.strictEqual((yield* App.respond({ ...call, headers: {} })).status, 401)
    }).pipe(Effect.provide(live)))

  it.effect("an authority without an administrator says so", () =>
    Effect.gen(function*() {
      const reply = yield* App.respond(get("/v1/reservations", { ...key, "x-admin-api-key": "any" }))
      assert.strictEqual(reply.status, 500)
      assert.deepInclude(read(reply), {
        error: "INTERNAL_ERROR",
        message: "Server misconfiguration: admin API key not set"
      })
    }).pipe(Effect.provide(live)))

  it.effect("one header too many, one parameter twice, an unknown parameter", () =>
    Effect.gen(function*() {
      const reply = yield* App.respond(get("/v1/balances", key, "tenant=acme&tenant=other&colour=red"))
      assert.strictEqual(reply.status, 200)
    }).pipe(Effect.provide(live)))

  it.effect("a message names the place, the bound and the value, and quotes no object", () =>
    Effect.gen(function*() {
      const messageOf = (body: object) =>
        Effect.map(App.respond(create(body)), (reply) => String(read(reply)["message"]))
      assert.include(
        yield* messageOf({ ttl_ms: 5 }),
        "ttl_ms: must be a whole number of milliseconds between 1000 and 86400000, got 5"
      )
      assert.include(yield* messageOf({ estimate: { unit: "EUR", amount: 1 } }), "\"CREDITS\"")
      const secret = yield* messageOf({
        metadata: ["the prompt"],
        action: { kind: { prompt: "the prompt" }, name: "n" }
      })
      assert.notInclude(secret, "the prompt")
      assert.include(secret, "an object or array")
      const long = yield* messageOf({ subject: { tenant: "x".repeat(5000) } })
      assert.isBelow(long.length, 301)
    }).pipe(Effect.provide(live)))

  it.effect("a body that is nested too deep is refused by its bound, wherever it is", () =>
    Effect.gen(function*() {
      const text = (depth: number) => `{"estimate":${"[".repeat(depth)}1${"]".repeat(depth)}}`
      for (const depth of [64, 3000, 500_000]) {
        const reply = yield* App.respond({ ...create({}), body: Option.some(text(depth)) })
        assert.strictEqual(reply.status, 400)
        assert.include(String(read(reply)["message"]), "nested at most 64 levels deep")
      }
      const reply = yield* App.respond({ ...create({}), body: Option.some(text(63)) })
      assert.include(String(read(reply)["message"]), "estimate: must be")
    }).pipe(Effect.provide(live)))

  it.effect("a defect is a 500 that tells nothing", () =>
    Effect.gen(function*() {
      const broken = Layer.mock(Authority, {
        isAdminKey: () => Option.none(),
        identify: () => Effect.succeed({ tenant: "acme", scopeFilter: undefined, may: () => true }),
        run: () => Effect.die("a secret detail")
      })
      const reply = yield* Effect.provide(App.respond(create({})), broken)
      assert.strictEqual(reply.status, 500)
      assert.deepInclude(read(reply), { error: "INTERNAL_ERROR", message: "Internal error" })
      assert.strictEqual(read(reply)["request_id"], reply.headers["x-request-id"])
    }))
})

describe("httpApp", () => {
  it.effect("also answers web requests", () =>
    Effect.gen(function*() {
      const { runtime } = yield* Effect.map(Effect.runtime<Authority>(), (runtime) => ({ runtime }))
      const handler = HttpApp.toWebHandlerRuntime(runtime)(App.httpApp)
      const call = (path: string, init?: RequestInit) =>
        Effect.promise(() => handler(new Request(`http://localhost${path}`, { headers: key, ...init })))
      const balances = yield* call("/v1/balances?tenant=acme")
      assert.strictEqual(balances.status, 200)
      const { balances: [balance] } = (yield* Effect.promise(() => balances.json())) as {
        balances: ReadonlyArray<Record<string, unknown>>
      }
      assert.include(balance, { scope_path: "tenant:acme" })
      const headers = { ...key, "content-length": "1048577", "content-type": "application/json" }
      assert.strictEqual((yield* call("/v1/decide", { method: "POST", headers, body: "x" })).status, 400)
      assert.strictEqual((yield* call("/v1/decide", { method: "POST", body: "{}" })).status, 415)
    }).pipe(Effect.provide(live)))
})
