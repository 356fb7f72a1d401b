import { assert } from "@effect/vitest"
import type { Command } from "effect-cycles/authority/Command"
import { DecisionRequest } from "effect-cycles/protocol/Decision"
import { EventRequest } from "effect-cycles/protocol/Event"
import { CommitRequest, CreateRequest, ExtendRequest, ReleaseRequest } from "effect-cycles/protocol/Reservation"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { absent, is, refuses, type Reply, rows, tokens } from "../support/http.js"
import { credentials, type Lab, scenario } from "../support/Lab.js"

const held = "999000/1000/0/0"
const who = { subject: { tenant: "tenant-a" }, action: { kind: "llm.completion", name: "test-model" } }

/** The commands that a closed tenant's own program could still run. */
const commandsOn = (reservation: Reply, amount = 1) => {
  const tenant = "tenant-a"
  const reservationId = String(reservation.json["reservation_id"])
  const key = () => ({ idempotency_key: globalThis.crypto.randomUUID() })
  const read = <A, I>(schema: Schema.Schema<A, I>, body: object): A =>
    Schema.decodeUnknownSync(schema)({ ...key(), ...body })
  const create = { ...who, estimate: tokens(amount) }
  const advice: ReadonlyArray<Command> = [
    { _tag: "Decide", tenant, request: read(DecisionRequest, create) },
    { _tag: "Reserve", tenant, id: "dry", request: read(CreateRequest, { ...create, dry_run: true }) }
  ]
  const changes: ReadonlyArray<Command> = [
    { _tag: "Reserve", tenant, id: "live", request: read(CreateRequest, create) },
    { _tag: "Event", tenant, id: "event", request: read(EventRequest, { ...who, actual: tokens(1) }) },
    { _tag: "Commit", tenant, reservationId, request: read(CommitRequest, { actual: tokens(1) }) },
    { _tag: "Extend", tenant, reservationId, request: read(ExtendRequest, { extend_by_ms: 1000 }) },
    { _tag: "Release", tenant, reservationId, request: read(ReleaseRequest, {}) }
  ]
  return { advice, changes }
}

const refusedWith = (lab: Lab, command: Command, code: string) =>
  Effect.map(Effect.flip(lab.authority.run(command)), (refusal) => assert.strictEqual(refusal.code, code, command._tag))

export const tenancy = [
  scenario("#108 without a key, with a wrong one, with a blank one", function*(lab) {
    const shown: ReadonlyArray<readonly [Record<string, string>, string]> = [
      [{}, "Missing API key"],
      [{ "x-cycles-api-key": "bogus" }, "KEY_NOT_FOUND"],
      [{ "x-cycles-api-key": " " }, "Missing API key"]
    ]
    for (const [headers, message] of shown) {
      const reply = yield* lab.send({ method: "POST", path: "/v1/reservations", headers, text: "not JSON" })
      refuses(reply, 401, "UNAUTHORIZED", message)
      assert.isUndefined(reply.headers["x-cycles-tenant"])
      assert.isUndefined(reply.headers["x-ratelimit-remaining"])
    }
    refuses(yield* lab.send({ method: "GET", path: "/v1/nothing" }), 401, "UNAUTHORIZED", "Missing API key")
  }, "1000000/0/0/0"),

  scenario("#109 a subject of another tenant", function*(lab) {
    const options = { subject: { tenant: "tenant-b" } }
    for (const call of [lab.R(1, options), lab.D(1, options), lab.V(1, options), lab.R(1, { ...options, dry: true })]) {
      assert.strictEqual(refuses(yield* call, 403, "FORBIDDEN").headers["x-cycles-tenant"], "tenant-a")
    }
    refuses(yield* lab.R(1, { subject: { tenant: "Tenant-A" } }), 403, "FORBIDDEN")
  }, "1000000/0/0/0"),

  scenario("#110 a reservation of another tenant", function*(lab) {
    const reply = yield* lab.R(1000)
    const as = "KB"
    for (
      const call of [lab.read(reply, { as }), lab.C(reply, 1, { as }), lab.X(reply, { as }), lab.E(reply, 1, { as })]
    ) {
      refuses(yield* call, 403, "FORBIDDEN")
    }
  }, held),

  scenario("#111 lists of another tenant", function*(lab) {
    refuses(yield* lab.balances("tenant=tenant-b"), 403, "FORBIDDEN")
    refuses(yield* lab.list("tenant=tenant-b"), 403, "FORBIDDEN")
  }),

  scenario("#112 the administrator lists, reads and releases", function*(lab) {
    const reply = yield* lab.R(1000)
    const as = "ADM"
    const listed = is(yield* lab.list("tenant=tenant-a", { as }), 200)
    assert.lengthOf(rows(listed, "reservations"), 1)
    assert.isUndefined(listed.headers["x-cycles-tenant"])
    refuses(yield* lab.list("", { as }), 400, "INVALID_REQUEST", "tenant")
    is(yield* lab.read(reply, { as }), 200)
    const k = "once"
    const released = is(yield* lab.X(reply, { as, k, body: { reason: "by\r\nhand" } }), 200, { status: "RELEASED" })
    is(yield* lab.X(reply, { as, k, body: { reason: "by\r\nhand" } }), 200, { status: "RELEASED" })
    const [audit, ...others] = yield* lab.authority.audits
    assert.isEmpty(others)
    assert.deepInclude(audit, {
      operation: "releaseReservation",
      actorType: "admin_on_behalf_of",
      tenant: "tenant-a",
      resource: String(reply.json["reservation_id"]),
      reason: "by hand",
      requestId: released.headers["x-request-id"],
      traceId: released.headers["x-cycles-trace-id"]
    })
    is(yield* lab.X(yield* lab.R(1)), 200)
    assert.lengthOf(yield* lab.authority.audits, 1)
  }, "1000000/0/0/0"),

  scenario("#113 the key of the administrator opens nothing else", function*(lab) {
    const reply = yield* lab.R(1000)
    const as = "ADM"
    const calls = [
      lab.R(1, { as }),
      lab.C(reply, 1, { as }),
      lab.E(reply, 1, { as }),
      lab.D(1, { as }),
      lab.V(1, { as }),
      lab.balances("tenant=tenant-a", { as })
    ]
    for (const call of calls) refuses(yield* call, 401, "UNAUTHORIZED", "Missing API key")
  }, held),

  scenario("#114 a wrong key of the administrator decides; a blank one does not", function*(lab) {
    const list = (key: string) => lab.list("", { headers: { "x-admin-api-key": key } })
    refuses(yield* list("wrong"), 401, "UNAUTHORIZED", "Invalid admin API key")
    is(yield* list(""), 200)
  }),

  scenario("#115 a suspended tenant", function*(lab) {
    yield* lab.authority.putTenant("tenant-a", { status: "SUSPENDED" })
    refuses(yield* lab.R(1), 401, "UNAUTHORIZED", "TENANT_SUSPENDED")
    const [reserve] = commandsOn({ status: 0, headers: {}, text: "", json: {} }).changes
    yield* lab.authority.run(reserve!)
    yield* lab.authority.putTenant("tenant-a", { status: "ACTIVE" })
  }, "999999/1/0/0"),

  scenario("#116-118 a closed tenant is read-only", function*(lab) {
    const reply = yield* lab.R(1000)
    yield* lab.authority.putTenant("tenant-a", { status: "CLOSED" })
    refuses(yield* lab.C(reply, 1), 401, "UNAUTHORIZED", "TENANT_CLOSED")
    const { advice, changes } = commandsOn(reply)
    for (const command of changes) yield* refusedWith(lab, command, "TENANT_CLOSED")
    for (const command of advice) {
      const answer = yield* lab.authority.run(command)
      assert.propertyVal(answer, "decision", "DENY")
    }
    const as = "ADM"
    refuses(yield* lab.X(reply, { as }), 409, "TENANT_CLOSED")
    is(yield* lab.read(reply, { as }), 200)
    is(yield* lab.list("tenant=tenant-a", { as }), 200)
    yield* lab.authority.putTenant("tenant-a", { status: "ACTIVE" })
  }, held),

  scenario(
    "#119-120 what was answered before the close is answered again, and the close comes before FINALIZED",
    function*(lab) {
      const reply = yield* lab.R(1000)
      const { changes } = commandsOn(reply)
      const done = changes.filter(({ _tag }) => _tag === "Event" || _tag === "Commit")
      const before = yield* Effect.forEach(done, lab.authority.run)
      yield* lab.authority.putTenant("tenant-a", { status: "CLOSED" })
      assert.deepStrictEqual(yield* Effect.forEach(done, lab.authority.run), before)
      for (const command of commandsOn(reply).changes) yield* refusedWith(lab, command, "TENANT_CLOSED")
      yield* lab.authority.putTenant("tenant-a", { status: "ACTIVE" })
    },
    "999998/0/2/0"
  ),

  // [R] Records are typed rows: of the malformed records of the table only the statuses can exist.
  scenario("#121 a malformed tenant record stops everything", function*(lab) {
    const reply = yield* lab.R(1000)
    for (const status of ["closed", ""]) {
      yield* lab.authority.putTenant("tenant-a", { status })
      const { advice, changes } = commandsOn(reply)
      for (const command of [...advice, ...changes]) yield* refusedWith(lab, command, "INTERNAL_ERROR")
    }
    refuses(yield* lab.R(1), 500, "INTERNAL_ERROR", "tenant:tenant-a")
  }, held),

  scenario("#122 closed comes before too little", function*(lab) {
    yield* lab.authority.putTenant("tenant-a", { status: "CLOSED" })
    const [reserve] = commandsOn({ status: 0, headers: {}, text: "", json: {} }, 1_000_001).changes
    yield* refusedWith(lab, reserve!, "TENANT_CLOSED")
  }),

  scenario("#165 public routes need no key and keep nothing", function*(lab) {
    const get = (path: string) => lab.send({ method: "GET", path, headers: { "x-cycles-api-key": "bogus" } })
    refuses(yield* get(`/v1/evidence/${"A".repeat(64)}`), 400, "INVALID_REQUEST", "evidence_id")
    refuses(yield* get(`/v1/evidence/${"a".repeat(63)}`), 400, "INVALID_REQUEST", "evidence_id")
    const unknown = refuses(yield* get(`/v1/evidence/${"a".repeat(64)}`), 404, "NOT_FOUND")
    assert.isUndefined(unknown.headers["x-cycles-tenant"])
    refuses(yield* get("/v1/.well-known/cycles-jwks.json"), 404, "NOT_FOUND")
    refuses(yield* lab.send({ method: "POST", path: "/v1/.well-known/cycles-jwks.json" }), 401, "UNAUTHORIZED")
    is(yield* lab.send({ method: "GET", path: "/v1/reservations", headers: credentials("KA") }), 200, {
      next_cursor: absent
    })
  })
]
