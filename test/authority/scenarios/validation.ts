import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { is, refuses } from "../support/http.js"
import { credentials, type Lab, type ReserveOptions, scenario } from "../support/Lab.js"

const tenant = "tenant-a"
const long = (n: number) => "x".repeat(n)
const action = { kind: "k", name: "n" }
const map = (n: number, value = "v") => Object.fromEntries(Array.from({ length: n }, (_, i) => [`d${i}`, value]))

/** Each body is refused, and the message names the place. */
const refusesAll = (lab: Lab, bodies: ReadonlyArray<readonly [string, NonNullable<ReserveOptions["body"]>]>) =>
  Effect.forEach(
    bodies,
    ([place, body]) => Effect.map(lab.R(1, { body }), (reply) => refuses(reply, 400, "INVALID_REQUEST", `${place}:`))
  )

const raw = (lab: Lab, text: string, headers: Record<string, string> = {}) =>
  lab.send({ method: "POST", path: "/v1/reservations", headers: { ...credentials("KA"), ...headers }, text })

const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
const other = "0af7651916cd43dd8448eb211c80319c"
const traceHeader = "x-cycles-trace-id"

export const validation = [
  scenario("#137 properties that nobody knows", function*(lab) {
    yield* refusesAll(lab, [
      ["extra", { extra: 1 }],
      ["subject.extra", { subject: { tenant, extra: 1 } }],
      ["action.extra", { action: { ...action, extra: 1 } }],
      ["estimate.extra", { estimate: { unit: "TOKENS", amount: 1, extra: 1 } }]
    ])
    const reply = is(
      yield* lab.R(10, {
        subject: { tenant, dimensions: { any: "1" } },
        body: { metadata: { any: { thing: [1, null] } } }
      }),
      200
    )
    const metrics = { tokens_input: 1, custom: { any: 1 } }
    refuses(
      yield* lab.C(reply, 1, { body: { metrics: { ...metrics, extra: 1 } } }),
      400,
      "INVALID_REQUEST",
      "metrics.extra"
    )
    is(yield* lab.C(reply, 1, { body: { metrics } }), 200)
    is(yield* lab.read(reply), 200, { subject: { tenant, dimensions: { any: "1" } } })
  }, "999999/0/1/0"),

  scenario("#138 keys", function*(lab) {
    yield* refusesAll(
      lab,
      [undefined, null, "", long(257), 7].map((key) => ["idempotency_key", { idempotency_key: key }])
    )
    is(yield* lab.R(1, { k: long(256) }), 200)
    is(yield* lab.R(1, { k: " " }), 200)
  }, "999998/2/0/0"),

  scenario("#139 subjects", function*(lab) {
    yield* refusesAll(lab, [
      ["subject", { subject: {} }],
      ["subject", { subject: { dimensions: { a: "b" } } }],
      ["subject", { subject: null }],
      ["subject.tenant", { subject: { tenant: "a/b" } }],
      ["subject.agent", { subject: { tenant, agent: "" } }],
      ["subject.agent", { subject: { tenant, agent: "é" } }],
      ["subject.tenant", { subject: { tenant: long(129) } }],
      ["subject.dimensions", { subject: { tenant, dimensions: map(17) } }],
      ["subject.dimensions.d0", { subject: { tenant, dimensions: map(1, long(257)) } }]
    ])
    is(yield* lab.R(0, { subject: { tenant, dimensions: map(16, long(256)) } }), 200)
  }, "1000000/0/0/0"),

  scenario("#140 bounds", function*(lab) {
    const estimate = (amount: unknown, unit = "TOKENS") => ({ estimate: { unit, amount } })
    yield* refusesAll(lab, [
      ["ttl_ms", { ttl_ms: 999 }],
      ["ttl_ms", { ttl_ms: 86_400_001 }],
      ["ttl_ms", { ttl_ms: 1000.5 }],
      ["grace_period_ms", { grace_period_ms: -1 }],
      ["grace_period_ms", { grace_period_ms: 60_001 }],
      ["estimate.amount", estimate(-1)],
      ["estimate.amount", estimate("1")],
      ["estimate.amount", estimate(1.5)],
      ["estimate.amount", estimate(9223372036854775808n)],
      ["estimate.unit", estimate(1, "EUR")],
      ["overage_policy", { overage_policy: "MAYBE" }],
      ["dry_run", { dry_run: "true" }],
      ["action.tags", { action: { ...action, tags: Array.from({ length: 11 }, () => "t") } }],
      ["action.tags[0]", { action: { ...action, tags: [long(65)] } }],
      ["action.kind", { action: { name: "n" } }],
      ["action.kind", { action: { kind: " ", name: "n" } }],
      ["action.name", { action: { kind: "k", name: "" } }],
      ["metadata", { metadata: [1] }]
    ])
    const reply = yield* lab.R(10)
    refuses(
      yield* lab.E(reply, 0),
      400,
      "INVALID_REQUEST",
      "extend_by_ms: must be a whole number of milliseconds between 1"
    )
    refuses(yield* lab.E(reply, 86_400_001), 400, "INVALID_REQUEST", "got 86400001")
    refuses(yield* lab.X(reply, { body: { reason: long(257) } }), 400, "INVALID_REQUEST", "reason")
    refuses(yield* lab.V(1, { body: { client_time_ms: -1 } }), 400, "INVALID_REQUEST", "client_time_ms")
  }, "999990/10/0/0"),

  scenario("#141 bodies that are not JSON, or too large", function*(lab) {
    for (const text of ["", "{", "nope", "[".repeat(100_000)]) {
      refuses(yield* raw(lab, text), 400, "INVALID_REQUEST", "Malformed request body")
    }
    refuses(yield* raw(lab, "[]"), 400, "INVALID_REQUEST", "request: must be")
    refuses(yield* raw(lab, `{"metadata":"${long(1_048_576)}"}`), 400, "INVALID_REQUEST", "1048576 bytes")
    refuses(yield* raw(lab, `{"metadata":"${"é".repeat(524_288)}"}`), 400, "INVALID_REQUEST", "1048576 bytes")
    refuses(yield* raw(lab, `{"metadata":"${"é".repeat(400_000)}"}`), 400, "INVALID_REQUEST", "Validation failed")
  }, "1000000/0/0/0"),

  scenario("#142 the length of an id", function*(lab) {
    refuses(yield* lab.read(long(129)), 400, "INVALID_REQUEST", "reservation_id")
    refuses(yield* lab.read(long(128)), 404, "NOT_FOUND")
    refuses(yield* lab.read("a/b ?"), 404, "NOT_FOUND", "a/b ?")
    const bad = yield* lab.get("/v1/reservations/%zz")
    assert.isTrue(bad.status === 404 || bad.status === 400)
  }),

  scenario("#143 every answer has an id of its own", function*(lab) {
    const replies = [yield* lab.R(1), yield* lab.R(1), yield* lab.R(-1), yield* lab.read("none"), yield* lab.list()]
    const seen = replies.map(({ headers }) => headers["x-request-id"])
    assert.strictEqual(new Set(seen).size, replies.length)
    const inbound = yield* lab.get("/v1/reservations", { headers: { "x-request-id": "mine" } })
    assert.notStrictEqual(inbound.headers["x-request-id"], "mine")
  }, "999998/2/0/0"),

  scenario("#144 the trace of traceparent wins", function*(lab) {
    const headers = { traceparent: `00-${trace.toUpperCase()}-00f067aa0ba902b7-01`, [traceHeader]: other }
    const sent = {
      method: "POST",
      path: "/v1/decide",
      headers: { ...credentials("KA"), ...headers },
      text: ""
    } as const
    const reply = refuses(yield* lab.send(sent), 400, "INVALID_REQUEST")
    assert.strictEqual(reply.headers[traceHeader], trace)
  }),

  scenario("#145 a malformed trace counts as absent", function*(lab) {
    const zero = "0".repeat(32)
    const bad = [
      "x",
      `01-${trace}-00f067aa0ba902b7-01`,
      `00-${zero}-00f067aa0ba902b7-01`,
      `00-${trace}-${"0".repeat(16)}-01`
    ]
    for (const traceparent of bad) {
      const own = yield* lab.list("", { headers: { traceparent, [traceHeader]: other } })
      assert.strictEqual(is(own, 200).headers[traceHeader], other)
      const fresh = yield* lab.list("", { headers: { traceparent, [traceHeader]: zero } })
      assert.match(String(is(fresh, 200).headers[traceHeader]), /^[0-9a-f]{32}$/)
      assert.notStrictEqual(fresh.headers[traceHeader], zero)
    }
  }),

  scenario("#146 the headers of an admitted call", function*(lab) {
    for (const reply of [yield* lab.R(1), yield* lab.R(-1), yield* lab.read("none"), yield* lab.get("/v1/nothing")]) {
      assert.include(reply.headers, {
        "x-cycles-tenant": tenant,
        "x-ratelimit-remaining": "-1",
        "x-ratelimit-reset": "0"
      })
      assert.match(String(reply.headers["content-type"]), /^application\/json/)
    }
  }, "999999/1/0/0"),

  scenario("#146a routes, methods and content types", function*(lab) {
    refuses(yield* lab.get("/v1/nothing"), 404, "NOT_FOUND")
    refuses(yield* lab.get("/elsewhere"), 404, "NOT_FOUND")
    const put = yield* lab.send({ method: "PUT", path: "/v1/reservations", headers: credentials("KA") })
    assert.strictEqual(refuses(put, 405, "INVALID_REQUEST").headers["allow"], "POST, GET")
    const text = yield* lab.send({ method: "POST", path: "/v1/decide", headers: credentials("KA") })
    refuses(text, 400, "INVALID_REQUEST", "Malformed request body")
    refuses(yield* raw(lab, "{}", { "content-type": "text/plain" }), 415, "INVALID_REQUEST", "application/json")
  })
]
