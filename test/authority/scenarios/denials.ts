import { assert } from "@effect/vitest"
import { Amount } from "effect-cycles/protocol/Amount"
import { is, refuses, rows, tokens } from "../support/http.js"
import { A, child, Q, scenario } from "../support/Lab.js"

const full = "1000000/0/0/0"

export const denials = [
  scenario("#17 more than remains", function*(lab) {
    refuses(yield* lab.R(1_000_001), 409, "BUDGET_EXCEEDED", A)
    assert.isEmpty(rows(yield* lab.list(), "reservations"))
  }, full),

  scenario("#18 the child has too little: the parent is untouched", function*(lab) {
    yield* lab.budget(Q, 500)
    refuses(yield* lab.R(1000, { subject: child }), 409, "BUDGET_EXCEEDED", Q)
  }, { [A]: full, [Q]: "500/0/0/0" }),

  scenario("#19 no budget at all", function*(lab) {
    yield* lab.authority.removeBudget(A, "TOKENS")
    refuses(yield* lab.R(1), 404, "NOT_FOUND", A)
  }, "none"),

  scenario("#20 a budget in another unit", function*(lab) {
    is(refuses(yield* lab.R(10, { unit: "CREDITS" }), 400, "UNIT_MISMATCH"), 400, {
      details: { scope: A, requested_unit: "CREDITS", expected_units: ["TOKENS"] }
    })
  }, full),

  scenario("#21 budgets in two other units", function*(lab) {
    yield* lab.authority.putBudget({ scope: A, allocated: Amount.usd("1") })
    is(yield* lab.R(10, { unit: "RISK_POINTS" }), 400, {
      details: { scope: A, requested_unit: "RISK_POINTS", expected_units: ["USD_MICROCENTS", "TOKENS"] }
    })
  }, full),

  scenario("#22 the unit is missing at one level only", function*(lab) {
    yield* lab.authority.putBudget({ scope: Q, allocated: Amount.credits(50) })
    const reply = is(yield* lab.R(10, { unit: "CREDITS", subject: child }), 200)
    const [balance, ...others] = rows(reply, "balances")
    assert.deepInclude(balance, { scope_path: Q, remaining: { unit: "CREDITS", amount: 40 } })
    assert.isEmpty(others)
  }, full),

  scenario("#23 frozen", function*(lab) {
    yield* lab.authority.setStatus(A, "TOKENS", "FROZEN")
    refuses(yield* lab.R(1), 409, "BUDGET_FROZEN", A)
  }, full),

  scenario("#24 closed", function*(lab) {
    yield* lab.authority.setStatus(A, "TOKENS", "CLOSED")
    refuses(yield* lab.R(1), 409, "BUDGET_CLOSED", A)
  }, full),

  scenario("#25 over its limit, even for nothing", function*(lab) {
    yield* lab.budget(A, 1_000_000, { limit: 100_000, isOverLimit: true })
    refuses(yield* lab.R(0), 409, "OVERDRAFT_LIMIT_EXCEEDED", A)
  }, `${full}!`),

  scenario("#26 debt without a limit", function*(lab) {
    yield* lab.budget(A, 1_000_000, { debt: Amount.tokens(5000) })
    refuses(yield* lab.R(1), 409, "DEBT_OUTSTANDING", A)
  }, "995000/0/0/5000"),

  scenario("#27 debt within a limit does not block", function*(lab) {
    yield* lab.budget(A, 1_000_000, { limit: 100_000, debt: Amount.tokens(5000) })
    assert.deepInclude(rows(is(yield* lab.R(1000), 200), "balances")[0], { debt: tokens(5000) })
  }, "994000/1000/0/5000"),

  scenario("#28 frozen comes before over-limit and debt", function*(lab) {
    yield* lab.budget(A, 1_000_000, { debt: Amount.tokens(5000), isOverLimit: true, status: "FROZEN" })
    refuses(yield* lab.R(1), 409, "BUDGET_FROZEN")
  }, "995000/0/0/5000!"),

  scenario("#29 over-limit comes before debt", function*(lab) {
    yield* lab.budget(A, 1_000_000, { debt: Amount.tokens(5000), isOverLimit: true })
    refuses(yield* lab.R(1), 409, "OVERDRAFT_LIMIT_EXCEEDED")
  }, "995000/0/0/5000!"),

  scenario("#30 the widest failing scope decides", function*(lab) {
    yield* lab.budget(A, 50)
    yield* lab.budget(Q, 1000, { status: "FROZEN" })
    refuses(yield* lab.R(100, { subject: child }), 409, "BUDGET_EXCEEDED", A)
    yield* lab.budget(A, 500)
    refuses(yield* lab.R(100, { subject: child }), 409, "BUDGET_FROZEN", Q)
  }, { [A]: "500/0/0/0", [Q]: "1000/0/0/0" })
]
