import { assert } from "@effect/vitest"
import { Amount } from "effect-cycles/protocol/Amount"
import { absent, is, refuses, rows, tokens } from "../support/http.js"
import { A, child, type Lab, Q, scenario } from "../support/Lab.js"

const full = "1000000/0/0/0"
const capped = { caps: { maxTokens: 100 } }

/** What makes a budget refuse, and the word for it. */
const obstacles: ReadonlyArray<readonly [string, (lab: Lab) => ReturnType<Lab["budget"]>]> = [
  ["BUDGET_FROZEN", (lab) => lab.budget(A, 1_000_000, { status: "FROZEN" })],
  ["BUDGET_CLOSED", (lab) => lab.budget(A, 1_000_000, { status: "CLOSED" })],
  ["OVERDRAFT_LIMIT_EXCEEDED", (lab) => lab.budget(A, 1_000_000, { isOverLimit: true })],
  ["DEBT_OUTSTANDING", (lab) => lab.budget(A, 1_000_000, { debt: Amount.tokens(5) })],
  ["BUDGET_NOT_FOUND", (lab) => lab.authority.removeBudget(A, "TOKENS")]
]

export const advice = [
  scenario("#90 a decision", function*(lab) {
    is(yield* lab.D(1000), 200, {
      decision: "ALLOW",
      affected_scopes: [A],
      balances: absent,
      scope_path: absent,
      caps: absent,
      reason_code: absent
    })
  }, full),

  scenario("#91 a decision against, and why", function*(lab) {
    const denied = { decision: "DENY", affected_scopes: [A] }
    is(yield* lab.D(1_000_001), 200, { ...denied, reason_code: "BUDGET_EXCEEDED" })
    for (const [reason_code, prepare] of obstacles) {
      yield* prepare(lab)
      is(yield* lab.D(1), 200, { ...denied, reason_code })
      is(yield* lab.R(1, { dry: true }), 200, { ...denied, reason_code })
    }
  }, "none"),

  scenario("#92 a decision in another unit", function*(lab) {
    const details = { scope: A, requested_unit: "CREDITS", expected_units: ["TOKENS"] }
    is(refuses(yield* lab.D(1, { unit: "CREDITS" }), 400, "UNIT_MISMATCH"), 400, { details })
    is(refuses(yield* lab.R(1, { unit: "CREDITS", dry: true }), 400, "UNIT_MISMATCH"), 400, { details })
  }, full),

  scenario("#93 a dry run holds nothing", function*(lab) {
    const reply = is(yield* lab.R(1000, { dry: true }), 200, {
      decision: "ALLOW",
      reserved: tokens(1000),
      scope_path: A,
      reservation_id: absent,
      expires_at_ms: absent,
      remaining_ttl_ms: absent
    })
    assert.deepInclude(rows(reply, "balances")[0], { remaining: tokens(1_000_000), reserved: tokens(0) })
    assert.isEmpty(rows(yield* lab.list(), "reservations"))
  }, full),

  scenario("#94 a denied dry run", function*(lab) {
    is(yield* lab.R(1_000_001, { dry: true }), 200, {
      decision: "DENY",
      reason_code: "BUDGET_EXCEEDED",
      affected_scopes: [A],
      scope_path: A,
      balances: absent,
      reserved: absent
    })
  }, full),

  scenario("#95 a dry run without a budget", function*(lab) {
    yield* lab.authority.removeBudget(A, "TOKENS")
    is(yield* lab.R(1, { dry: true }), 200, { decision: "DENY", reason_code: "BUDGET_NOT_FOUND" })
  }, "none"),

  scenario("#96 caps come with the permission", function*(lab) {
    yield* lab.budget(A, 1_000_000, capped)
    const expected = { decision: "ALLOW_WITH_CAPS", caps: { max_tokens: 100 } }
    is(yield* lab.R(1000), 200, { ...expected, reserved: tokens(1000) })
    is(yield* lab.D(1), 200, expected)
    is(yield* lab.R(1, { dry: true }), 200, expected)
  }, "999000/1000/0/0"),

  scenario("#97 caps of a wider scope do not apply", function*(lab) {
    yield* lab.budget(A, 1_000_000, capped)
    is(yield* lab.R(1000, { subject: child }), 200, { decision: "ALLOW", caps: absent })
  }, "999000/1000/0/0"),

  scenario("#98 an event", function*(lab) {
    const reply = is(yield* lab.V(1000), 201, { status: "APPLIED", charged: absent })
    assert.match(String(reply.json["event_id"]), /^[0-9a-f-]{36}$/)
  }, "999000/0/1000/0"),

  scenario("#99 REJECT: an event beyond what remains", function*(lab) {
    refuses(yield* lab.V(1_000_001, { policy: "REJECT" }), 409, "BUDGET_EXCEEDED")
    is(yield* lab.V(1_000_000, { policy: "REJECT" }), 201, { charged: absent })
  }, "0/0/1000000/0"),

  scenario("#100 AIA: a capped event", function*(lab) {
    is(yield* lab.V(999_000), 201)
    is(yield* lab.V(5000, { policy: "ALLOW_IF_AVAILABLE" }), 201, { charged: tokens(1000) })
  }, "0/0/1000000/0!"),

  scenario("#101 over its limit a budget still takes events", function*(lab) {
    is(yield* lab.V(999_000), 201)
    is(yield* lab.V(5000), 201, { charged: tokens(1000) })
    is(yield* lab.V(10, { policy: "ALLOW_IF_AVAILABLE" }), 201, { charged: tokens(0) })
  }, "0/0/1000000/0!"),

  scenario("#102 AWO: an event into debt", function*(lab) {
    is(yield* lab.V(850_000), 201)
    is(yield* lab.V(200_000, { policy: "ALLOW_WITH_OVERDRAFT" }), 201, { charged: absent })
  }, "-50000/0/1000000/50000"),

  scenario("#103 AWO: an event beyond the limit", function*(lab) {
    is(yield* lab.V(950_000), 201)
    refuses(yield* lab.V(500_000, { policy: "ALLOW_WITH_OVERDRAFT" }), 409, "OVERDRAFT_LIMIT_EXCEEDED")
  }, "50000/0/950000/0"),

  scenario("#104 AWO without a limit", function*(lab) {
    yield* lab.budget(A, 1_000_000)
    is(yield* lab.V(950_000), 201)
    is(yield* lab.V(500_000, { policy: "ALLOW_WITH_OVERDRAFT" }), 201, { charged: tokens(50_000) })
  }, "0/0/1000000/0!"),

  scenario("#105 the narrowest fund of the path caps an event", function*(lab) {
    yield* lab.budget(A, 1000, { spent: Amount.tokens(950) })
    yield* lab.budget(Q, 1000, { spent: Amount.tokens(50) })
    is(yield* lab.V(100, { policy: "ALLOW_IF_AVAILABLE", subject: child }), 201, { charged: tokens(50) })
  }, { [A]: "0/0/1000/0!", [Q]: "900/0/100/0" }),

  scenario("#106 a budget that takes no event", function*(lab) {
    yield* lab.authority.setStatus(A, "TOKENS", "FROZEN")
    refuses(yield* lab.V(1), 409, "BUDGET_FROZEN")
    yield* lab.authority.setStatus(A, "TOKENS", "CLOSED")
    refuses(yield* lab.V(1), 409, "BUDGET_CLOSED")
    yield* lab.authority.removeBudget(A, "TOKENS")
    refuses(yield* lab.V(1), 404, "NOT_FOUND")
  }, "none"),

  scenario("#107 an event in another unit", function*(lab) {
    is(refuses(yield* lab.V(1, { unit: "CREDITS" }), 400, "UNIT_MISMATCH"), 400, {
      details: { scope: A, requested_unit: "CREDITS", expected_units: ["TOKENS"] }
    })
  }, full)
]
