import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { type Answer, classify, decoder, failureOf, transport } from "../../src/client/internal/classify.js"
import { isAmbiguous, isDenial } from "../../src/protocol/CyclesError.js"
import * as Json from "../../src/protocol/Json.js"
import { CommitResponse } from "../../src/protocol/Reservation.js"
import { assertHides, outcome } from "./support/outcome.js"
import { secret } from "./support/server.js"

const coded = (code: string, more: object = {}) => Object.assign(new Error(secret), { code }, more)

const causes: ReadonlyArray<readonly [cause: unknown, reason: string]> = [
  [coded("ECONNREFUSED"), "refused"],
  [new TypeError("fetch failed", { cause: coded("ECONNREFUSED") }), "refused"],
  [Object.assign(new AggregateError([coded("ECONNREFUSED"), coded("ENETUNREACH")]), {}), "refused"],
  [new TypeError("fetch failed", { cause: new AggregateError([coded("ECONNREFUSED")]) }), "refused"],
  [coded("ENOTFOUND"), "dns"],
  [new TypeError("fetch failed", { cause: coded("EAI_AGAIN") }), "dns"],
  [coded("CERT_HAS_EXPIRED"), "tls"],
  [coded("DEPTH_ZERO_SELF_SIGNED_CERT"), "tls"],
  [coded("UNABLE_TO_VERIFY_LEAF_SIGNATURE"), "tls"],
  [coded("ERR_TLS_CERT_ALTNAME_INVALID"), "tls"],
  [coded("ERR_SSL_WRONG_VERSION_NUMBER"), "tls"],
  [coded("EPROTO"), "tls"],
  [coded("UND_ERR_CONNECT_TIMEOUT"), "timeout"],
  [coded("UND_ERR_HEADERS_TIMEOUT"), "timeout"],
  [coded("ETIMEDOUT"), "timeout"],
  [coded("ECONNRESET"), "aborted"],
  [coded("EPIPE"), "aborted"],
  [new TypeError("terminated", { cause: coded("UND_ERR_SOCKET") }), "aborted"],
  [new DOMException("aborted", "AbortError"), "aborted"],
  [coded("EHOSTUNREACH"), "other"],
  [coded("HPE_INVALID_CONSTANT"), "other"],
  [new TypeError(secret), "other"],
  [secret, "other"],
  [undefined, "other"],
  [null, "other"],
  [new TypeError("fetch failed", { cause: new Error("bad port") }), "refused"]
]

const cyclic: { cause?: unknown } = {}
cyclic.cause = cyclic

describe("transport", () => {
  for (const [cause, reason] of [...causes, [cyclic, "other"] as const]) {
    it(`${String(cause).slice(0, 20)} ${Object(cause).code ?? ""} is ${reason}`, () => {
      const error = transport("decide", "localhost:7878", cause)
      assert.strictEqual(error.reason, reason)
      assert.match(error.message, /^localhost:7878 did not answer: .*\(decide\)$/)
      assert.isTrue(isAmbiguous(error))
      assertHides(error)
    })
  }
})

const asked = { operation: "commitReservation", requested: Option.none() } as const
const decode = decoder(CommitResponse)
const received = (status: number, text: string): Answer => ({ status, text, header: () => undefined, rttMs: 1 })
const least = { status: "COMMITTED", charged: { unit: "TOKENS", amount: 1 } }

describe("classify", () => {
  it.prop("no text is ever taken for a success by accident", [
    FastCheck.string(),
    FastCheck.integer({ min: 0, max: 999 })
  ], ([
    text,
    status
  ]) => {
    assert.isTrue(Either.isLeft(classify(asked, 200, decode, received(status, text))))
  })

  it.prop("no JSON either", [FastCheck.json()], ([text]) => {
    assert.isTrue(Either.isLeft(classify(asked, 200, decode, received(200, text))))
  })

  it.prop("every encoded answer is read back", [Arbitrary.make(CommitResponse)], ([value]) => {
    const text = Either.getOrThrow(Json.stringify(Schema.encodeSync(CommitResponse)(value)))
    const read = Either.getOrThrow(classify(asked, 200, decode, received(200, text)))
    assert.deepStrictEqual(read, { value, dropped: [] })
  })

  it.prop(
    "unknown members change nothing",
    [FastCheck.dictionary(FastCheck.string(), FastCheck.jsonValue())],
    ([more]) => {
      const unknown = Object.fromEntries(
        Object.entries(more).filter(([key]) =>
          !["status", "charged", "released", "balances", "cycles_evidence"].includes(key)
        )
      )
      const plain = Either.getOrThrow(decode(least))
      assert.deepStrictEqual(Either.getOrThrow(decode({ ...unknown, ...least })), plain)
    }
  )

  it.prop("an error has a message of bounded length on one line", [
    FastCheck.integer({ min: 100, max: 599 }),
    FastCheck.record({
      error: FastCheck.string(),
      message: FastCheck.fullUnicodeString(),
      request_id: FastCheck.string()
    })
  ], ([status, body]) => {
    const error = failureOf(asked, received(status, JSON.stringify(body)))
    assert.isBelow(error.message.length, 1000)
    assert.notMatch(error.message, /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/)
    if (status < 400 || status >= 500) assert.isTrue(isAmbiguous(error), outcome(error))
    assert.isFalse(isDenial(error) && isAmbiguous(error))
  })

  it("a decoder without optional members has nothing to drop", () => {
    assert.isTrue(Either.isLeft(decoder(Schema.String)(1)))
    assert.deepStrictEqual(decoder(Schema.String)("a"), Either.right({ value: "a", dropped: [] }))
  })

  it("a body that stays malformed without its optional members is no success", () => {
    assert.deepStrictEqual(decode({ ...least, balances: 1, charged: 1 }), Either.left("charged"))
    assert.deepStrictEqual(decode({ ...least, charged: { unit: "TOKENS", amount: -1 } }), Either.left("charged.amount"))
    assert.deepStrictEqual(decode([]), Either.left(""))
    assert.deepStrictEqual(decode(null), Either.left(""))
  })
})
