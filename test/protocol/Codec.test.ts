import * as HttpApi from "@effect/platform/HttpApi"
import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { Amount, SignedAmount } from "../../src/protocol/Amount.js"
import { CyclesApi } from "../../src/protocol/Api.js"
import { ErrorResponse } from "../../src/protocol/ErrorResponse.js"
import { decodeUnknownEither, derivedOf, encodeUnknownEither, unfit } from "../../src/protocol/internal/codec.js"
import { option, optional, query } from "../../src/protocol/internal/wire.js"

const schemas: Array<readonly [string, Schema.Schema.AnyNoContext]> = [["errors", ErrorResponse]]
HttpApi.reflect(CyclesApi, {
  onGroup: () => {},
  onEndpoint: ({ endpoint, successes }) => {
    for (const { ast } of successes.values()) {
      schemas.push([`${endpoint.name}, answer`, Schema.make(Option.getOrThrow(ast))])
    }
    for (const part of ["payloadSchema", "urlParamsSchema", "pathSchema"] as const) {
      const schema = endpoint[part]
      if (Option.isSome(schema)) {
        schemas.push([`${endpoint.name}, ${part}`, schema.value as unknown as Schema.Schema.AnyNoContext])
      }
    }
  }
})

/** Members in ways that the wire has none of. */
const Ways = Schema.Struct({
  same: Schema.String,
  fallback: Schema.optionalWith(Schema.Int, { default: () => 7 }),
  nullable: Schema.optionalWith(Schema.Int, { default: () => 7, nullable: true }),
  option: Schema.optionalWith(Amount, { as: "Option" }),
  exact: Schema.optionalWith(Schema.NumberFromString, { as: "Option", exact: true }).pipe(Schema.fromKey("exact_1")),
  none: Schema.optionalWith(Amount, { as: "Option", nullable: true, onNoneEncoding: () => Option.some(null) }),
  other: Schema.optionalToOptional(Schema.Number, Schema.Int, {
    decode: Option.filter((n) => n !== 3),
    encode: identity<Option.Option<number>>
  }),
  shortened: Schema.requiredToOptional(Schema.String, Schema.String, {
    decode: Option.liftPredicate((text) => text !== ""),
    encode: Option.getOrElse(() => "")
  }),
  renamed: Schema.propertySignature(Schema.Literal("a", "b")).pipe(Schema.fromKey("re_named")),
  wrapped: option("wrapped_1", Schema.UndefinedOr(Schema.Int)),
  left: optional("left_1", Schema.UndefinedOr(Amount)),
  asked: query("asked_1", Schema.NumberFromString),
  bare: Schema.optionalWith(Schema.Int, { exact: true })
})
schemas.push(["members of every way", Ways])

const junk = FastCheck.constantFrom<Array<unknown>>(
  null,
  undefined,
  "",
  "x".repeat(300),
  -1,
  0.5,
  NaN,
  2 ** 60,
  2n ** 70n,
  true,
  [],
  [null],
  {},
  { unit: "TOKENS", amount: 1 },
  { unit: "TOKENS", amount: -1n },
  { unit: "EUR", amount: 1 },
  Object.create({ unit: "TOKENS", amount: 1 }),
  Object.create({ tenant: "acme" }),
  Object.assign(Object.create(null), { unit: "TOKENS", amount: 1 }),
  Amount.tokens(1),
  new Amount({ unit: "TOKENS", amount: -1n }, true),
  new SignedAmount({ unit: "TOKENS", amount: -1n }),
  Option.none(),
  Option.some(null),
  Option.some(undefined),
  Option.some(Amount.tokens(1)),
  Option.some({ unit: "TOKENS", amount: 1n }),
  Option.some([null])
)

const isBranch = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null

/** A copy in which something, at some depth, is another, is gone or is more than was asked for. */
const spoilt = (
  value: unknown,
  path: ReadonlyArray<number>,
  how: "set" | "delete" | "add",
  other: unknown
): unknown => {
  if (!isBranch(value) || Object.keys(value).length === 0) return other
  const copy: Record<string, unknown> = Array.isArray(value) ? [...value] as never : { ...value }
  const [n = 0, ...deeper] = path
  const keys = Object.keys(copy)
  const key = keys[n % keys.length] ?? ""
  if (deeper.length > 0 && isBranch(copy[key])) copy[key] = spoilt(copy[key], deeper, how, other)
  else if (how === "set") copy[key] = other
  else if (how === "add") copy["more"] = other
  else if (!Array.isArray(copy)) delete copy[key]
  return copy
}

const spoiling = FastCheck.tuple(
  FastCheck.array(FastCheck.nat(20), { minLength: 1, maxLength: 4 }),
  FastCheck.constantFrom("set" as const, "delete" as const, "add" as const),
  junk
)

describe("what is derived of a schema does as the schema", () => {
  for (const [name, schema] of schemas) {
    const derived = derivedOf(schema) ?? assert.fail(`${name} is not derived`)
    const decode = Schema.decodeUnknownEither(schema)
    const encode = Schema.encodeUnknownEither(schema)
    const same = (fast: unknown, slow: unknown) => {
      assert.deepStrictEqual(fast, slow)
      assert.deepStrictEqual(Object.keys(Object(fast)), Object.keys(Object(slow)))
    }
    /** What fits only as something else, such as a plain object for an `Amount`, may be left to the schema. */
    const sameOrLeft = (fast: unknown, slow: Either.Either<unknown, unknown>) => {
      if (fast !== unfit) same(fast, Either.getOrThrow(slow))
    }

    it.prop(`${name}: values that fit`, [Arbitrary.make(schema)], ([value]) => {
      const wire = Either.getOrThrow(encode(value))
      same(derived.encode(value), wire)
      same(derived.decode(wire), Either.getOrThrow(decode(wire)))
    }, { fastCheck: { numRuns: 30 } })

    it.prop(`${name}: values that are spoilt`, [Arbitrary.make(schema), spoiling], ([value, how]) => {
      const wire = spoilt(Either.getOrThrow(encode(value)), ...how)
      sameOrLeft(derived.decode(wire), decode(wire))
      const spoiltValue = spoilt(value, ...how)
      sameOrLeft(derived.encode(spoiltValue), encode(spoiltValue))
    }, { fastCheck: { numRuns: 60 } })
  }

  it("what does not fit has the words of the schema", () => {
    for (const [, schema] of schemas) {
      const wrong = { unit: 1 }
      assert.deepStrictEqual(
        Either.mapLeft(decodeUnknownEither(schema)(wrong), String),
        Either.mapLeft(Schema.decodeUnknownEither(schema)(wrong), String)
      )
      assert.deepStrictEqual(
        Either.mapLeft(encodeUnknownEither(schema)(wrong), String),
        Either.mapLeft(Schema.encodeUnknownEither(schema)(wrong), String)
      )
    }
  })

  it("a member that may be null in itself is as the schema has it", () => {
    const schema = Schema.Struct({
      a: option("a_1", Schema.NullOr(Schema.Int)),
      b: optional("b_1", Schema.NullOr(Schema.Int))
    })
    for (const n of [null, undefined, 1]) {
      const value = { a: Option.some(n), b: n }
      assert.deepStrictEqual(
        Either.mapLeft(encodeUnknownEither(schema)(value), String),
        Either.mapLeft(Schema.encodeUnknownEither(schema)(value), String)
      )
      const wire = { a_1: n, b_1: n }
      assert.deepStrictEqual(decodeUnknownEither(schema)(wire), Schema.decodeUnknownEither(schema)(wire))
    }
  })

  it("other kinds of schema are left to the schema", () => {
    interface Tree extends ReadonlyArray<Tree> {}
    const Tree: Schema.Schema<Tree> = Schema.suspend(() => Schema.Array(Tree))
    const others = [
      Tree,
      Schema.Union(Schema.Struct({ a: Schema.String }), Schema.Struct({ b: Schema.String })),
      Schema.Tuple(Schema.String, Schema.Number),
      Schema.Struct({}),
      Schema.Record({ key: Schema.TemplateLiteral("a", Schema.String), value: Schema.String }),
      Schema.Struct({ [Symbol.for("test/name")]: Schema.String }),
      Schema.Struct({
        a: Schema.propertySignature(Schema.String).pipe(Schema.fromKey("b")),
        b: Schema.propertySignature(Schema.String).pipe(Schema.fromKey("a"))
      })
    ]
    for (const schema of others) assert.isUndefined(derivedOf(schema as Schema.Schema.AnyNoContext))
    assert.deepStrictEqual(decodeUnknownEither(Tree)([[]]), Either.right([[]]))
  })
})
