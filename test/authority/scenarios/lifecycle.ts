import { assert } from "@effect/vitest"
import { absent, is, refuses, rows, tokens } from "../support/http.js"
import { A, child, Q, scenario, T0 } from "../support/Lab.js"

export const lifecycle = [
  scenario("#1 a reserve holds its estimate", function*(lab) {
    const reply = is(yield* lab.R(1000), 200, {
      decision: "ALLOW",
      reserved: tokens(1000),
      affected_scopes: [A],
      scope_path: A,
      remaining_ttl_ms: 60_000,
      expires_at_ms: T0 + 60_000,
      caps: absent,
      reason_code: absent
    })
    assert.deepStrictEqual(rows(reply, "balances"), [{
      scope: A,
      scope_path: A,
      remaining: tokens(999_000),
      reserved: tokens(1000),
      spent: tokens(0),
      allocated: tokens(1_000_000),
      overdraft_limit: tokens(100_000)
    }])
  }, "999000/1000/0/0"),

  scenario("#2 a commit below the estimate returns the rest", function*(lab) {
    is(yield* lab.C(yield* lab.R(1000), 800), 200, {
      status: "COMMITTED",
      charged: tokens(800),
      released: tokens(200)
    })
  }, "999200/0/800/0"),

  scenario("#3 a commit of the estimate returns nothing", function*(lab) {
    is(yield* lab.C(yield* lab.R(1000), 1000), 200, { charged: tokens(1000), released: absent })
  }, "999000/0/1000/0"),

  scenario("#4 a commit of zero returns everything", function*(lab) {
    is(yield* lab.C(yield* lab.R(1000), 0), 200, { charged: tokens(0), released: tokens(1000) })
  }, "1000000/0/0/0"),

  scenario("#5 a release returns the hold", function*(lab) {
    is(yield* lab.X(yield* lab.R(1000)), 200, { status: "RELEASED", released: tokens(1000) })
  }, "1000000/0/0/0"),

  scenario("#6 another commit below the estimate", function*(lab) {
    is(yield* lab.C(yield* lab.R(5000), 3000), 200, { charged: tokens(3000), released: tokens(2000) })
  }, "997000/0/3000/0"),

  scenario("#7 an estimate of zero is legal", function*(lab) {
    is(yield* lab.R(0), 200, { decision: "ALLOW", reserved: tokens(0) })
  }, "1000000/0/0/0"),

  scenario("#8 ttl, grace and policy have defaults", function*(lab) {
    const body = { ttl_ms: undefined, grace_period_ms: undefined, overage_policy: undefined }
    const reply = is(yield* lab.R(1000, { body }), 200, { remaining_ttl_ms: 60_000 })
    // The default grace of 5 s lets this commit in, the default policy lets it exceed the estimate.
    yield* lab.clock(65_000)
    is(yield* lab.C(reply, 1500), 200, { charged: tokens(1500) })
  }, "998500/0/1500/0"),

  scenario("#9 the whole budget can be held, and then nothing more", function*(lab) {
    is(yield* lab.R(1_000_000), 200)
    refuses(yield* lab.R(1), 409, "BUDGET_EXCEEDED", A)
  }, "0/1000000/0/0"),

  scenario("#10 an ACTIVE reservation can be read", function*(lab) {
    is(yield* lab.read(yield* lab.R(1000, { k: "k-10" })), 200, {
      status: "ACTIVE",
      reserved: tokens(1000),
      idempotency_key: "k-10",
      created_at_ms: T0,
      expires_at_ms: T0 + 60_000,
      scope_path: A,
      affected_scopes: [A],
      subject: { tenant: "tenant-a" },
      action: { kind: "llm.completion", name: "test-model" },
      committed: absent,
      finalized_at_ms: absent,
      metadata: absent
    })
  }, "999000/1000/0/0"),

  scenario("#11 a COMMITTED reservation shows what was charged and both maps", function*(lab) {
    const reply = yield* lab.R(1000, { body: { metadata: { a: 1 } } })
    yield* lab.clock(500)
    is(yield* lab.C(reply, 800, { body: { metadata: { b: 2 } } }), 200)
    is(yield* lab.read(reply), 200, {
      status: "COMMITTED",
      committed: tokens(800),
      metadata: { a: 1 },
      committed_metadata: { b: 2 },
      finalized_at_ms: T0 + 500
    })
  }, "999200/0/800/0"),

  scenario("#12 a RELEASED reservation shows when", function*(lab) {
    const reply = yield* lab.R(1000)
    yield* lab.clock(500)
    is(yield* lab.X(reply), 200)
    is(yield* lab.read(reply), 200, { status: "RELEASED", finalized_at_ms: T0 + 500, committed: absent })
  }, "1000000/0/0/0"),

  scenario("#13 parent and child pay together", function*(lab) {
    yield* lab.budget(Q, 5000)
    const reply = is(yield* lab.R(1000, { subject: child }), 200, { affected_scopes: [A, Q], scope_path: Q })
    const [parent, own, ...others] = rows(reply, "balances")
    assert.strictEqual(parent?.["scope_path"], A)
    assert.strictEqual(own?.["scope"], "agent:x")
    assert.strictEqual(own?.["scope_path"], Q)
    assert.isEmpty(others)
    is(yield* lab.C(reply, 600), 200, { charged: tokens(600) })
  }, { [A]: "999400/0/600/0", [Q]: "4400/0/600/0" }),

  scenario("#14 scopes without a budget are named but pay nothing", function*(lab) {
    const reply = is(yield* lab.R(1000, { subject: { tenant: "tenant-a", workspace: "w", agent: "x" } }), 200, {
      affected_scopes: [A, `${A}/workspace:w`, `${A}/workspace:w/agent:x`]
    })
    assert.lengthOf(rows(reply, "balances"), 1)
  }, "999000/1000/0/0"),

  scenario("#15 one budget anywhere on the path is enough", function*(lab) {
    yield* lab.authority.removeBudget(A, "TOKENS")
    yield* lab.budget(Q, 5000)
    assert.lengthOf(rows(is(yield* lab.R(1000, { subject: child }), 200), "balances"), 1)
  }, { [A]: "none", [Q]: "4000/1000/0/0" }),

  scenario("#16 scopes ignore case, subjects keep it", function*(lab) {
    yield* lab.budget(Q, 5000)
    const reply = is(yield* lab.R(1000, { subject: { tenant: "tenant-a", agent: "X" } }), 200, { scope_path: Q })
    is(yield* lab.read(reply), 200, { subject: { tenant: "tenant-a", agent: "X" } })
  }, { [A]: "999000/1000/0/0", [Q]: "4000/1000/0/0" })
]
