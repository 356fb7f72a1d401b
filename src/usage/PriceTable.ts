/**
 * Prices as data: what a model costs, who says so, since when and for how long that may be believed.
 */
import * as DateTime from "effect/DateTime"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { decimal, decimalBound } from "../protocol/internal/decimal.js"
import { InvalidInput, invalidInput } from "../protocol/InvalidInput.js"
import { problemsOf } from "./internal/priceProblems.js"

/**
 * A price as decimal text such as `"2.50"`: at most 30 digits before and after the point, not negative. A number is refused.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Decimal = Schema.String.pipe(
  Schema.filter((text) => Either.isRight(decimal("price", text)) || decimalBound)
).annotations({ identifier: "Decimal" })

const date = /^\d{4}-\d{2}-\d{2}$/

/**
 * A day such as `"2026-01-31"`, which begins at midnight UTC.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Day = Schema.String.pipe(
  Schema.filter((text) => date.test(text) && dayToMillis(text) !== undefined || "must be a date such as 2026-01-31")
).annotations({ identifier: "Day" })

/** Midnight UTC of a day, in epoch milliseconds; `undefined` for a day that the calendar does not have. */
export const dayToMillis = (day: string): number | undefined =>
  DateTime.make(`${day}T00:00:00Z`).pipe(
    Option.filter((at) => DateTime.formatIsoDateUtc(at) === day),
    Option.map(DateTime.toEpochMillis),
    Option.getOrUndefined
  )

/**
 * Prices for a million of each bucket of `Usage`. A bucket without a price is not free: usage that has it fails with `MissingPrice`.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Rates = Schema.Struct({
  input: Schema.optional(Decimal),
  cacheRead: Schema.optional(Decimal),
  cacheWrite5m: Schema.optional(Decimal),
  cacheWrite1h: Schema.optional(Decimal),
  output: Schema.optional(Decimal),
  reasoning: Schema.optional(Decimal),
  other: Schema.optional(Schema.Record({ key: Schema.String, value: Decimal }))
}).annotations({ identifier: "Rates" })

/**
 * @since 0.1.0
 * @category models
 */
export type Rates = typeof Rates.Type

const PositiveInt = Schema.Int.pipe(
  Schema.filter((n) => Number.isSafeInteger(n) && n > 0 || "must be a whole number above 0")
)

/**
 * What one model costs.
 *
 * - `model` and `aliases` are matched exactly.
 * - `tiers`: prices for the whole call once its input tokens are more than `aboveInputTokens`; a bucket that a tier does not name keeps
 *   its price. Tiers ascend, in size and in price.
 * - `perRequest`: for each request, on top of the tokens.
 * - `batchFactor`: what the price of the tokens is multiplied by in batch processing, at most 1. Without it a batch has no price.
 * - `source`, `effectiveFrom`, `verifiedOn`, `maxAgeDays` take the place of those of the table. A model may be there several times, with
 *   different days: the latest that has come counts.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ModelPrice = Schema.Struct({
  model: Schema.NonEmptyString,
  aliases: Schema.optional(Schema.Array(Schema.NonEmptyString)),
  perMillion: Rates,
  tiers: Schema.optional(Schema.Array(Schema.Struct({ aboveInputTokens: PositiveInt, perMillion: Rates }))),
  perRequest: Schema.optional(Decimal),
  batchFactor: Schema.optional(Decimal),
  source: Schema.optional(Schema.NonEmptyString),
  effectiveFrom: Schema.optional(Day),
  verifiedOn: Schema.optional(Day),
  maxAgeDays: Schema.optional(PositiveInt)
}).annotations({ identifier: "ModelPrice" })

/**
 * @since 0.1.0
 * @category models
 */
export type ModelPrice = typeof ModelPrice.Type

/**
 * A list of prices, as JSON has it.
 *
 * - `pricedIn`: `USD` (the default), where `"2.50"` is 2.50 dollars; otherwise units of `TOKENS`, `CREDITS` or `RISK_POINTS`. Costs in
 *   `USD` are amounts of `USD_MICROCENTS`, so 2.50 for a million tokens is 250 microcents for one.
 * - `effectiveFrom`: the day from which the prices are in force.
 * - `verifiedOn`: the day somebody last compared them with their source. Default `effectiveFrom`.
 * - `maxAgeDays`: how many days after that they are stale. Without it they never are.
 * - `ceiling`: prices for models that are unknown here and for prices that are stale. None of its prices may be below one of the list.
 *
 * @since 0.1.0
 * @category schemas
 */
export const PriceTable = Schema.Struct({
  source: Schema.NonEmptyString,
  pricedIn: Schema.optional(Schema.Literal("USD", "TOKENS", "CREDITS", "RISK_POINTS")),
  effectiveFrom: Day,
  verifiedOn: Schema.optional(Day),
  maxAgeDays: Schema.optional(PositiveInt),
  prices: Schema.Array(ModelPrice),
  ceiling: Schema.optional(Schema.Struct({ perMillion: Rates, perRequest: Schema.optional(Decimal) }))
}).annotations({ identifier: "PriceTable" })

/**
 * @since 0.1.0
 * @category models
 */
export type PriceTable = typeof PriceTable.Type

const decodeShape = Schema.decodeUnknownEither(PriceTable, { onExcessProperty: "error" })

const shapeProblem = (error: ParseResult.ParseError): InvalidInput => {
  const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
  return new InvalidInput({
    field: ["prices", ...(issue?.path ?? [])].map(String).join("."),
    bound: issue?.message ?? "must be a price table"
  })
}

/**
 * A price table from JSON, checked: its shape, no name twice on one day, aliases that are no model, tiers that ascend, a ceiling above
 * everything. `InvalidInput` names the entry.
 *
 * @since 0.1.0
 * @category constructors
 */
export const decode = (input: unknown): Either.Either<PriceTable, InvalidInput> =>
  Either.flatMap(Either.mapLeft(decodeShape(input), shapeProblem), (table) => {
    const [problem] = problemsOf(table)
    return problem === undefined
      ? Either.right(table)
      : Either.left(invalidInput(problem.field, problem.bound, problem.value))
  })
