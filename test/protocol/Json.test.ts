import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Schema from "effect/Schema"
import { Amount } from "../../src/protocol/Amount.js"
import * as Json from "../../src/protocol/Json.js"

const max = 9223372036854775807n
const parse = (text: string): unknown => Either.getOrThrow(Json.parse(text))
const stringify = (value: unknown): string => Either.getOrThrow(Json.stringify(value))
const int64 = FastCheck.bigInt({ min: -9223372036854775808n, max })

/** As the reader gives it: a number while a double holds it. */
const read = (n: bigint): number | bigint => Number.isSafeInteger(Number(n)) ? Number(n) : n

/** What `JSON.parse` makes of it. */
const asDoubles = (value: unknown): unknown => {
  if (typeof value === "bigint") return Number(value)
  if (Array.isArray(value)) return value.map(asDoubles)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, asDoubles(member)]))
}

const nested = (depth: number): unknown => {
  let value: unknown = 1
  for (let i = 0; i < depth; i++) value = [value]
  return value
}

describe("exactness", () => {
  it("keeps integers that a double cannot hold, at any depth", () => {
    const value = { a: [{ b: 9007199254740993n }, [max]], c: -9223372036854775808n, d: "9007199254740993", e: 1.5 }
    const text = "{\"a\":[{\"b\":9007199254740993},[9223372036854775807]],\"c\":-9223372036854775808," +
      "\"d\":\"9007199254740993\",\"e\":1.5}"
    assert.strictEqual(stringify(value), text)
    assert.deepStrictEqual(parse(text), value)
  })

  it.prop("any int64 survives, alone and in an object", [int64], ([n]) => {
    assert.strictEqual(stringify(n), n.toString())
    assert.strictEqual(parse(n.toString()), read(n))
    assert.deepStrictEqual(parse(stringify({ deep: [{ n }] })), { deep: [{ n: read(n) }] })
  })

  const ordinary = FastCheck.json().filter((text) => !/__proto__|constructor|prototype/.test(text))

  it.prop("the rest is read as JSON.parse reads it, but for the digits of long integers", [ordinary], ([text]) => {
    assert.deepStrictEqual(asDoubles(parse(text)), JSON.parse(text))
  })

  it.prop("and a long integer beside it changes nothing", [ordinary], ([text]) => {
    assert.deepStrictEqual(asDoubles(parse(`[${text},9007199254740993]`)), [JSON.parse(text), 9007199254740992])
  })

  it("finds a row of digits wherever it begins", () => {
    for (let before = 0; before < 64; before++) {
      const pad = `"${"x".repeat(before)}1"`
      assert.deepStrictEqual(parse(`[${pad},9007199254740993]`), [JSON.parse(pad), 9007199254740993n])
      assert.deepStrictEqual(parse(`[${pad},-9007199254740993123,1]`), [JSON.parse(pad), -9007199254740993123n, 1])
      assert.deepStrictEqual(parse(`[${pad},123456789012345,6,0.1234567890123456]`), [
        JSON.parse(pad),
        123456789012345,
        6,
        0.1234567890123456
      ])
    }
  })

  it("reads the same below, at and above sixteen digits", () => {
    assert.strictEqual(parse("999999999999999"), 999999999999999)
    assert.strictEqual(parse("1000000000000000"), 1000000000000000)
    assert.strictEqual(parse("9007199254740991"), 9007199254740991)
    assert.strictEqual(parse("9007199254740992"), 9007199254740992n)
    assert.strictEqual(parse("-9007199254740993"), -9007199254740993n)
  })

  it("leaves fractions and exponents to doubles", () => {
    assert.strictEqual(parse("0.12345678901234567"), 0.12345678901234567)
    assert.strictEqual(parse("1234567890123456e3"), 1234567890123456e3)
    assert.strictEqual(parse("9007199254740993.0"), 9007199254740992)
    assert.strictEqual(parse("1e2"), 100)
  })

  it("takes the last of two equal keys, with and without long digits", () => {
    assert.deepStrictEqual(parse("{\"a\":1,\"a\":2}"), { a: 2 })
    assert.deepStrictEqual(parse("{\"a\":1,\"a\":9007199254740993}"), { a: 9007199254740993n })
  })

  it("writes an amount with its own toJSON", () => {
    assert.strictEqual(stringify({ a: Amount.tokens(5) }), "{\"a\":{\"unit\":\"TOKENS\",\"amount\":5}}")
  })
})

describe("what is not JSON", () => {
  const bad = [
    "",
    " ",
    "{",
    "[1,]",
    "{\"a\":}",
    "{a:1}",
    "'a'",
    "nul",
    "1 2",
    "NaN",
    "Infinity",
    "0x10",
    "01",
    "+1",
    "1.",
    "\"\u0001\"",
    "<html></html>"
  ]
  for (const text of [...bad, ...bad.map((one) => `[9007199254740993,${one}`)]) {
    it(`${JSON.stringify(text)} is a JsonError that repeats nothing of it`, () => {
      const error = Either.getOrThrow(Either.flip(Json.parse(text)))
      assert.instanceOf(error, Json.JsonError)
      assert.strictEqual(error._tag, "JsonError")
      assert.strictEqual(error.message, "not valid JSON")
    })
  }

  it("neither is a value that JSON cannot express", () => {
    const cyclic: Record<string, unknown> = {}
    cyclic["self"] = cyclic
    for (const value of [undefined, () => 1, Symbol("s"), cyclic, { ...cyclic, n: 1n }]) {
      const error = Either.getOrThrow(Either.flip(Json.stringify(value)))
      assert.strictEqual(error.message, "a value that JSON cannot express")
    }
  })
})

describe("prototype keys", () => {
  const spellings = [
    ["__proto__", "__proto__"],
    ["constructor", "constructor"],
    ["prototype", "prototype"],
    ["__proto__ with an escape", "\\u005f_proto__"],
    ["constructor with an escape", "\\u0063onstructor"],
    ["prototype with escapes only", [..."prototype"].map((c) => `\\u00${c.charCodeAt(0).toString(16)}`).join("")]
  ] as const
  for (const [name, key] of spellings) {
    for (const tail of ["1", "9007199254740993"]) {
      it(`${name} is dropped at every depth (beside ${tail})`, () => {
        const value = parse(`{"${key}":{"p":1},"a":[{"b":{"${key}":{"p":1},"kept":${tail}}}]}`)
        assert.deepStrictEqual(value, { a: [{ b: { kept: tail === "1" ? 1 : 9007199254740993n } }] })
        const inner = (value as { readonly a: ReadonlyArray<{ readonly b: object }> }).a[0]?.b ?? {}
        assert.deepStrictEqual(Reflect.ownKeys(inner), ["kept"])
        assert.strictEqual(Object.getPrototypeOf(inner), Object.prototype)
        assert.notProperty(inner, "p")
      })
    }
  }

  it("the words are harmless as values", () => {
    const value = { a: "__proto__", b: ["constructor", "prototype"] }
    assert.deepStrictEqual(parse(JSON.stringify(value)), value)
  })
})

describe("deep nesting", () => {
  for (const depth of [1_000, 100_000]) {
    for (const leaf of ["1", "9007199254740993"]) {
      it(`${depth} levels around ${leaf} are read or refused, never a crash`, () => {
        assert.doesNotThrow(() => Json.parse("[".repeat(depth) + leaf + "]".repeat(depth)))
        assert.doesNotThrow(() => Json.parse("{\"constructor\":".repeat(depth) + leaf + "}".repeat(depth)))
      })
    }

    it(`${depth} levels are written or refused, never a crash`, () => {
      assert.doesNotThrow(() => Json.stringify(nested(depth)))
      assert.doesNotThrow(() => Json.stringify([1n, nested(depth)]))
    })
  }

  it("an unclosed array is refused at any length", () => {
    assert.isTrue(Either.isLeft(Json.parse("[".repeat(200_000))))
    assert.isTrue(Either.isLeft(Json.parse(`9007199254740993${"[".repeat(200_000)}`)))
  })
})

describe("canonical", () => {
  it("does not depend on the order of keys", () => {
    assert.strictEqual(
      Json.canonical({ b: { y: 1, x: [2, { d: 3, c: 4 }] }, a: 1n }),
      "{\"a\":1,\"b\":{\"x\":[2,{\"c\":4,\"d\":3}],\"y\":1}}"
    )
  })

  it("treats absent, undefined and null members alike, but not elements", () => {
    assert.strictEqual(Json.canonical({ a: null, b: undefined, c: 1 }), Json.canonical({ c: 1 }))
    assert.strictEqual(Json.canonical([null, undefined, 1]), "[null,null,1]")
  })

  it("is the same for a number and the bigint of it, and differs by every digit", () => {
    assert.strictEqual(Json.canonical({ n: 5n }), Json.canonical({ n: 5 }))
    assert.notStrictEqual(Json.canonical(9007199254740993n), Json.canonical(9007199254740992n))
  })

  it("keeps the order of arrays and quotes its strings", () => {
    assert.notStrictEqual(Json.canonical([1, 2]), Json.canonical([2, 1]))
    assert.strictEqual(Json.canonical("a\"b\n"), "\"a\\\"b\\n\"")
    assert.notStrictEqual(Json.canonical({ a: "1" }), Json.canonical({ a: 1 }))
    assert.strictEqual(Json.canonical(true), "true")
  })

  it.prop("shuffled keys give the same text", [
    FastCheck.array(FastCheck.tuple(FastCheck.string(), FastCheck.jsonValue()), { maxLength: 8 })
  ], ([entries]) => {
    const unique = [...new Map(entries)]
    const shuffled = Object.fromEntries([...unique].reverse())
    assert.strictEqual(Json.canonical(Object.fromEntries(unique)), Json.canonical(shuffled))
  })
})

describe("JsonObject", () => {
  const is = Schema.is(Json.JsonObject)
  const inObjects = (depth: number): unknown => {
    let value: unknown = 1
    for (let i = 0; i < depth; i++) value = { a: value }
    return value
  }

  it("is a map of JSON values", () => {
    for (const value of [{}, { a: 1, b: "x", c: [true, null, { d: 5n }], e: undefined }]) assert.isTrue(is(value))
    for (
      const value of [null, undefined, [], "a", 1, { a: NaN }, { a: Infinity }, { a: () => 1 }, { a: Symbol("s") }]
    ) {
      assert.isFalse(is(value))
    }
  })

  it("is at most 32 levels deep", () => {
    assert.isTrue(is(inObjects(32)))
    assert.isFalse(is(inObjects(33)))
    assert.isFalse(is({ a: nested(100_000) }))
  })

  it("a cyclic one is refused", () => {
    const cyclic: Record<string, unknown> = {}
    cyclic["self"] = cyclic
    assert.isFalse(is(cyclic))
  })
})
