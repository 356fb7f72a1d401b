import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Either from "effect/Either"
import * as Equal from "effect/Equal"
import * as FastCheck from "effect/FastCheck"
import * as Hash from "effect/Hash"
import * as Schema from "effect/Schema"
import { Amount, SignedAmount } from "../../src/protocol/Amount.js"
import { IdempotencyKey } from "../../src/protocol/Idempotency.js"
import { checked, maker } from "../../src/protocol/internal/checked.js"
import { derivedOf } from "../../src/protocol/internal/codec.js"
import { optional, required } from "../../src/protocol/internal/wire.js"

type New = new(members?: unknown, options?: Schema.MakeOptions) => object

/** The same classes as Effect makes them. */
class Plain extends Schema.Class<Plain>("effect-cycles/Amount")(Amount.fields, { identifier: "Amount" }) {}
class PlainSigned extends Schema.Class<PlainSigned>("effect-cycles/SignedAmount")(
  SignedAmount.fields,
  { identifier: "SignedAmount" }
) {}

const twins = [["Amount", Amount, Plain], ["SignedAmount", SignedAmount, PlainSigned]] as unknown as ReadonlyArray<
  readonly [name: string, Ours: New & Schema.Schema.AnyNoContext, Theirs: New]
>

const outcome = (make: () => object) =>
  Either.try({ try: make, catch: String }).pipe(
    Either.map((made) => [Object.keys(made), { ...made }] as const)
  )

const member = FastCheck.oneof(
  FastCheck.constantFrom<Array<unknown>>("USD_MICROCENTS", "TOKENS", "CREDITS", "RISK_POINTS", "EUR", "", null),
  FastCheck.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }),
  FastCheck.integer(),
  FastCheck.constant(undefined)
)

/** In any order, with members too many or too few, and not always an object of its own. */
const members = FastCheck.oneof(
  FastCheck.tuple(
    FastCheck.constantFrom("USD_MICROCENTS", "TOKENS"),
    FastCheck.bigInt({ min: 0n, max: 2n ** 63n - 1n })
  ).map(([unit, amount]) => ({ amount, more: 1, unit })),
  FastCheck.dictionary(FastCheck.constantFrom("unit", "amount", "more"), member),
  FastCheck.constantFrom<Array<unknown>>(
    undefined,
    null,
    [],
    "TOKENS",
    5n,
    Object.create({ unit: "TOKENS", amount: 5n }),
    Object.defineProperty({ amount: 5n }, "unit", { value: "TOKENS", enumerable: false }),
    Object.defineProperty({ amount: 5n }, "unit", { get: () => "TOKENS", enumerable: true })
  )
)

const options = FastCheck.constantFrom<Array<Schema.MakeOptions | undefined>>(
  undefined,
  false,
  true,
  {},
  { disableValidation: false },
  { disableValidation: undefined },
  { disableValidation: true }
)

describe("a class whose constructor is derived does as the class", () => {
  for (const [name, Ours, Theirs] of twins) {
    it.prop(`${name}: members that fit, and those that do not`, [members, options], ([given, option]) => {
      assert.deepStrictEqual(outcome(() => new Ours(given, option)), outcome(() => new Theirs(given, option)))
    }, { fastCheck: { numRuns: 1000 } })

    it.prop(`${name}: any of its values`, [Arbitrary.make(Ours)], ([value]) => {
      const copy = new Ours(value)
      assert.instanceOf(copy, Ours)
      assert.notStrictEqual(copy, value)
      assert.isTrue(Equal.equals(copy, value))
      assert.strictEqual(Hash.hash(copy), Hash.hash(value))
      assert.isTrue(Schema.is(Ours)(copy))
      assert.deepStrictEqual(Reflect.ownKeys(copy), Reflect.ownKeys(value))
    })
  }

  it("what does not fit is said in the words of the schema", () => {
    for (const [, Ours, Theirs] of twins) {
      for (const wrong of [{}, { unit: "EUR", amount: 1n }, { unit: "TOKENS", amount: 2n ** 63n }]) {
        assert.isTrue(Either.isLeft(outcome(() => new Ours(wrong))))
        assert.deepStrictEqual(outcome(() => new Ours(wrong)), outcome(() => new Theirs(wrong)))
      }
    }
  })

  it("one that does not fit may be asked for without a look", () => {
    assert.deepStrictEqual({ ...new Amount({ unit: "TOKENS", amount: -1n }, true) }, { unit: "TOKENS", amount: -1n })
    assert.throws(() => new Amount({ unit: "TOKENS", amount: -1n }), /must be a bigint between 0/)
    assert.throws(() => Amount.make({ unit: "TOKENS", amount: -1n }), /must be a bigint between 0/)
  })

  it("make, and the class of a class", () => {
    class Tip extends Amount {
      readonly kind = "tip"
      override toString() {
        return `tip of ${super.toString()}`
      }
    }
    for (const tip of [Tip.make({ unit: "TOKENS", amount: 5n }), new Tip({ unit: "TOKENS", amount: 5n }, true)]) {
      assert.instanceOf(tip, Tip)
      assert.instanceOf(tip, Amount)
      assert.strictEqual(`${tip}`, "tip of 5 tokens")
      assert.strictEqual((tip as Tip).kind, "tip")
    }
    assert.throws(() => new Tip({ unit: "EUR" as never, amount: 5n }))
    const decoded = Schema.decodeUnknownSync(Tip)({ unit: "TOKENS", amount: 5 })
    assert.instanceOf(decoded, Tip)
    assert.deepStrictEqual(derivedOf(Tip)?.decode({ unit: "TOKENS", amount: 5 }), decoded)
    assert.deepStrictEqual(derivedOf(Amount)?.decode({ unit: "TOKENS", amount: 5 }), Amount.tokens(5))
  })

  it("an extended class looks at its own members too", () => {
    class Priced extends Amount.extend<Priced>("test/Priced")({ note: Schema.NonEmptyString }) {}
    const priced = new Priced({ unit: "TOKENS", amount: 5n, note: "a" })
    assert.instanceOf(priced, Amount)
    assert.deepStrictEqual({ ...priced }, { unit: "TOKENS", amount: 5n, note: "a" })
    assert.throws(() => new Priced({ unit: "TOKENS", amount: 5n, note: "" }))
    assert.throws(() => new Priced({ unit: "TOKENS", amount: -5n, note: "a" }))
    const wire = { unit: "TOKENS", amount: 5, note: "a" }
    assert.deepStrictEqual(derivedOf(Priced)?.decode(wire), Schema.decodeUnknownSync(Priced)(wire))
    assert.deepStrictEqual(derivedOf(Priced)?.encode(priced), wire)
  })

  it("members under other names, members left out and a rule for all of them", () => {
    const fields = Schema.Struct({ most: required("at_most", Schema.Int), least: optional("at_least", Schema.Int) })
      .pipe(
        Schema.filter(({ least, most }) => (least ?? 0) <= most || "must be in order")
      )
    class Bounds extends checked(Schema.Class<Bounds>("test/Bounds")(fields)) {}
    class Same extends Schema.Class<Same>("test/Bounds")(fields) {}
    for (
      const given of [{ most: 2 }, { most: 2, least: 1 }, { most: 2, least: 3 }, { most: 0.5 }, { most: 1, more: 1 }]
    ) {
      assert.deepStrictEqual(outcome(() => new Bounds(given)), outcome(() => new Same(given)))
    }
    assert.deepStrictEqual(derivedOf(Bounds)?.decode({ at_most: 2, at_least: null }), new Bounds({ most: 2 }))
    assert.deepStrictEqual(derivedOf(Bounds)?.encode(new Bounds({ most: 2, least: 1 })), { at_most: 2, at_least: 1 })
  })

  it("defaults are left to the class", () => {
    const fields = { n: Schema.Int.pipe(Schema.propertySignature, Schema.withConstructorDefault(() => 7)) }
    class Plain extends Schema.Class<Plain>("test/Default")(fields) {}
    assert.strictEqual(checked(Plain), Plain)
    assert.strictEqual(new Plain({}).n, 7)
  })
})

describe("a branded text whose make is derived", () => {
  const make = maker(IdempotencyKey)
  const made = (f: (text: string) => string, text: unknown) =>
    Either.try({ try: () => f(text as string), catch: String })

  it.prop("is as make", [FastCheck.oneof(FastCheck.string({ maxLength: 300 }), member)], ([text]) => {
    assert.deepStrictEqual(made(make, text), made(IdempotencyKey.make, text))
  }, { fastCheck: { numRuns: 300 } })

  it("of 1 to 256 characters", () => {
    for (const length of [0, 1, 256, 257]) {
      const text = "x".repeat(length)
      assert.deepStrictEqual(made(make, text), made(IdempotencyKey.make, text))
      assert.strictEqual(Either.isRight(made(make, text)), length >= 1 && length <= 256)
    }
  })
})
