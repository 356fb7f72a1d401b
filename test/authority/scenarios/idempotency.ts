import { assert } from "@effect/vitest"
import { Amount } from "effect-cycles/protocol/Amount"
import * as Effect from "effect/Effect"
import { is, refuses, type Reply, tokens } from "../support/http.js"
import { A, credentials, scenario, T0 } from "../support/Lab.js"

const k = "one-key"
const ttl = "remaining_ttl_ms"

const without = ({ json }: Reply, key: string) => {
  const { [key]: _, ...rest } = json
  return rest
}

/** The same answer, but for the time that is left, under another request id. */
const replays = (first: Reply, second: Reply, left?: number) => {
  assert.strictEqual(second.status, first.status, second.text)
  assert.deepStrictEqual(without(second, ttl), without(first, ttl))
  if (left !== undefined) assert.strictEqual(second.json[ttl], left)
  assert.notStrictEqual(second.headers["x-request-id"], first.headers["x-request-id"])
}

export const idempotency = [
  scenario("#68 a reserve again", function*(lab) {
    const first = yield* lab.R(1000, { k })
    yield* lab.clock(10_000)
    replays(first, yield* lab.R(1000, { k }), 50_000)
  }, "999000/1000/0/0"),

  scenario("#69 a reserve again, after its commit", function*(lab) {
    const first = yield* lab.R(1000, { k })
    is(yield* lab.C(first, 800), 200)
    replays(first, yield* lab.R(1000, { k }), 0)
  }, "999200/0/800/0"),

  scenario("#70 a reserve again, after an extension: its own expiry counts", function*(lab) {
    const first = yield* lab.R(1000, { k })
    is(yield* lab.E(first, 30_000), 200)
    yield* lab.clock(70_000)
    replays(first, yield* lab.R(1000, { k }), 0)
    is(yield* lab.read(first), 200, { status: "ACTIVE" })
  }, "999000/1000/0/0"),

  scenario("#71 the key with another estimate", function*(lab) {
    is(yield* lab.R(1000, { k }), 200)
    refuses(yield* lab.R(2000, { k }), 409, "IDEMPOTENCY_MISMATCH")
  }, "999000/1000/0/0"),

  scenario("#72 the key for a dry run and a live reserve", function*(lab) {
    is(yield* lab.R(1000, { k }), 200)
    refuses(yield* lab.R(1000, { k, dry: true }), 409, "IDEMPOTENCY_MISMATCH")
    is(yield* lab.R(1000, { k: "other", dry: true }), 200)
    refuses(yield* lab.R(1000, { k: "other" }), 409, "IDEMPOTENCY_MISMATCH")
  }, "999000/1000/0/0"),

  scenario("#73 the key of two tenants", function*(lab) {
    is(yield* lab.R(1000, { k }), 200)
    is(yield* lab.R(1000, { k, as: "KB", subject: { tenant: "tenant-b" } }), 200)
  }, "999000/1000/0/0"),

  scenario("#74 the key of three operations", function*(lab) {
    is(yield* lab.R(1000, { k }), 200)
    is(yield* lab.D(1000, { k }), 200)
    is(yield* lab.V(1000, { k }), 201)
  }, "998000/1000/1000/0"),

  scenario("#75 a refusal is not remembered", function*(lab) {
    refuses(yield* lab.R(1_000_001, { k }), 409, "BUDGET_EXCEEDED")
    yield* lab.authority.credit(A, Amount.tokens(1))
    is(yield* lab.R(1_000_001, { k }), 200)
  }, "0/1000001/0/0"),

  scenario("#76 a commit again", function*(lab) {
    const reply = yield* lab.R(1000)
    const first = yield* lab.C(reply, 800, { k })
    replays(first, yield* lab.C(reply, 800, { k }))
    refuses(yield* lab.C(reply, 700, { k }), 409, "IDEMPOTENCY_MISMATCH")
    refuses(yield* lab.C(reply, 800, { k: "k2" }), 409, "RESERVATION_FINALIZED")
  }, "999200/0/800/0"),

  scenario("#77 a release again", function*(lab) {
    const reply = yield* lab.R(1000)
    const first = yield* lab.X(reply, { k, body: { reason: "a" } })
    replays(first, yield* lab.X(reply, { k, body: { reason: "a" } }))
    refuses(yield* lab.X(reply, { k, body: { reason: "b" } }), 409, "IDEMPOTENCY_MISMATCH")
  }, "1000000/0/0/0"),

  scenario("#78 an extension again", function*(lab) {
    yield* lab.authority.putTenant("tenant-a", { status: "ACTIVE", maxExtensions: 2 })
    const reply = yield* lab.R(1000)
    const first = is(yield* lab.E(reply, 30_000, { k }), 200, { expires_at_ms: T0 + 90_000 })
    yield* lab.clock(1000)
    replays(first, yield* lab.E(reply, 30_000, { k }), 89_000)
    refuses(yield* lab.E(reply, 40_000, { k }), 409, "IDEMPOTENCY_MISMATCH")
    is(yield* lab.E(reply, 1000), 200, { expires_at_ms: T0 + 91_000 })
  }, "999000/1000/0/0"),

  scenario("#79 an extension again, after the commit", function*(lab) {
    const reply = yield* lab.R(1000)
    const first = yield* lab.E(reply, 30_000, { k })
    is(yield* lab.C(reply, 1000), 200)
    replays(first, yield* lab.E(reply, 30_000, { k }), 0)
  }, "999000/0/1000/0"),

  scenario("#80 an event again", function*(lab) {
    const first = yield* lab.V(1000, { k, body: { client_time_ms: T0 } })
    replays(first, yield* lab.V(1000, { k, body: { client_time_ms: T0 } }))
    refuses(yield* lab.V(2000, { k }), 409, "IDEMPOTENCY_MISMATCH")
  }, "999000/0/1000/0"),

  scenario("#81 a decision again is the old one", function*(lab) {
    const first = is(yield* lab.D(1000, { k }), 200, { decision: "ALLOW" })
    is(yield* lab.V(1_000_000), 201)
    replays(first, yield* lab.D(1000, { k }))
    is(yield* lab.D(1000), 200, { decision: "DENY", reason_code: "BUDGET_EXCEEDED" })
    refuses(yield* lab.D(2000, { k }), 409, "IDEMPOTENCY_MISMATCH")
  }, "0/0/1000000/0"),

  scenario("#82 a denied dry run again is still denied", function*(lab) {
    const first = is(yield* lab.R(1_000_001, { k, dry: true }), 200, { decision: "DENY" })
    yield* lab.authority.credit(A, Amount.tokens(1))
    replays(first, yield* lab.R(1_000_001, { k, dry: true }))
  }, "1000001/0/0/0"),

  scenario("#83 a decision that was refused is asked anew", function*(lab) {
    refuses(yield* lab.D(1, { k, unit: "CREDITS" }), 400, "UNIT_MISMATCH")
    yield* lab.authority.putBudget({ scope: A, allocated: Amount.credits(5) })
    is(yield* lab.D(1, { k, unit: "CREDITS" }), 200, { decision: "ALLOW" })
  }, "1000000/0/0/0"),

  scenario("#84 the key of the header", function*(lab) {
    const headers = { "x-idempotency-key": k }
    refuses(yield* lab.R(1000, { k: "other", headers }), 400, "INVALID_REQUEST", "X-Idempotency-Key")
    is(yield* lab.R(1000, { k, headers }), 200)
    refuses(yield* lab.R(1000, { headers, body: { idempotency_key: undefined } }), 400, "INVALID_REQUEST")
  }, "999000/1000/0/0"),

  scenario("#85 the key on two reservations", function*(lab) {
    const [r1, r2] = [yield* lab.R(1), yield* lab.R(1)]
    is(yield* lab.C(r1, 1, { k }), 200)
    is(yield* lab.C(r2, 1, { k }), 200)
  }, "999998/0/2/0"),

  scenario("#86 the order of properties does not matter", function*(lab) {
    const sent = (text: string) =>
      lab.send({ method: "POST", path: "/v1/reservations", headers: credentials("KA"), text })
    const [action, subject] = [`"action":{"name":"n","kind":"k"}`, `"subject":{"tenant":"tenant-a"}`]
    const [estimate, key] = [`"estimate":{"amount":1000,"unit":"TOKENS"}`, `"idempotency_key":"${k}"`]
    const first = yield* sent(`{${action},${subject},${estimate},${key},"metadata":{"a":1,"b":{"c":2,"d":null}}}`)
    is(first, 200)
    replays(first, yield* sent(`{"metadata":{"b":{"d":null,"c":2},"a":1},${key},${estimate},${subject},${action}}`))
    replays(
      first,
      yield* sent(`{"metadata":{"b":{"c":2},"a":1},"ttl_ms":null,${key},${estimate},${subject},${action}}`)
    )
  }, "999000/1000/0/0"),

  scenario("#87 a default spelled out", function*(lab) {
    const first = yield* lab.R(1000, { k })
    replays(first, yield* lab.R(1000, { k, grace: 5000, dry: false }))
    is(yield* lab.R(1, { k: "k2", body: { ttl_ms: undefined } }), 200)
    refuses(yield* lab.R(1, { k: "k2", ttl: 60_000 }), 409, "IDEMPOTENCY_MISMATCH")
  }, "998999/1001/0/0"),

  scenario("#88 twenty at once with one key", function*(lab) {
    const replies = yield* Effect.all(Array.from({ length: 20 }, () => lab.R(1000, { k })), { concurrency: 20 })
    assert.strictEqual(new Set(replies.map(({ text }) => text)).size, 1)
    is(replies[0]!, 200, { reserved: tokens(1000) })
  }, "999000/1000/0/0"),

  scenario("#89 fifty at once, and room for thirty-three", function*(lab) {
    const replies = yield* Effect.all(Array.from({ length: 50 }, () => lab.R(30_000)), { concurrency: 50 })
    assert.lengthOf(replies.filter(({ status }) => status === 200), 33)
    assert.lengthOf(replies.filter(({ json }) => json["error"] === "BUDGET_EXCEEDED"), 17)
  }, "10000/990000/0/0")
]
