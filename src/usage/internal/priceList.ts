/**
 * A price table made ready for look-ups.
 */
import * as Either from "effect/Either"
import { Amount } from "../../protocol/Amount.js"
import { StalePrice, UnknownModel } from "../PriceErrors.js"
import { dayToMillis, type ModelPrice, type PriceTable } from "../PriceTable.js"
import { fixed } from "./exact.js"
import type { Compiled } from "./price.js"
import { tiersOf } from "./priceProblems.js"

const day = 86_400_000

/** A price and the days it is good for, in epoch milliseconds. */
interface Dated {
  readonly compiled: Compiled
  readonly effectiveFrom: string
  readonly effectiveAt: number
  readonly verifiedOn: string
  readonly verifiedAt: number
  readonly maxAgeDays: number | undefined
}

export interface PriceList {
  readonly table: PriceTable
  /** By model and alias; the latest first. */
  readonly entries: ReadonlyMap<string, ReadonlyArray<Dated>>
  readonly ceiling: Omit<Compiled, "model"> | undefined
}

const dated = (table: PriceTable, price: ModelPrice): Dated => {
  const effectiveFrom = price.effectiveFrom ?? table.effectiveFrom
  const verifiedOn = price.verifiedOn ?? table.verifiedOn ?? effectiveFrom
  return {
    compiled: {
      model: price.model,
      source: price.source ?? table.source,
      pricedIn: table.pricedIn,
      ceiling: false,
      tiers: tiersOf(price),
      perRequest: fixed(price.perRequest ?? "0"),
      batchFactor: price.batchFactor === undefined ? undefined : fixed(price.batchFactor)
    },
    effectiveFrom,
    effectiveAt: dayToMillis(effectiveFrom) ?? 0,
    verifiedOn,
    verifiedAt: dayToMillis(verifiedOn) ?? 0,
    maxAgeDays: price.maxAgeDays ?? table.maxAgeDays
  }
}

/** Of a table that was checked. */
export const compile = (table: PriceTable): PriceList => {
  const entries = new Map<string, Array<Dated>>()
  for (const price of table.prices) {
    const entry = dated(table, price)
    for (const name of [price.model, ...price.aliases ?? []]) {
      entries.set(name, [...entries.get(name) ?? [], entry].sort((a, b) => b.effectiveAt - a.effectiveAt))
    }
  }
  return {
    table,
    entries,
    ceiling: table.ceiling && {
      source: table.source,
      pricedIn: table.pricedIn,
      ceiling: true,
      tiers: tiersOf(table.ceiling),
      perRequest: fixed(table.ceiling.perRequest ?? "0"),
      batchFactor: fixed("1")
    }
  }
}

export interface Found {
  readonly compiled: Compiled
  readonly warning?: string
}

/** The price that is in force, or what the policy puts in its place. */
export const find = (
  { ceiling, entries, table }: PriceList,
  model: string,
  now: number,
  onStale: "fail" | "warn"
): Either.Either<Found, UnknownModel | StalePrice> => {
  const instead = <E extends UnknownModel | StalePrice>(problem: E): Either.Either<Found, E> =>
    ceiling === undefined
      ? Either.left(problem)
      : Either.right({ compiled: { model, ...ceiling }, warning: `${problem.message}: the ceiling is used` })
  const all = entries.get(model)
  const entry = all?.find(({ effectiveAt }) => effectiveAt <= now) ?? all?.[all.length - 1]
  if (entry === undefined) return instead(new UnknownModel({ model, source: table.source }))
  const stale = staleness(entry, model, now)
  const { compiled } = entry
  if (stale === undefined) return Either.right({ compiled, ...aging(entry, model, now) })
  return onStale === "warn" ? Either.right({ compiled, warning: `${stale.message}: it is used` }) : instead(stale)
}

const staleness = (
  { compiled, effectiveAt, effectiveFrom, maxAgeDays, verifiedAt, verifiedOn }: Dated,
  model: string,
  now: number
): StalePrice | undefined => {
  const early = now < effectiveAt
  const ageDays = Math.floor((now - (early ? effectiveAt : verifiedAt)) / day)
  return early || (maxAgeDays !== undefined && now >= verifiedAt + maxAgeDays * day)
    ? new StalePrice({
      model,
      source: compiled.source,
      effectiveFrom,
      verifiedOn,
      ageDays,
      ...(maxAgeDays !== undefined && { maxAgeDays })
    })
    : undefined
}

/** Says in the last tenth of its time that a price will be stale: by default calls stop on that day. */
const aging = (
  { compiled, maxAgeDays, verifiedAt }: Dated,
  model: string,
  now: number
): { readonly warning?: string } => {
  if (maxAgeDays === undefined) return {}
  const left = verifiedAt + maxAgeDays * day - now
  return left * 10 > maxAgeDays * day ? {} : {
    warning: `The price of "${model}" in "${compiled.source}" will be stale ${
      left > day ? `within ${Math.ceil(left / day)} days` : "within a day"
    }: verify it`
  }
}

/** What looks like a price in the wrong unit: under a microcent for a token, or a great sum for one call. */
export const implausible = (
  tokens: number,
  estimate: Amount,
  warnAbove: Amount = Amount.usd("100")
): string | undefined => {
  const { amount, unit } = estimate
  if (unit === warnAbove.unit && amount > warnAbove.amount) {
    return `An estimate is ${estimate}, above ${warnAbove}: is the price in dollars for a million tokens?`
  }
  return unit === "USD_MICROCENTS" && amount < BigInt(Math.min(tokens, Number.MAX_SAFE_INTEGER))
    ? `An estimate is ${estimate} for ${tokens} tokens, under a microcent each: is the price in dollars for a million tokens?`
    : undefined
}
