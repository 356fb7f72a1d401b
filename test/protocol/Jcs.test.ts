import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import { jcs } from "../../src/protocol/internal/jcs.js"

const text = (value: unknown) => Either.getOrThrow(jcs(value))

describe("the canonical text of RFC 8785", () => {
  it("of the document's own example", () => {
    const input = `{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],` +
      String.raw`"string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}`
    assert.strictEqual(
      text(JSON.parse(input)),
      `{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],` +
        String.raw`"string":"€$\u000f\nA'B\"\\\\\"/"}`
    )
  })

  it("sorts by UTF-16 units, not by code points", () => {
    const keys = ["\u20ac", "\r", "\ufb33", "1", "\ud83d\ude00", "\u0080", "\u00f6"]
    assert.deepStrictEqual(
      Object.keys(JSON.parse(text(Object.fromEntries(keys.map((key) => [key, 1]))))).map((key) => key.codePointAt(0)),
      // A JavaScript object puts "1" first, whatever the text says.
      ["1", "\r", "\u0080", "\u00f6", "\u20ac", "\ud83d\ude00", "\ufb33"].map((key) => key.codePointAt(0))
    )
    assert.match(text({ "1": 1, "\r": 1 }), /^\{"\\r":1,"1":1\}$/)
  })

  const numbers: ReadonlyArray<readonly [number | bigint, string]> = [
    [0, "0"],
    [-0, "0"],
    [5e-324, "5e-324"],
    [1.7976931348623157e308, "1.7976931348623157e+308"],
    [9007199254740992, "9007199254740992"],
    [295147905179352830000, "295147905179352830000"],
    [9.999999999999997e22, "9.999999999999997e+22"],
    [1e23, "1e+23"],
    [333333333.33333325, "333333333.33333325"],
    [9007199254740993n, "9007199254740992"],
    [9223372036854775807n, "9223372036854776000"]
  ]
  for (const [n, expected] of numbers) {
    it(`of the number ${n}${typeof n === "bigint" ? " (bigint: as a double)" : ""}`, () => {
      assert.strictEqual(text(n), expected)
    })
  }

  it("keeps null and leaves out what is undefined", () => {
    assert.strictEqual(text({ b: null, a: undefined, c: [null] }), `{"b":null,"c":[null]}`)
  })

  it("a value that has none says why", () => {
    let deep: unknown = 1
    for (let i = 0; i < 100_000; i++) deep = [deep]
    const why = (value: unknown) => Either.getOrThrow(Either.flip(jcs(value))).reason
    assert.include(why("\ud800"), "surrogate")
    assert.include(why({ ["\udc00"]: 1 }), "surrogate")
    assert.include(why(NaN), "NaN")
    assert.include(why(10n ** 400n), "Infinity")
    assert.include(why(() => 1), "function")
    assert.include(why(deep), "deep")
  })

  it("is the same whatever the order of the members, and reads back as the same value", () => {
    FastCheck.assert(FastCheck.property(FastCheck.jsonValue(), (value) => {
      const plain = JSON.parse(JSON.stringify(value))
      const shuffled = JSON.parse(
        JSON.stringify(
          plain,
          (_, v) =>
            typeof v === "object" && v !== null && !Array.isArray(v)
              ? Object.fromEntries(Object.entries(v).reverse())
              : v
        )
      )
      assert.strictEqual(text(shuffled), text(plain))
      assert.deepStrictEqual(JSON.parse(text(plain)), plain)
    }))
  })
})
