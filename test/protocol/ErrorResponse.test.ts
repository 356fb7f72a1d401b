import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { knownReasonCodes } from "../../src/protocol/Decision.js"
import { ErrorResponse, statusOf } from "../../src/protocol/ErrorResponse.js"
import type { JsonMap } from "../conformance/compareOpenApi.js"
import { notAtHand, specification, specificationFile } from "../conformance/published.js"

describe("statusOf", () => {
  const published = specification()

  it("lists the codes of the published document", (ctx) => {
    if (published === undefined) return ctx.skip(notAtHand(specificationFile))
    const schemas = (published["components"] as JsonMap)["schemas"] as JsonMap
    const codes = (schemas["ErrorCode"] as JsonMap)["enum"] as ReadonlyArray<string>
    assert.sameMembers(Object.keys(statusOf), [...codes])
  })

  it("puts every code on its status", () => {
    const by = (status: number) => Object.entries(statusOf).filter(([, s]) => s === status).map(([code]) => code).sort()
    assert.deepStrictEqual(by(400), ["INVALID_REQUEST", "UNIT_MISMATCH"])
    assert.deepStrictEqual(by(401), ["UNAUTHORIZED"])
    assert.deepStrictEqual(by(403), ["FORBIDDEN"])
    assert.deepStrictEqual(by(404), ["NOT_FOUND"])
    assert.deepStrictEqual(by(409), [
      "BUDGET_CLOSED",
      "BUDGET_EXCEEDED",
      "BUDGET_FROZEN",
      "DEBT_OUTSTANDING",
      "IDEMPOTENCY_MISMATCH",
      "MAX_EXTENSIONS_EXCEEDED",
      "OVERDRAFT_LIMIT_EXCEEDED",
      "RESERVATION_FINALIZED",
      "TENANT_CLOSED"
    ])
    assert.deepStrictEqual(by(410), ["RESERVATION_EXPIRED"])
    assert.deepStrictEqual(by(429), ["LIMIT_EXCEEDED"])
    assert.deepStrictEqual(by(500), ["INTERNAL_ERROR"])
  })

  it("the reason codes of budgets are error codes as well", () => {
    const others = knownReasonCodes.filter((code) => !Object.hasOwn(statusOf, code))
    assert.deepStrictEqual(others, [
      "BUDGET_NOT_FOUND",
      "ACTION_QUOTA_EXCEEDED",
      "ACTION_KIND_DENIED",
      "ACTION_KIND_NOT_ALLOWED"
    ])
  })
})

describe("ErrorResponse", () => {
  const decode = Schema.decodeUnknownEither(ErrorResponse)
  const body = { error: "BUDGET_EXCEEDED", message: "m", request_id: "r" }

  it("reads codes that it does not know, and ignores members that it does not know", () => {
    const read = Either.getOrThrow(decode({ ...body, error: "NEW_CODE", hint: 1 }))
    assert.strictEqual(read.error, "NEW_CODE")
    assert.notProperty(read, "hint")
  })

  it("reads null as absent", () => {
    const read = Either.getOrThrow(decode({ ...body, trace_id: null, details: null, cycles_evidence: null }))
    assert.deepStrictEqual([read.traceId, read.details, read.evidence], [Option.none(), Option.none(), Option.none()])
  })

  it("requires error, message and request_id", () => {
    for (const key of Object.keys(body)) assert.isTrue(Either.isLeft(decode({ ...body, [key]: undefined })), key)
    for (const trace_id of ["a".repeat(31), "A".repeat(32)]) assert.isTrue(Either.isLeft(decode({ ...body, trace_id })))
  })
})
