/**
 * Building blocks of the wire schemas: members under their names, exact integers, durations and instants in milliseconds.
 */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { declare, transform } from "./plain.js"

export { option, optional, query, required } from "./member.js"

/** A string of bounded length, counted in UTF-16 units. */
export const text = (maxLength: number) => Schema.String.pipe(Schema.maxLength(maxLength))

/** A non-negative integer that fits in a double exactly: counters, milliseconds. */
export const Count = Schema.Int.pipe(
  Schema.filter((n) => Number.isSafeInteger(n) || `an integer of at most ${Number.MAX_SAFE_INTEGER}`),
  Schema.nonNegative()
).annotations({ jsonSchema: { type: "integer", minimum: 0 } })

const maxInt64 = 9223372036854775807n
const minInt64 = -9223372036854775808n

const WireInteger = declare(
  (u: unknown): u is number | bigint => typeof u === "bigint" || (typeof u === "number" && Number.isSafeInteger(u)),
  {
    identifier: "Int64",
    description: "an integer without quotes, exact",
    jsonSchema: { type: "integer", format: "int64" }
  }
)

const WireCount = declare(
  (u: unknown): u is number | bigint => typeof u === "bigint" || (typeof u === "number" && Number.isSafeInteger(u)),
  {
    identifier: "UnsignedInt64",
    description: "an integer without quotes, exact",
    jsonSchema: { type: "integer", format: "int64", minimum: 0 }
  }
)

const exact = (wire: typeof WireInteger, least: bigint) =>
  transform(
    wire,
    Schema.BigIntFromSelf.pipe(
      Schema.betweenBigInt(least, maxInt64, {
        description: `an int64 from ${least} to ${maxInt64}`,
        message: (issue) => ({
          message: `must be a bigint between ${least} and ${maxInt64}, got ${issue.actual}`,
          override: true
        })
      })
    ),
    {
      decode: (n) => BigInt(n),
      encode: (n) => n >= Number.MIN_SAFE_INTEGER && n <= Number.MAX_SAFE_INTEGER ? Number(n) : n
    }
  )

/** An int64 as `bigint`; on the wire a number while a double holds it exactly, otherwise bare digits. */
export const Int64 = exact(WireInteger, minInt64)

/** As `Int64`, not negative. */
export const UnsignedInt64 = exact(WireCount, 0n)

const isMillis = (n: number) => Number.isSafeInteger(n) || "a whole number of milliseconds"

/** A `Duration` of whole milliseconds within bounds; `format` is for the OpenAPI document only. */
export const durationMs = (minimum: number, maximum?: number | undefined, format?: "int64" | undefined) =>
  transform(
    Schema.Number.pipe(
      Schema.filter((n) =>
        Number.isSafeInteger(n) && n >= minimum && (maximum === undefined || n <= maximum)
          ? true
          : maximum === undefined
          ? `must be a whole number of milliseconds of at least ${minimum}, got ${n}`
          : `must be a whole number of milliseconds between ${minimum} and ${maximum}, got ${n}`
      )
    ).annotations({
      jsonSchema: {
        type: "integer",
        minimum,
        ...(maximum === undefined ? {} : { maximum }),
        ...(format === undefined ? {} : { format })
      }
    }),
    Schema.DurationFromSelf.annotations({
      description: "a Duration",
      arbitrary: () => (fc) => fc.integer({ min: minimum, max: maximum ?? 1e15 }).map((n) => Duration.millis(n))
    }),
    { decode: (n) => Duration.millis(n), encode: (duration) => Duration.toMillis(duration) }
  )

/** An instant in epoch milliseconds. */
export const Instant = transform(
  Schema.Number.pipe(
    Schema.filter((n) => isMillis(n) === true && n >= 0 && n <= 8.64e15 || `must be epoch milliseconds, got ${n}`)
  ).annotations({ jsonSchema: { type: "integer", format: "int64", minimum: 0 } }),
  Schema.DateTimeUtcFromSelf.annotations({
    arbitrary: () => (fc) => fc.integer({ min: 0, max: 4e12 }).map((n) => DateTime.unsafeMake(n))
  }),
  { decode: (n) => DateTime.unsafeMake(n), encode: DateTime.toEpochMillis }
)

/** 64 lowercase hexadecimal digits. */
export const Hex64 = Schema.String.pipe(Schema.pattern(/^[0-9a-f]{64}$/))
