import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { inspect } from "node:util"
import { Amount } from "../../src/protocol/Amount.js"
import * as CyclesError from "../../src/protocol/CyclesError.js"
import { knownReasonCodes } from "../../src/protocol/Decision.js"
import { type ErrorCode, statusOf } from "../../src/protocol/ErrorResponse.js"
import { EvidenceId } from "../../src/protocol/Evidence.js"
import { refuse, type Told } from "../../src/protocol/internal/refuse.js"
import { invalidInput } from "../../src/protocol/InvalidInput.js"
import type { Meta } from "../../src/protocol/Meta.js"

const max = 9223372036854775807n

const metaOf = (status: number, more: Partial<Meta> = {}): Meta => ({
  status,
  rttMs: 12.5,
  requestId: Option.some("req-1"),
  traceId: Option.none(),
  tenant: Option.some("acme"),
  rateLimitRemaining: Option.none(),
  rateLimitReset: Option.none(),
  retryAfter: Option.none(),
  ...more
})

const told = (code: string, more: Partial<Told> = {}): Told => ({
  operation: "createReservation",
  code,
  detail: "because",
  meta: metaOf(409),
  ...more
})

const operations = Object.keys(CyclesError.codesOf) as ReadonlyArray<CyclesError.OperationName>
const codes = Object.keys(statusOf) as ReadonlyArray<ErrorCode>

const tags: Record<ErrorCode, CyclesError.Refusal["_tag"]> = {
  INVALID_REQUEST: "InvalidRequest",
  UNAUTHORIZED: "Unauthorized",
  FORBIDDEN: "Forbidden",
  NOT_FOUND: "NotFound",
  BUDGET_EXCEEDED: "BudgetExceeded",
  BUDGET_FROZEN: "BudgetFrozen",
  BUDGET_CLOSED: "BudgetClosed",
  RESERVATION_EXPIRED: "ReservationExpired",
  RESERVATION_FINALIZED: "ReservationFinalized",
  IDEMPOTENCY_MISMATCH: "IdempotencyMismatch",
  UNIT_MISMATCH: "UnitMismatch",
  OVERDRAFT_LIMIT_EXCEEDED: "OverdraftLimitExceeded",
  DEBT_OUTSTANDING: "DebtOutstanding",
  MAX_EXTENSIONS_EXCEEDED: "MaxExtensionsExceeded",
  LIMIT_EXCEEDED: "LimitExceeded",
  TENANT_CLOSED: "TenantClosed",
  INTERNAL_ERROR: "InternalError"
}

/** Where a code may come from, besides the five that may come from anywhere. */
const reads = ["listReservations", "getReservation", "getBalances", "getEvidence", "getEvidenceJwks"]
const writes = [
  "decide",
  "createReservation",
  "commitReservation",
  "releaseReservation",
  "extendReservation",
  "createEvent"
]
const spends = ["decide", "createReservation", "commitReservation", "createEvent"]
const finals = ["commitReservation", "releaseReservation", "extendReservation"]
const from: Partial<Record<ErrorCode, ReadonlyArray<string>>> = {
  NOT_FOUND: [...reads, ...writes],
  IDEMPOTENCY_MISMATCH: writes,
  TENANT_CLOSED: writes,
  BUDGET_FROZEN: writes,
  BUDGET_CLOSED: writes,
  BUDGET_EXCEEDED: spends,
  OVERDRAFT_LIMIT_EXCEEDED: spends,
  DEBT_OUTSTANDING: spends,
  UNIT_MISMATCH: spends,
  RESERVATION_EXPIRED: [...finals, "getReservation"],
  RESERVATION_FINALIZED: finals,
  MAX_EXTENSIONS_EXCEEDED: ["extendReservation"]
}

describe("refuse", () => {
  for (const operation of operations) {
    it(`${operation} has the tags of its codes and Refused for every other`, () => {
      for (const code of codes) {
        const error = refuse(told(code, { operation, meta: metaOf(statusOf[code]) }))
        const expected = from[code]?.includes(operation) ?? true
        assert.strictEqual(error._tag, expected ? tags[code] : "Refused", code)
        assert.strictEqual(error.code, code)
        assert.strictEqual(error.operation, operation)
      }
    })
  }

  for (const code of knownReasonCodes) {
    it(`${code} gives one tag, as a DENY and as an error`, () => {
      const denied = refuse(told(code, { meta: metaOf(200) }))
      const refused = refuse(told(code, { meta: metaOf(409) }))
      assert.strictEqual(denied._tag, refused._tag)
      assert.isTrue(CyclesError.isDenial(denied))
      assert.strictEqual(denied._tag, code === "BUDGET_NOT_FOUND" ? "NotFound" : tags[code as ErrorCode] ?? "Refused")
      assert.strictEqual(denied.code, code)
    })
  }

  it("an unknown code is Refused and kept", () => {
    for (const code of ["SOMETHING_NEW", "", "toString", "__proto__", "budget_exceeded"]) {
      const error = refuse(told(code))
      assert.strictEqual(error._tag, "Refused")
      assert.strictEqual(error.code, code)
    }
  })

  it("the message says what, where and which request", () => {
    const error = refuse(told("BUDGET_EXCEEDED"))
    assert.strictEqual(error.message, "because (BUDGET_EXCEEDED, createReservation, HTTP 409, request req-1)")
    assert.strictEqual(
      refuse(told("BUDGET_EXCEEDED", { meta: metaOf(200, { requestId: Option.none() }) })).message,
      "because (BUDGET_EXCEEDED, createReservation, HTTP 200)"
    )
    assert.include(String(error), "BudgetExceeded: because")
  })

  it("foreign texts can neither forge nor flood a log", () => {
    const nasty = `a\r\nb\u001b[31m\u0000\u2028${"x".repeat(5000)}`
    const error = refuse(told(nasty, {
      detail: nasty,
      meta: metaOf(400, { requestId: Option.some(nasty) }),
      details: Option.some({ scope: nasty })
    }))
    for (const text of [error.message, error.code, Option.getOrThrow(error.scope)]) {
      assert.notMatch(text, /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/)
    }
    assert.isAtMost(error.message.length, 1000)
    assert.isAtMost(error.code.length, 128)
    assert.isAtMost(Option.getOrThrow(error.scope).length, 1024)
  })

  it("a scope of six full levels is not cut", () => {
    const scope = ["tenant", "workspace", "app", "workflow", "agent", "toolset"].map((level) =>
      `${level}:${"x".repeat(128)}`
    ).join("/")
    assert.deepStrictEqual(
      refuse(told("BUDGET_EXCEEDED", { details: Option.some({ scope }) })).scope,
      Option.some(scope)
    )
  })

  it("the scope is the one of the details, else the only affected one", () => {
    const scopeOf = (more: Partial<Told>) => refuse(told("BUDGET_EXCEEDED", more)).scope
    assert.deepStrictEqual(scopeOf({}), Option.none())
    assert.deepStrictEqual(scopeOf({ affectedScopes: [] }), Option.none())
    assert.deepStrictEqual(scopeOf({ affectedScopes: ["a"] }), Option.some("a"))
    assert.deepStrictEqual(scopeOf({ affectedScopes: ["a", "b"] }), Option.none())
    assert.deepStrictEqual(scopeOf({ details: Option.some({ scope: "d" }), affectedScopes: ["a"] }), Option.some("d"))
    assert.deepStrictEqual(scopeOf({ details: Option.some({ scope: 5 }), affectedScopes: ["a"] }), Option.some("a"))
  })

  it("or the one that the words name", () => {
    const scopeOf = (detail: string, more: Partial<Told> = {}) =>
      Option.getOrUndefined(
        refuse(told("BUDGET_EXCEEDED", { detail, affectedScopes: ["a", "b"], ...more })).scope
      )
    assert.strictEqual(scopeOf("Insufficient remaining budget for scope tenant:acme-corp"), "tenant:acme-corp")
    assert.strictEqual(scopeOf("Budget not found for provided scope: tenant:a/agent:x.1, sorry"), "tenant:a/agent:x.1")
    assert.strictEqual(scopeOf("The budget of tenant:a/agent:x is frozen."), "tenant:a/agent:x")
    assert.strictEqual(scopeOf("Frozen: tenant:acme."), "tenant:acme")
    assert.strictEqual(scopeOf("Too little is left"), undefined)
    assert.strictEqual(scopeOf("for tenant:a", { details: Option.some({ scope: "tenant:d" }) }), "tenant:d")
    assert.strictEqual(scopeOf("for tenant:a", { affectedScopes: ["tenant:b"] }), "tenant:a")
  })

  it("carries what the caller needs to explain it", () => {
    const evidence = { evidenceId: EvidenceId.make("a".repeat(64)), url: "https://a.example/1" }
    const meta = metaOf(409, { retryAfter: Option.some(Duration.seconds(3)) })
    const error = refuse(told("BUDGET_EXCEEDED", {
      meta,
      fromStatus: true,
      details: Option.some({ remaining: 5 }),
      evidence: Option.some(evidence),
      requested: Option.some(Amount.tokens(7)),
      affectedScopes: ["a", "b"]
    }))
    assert.deepStrictEqual(error.meta, meta)
    assert.isTrue(error.fromStatus)
    assert.deepStrictEqual(error.details, Option.some({ remaining: 5 }))
    assert.deepStrictEqual(error.evidence, Option.some(evidence))
    assert.deepStrictEqual(error.requested, Option.some(Amount.tokens(7)))
    assert.deepStrictEqual(error.affectedScopes, ["a", "b"])
    assert.isFalse(refuse(told("BUDGET_EXCEEDED")).fromStatus)
  })
})

const long = {
  details: Option.some({ scope: "s", remaining: max, nested: [{ of: 5n, none: null }], small: 1, text: "t" }),
  requested: Option.some(Amount.tokens(max))
}

const everyError: ReadonlyArray<CyclesError.CyclesError> = [
  ...codes.map((code) => refuse(told(code, { operation: "extendReservation", meta: metaOf(statusOf[code]), ...long }))),
  ...codes.map((code) => refuse(told(code, { meta: metaOf(statusOf[code]), ...long }))),
  refuse(told("NEW", long)),
  new CyclesError.Transport({ operation: "decide", reason: "timeout", message: "no answer" }),
  new CyclesError.Ambiguous({ operation: "decide", reason: "body", message: "odd", meta: metaOf(200) }),
  invalidInput("estimate.amount", "must be less", max)
]

describe("in logs", () => {
  it("all tags are covered here", () => {
    const all = [...Object.values(tags), "Refused", "Transport", "Ambiguous", "InvalidInput"]
    assert.sameMembers([...new Set(everyError.map(({ _tag }) => _tag))], all)
  })

  for (const error of everyError) {
    it(`${error._tag} of ${"operation" in error ? error.operation : "input"} is written without loss or failure`, () => {
      const json = JSON.stringify(error)
      assert.strictEqual((JSON.parse(json) as { readonly _tag: string })._tag, error._tag)
      const shown = inspect(error, { depth: 10 })
      assert.include(shown, error._tag)
      if ("details" in error) {
        for (const text of [json, shown]) assert.include(text, String(max))
      }
      assert.include(Cause.pretty(Cause.fail(error)), error.message)
    })
  }

  it("integers that a double cannot hold are text in the details", () => {
    assert.deepStrictEqual(
      refuse(told("BUDGET_EXCEEDED", long)).details,
      Option.some({ scope: "s", remaining: String(max), nested: [{ of: "5", none: null }], small: 1, text: "t" })
    )
  })

  it.effect("they are failures that catchTag finds", () =>
    Effect.gen(function*() {
      const refused = refuse(told("BUDGET_EXCEEDED"))
      const found = yield* Effect.fail(refused).pipe(
        Effect.catchTag("BudgetExceeded", ({ code }) => Effect.succeed(code))
      )
      assert.strictEqual(found, "BUDGET_EXCEEDED")
    }))
})

describe("what kind of error it is", () => {
  const transport = new CyclesError.Transport({ operation: "decide", reason: "other", message: "m" })
  const ambiguous = new CyclesError.Ambiguous({
    operation: "decide",
    reason: "status",
    message: "m",
    meta: metaOf(302)
  })
  const unknown = (status: number) => refuse(told("NEW", { meta: metaOf(status) }))
  const at = (code: ErrorCode) => refuse(told(code, { operation: "commitReservation", meta: metaOf(statusOf[code]) }))
  const extension = refuse(told("MAX_EXTENSIONS_EXCEEDED", { operation: "extendReservation" }))

  const table: ReadonlyArray<
    readonly [string, CyclesError.CyclesError, denial: boolean, retry: boolean, unsure: boolean]
  > = [
    ["BudgetExceeded", at("BUDGET_EXCEEDED"), true, false, false],
    ["DebtOutstanding", at("DEBT_OUTSTANDING"), true, false, false],
    ["OverdraftLimitExceeded", at("OVERDRAFT_LIMIT_EXCEEDED"), true, false, false],
    ["BudgetFrozen", at("BUDGET_FROZEN"), true, false, false],
    ["BudgetClosed", at("BUDGET_CLOSED"), true, false, false],
    ["TenantClosed", at("TENANT_CLOSED"), true, false, false],
    ["NotFound", at("NOT_FOUND"), true, false, false],
    ["Refused, 200", unknown(200), true, false, false],
    ["Refused, 409", unknown(409), true, false, false],
    ["Refused, 500", unknown(500), false, true, true],
    ["Refused, 503", unknown(503), false, true, true],
    ["UnitMismatch", at("UNIT_MISMATCH"), false, false, false],
    ["ReservationExpired", at("RESERVATION_EXPIRED"), false, false, false],
    ["ReservationFinalized", at("RESERVATION_FINALIZED"), false, false, false],
    ["IdempotencyMismatch", at("IDEMPOTENCY_MISMATCH"), false, false, false],
    ["MaxExtensionsExceeded", extension, false, false, false],
    ["Unauthorized", at("UNAUTHORIZED"), false, false, false],
    ["Forbidden", at("FORBIDDEN"), false, false, false],
    ["InvalidRequest", at("INVALID_REQUEST"), false, false, false],
    ["LimitExceeded", at("LIMIT_EXCEEDED"), false, true, false],
    ["InternalError", at("INTERNAL_ERROR"), false, true, true],
    ["Transport", transport, false, true, true],
    ["Ambiguous", ambiguous, false, true, true],
    ["InvalidInput", invalidInput("a", "b"), false, false, false]
  ]

  for (const [name, error, denial, retry, unsure] of table) {
    it(name, () => {
      assert.strictEqual(name.replace(/,.*/, ""), error._tag)
      assert.strictEqual(CyclesError.isDenial(error), denial, "isDenial")
      assert.strictEqual(CyclesError.isRetryable(error), retry, "isRetryable")
      assert.strictEqual(CyclesError.isAmbiguous(error), unsure, "isAmbiguous")
    })
  }

  it("is known of every tag", () => {
    const known = new Set(table.map(([, error]) => error._tag))
    assert.deepStrictEqual(everyError.filter(({ _tag }) => !known.has(_tag)), [])
  })

  it("no error of another library is any of them", () => {
    for (const error of [{ _tag: "Other" }, { _tag: "Refused" }]) {
      assert.isFalse(CyclesError.isRetryable(error))
      assert.isFalse(CyclesError.isAmbiguous(error))
    }
    assert.isFalse(CyclesError.isDenial({ _tag: "Other" }))
  })
})
