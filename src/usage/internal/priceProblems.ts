/**
 * What a price table of the right shape may still have wrong.
 */
import type * as Arr from "effect/Array"
import type { ModelPrice, PriceTable, Rates } from "../PriceTable.js"
import { fixed, type FixedRates, fixedRates, one, type Tier } from "./exact.js"

interface Problem {
  readonly field: string
  readonly bound: string
  readonly value?: string
}

const namesOf = ({ aliases = [], model }: ModelPrice): ReadonlyArray<string> => [model, ...aliases]

const nameProblems = ({ effectiveFrom, prices }: PriceTable): ReadonlyArray<Problem> => {
  const owners = new Map<string, string>()
  const days = new Set<string>()
  return prices.flatMap((price, n) => {
    const field = `prices.${n}`
    const day = price.effectiveFrom ?? effectiveFrom
    return namesOf(price).flatMap((name, k): ReadonlyArray<Problem> => {
      const owner = owners.get(name) ?? price.model
      owners.set(name, owner)
      const entry = JSON.stringify([name, day])
      const again = days.has(entry)
      days.add(entry)
      const at = k === 0 ? `${field}.model` : `${field}.aliases.${k - 1}`
      if (owner !== price.model) return [{ field: at, bound: `must not name the model ${owner} too`, value: name }]
      return again ? [{ field: at, bound: `must be there once for ${day}`, value: name }] : []
    })
  })
}

/** Where a price of `upper` is below the same price of `lower`. */
const below = (upper: FixedRates, lower: FixedRates): string | undefined =>
  Array.from(lower.keys()).find((bucket) => (upper.get(bucket) ?? -1n) < (lower.get(bucket) ?? 0n))

const over = (base: Rates, tier: Rates): Rates => ({ ...base, ...tier, other: { ...base.other, ...tier.other } })

/** The prices of a model from its cheapest tier up, each complete. */
export const tiersOf = (
  { perMillion, tiers = [] }: Pick<ModelPrice, "perMillion" | "tiers">
): Arr.NonEmptyReadonlyArray<Tier> => {
  let last = perMillion
  return [
    { aboveInputTokens: 0, rates: fixedRates(perMillion) },
    ...tiers.map(({ aboveInputTokens, perMillion }) => {
      last = over(last, perMillion)
      return { aboveInputTokens, rates: fixedRates(last) }
    })
  ]
}

const tierProblems = (price: ModelPrice, n: number): ReadonlyArray<Problem> => {
  const tiers = tiersOf(price)
  return tiers.flatMap(({ aboveInputTokens, rates }, k): ReadonlyArray<Problem> => {
    const last = tiers[k - 1]
    if (last === undefined) return []
    const field = `prices.${n}.tiers.${k - 1}`
    if (aboveInputTokens <= last.aboveInputTokens) {
      return [{
        field: `${field}.aboveInputTokens`,
        bound: `must be above ${last.aboveInputTokens}`,
        value: String(aboveInputTokens)
      }]
    }
    const bucket = below(rates, last.rates)
    return bucket === undefined
      ? []
      : [{ field: `${field}.perMillion.${bucket}`, bound: "must not be cheaper than the tier below" }]
  })
}

const batchProblems = ({ batchFactor }: ModelPrice, n: number): ReadonlyArray<Problem> =>
  batchFactor === undefined || fixed(batchFactor) <= one
    ? []
    : [{ field: `prices.${n}.batchFactor`, bound: "must be at most 1", value: batchFactor }]

const ceilingProblems = ({ ceiling, prices }: PriceTable): ReadonlyArray<Problem> => {
  if (ceiling === undefined) return []
  const top = fixedRates(ceiling.perMillion)
  const fee = fixed(ceiling.perRequest ?? "0")
  return prices.flatMap((price): ReadonlyArray<Problem> => {
    const bucket = tiersOf(price).map(({ rates }) => below(top, rates)).find((bucket) => bucket !== undefined)
    if (bucket !== undefined) {
      return [{ field: `ceiling.perMillion.${bucket}`, bound: `must not be below the price of ${price.model}` }]
    }
    return fee < fixed(price.perRequest ?? "0")
      ? [{ field: "ceiling.perRequest", bound: `must not be below the price of ${price.model}` }]
      : []
  })
}

export const problemsOf = (table: PriceTable): ReadonlyArray<Problem> => [
  ...nameProblems(table),
  ...table.prices.flatMap(tierProblems),
  ...table.prices.flatMap(batchProblems),
  ...ceilingProblems(table)
]
