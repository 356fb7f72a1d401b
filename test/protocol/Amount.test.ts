import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as Equal from "effect/Equal"
import * as FastCheck from "effect/FastCheck"
import * as Hash from "effect/Hash"
import * as HashMap from "effect/HashMap"
import * as HashSet from "effect/HashSet"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { inspect } from "node:util"
import { Amount, type Rounding, SignedAmount, type Unit } from "../../src/protocol/Amount.js"
import { InvalidInput } from "../../src/protocol/InvalidInput.js"

const max = 9223372036854775807n
const min = -9223372036854775808n
const units: ReadonlyArray<Unit> = ["USD_MICROCENTS", "TOKENS", "CREDITS", "RISK_POINTS"]

const amountOf = (result: Either.Either<Amount, InvalidInput>): bigint => Either.getOrThrow(result).amount

const isRefused = (result: Either.Either<unknown, InvalidInput>, field: string, bound: RegExp): void => {
  if (Either.isRight(result)) return assert.fail(`accepted: ${String(result.right)}`)
  assert.instanceOf(result.left, InvalidInput)
  assert.strictEqual(result.left.field, field)
  assert.match(result.left.bound, bound)
}

const refusal = (f: () => unknown): InvalidInput => {
  try {
    f()
  } catch (error) {
    assert.instanceOf(error, InvalidInput)
    return error
  }
  return assert.fail("nothing was thrown")
}

const int64 = FastCheck.bigInt({ min: 0n, max })
const small = FastCheck.bigInt({ min: 0n, max: max / 4n })
const unit = FastCheck.constantFrom(...units)
const rounding = FastCheck.constantFrom<Rounding>("up", "down", "halfEven")
const decimalText = FastCheck.tuple(FastCheck.nat(1_000_000), FastCheck.stringMatching(/^\d{1,12}$/)).map(
  ([whole, fraction]) => `${whole}.${fraction}`
)

describe("constructors", () => {
  it("name the unit", () => {
    assert.deepStrictEqual({ ...Amount.usd("1") }, { unit: "USD_MICROCENTS", amount: 100_000_000n })
    assert.deepStrictEqual({ ...Amount.usdMicrocents(250n) }, { unit: "USD_MICROCENTS", amount: 250n })
    assert.deepStrictEqual({ ...Amount.tokens(1500) }, { unit: "TOKENS", amount: 1500n })
    assert.deepStrictEqual({ ...Amount.credits(0) }, { unit: "CREDITS", amount: 0n })
    assert.deepStrictEqual({ ...Amount.riskPoints(max) }, { unit: "RISK_POINTS", amount: max })
    for (const each of units) assert.deepStrictEqual({ ...Amount.zero(each) }, { unit: each, amount: 0n })
  })

  it("take what an int64 holds, exactly", () => {
    assert.strictEqual(Amount.tokens(Number.MAX_SAFE_INTEGER).amount, 9007199254740991n)
    assert.strictEqual(Amount.tokens(9007199254740993n).amount, 9007199254740993n)
    assert.strictEqual(Amount.usdMicrocents(max).amount, max)
  })

  it("a cent is a million microcents", () => {
    assert.strictEqual(Amount.usdCents(1).amount, 1_000_000n)
    assert.deepStrictEqual(Amount.usdCents(1234n), Amount.usd("12.34"))
    for (const value of [0.5, -1, NaN, max]) {
      assert.strictEqual(refusal(() => Amount.usdCents(value)).field, "usdCents")
    }
  })

  it("of takes a unit and a number from outside", () => {
    for (const each of units) {
      assert.deepStrictEqual(Amount.of(each, 5), Either.right(new Amount({ unit: each, amount: 5n })))
    }
    isRefused(Amount.of("USD" as never, 5), "unit", /USD_MICROCENTS, TOKENS/)
    for (const value of [-1, 0.5, NaN, 2 ** 53, max + 1n]) isRefused(Amount.of("TOKENS", value), "amount", /must be/)
  })

  it("a number is no dollars, nor a factor", () => {
    isRefused(Amount.fromUsd(0.1 as never), "usd", /decimal/)
    isRefused(Amount.scale(Amount.tokens(1), 0.1 as never, "up"), "factor", /decimal/)
  })

  it("toUsd is what fromUsd reads back, without a sign or a separator", () => {
    const texts = ["0", "1", "0.1", "10", "1234567.5", "0.00000001", "100.00000100"].map((text) =>
      Amount.toUsd(Amount.usd(text))
    )
    assert.deepStrictEqual(
      texts.map(Either.getOrThrow),
      ["0", "1", "0.1", "10", "1234567.5", "0.00000001", "100.000001"]
    )
    FastCheck.assert(FastCheck.property(int64, (n) => {
      const amount = Amount.usdMicrocents(n)
      assert.deepStrictEqual(Either.flatMap(Amount.toUsd(amount), (text) => Amount.fromUsd(text)), Either.right(amount))
    }))
    isRefused(Amount.toUsd(Amount.tokens(1)), "toUsd", /USD_MICROCENTS/)
  })

  it("a rounding that is none is refused by name", () => {
    isRefused(Amount.fromUsd("0.000000001", "nearest" as never), "rounding", /halfEven/)
  })

  const factories = {
    usdMicrocents: Amount.usdMicrocents,
    tokens: Amount.tokens,
    credits: Amount.credits,
    riskPoints: Amount.riskPoints
  }
  for (const [field, make] of Object.entries(factories)) {
    it(`${field} refuses what it cannot hold`, () => {
      for (const value of [NaN, Infinity, -Infinity, 0.5, 2 ** 53]) {
        const error = refusal(() => make(value))
        assert.strictEqual(error.field, field)
        assert.match(error.bound, /whole number/)
        assert.strictEqual(error.value, String(value))
      }
      for (const value of [-1, -1n, max + 1n]) {
        const error = refusal(() => make(value))
        assert.strictEqual(error.field, field)
        assert.match(error.bound, /between 0 and 9223372036854775807/)
        assert.strictEqual(error.value, String(value))
      }
    })
  }

  it("the class itself checks its bounds", () => {
    const parseError = (f: () => unknown) => {
      try {
        f()
      } catch (error) {
        return assert.isTrue(ParseResult.isParseError(error))
      }
      assert.fail("nothing was thrown")
    }
    parseError(() => new Amount({ unit: "TOKENS", amount: -1n }))
    parseError(() => new Amount({ unit: "TOKENS", amount: max + 1n }))
    parseError(() => new SignedAmount({ unit: "TOKENS", amount: min - 1n }))
    parseError(() => new SignedAmount({ unit: "TOKENS", amount: max + 1n }))
    assert.strictEqual(new SignedAmount({ unit: "TOKENS", amount: min }).amount, min)
  })
})

describe("usd", () => {
  const exact: ReadonlyArray<readonly [string, bigint]> = [
    ["0", 0n],
    ["0.0025", 250_000n],
    ["0.00000001", 1n],
    ["0.000000010000000000000000000000", 1n],
    ["00012.50", 1_250_000_000n],
    ["92233720368.54775807", max]
  ]
  for (const [dollars, microcents] of exact) {
    it(`${dollars} is ${microcents}`, () => {
      assert.strictEqual(Amount.usd(dollars).amount, microcents)
      assert.strictEqual(amountOf(Amount.fromUsd(dollars)), microcents)
    })
  }

  for (
    const text of [
      "",
      ".5",
      "5.",
      "-1",
      "+1",
      "1e3",
      "1,000",
      " 1",
      "1\n",
      "0x10",
      "NaN",
      "Infinity",
      "١",
      "1".repeat(31)
    ]
  ) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      isRefused(Amount.fromUsd(text), "usd", /must be a decimal such as "0.0025"/)
      assert.match(refusal(() => Amount.usd(text)).message, /^usd: must be a decimal/)
    })
  }

  it("refuses more than an int64 holds", () => {
    isRefused(Amount.fromUsd("92233720368.54775808"), "usd", /between 0 and/)
    isRefused(Amount.fromUsd("92233720368.547758071", "up"), "usd", /between 0 and/)
    assert.strictEqual(amountOf(Amount.fromUsd("92233720368.547758071", "down")), max)
  })

  it("refuses what is finer than the unit unless it is told how to round", () => {
    isRefused(Amount.fromUsd("0.000000001"), "usd", /say how to round: up, down or halfEven/)
    assert.match(refusal(() => Amount.usd("0.000000001")).bound, /how to round/)
  })

  const rounded: ReadonlyArray<readonly [string, up: bigint, down: bigint, halfEven: bigint]> = [
    ["0.000000001", 1n, 0n, 0n],
    ["0.000000005", 1n, 0n, 0n],
    ["0.0000000050000001", 1n, 0n, 1n],
    ["0.000000009", 1n, 0n, 1n],
    ["0.000000014", 2n, 1n, 1n],
    ["0.000000015", 2n, 1n, 2n],
    ["0.000000025", 3n, 2n, 2n],
    ["0.00000002", 2n, 2n, 2n]
  ]
  for (const [text, up, down, halfEven] of rounded) {
    it(`${text} rounds up, down and to the even one`, () => {
      assert.strictEqual(Amount.usd(text, "up").amount, up)
      assert.strictEqual(Amount.usd(text, "down").amount, down)
      assert.strictEqual(Amount.usd(text, "halfEven").amount, halfEven)
    })
  }

  it.prop("keeps every digit of what format shows", [int64], ([amount]) => {
    const shown = Amount.format(Amount.usdMicrocents(amount))
    assert.strictEqual(Amount.usd(shown.slice(1).replaceAll(",", "")).amount, amount)
  })

  it.prop("rounding moves by less than one unit, and never past the other way", [decimalText], ([text]) => {
    const [up, down, even] = [Amount.usd(text, "up"), Amount.usd(text, "down"), Amount.usd(text, "halfEven")]
    assert.include([0n, 1n], up.amount - down.amount)
    assert.include([up.amount, down.amount], even.amount)
  })
})

describe("arithmetic", () => {
  it("adds, subtracts, compares and picks within one unit", () => {
    const [a, b] = [Amount.tokens(7), Amount.tokens(5)]
    assert.strictEqual(amountOf(Amount.add(a, b)), 12n)
    assert.strictEqual(amountOf(Amount.subtract(a, b)), 2n)
    assert.strictEqual(Either.getOrThrow(Amount.min(a, b)), b)
    assert.strictEqual(Either.getOrThrow(Amount.min(b, a)), b)
    assert.strictEqual(Either.getOrThrow(Amount.compare(a, b)), 1)
    assert.strictEqual(Either.getOrThrow(Amount.compare(b, a)), -1)
    assert.strictEqual(Either.getOrThrow(Amount.compare(a, Amount.tokens(7))), 0)
    assert.strictEqual(amountOf(Amount.sum("TOKENS", [a, b, a])), 19n)
    assert.strictEqual(amountOf(Amount.sum("CREDITS", [])), 0n)
  })

  it("is the same data-last", () => {
    const [a, b] = [Amount.tokens(7), Amount.tokens(5)]
    assert.strictEqual(amountOf(Amount.add(b)(a)), 12n)
    assert.strictEqual(amountOf(Amount.subtract(b)(a)), 2n)
    assert.strictEqual(Either.getOrThrow(Amount.min(b)(a)), b)
    assert.strictEqual(Either.getOrThrow(Amount.compare(b)(a)), 1)
  })

  it("refuses another unit", () => {
    const [a, b] = [Amount.tokens(1), Amount.credits(1)]
    isRefused(Amount.add(a, b), "add", /must have the unit TOKENS/)
    isRefused(Amount.subtract(a, b), "subtract", /must have the unit TOKENS/)
    isRefused(Amount.min(a, b), "min", /must have the unit TOKENS/)
    isRefused(Amount.compare(b, a), "compare", /must have the unit CREDITS/)
    isRefused(Amount.sum("TOKENS", [a, b]), "sum", /must have the unit TOKENS/)
    isRefused(Amount.sum("CREDITS", [a]), "sum", /must have the unit CREDITS/)
  })

  it("refuses results that are no amount", () => {
    isRefused(Amount.add(Amount.tokens(max), Amount.tokens(1)), "add", /between 0 and 9223372036854775807/)
    isRefused(Amount.sum("TOKENS", [Amount.tokens(max), Amount.tokens(1)]), "sum", /between 0 and/)
    isRefused(Amount.subtract(Amount.tokens(1), Amount.tokens(2)), "subtract", /between 0 and/)
    isRefused(Amount.scale(Amount.tokens(max), "1.1", "down"), "scale", /between 0 and/)
  })

  it("scales by a decimal, rounding as told", () => {
    assert.strictEqual(amountOf(Amount.scale(Amount.usd("0.05"), "1.1", "up")), 5_500_000n)
    assert.strictEqual(amountOf(Amount.scale(Amount.tokens(3), "0.5", "up")), 2n)
    assert.strictEqual(amountOf(Amount.scale(Amount.tokens(3), "0.5", "down")), 1n)
    assert.strictEqual(amountOf(Amount.scale(Amount.tokens(3), "0.5", "halfEven")), 2n)
    assert.strictEqual(amountOf(Amount.scale(Amount.tokens(5), "0.5", "halfEven")), 2n)
    for (const factor of ["-1", "1.5x", "", "1e2"]) {
      isRefused(Amount.scale(Amount.tokens(1), factor, "up"), "factor", /must be a decimal/)
    }
  })

  it.prop(
    "add is commutative and associative, and zero changes nothing",
    [unit, small, small, small],
    ([u, x, y, z]) => {
      const [a, b, c] = [x, y, z].map((amount) => new Amount({ unit: u, amount })) as [Amount, Amount, Amount]
      const add = (p: Amount, q: Amount) => Either.getOrThrow(Amount.add(p, q))
      assert.isTrue(Equal.equals(add(a, b), add(b, a)))
      assert.isTrue(Equal.equals(add(add(a, b), c), add(a, add(b, c))))
      assert.isTrue(Equal.equals(add(a, Amount.zero(u)), a))
      assert.isTrue(Equal.equals(Either.getOrThrow(Amount.sum(u, [a, b, c])), add(add(a, b), c)))
    }
  )

  it.prop("subtract undoes add", [unit, small, small], ([u, x, y]) => {
    const [a, b] = [new Amount({ unit: u, amount: x }), new Amount({ unit: u, amount: y })]
    assert.isTrue(Equal.equals(Either.getOrThrow(Either.flatMap(Amount.add(a, b), Amount.subtract(b))), a))
  })

  it.prop("subtract and compare agree about which is more", [unit, int64, int64], ([u, x, y]) => {
    const [a, b] = [new Amount({ unit: u, amount: x }), new Amount({ unit: u, amount: y })]
    assert.strictEqual(Either.isRight(Amount.subtract(a, b)), Either.getOrThrow(Amount.compare(a, b)) >= 0)
    assert.strictEqual(
      Either.getOrThrow(Amount.compare(a, b)) + Either.getOrThrow(Amount.compare(b, a)),
      0
    )
    assert.isTrue(Equal.equals(Either.getOrThrow(Amount.min(a, b)), Either.getOrThrow(Amount.min(b, a))))
  })

  it.prop("add fails exactly when an int64 overflows", [int64, int64], ([x, y]) => {
    assert.strictEqual(Either.isRight(Amount.add(Amount.tokens(x), Amount.tokens(y))), x + y <= max)
  })

  it.prop("scaling by one changes nothing and rounding brackets the exact product", [
    small,
    FastCheck.nat(300),
    rounding
  ], ([amount, percent, how]) => {
    const a = Amount.tokens(amount)
    const factor = `${Math.floor(percent / 100)}.${String(percent % 100).padStart(2, "0")}`
    assert.isTrue(Equal.equals(Either.getOrThrow(Amount.scale(a, "1.00", how)), a))
    const scaled = amountOf(Amount.scale(a, factor, how)) * 100n - amount * BigInt(percent)
    const bounds = { up: [0n, 99n], down: [-99n, 0n], halfEven: [-50n, 50n] }[how] as [bigint, bigint]
    assert.isTrue(scaled >= bounds[0] && scaled <= bounds[1])
  })
})

describe("format", () => {
  const shown: ReadonlyArray<readonly [Unit, bigint, string]> = [
    ["USD_MICROCENTS", 0n, "$0.00"],
    ["USD_MICROCENTS", 1n, "$0.00000001"],
    ["USD_MICROCENTS", 250_000n, "$0.0025"],
    ["USD_MICROCENTS", 10_000_000n, "$0.10"],
    ["USD_MICROCENTS", 123_456_700_000_000n, "$1,234,567.00"],
    ["USD_MICROCENTS", max, "$92,233,720,368.54775807"],
    ["TOKENS", 0n, "0 tokens"],
    ["TOKENS", 999n, "999 tokens"],
    ["TOKENS", 1500n, "1,500 tokens"],
    ["CREDITS", 1_000_000n, "1,000,000 credits"],
    ["RISK_POINTS", 42n, "42 risk points"],
    ["RISK_POINTS", max, "9,223,372,036,854,775,807 risk points"]
  ]
  for (const [each, amount, text] of shown) {
    it(text, () => {
      const self = new Amount({ unit: each, amount })
      const debt = new SignedAmount({ unit: each, amount: -amount })
      assert.strictEqual(Amount.format(self), text)
      assert.strictEqual(`${self}`, text)
      assert.strictEqual(SignedAmount.format(debt), amount === 0n ? text : `-${text}`)
      assert.strictEqual(`${debt}`, SignedAmount.format(debt))
    })
  }
})

describe("in logs", () => {
  const written: ReadonlyArray<readonly [bigint, string]> = [
    [0n, "{\"unit\":\"TOKENS\",\"amount\":0}"],
    [9007199254740991n, "{\"unit\":\"TOKENS\",\"amount\":9007199254740991}"],
    [9007199254740992n, "{\"unit\":\"TOKENS\",\"amount\":\"9007199254740992\"}"],
    [9007199254740993n, "{\"unit\":\"TOKENS\",\"amount\":\"9007199254740993\"}"],
    [max, "{\"unit\":\"TOKENS\",\"amount\":\"9223372036854775807\"}"]
  ]
  for (const [amount, json] of written) {
    it(`${amount} is written without loss`, () => {
      assert.strictEqual(JSON.stringify(Amount.tokens(amount)), json)
      assert.strictEqual(JSON.stringify(new SignedAmount({ unit: "TOKENS", amount })), json)
      assert.include(inspect(Amount.tokens(amount)), String(amount))
    })
  }

  it("a negative one as well", () => {
    assert.strictEqual(
      JSON.stringify(new SignedAmount({ unit: "CREDITS", amount: min })),
      "{\"unit\":\"CREDITS\",\"amount\":\"-9223372036854775808\"}"
    )
    assert.strictEqual(
      JSON.stringify(new SignedAmount({ unit: "CREDITS", amount: -5n })),
      "{\"unit\":\"CREDITS\",\"amount\":-5}"
    )
  })
})

describe("equality", () => {
  it("is by unit and amount", () => {
    assert.isTrue(Equal.equals(Amount.tokens(5), Amount.tokens(5n)))
    assert.isFalse(Equal.equals(Amount.tokens(5), Amount.tokens(6)))
    assert.isFalse(Equal.equals(Amount.tokens(5), Amount.credits(5)))
    assert.isTrue(Equal.equals(
      new SignedAmount({ unit: "TOKENS", amount: -5n }),
      new SignedAmount({ unit: "TOKENS", amount: -5n })
    ))
  })

  it.prop("equal amounts have one hash, however often it is asked for", [Amount, SignedAmount], ([a, s]) => {
    assert.strictEqual(Hash.hash(a), Hash.hash(new Amount({ unit: a.unit, amount: a.amount })))
    assert.strictEqual(Hash.hash(a), Hash.hash(a))
    assert.strictEqual(Hash.hash(s), Hash.hash(new SignedAmount({ unit: s.unit, amount: s.amount })))
  })

  it("amounts are keys", () => {
    const map = HashMap.make([Amount.usd("1"), "one"], [Amount.tokens(1), "token"])
    assert.deepStrictEqual(HashMap.get(map, Amount.usdMicrocents(100_000_000n)), Option.some("one"))
    assert.deepStrictEqual(HashMap.get(map, Amount.credits(1)), Option.none())
    assert.strictEqual(HashSet.size(HashSet.make(Amount.tokens(max), Amount.tokens(max))), 1)
  })

  it("a hashed amount is still a plain one to the wire", () => {
    const [a, s] = [Amount.tokens(9007199254740993n), new SignedAmount({ unit: "TOKENS", amount: -3n })]
    Hash.hash(a)
    Hash.hash(s)
    const strict = { onExcessProperty: "error" } as const
    assert.deepStrictEqual(Schema.encodeSync(Amount, strict)(a), { unit: "TOKENS", amount: 9007199254740993n })
    assert.deepStrictEqual(Schema.encodeSync(SignedAmount, strict)(s), { unit: "TOKENS", amount: -3 })
    assert.deepStrictEqual(Reflect.ownKeys(a), ["unit", "amount"])
  })
})

describe("on the wire", () => {
  const decode = Schema.decodeUnknownEither(Amount)
  const decodeSigned = Schema.decodeUnknownEither(SignedAmount)

  it("is a number while a double holds it, and a bigint beyond", () => {
    assert.strictEqual(Schema.encodeSync(Amount)(Amount.tokens(9007199254740991n)).amount, 9007199254740991)
    assert.strictEqual(Schema.encodeSync(Amount)(Amount.tokens(9007199254740992n)).amount, 9007199254740992n)
    assert.strictEqual(
      Schema.encodeSync(SignedAmount)(new SignedAmount({ unit: "TOKENS", amount: -9007199254740991n })).amount,
      -9007199254740991
    )
    assert.strictEqual(Schema.encodeSync(SignedAmount)(new SignedAmount({ unit: "TOKENS", amount: min })).amount, min)
  })

  it("takes exact integers within int64 only", () => {
    for (const amount of [0, 1, 9007199254740991, 5n, max]) {
      assert.strictEqual(Either.getOrThrow(decode({ unit: "TOKENS", amount })).amount, BigInt(amount))
    }
    for (const amount of [-1, -1n, max + 1n, 0.5, NaN, Infinity, 2 ** 53, "5", null, undefined, true, {}]) {
      assert.isTrue(Either.isLeft(decode({ unit: "TOKENS", amount })), `accepted ${String(amount)}`)
    }
    assert.strictEqual(Either.getOrThrow(decodeSigned({ unit: "TOKENS", amount: min })).amount, min)
    for (const amount of [min - 1n, max + 1n, -0.5, "-5"]) {
      assert.isTrue(Either.isLeft(decodeSigned({ unit: "TOKENS", amount })), `accepted ${String(amount)}`)
    }
  })

  it("knows four units", () => {
    for (const each of units) assert.isTrue(Either.isRight(decode({ unit: each, amount: 1 })))
    for (const each of ["USD", "tokens", "", null]) assert.isTrue(Either.isLeft(decode({ unit: each, amount: 1 })))
  })
})
