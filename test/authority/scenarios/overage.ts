import { assert } from "@effect/vitest"
import { Amount } from "effect-cycles/protocol/Amount"
import * as Effect from "effect/Effect"
import { absent, is, refuses, type Reply, rows, tokens } from "../support/http.js"
import { A, child, type Lab, Q, scenario } from "../support/Lab.js"

/** V(spent), then R(estimate) under a policy. */
const after = (lab: Lab, spent: number, estimate: number, policy: string) =>
  Effect.gen(function*() {
    is(yield* lab.V(spent), 201)
    return is(yield* lab.R(estimate, { policy }), 200)
  })

const capped = (lab: Lab) =>
  Effect.gen(function*() {
    const reply = is(yield* lab.C(yield* after(lab, 990_000, 1000, "ALLOW_IF_AVAILABLE"), 50_000), 200, {
      charged: tokens(10_000)
    })
    assert.propertyVal(rows(reply, "balances")[0], "is_over_limit", true)
  })

const atLimit = (lab: Lab) =>
  Effect.gen(function*() {
    const reply = yield* after(lab, 950_000, 1000, "ALLOW_WITH_OVERDRAFT")
    is(yield* lab.C(reply, 150_000), 200, { charged: tokens(150_000) })
  })

const active = (lab: Lab, reply: Reply) => Effect.map(lab.read(reply), (row) => is(row, 200, { status: "ACTIVE" }))

export const overage = [
  scenario("#31 AIA: funds suffice", function*(lab) {
    const reply = yield* lab.R(5000, { policy: "ALLOW_IF_AVAILABLE" })
    is(yield* lab.C(reply, 8000), 200, { charged: tokens(8000), released: absent })
  }, "992000/0/8000/0"),

  scenario("#32 REJECT: the commit is refused and the reservation stays", function*(lab) {
    const reply = yield* lab.R(1000)
    refuses(yield* lab.C(reply, 1500), 409, "BUDGET_EXCEEDED")
    yield* active(lab, reply)
  }, "999000/1000/0/0"),

  scenario("#33 REJECT: a commit within the estimate still works", function*(lab) {
    const reply = yield* lab.R(1000)
    refuses(yield* lab.C(reply, 1500), 409, "BUDGET_EXCEEDED")
    is(yield* lab.C(reply, 1000), 200, { charged: tokens(1000) })
  }, "999000/0/1000/0"),

  scenario("#34 AIA: the charge is capped by what remains", steps(capped), "0/0/1000000/0!"),

  scenario("#35 after a capped charge nothing is reserved", function*(lab) {
    yield* capped(lab)
    refuses(yield* lab.R(1), 409, "OVERDRAFT_LIMIT_EXCEEDED")
  }, "0/0/1000000/0!"),

  scenario("#36 AIA: nothing remains beyond the hold", function*(lab) {
    is(yield* lab.C(yield* after(lab, 995_000, 5000, "ALLOW_IF_AVAILABLE"), 6000), 200, { charged: tokens(5000) })
  }, "0/0/1000000/0!"),

  ...["ALLOW_IF_AVAILABLE", "ALLOW_WITH_OVERDRAFT"].map((policy, i) =>
    scenario(`#${37 + i} ${policy}: the narrowest fund of the path caps the charge`, function*(lab) {
      yield* lab.budget(A, 150)
      yield* lab.budget(Q, 1000)
      is(yield* lab.C(yield* lab.R(100, { policy, subject: child }), 200), 200, { charged: tokens(150) })
    }, { [A]: "0/0/150/0!", [Q]: "850/0/150/0" })
  ),

  scenario("#39 AWO: the unfunded part is debt", function*(lab) {
    const reply = is(yield* lab.C(yield* after(lab, 950_000, 1000, "ALLOW_WITH_OVERDRAFT"), 100_000), 200, {
      charged: tokens(100_000)
    })
    assert.deepInclude(rows(reply, "balances")[0], { debt: tokens(50_000) })
    assert.notProperty(rows(reply, "balances")[0], "is_over_limit")
  }, "-50000/0/1000000/50000"),

  scenario("#40 AWO: debt may reach the limit", steps(atLimit), "-100000/0/1000000/100000"),

  scenario("#41 AWO: debt may not exceed the limit", function*(lab) {
    const reply = yield* after(lab, 950_000, 1000, "ALLOW_WITH_OVERDRAFT")
    refuses(yield* lab.C(reply, 150_001), 409, "OVERDRAFT_LIMIT_EXCEEDED", A)
    yield* active(lab, reply)
  }, "49000/1000/950000/0"),

  scenario("#42 below zero, even an estimate of nothing is too much", function*(lab) {
    yield* atLimit(lab)
    refuses(yield* lab.R(0), 409, "BUDGET_EXCEEDED")
  }, "-100000/0/1000000/100000"),

  scenario("#43 AWO without a limit is AIA", function*(lab) {
    yield* lab.budget(A, 1_000_000)
    const reply = is(yield* lab.C(yield* after(lab, 950_000, 1000, "ALLOW_WITH_OVERDRAFT"), 100_000), 200, {
      charged: tokens(50_000)
    })
    assert.notProperty(rows(reply, "balances")[0], "debt")
  }, "0/0/1000000/0!"),

  scenario("#44 AWO: a scope without a limit caps the others, which may go into debt", function*(lab) {
    yield* lab.budget(A, 150)
    yield* lab.budget(Q, 110, { limit: 1000 })
    const reply = yield* lab.R(100, { policy: "ALLOW_WITH_OVERDRAFT", subject: child })
    is(yield* lab.C(reply, 200), 200, { charged: tokens(150) })
  }, { [A]: "0/0/150/0!", [Q]: "-40/0/110/40" }),

  scenario("#45 a reservation settles on a frozen budget", function*(lab) {
    const reply = yield* lab.R(1000, { policy: "ALLOW_IF_AVAILABLE" })
    yield* lab.authority.setStatus(A, "TOKENS", "FROZEN")
    is(yield* lab.C(reply, 1200), 200, { charged: tokens(1200) })
  }, "998800/0/1200/0"),

  scenario("#46 a reservation is released on a closed budget", function*(lab) {
    const reply = yield* lab.R(1000)
    yield* lab.authority.setStatus(A, "TOKENS", "CLOSED")
    is(yield* lab.X(reply), 200, { status: "RELEASED" })
  }, "1000000/0/0/0"),

  scenario("#47 a commit in another unit", function*(lab) {
    const reply = yield* lab.R(1000)
    is(refuses(yield* lab.C(reply, 10, { unit: "USD_MICROCENTS" }), 400, "UNIT_MISMATCH"), 400, { details: absent })
    yield* active(lab, reply)
  }, "999000/1000/0/0"),

  scenario("#48 the policy of the tenant applies", function*(lab) {
    yield* lab.authority.putTenant("tenant-a", { status: "ACTIVE", defaultOveragePolicy: "REJECT" })
    const reply = yield* lab.R(1000, { body: { overage_policy: undefined } })
    refuses(yield* lab.C(reply, 1500), 409, "BUDGET_EXCEEDED")
  }, "999000/1000/0/0"),

  scenario("#49 an unknown policy of the tenant counts when it is needed", function*(lab) {
    yield* lab.authority.putTenant("tenant-a", { status: "ACTIVE", defaultOveragePolicy: "BOGUS" })
    const body = { overage_policy: undefined }
    refuses(yield* lab.R(1, { body }), 400, "INVALID_REQUEST", "BOGUS")
    refuses(yield* lab.V(1), 400, "INVALID_REQUEST", "BOGUS")
    is(yield* lab.R(1, { body, dry: true }), 200, { decision: "ALLOW" })
    is(yield* lab.R(1, { policy: "ALLOW_IF_AVAILABLE" }), 200)
  }, "999999/1/0/0"),

  scenario("#50 amounts are exact to the last digit", function*(lab) {
    yield* lab.authority.putBudget({ scope: A, allocated: Amount.tokens(9223372036854775807n) })
    const reserved = is(yield* lab.R(9007199254740993n), 200)
    assert.include(reserved.text, "\"reserved\":{\"unit\":\"TOKENS\",\"amount\":9007199254740993}")
    assert.include(reserved.text, "\"remaining\":{\"unit\":\"TOKENS\",\"amount\":9214364837600034814}")
    const committed = is(yield* lab.C(reserved, 9007199254740993n), 200)
    assert.include(committed.text, "\"charged\":{\"unit\":\"TOKENS\",\"amount\":9007199254740993}")
  }, "9214364837600034814/0/9007199254740993/0")
]

function steps(run: (lab: Lab) => Effect.Effect<unknown, unknown>) {
  return function*(lab: Lab) {
    yield* run(lab)
  }
}
