/**
 * The arithmetic of one price.
 */
import * as Arr from "effect/Array"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { Amount, type Rounding, type Unit } from "../../protocol/Amount.js"
import { clampTokens } from "../../protocol/Caps.js"
import { divide } from "../../protocol/internal/decimal.js"
import { type InvalidInput, invalidInput } from "../../protocol/InvalidInput.js"
import { MissingPrice } from "../PriceErrors.js"
import type { CallOptions, EstimateOptions } from "../PriceOptions.js"
import type { PriceTable } from "../PriceTable.js"
import { buckets, inputTokens, type Usage } from "../Usage.js"
import { UsageAbsent } from "../UsageErrors.js"
import { type FixedRates, one, type Tier } from "./exact.js"

/** A price with everything that the table says about it. */
export interface Compiled {
  readonly model: string
  readonly source: string
  readonly pricedIn: PriceTable["pricedIn"]
  readonly ceiling: boolean
  /** From the cheapest up; the first is for any size. */
  readonly tiers: Arr.NonEmptyReadonlyArray<Tier>
  readonly perRequest: bigint
  readonly batchFactor: bigint | undefined
}

type Counts = ReadonlyArray<readonly [bucket: string, n: number]>

const million = 1_000_000n
const microcents = 100_000_000n

export const unitOf = ({ pricedIn = "USD" }: Pick<Compiled, "pricedIn">): Unit =>
  pricedIn === "USD" ? "USD_MICROCENTS" : pricedIn

const countsOf = ({ other, ...rest }: Usage): Counts => [
  ...buckets.flatMap((bucket) => rest[bucket] === undefined ? [] : [[bucket, rest[bucket]] as const]),
  ...Object.entries(other ?? {}).map(([name, n]) => [`other.${name}`, n] as const)
]

const checked = (field: string, n: number): Either.Either<bigint, InvalidInput> =>
  Number.isSafeInteger(n) && n >= 0
    ? Either.right(BigInt(n))
    : Either.left(invalidInput(field, `must be a whole number from 0 to ${Number.MAX_SAFE_INTEGER}`, n))

const ratesFor = (price: Compiled, input: number): FixedRates =>
  Option.getOrElse(
    Arr.findLast(price.tiers, ({ aboveInputTokens }) => input > aboveInputTokens),
    () => price.tiers[0]
  ).rates

/** Sum of count times price, rounded once. */
const priced = function*(
  price: Compiled,
  counts: Counts,
  rateOf: (bucket: string) => bigint | undefined,
  { batch = false, requests = 1 }: CallOptions,
  rounding: Rounding
) {
  const missing = (bucket: string) =>
    Either.left(new MissingPrice({ model: price.model, source: price.source, bucket }))
  let sum = 0n
  for (const [bucket, n] of counts) {
    const count = yield* checked(`usage.${bucket}`, n)
    const rate = rateOf(bucket)
    if (rate === undefined && count > 0n) return yield* missing(bucket)
    sum += count * (rate ?? 0n)
  }
  const factor = batch ? price.batchFactor : one
  if (factor === undefined) return yield* missing("batch")
  const fee = (yield* checked("requests", requests)) * price.perRequest * million
  const unit = unitOf(price)
  const amount = yield* divide("cost", {
    numerator: (sum * factor + fee * one) * (unit === "USD_MICROCENTS" ? microcents : 1n),
    denominator: million * one * one
  }, rounding)
  return yield* Amount.of(unit, amount)
}

/** What was used, half-even. `whole`: input and output must be known where they have a price. */
export const cost = (
  price: Compiled,
  usage: Usage,
  options: CallOptions,
  whole: boolean
): Either.Either<Amount, MissingPrice | UsageAbsent | InvalidInput> => {
  const counts = countsOf(usage)
  const rates = ratesFor(price, inputTokens(usage) ?? 0)
  const absent = counts.length === 0
    ? "input and output"
    : whole
    ? (["input", "output"] as const).find((bucket) => usage[bucket] === undefined && (rates.get(bucket) ?? 0n) > 0n)
    : undefined
  return absent === undefined
    ? Either.gen(() => priced(price, counts, (bucket) => rates.get(bucket), options, "halfEven"))
    : Either.left(new UsageAbsent({ source: price.model, field: absent }))
}

const larger = (a: bigint | undefined, b: bigint | undefined): bigint | undefined =>
  a === undefined ? b : b === undefined || a > b ? a : b

/** The most that a call can cost, rounded up. */
export const estimate = (
  price: Compiled,
  { caps = {}, input, maxOutput, ...options }: EstimateOptions
): Either.Either<Amount, MissingPrice | InvalidInput> => {
  const used: Usage = typeof input === "number" ? { input } : input
  const rates = ratesFor(price, inputTokens(used) ?? 0)
  const rateOf = (bucket: string) =>
    bucket === "output" ? larger(rates.get("output"), rates.get("reasoning")) : rates.get(bucket)
  const counts: Counts = [...countsOf(used), ["output", clampTokens(caps, maxOutput)]]
  return Either.gen(() => priced(price, counts, rateOf, options, "up"))
}

/** How many tokens an estimate is for. */
export const tokensOf = ({ caps = {}, input, maxOutput }: EstimateOptions): number =>
  (typeof input === "number" ? input : inputTokens(input) ?? 0) + clampTokens(caps, maxOutput)
