import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import type * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { Amount } from "../../src/protocol/Amount.js"
import { fromParseError } from "../../src/protocol/internal/issue.js"
import { InvalidInput, invalidInput, sanitize } from "../../src/protocol/InvalidInput.js"
import { CreateRequest } from "../../src/protocol/Reservation.js"

describe("sanitize", () => {
  it("replaces control characters and line separators", () => {
    assert.strictEqual(sanitize("a\r\nb\u0000c\u001b[31md\u007fe\u0085f\u2028g\u2029h"), "a b c [31md e f g h")
    assert.strictEqual(sanitize("zażółć 日本 🙂"), "zażółć 日本 🙂")
  })

  it("bounds the length", () => {
    assert.strictEqual(sanitize("x".repeat(300)), "x".repeat(300))
    assert.strictEqual(sanitize("x".repeat(301)), `${"x".repeat(299)}…`)
    assert.strictEqual(sanitize("abcdef", 3), "ab…")
  })
})

describe("invalidInput", () => {
  const cases: ReadonlyArray<readonly [unknown, string]> = [
    ["text", "\"text\""],
    ["a\nb", "\"a b\""],
    ["", "\"\""],
    [5, "5"],
    [5n, "5"],
    [NaN, "NaN"],
    [null, "null"],
    [false, "false"],
    [[1, 2], "an array of 2"],
    [{ secret: "s" }, "an object"],
    [Symbol("s"), "Symbol(s)"]
  ]
  for (const [value, shown] of cases) {
    it(`shows ${shown}`, () => {
      const error = invalidInput("ttl_ms", "must be less", value)
      assert.instanceOf(error, InvalidInput)
      assert.strictEqual(error.value, shown)
      assert.strictEqual(error.message, `ttl_ms: must be less (got ${shown})`)
      assert.deepStrictEqual(JSON.parse(JSON.stringify(error)), {
        _tag: "InvalidInput",
        field: "ttl_ms",
        bound: "must be less",
        value: shown
      })
    })
  }

  it("shows nothing of an absent value, and a little of a long one", () => {
    assert.strictEqual(invalidInput("a", "b").message, "a: b")
    assert.notProperty(invalidInput("a", "b"), "value")
    assert.strictEqual(invalidInput("a", "b", "x".repeat(5000)).value?.length, 80)
  })
})

describe("from a schema's complaint", () => {
  const request = {
    idempotencyKey: "k",
    subject: { tenant: "a" },
    action: { kind: "k", name: "n" },
    estimate: Amount.tokens(1)
  }
  const minimal = {
    idempotency_key: "k",
    subject: { tenant: "a" },
    action: { kind: "k", name: "n" },
    estimate: { unit: "TOKENS", amount: 1 }
  }
  const complaint = (change: object): InvalidInput =>
    fromParseError(
      Either.getOrThrow(Either.flip(Schema.encodeUnknownEither(CreateRequest)({ ...request, ...change }))),
      "request"
    )

  const cases: ReadonlyArray<readonly [change: object, field: string, bound: RegExp, value: string | undefined]> = [
    [{ ttl: Duration.millis(500) }, "ttl_ms", /between 1000 and 86400000$/, "500"],
    [{ gracePeriod: Duration.infinity }, "grace_period_ms", /between 0 and 60000$/, "Infinity"],
    [{ idempotencyKey: "" }, "idempotency_key", /at least 1 character/, "\"\""],
    [{ subject: {} }, "subject", /at least one of tenant, workspace, app, workflow, agent, toolset/, "an object"],
    [{ subject: { tenant: "x".repeat(129) } }, "subject.tenant", /at most 128 character/, undefined],
    [{ action: { kind: "k", name: "x".repeat(257) } }, "action.name", /at most 256 character/, undefined],
    [{ metadata: { f: () => 1 } }, "metadata", /finite JSON values/, "an object"],
    [{ action: undefined }, "action", /./, undefined],
    [{ estimate: { unit: "EUR", amount: 1n } }, "estimate.unit", /USD_MICROCENTS/, "\"EUR\""]
  ]
  for (const [change, field, bound, value] of cases) {
    it(`names ${field}, its bound and the value`, () => {
      const error = complaint(change)
      assert.strictEqual(error.field, field)
      assert.match(error.bound, bound)
      if (value !== undefined) assert.strictEqual(error.value, value)
      assert.isAtMost(error.message.length, 400)
    })
  }

  const wrong: ReadonlyArray<readonly [change: object, field: string, bound: RegExp, value: string | undefined]> = [
    [
      { estimate: { unit: "TOKENS", amount: -1 } },
      "estimate.amount",
      /between 0 and 9223372036854775807$/,
      "-1"
    ],
    [{ estimate: { unit: "TOKENS", amount: 1.5 } }, "estimate.amount", /UnsignedInt64/, "1.5"],
    [{ ttl_ms: 999 }, "ttl_ms", /between 1000 and 86400000$/, "999"],
    [{ action: {} }, "action.kind", /missing/, undefined]
  ]
  for (const [change, field, bound, value] of wrong) {
    it(`and of ${field} as read`, () => {
      const { left } = Schema.decodeUnknownEither(CreateRequest)({ ...minimal, ...change }) as Either.Left<
        ParseResult.ParseError,
        never
      >
      const error = fromParseError(left, "request")
      assert.strictEqual(error.field, field)
      assert.match(error.bound, bound)
      assert.strictEqual(error.value, value)
    })
  }

  it("names the request when the whole of it is wrong", () => {
    const { left } = Schema.encodeUnknownEither(CreateRequest)(5) as Either.Left<ParseResult.ParseError, never>
    assert.strictEqual(fromParseError(left, "request").field, "request")
  })
})
