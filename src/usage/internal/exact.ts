/**
 * Prices as integers of one fixed scale. Everything is a sum of products of integers until the one division at the end.
 */
import * as Either from "effect/Either"
import { decimal, maxDigits } from "../../protocol/internal/decimal.js"
import type { Rates } from "../PriceTable.js"

/** What 1 is, as a fixed number. */
export const one = 10n ** BigInt(maxDigits)

/** A decimal that the schema has accepted, as a multiple of 1 / `one`. */
export const fixed = (text: string): bigint => {
  const { denominator, numerator } = Either.getOrThrow(decimal("price", text))
  return numerator * (one / denominator)
}

/** Fixed prices by bucket; counters of `other` by `other.` and their name. */
export type FixedRates = ReadonlyMap<string, bigint>

/** What a call costs once its input is above so many tokens. */
export interface Tier {
  readonly aboveInputTokens: number
  readonly rates: FixedRates
}

export const fixedRates = ({ other, ...rates }: Rates): FixedRates =>
  new Map([
    ...Object.entries(rates).flatMap(([bucket, price]) => price === undefined ? [] : [[bucket, fixed(price)] as const]),
    ...Object.entries(other ?? {}).map(([name, price]) => [`other.${name}`, fixed(price)] as const)
  ])
