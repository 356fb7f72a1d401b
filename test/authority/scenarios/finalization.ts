import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { absent, is, refuses, rows, tokens } from "../support/http.js"
import { type Lab, scenario, T0 } from "../support/Lab.js"

const short = { ttl: 1000, grace: 0 }
const graced = { ttl: 1000, grace: 5000 }

const finalized = (lab: Lab, end: "C" | "X") =>
  Effect.gen(function*() {
    const reply = yield* lab.R(1000)
    is(yield* end === "C" ? lab.C(reply, 800) : lab.X(reply), 200)
    for (const again of [lab.C(reply, 800), lab.X(reply), lab.E(reply, 1000)]) {
      refuses(yield* again, 409, "RESERVATION_FINALIZED")
    }
  })

export const finalization = [
  scenario("#51 after a commit nothing else", function*(lab) {
    yield* finalized(lab, "C")
  }, "999200/0/800/0"),

  scenario("#52 after a release nothing else", function*(lab) {
    yield* finalized(lab, "X")
  }, "1000000/0/0/0"),

  scenario("#53 an unknown id", function*(lab) {
    const id = "4b40fd9e-0000-4000-8000-000000000000"
    for (const call of [lab.C(id, 1), lab.X(id), lab.E(id, 1), lab.read(id)]) {
      refuses(yield* call, 404, "NOT_FOUND", id)
    }
  }, "1000000/0/0/0"),

  scenario("#54 an extension at the very expiry", function*(lab) {
    const reply = yield* lab.R(1000, short)
    yield* lab.clock(1000)
    is(yield* lab.E(reply, 1000), 200, { expires_at_ms: T0 + 2000, remaining_ttl_ms: 1000, status: "ACTIVE" })
  }, "999000/1000/0/0"),

  scenario("#55 a commit at the very expiry", function*(lab) {
    const reply = yield* lab.R(1000, short)
    yield* lab.clock(1000)
    is(yield* lab.C(reply, 800), 200)
  }, "999200/0/800/0"),

  scenario("#56 a moment later it is gone, and the hold is back", function*(lab) {
    const reply = yield* lab.R(1000, short)
    yield* lab.clock(1001)
    for (const call of [lab.C(reply, 800), lab.X(reply), lab.E(reply, 1000)]) {
      refuses(yield* call, 410, "RESERVATION_EXPIRED")
    }
  }, "1000000/0/0/0"),

  scenario("#57 an expired reservation cannot be read", function*(lab) {
    const reply = yield* lab.R(1000, short)
    yield* lab.clock(1001)
    refuses(yield* lab.read(reply), 410, "RESERVATION_EXPIRED")
  }, "1000000/0/0/0"),

  scenario("#58 but it is listed", function*(lab) {
    const reply = yield* lab.R(1000, short)
    yield* lab.clock(1001)
    const [row] = rows(yield* lab.list(), "reservations")
    assert.deepInclude(row, { reservation_id: reply.json["reservation_id"], status: "EXPIRED" })
    assert.notProperty(row, "finalized_at_ms")
    refuses(yield* lab.C(reply, 800), 410, "RESERVATION_EXPIRED")
  }, "1000000/0/0/0"),

  scenario("#59 grace is for settling, not for extending", function*(lab) {
    const reply = yield* lab.R(1000, graced)
    yield* lab.clock(3000)
    refuses(yield* lab.E(reply, 1000), 410, "RESERVATION_EXPIRED")
    is(yield* lab.C(reply, 800), 200)
  }, "999200/0/800/0"),

  scenario("#60 the last instant of grace", function*(lab) {
    const reply = yield* lab.R(1000, graced)
    yield* lab.clock(6000)
    yield* lab.authority.budgets
    is(yield* lab.C(reply, 800), 200)
  }, "999200/0/800/0"),

  scenario("#61 after the grace", function*(lab) {
    const reply = yield* lab.R(1000, graced)
    yield* lab.clock(6001)
    refuses(yield* lab.C(reply, 800), 410, "RESERVATION_EXPIRED")
    assert.deepInclude(rows(yield* lab.list("status=EXPIRED"), "reservations")[0], { status: "EXPIRED" })
  }, "1000000/0/0/0"),

  scenario("#62 an extension adds to the expiry, not to now", function*(lab) {
    const reply = yield* lab.R(1000)
    yield* lab.clock(1000)
    const extended = is(yield* lab.E(reply, 30_000), 200, {
      status: "ACTIVE",
      expires_at_ms: T0 + 90_000,
      remaining_ttl_ms: 89_000
    })
    assert.deepInclude(rows(extended, "balances")[0], { reserved: tokens(1000) })
  }, "999000/1000/0/0"),

  scenario("#63 so many extensions and no more", function*(lab) {
    yield* lab.authority.putTenant("tenant-a", { status: "ACTIVE", maxExtensions: 2 })
    const reply = yield* lab.R(1000)
    is(yield* lab.E(reply, 1000), 200)
    is(yield* lab.E(reply, 1000), 200)
    refuses(yield* lab.E(reply, 1000), 409, "MAX_EXTENSIONS_EXCEEDED", "(2) reached")
  }, "999000/1000/0/0"),

  scenario("#64 the ttl is clamped by the tenant", function*(lab) {
    yield* lab.authority.putTenant("tenant-a", { status: "ACTIVE", maxTtlMs: 10_000 })
    is(yield* lab.R(1000, { ttl: 86_400_000 }), 200, { remaining_ttl_ms: 10_000 })
  }, "999000/1000/0/0"),

  scenario("#65 an extension is not", function*(lab) {
    yield* lab.authority.putTenant("tenant-a", { status: "ACTIVE", maxTtlMs: 10_000 })
    const reply = yield* lab.R(1000, { ttl: 86_400_000 })
    is(yield* lab.E(reply, 86_400_000), 200, { expires_at_ms: T0 + 86_410_000 })
  }, "999000/1000/0/0"),

  scenario("#66 the default ttl of the tenant", function*(lab) {
    yield* lab.authority.putTenant("tenant-a", { status: "ACTIVE", defaultTtlMs: 5000 })
    is(yield* lab.R(1000, { body: { ttl_ms: undefined } }), 200, { remaining_ttl_ms: 5000 })
  }, "999000/1000/0/0"),

  scenario("#67 without a tenant record an hour is the most", function*(lab) {
    is(yield* lab.R(1000, { ttl: 86_400_000 }), 200, { remaining_ttl_ms: 3_600_000, expires_at_ms: T0 + 3_600_000 })
  }, "999000/1000/0/0"),

  scenario("#56a a clock that goes back resurrects nothing", function*(lab) {
    const reply = yield* lab.R(1000, short)
    yield* lab.clock(1001)
    refuses(yield* lab.read(reply), 410, "RESERVATION_EXPIRED")
    yield* lab.clock(0)
    refuses(yield* lab.C(reply, 1), 410, "RESERVATION_EXPIRED")
    is(yield* lab.list(), 200, { has_more: false, next_cursor: absent })
  }, "1000000/0/0/0")
]
