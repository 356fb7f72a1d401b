/**
 * How the usage of a stream is read off its elements.
 */
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import { Amount, type Unit } from "../protocol/Amount.js"
import { invalidInput } from "../protocol/InvalidInput.js"
import { readingOf } from "./internal/readings.js"
import { type Meter, Reading } from "./Meter.js"

export { type Meter, type Metering, Reading } from "./Meter.js"

/**
 * What one element says of usage. `undefined`: nothing, which is not zero.
 *
 * @since 0.1.0
 * @category models
 */
export type Weigh<A> = (element: A) => Amount | undefined

/**
 * How a meter knows that the usage is complete.
 *
 * @since 0.1.0
 * @category models
 */
export interface MeterOptions<A> {
  /**
   * The element after which the usage is complete. With it, a stream that ends without such an element is not taken at its word: providers'
   * libraries end a stream that was aborted as if it were complete. Without it, the end of the stream completes the usage.
   */
  readonly isLast?: ((element: A) => boolean) | undefined
}

/**
 * Any fold. `read` may need services, such as prices; it runs when the stream ends, and where it fails the reading is `Absent`.
 *
 * @example
 * ```ts
 * import { Amount, UsageMeter } from "effect-cycles"
 *
 * // A fee of ten credits, and one for each element.
 * const meter = UsageMeter.make({
 *   initial: 10,
 *   step: (credits, _: string) => credits + 1,
 *   read: (credits, ended) => UsageMeter.Reading[ended ? "Final" : "Partial"]({ amount: Amount.credits(credits), source: "usage" })
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <A, S, E = never, R = never>(fold: {
  readonly initial: S
  readonly step: (state: S, element: A) => S
  readonly read: (state: S, ended: boolean) => Reading | Effect.Effect<Reading, E, R>
}): Meter<A, R> => ({
  start: () => {
    let state = fold.initial
    return {
      add: (element) => {
        state = fold.step(state, element)
      },
      read: (ended) => {
        const reading = fold.read(state, ended)
        return Effect.isEffect(reading) ? Effect.orDie(reading) : reading
      }
    }
  }
})

const weighed = (amount: Amount | undefined): Amount | undefined => {
  if (amount === undefined || amount === null || amount instanceof Amount) return amount ?? undefined
  throw invalidInput("usage", "must be an Amount", amount)
}

interface Sum {
  readonly unit: Unit
  readonly total: bigint
}

const plus = (sum: Sum | undefined, { amount, unit }: Amount): Sum => {
  if (sum === undefined) return { unit, total: amount }
  if (sum.unit !== unit) throw invalidInput("usage", `must have the unit ${sum.unit}`, unit)
  return { unit, total: sum.total + amount }
}

/** A fold of what the elements say, complete with the last element where there is one, else with the end. */
const weighing = <A, S>(
  weigh: Weigh<A>,
  { isLast }: MeterOptions<A>,
  step: (state: S | undefined, amount: Amount) => S,
  amountOf: (state: S) => Amount
): Meter<A> => ({
  start: () => {
    let state: S | undefined
    let complete = false
    return {
      add: (element) => {
        const amount = weighed(weigh(element))
        if (amount !== undefined) state = step(state, amount)
        if (isLast !== undefined && isLast(element)) complete = true
      },
      read: (ended) => {
        if (state === undefined) return Reading.Absent()
        const known = { amount: amountOf(state), source: "usage" } as const
        return complete || (ended && isLast === undefined) ? Reading.Final(known) : Reading.Partial(known)
      }
    }
  }
})

/**
 * Every element says what it adds, and the meter shows the sum.
 *
 * @example
 * ```ts
 * import { Amount, UsageMeter } from "effect-cycles"
 *
 * const meter = UsageMeter.incremental((delta: { readonly tokens: number }) => Amount.tokens(delta.tokens))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const incremental = <A>(weigh: Weigh<A>, options: MeterOptions<A> = {}): Meter<A> =>
  weighing<A, Sum>(weigh, options, plus, ({ total, unit }) => new Amount({ unit, amount: total }))

/**
 * Some elements say what was used in all so far, and the meter shows the last of them.
 *
 * @since 0.1.0
 * @category constructors
 */
export const cumulative = <A>(weigh: Weigh<A>, options: MeterOptions<A> = {}): Meter<A> =>
  weighing<A, Amount>(weigh, options, (_, amount) => amount, (amount) => amount)

/**
 * One element, usually the last, says what was used in all. A stream that ends without it has said nothing.
 *
 * @example
 * ```ts
 * import { Amount, UsageMeter } from "effect-cycles"
 *
 * const meter = UsageMeter.final((chunk: { readonly usage?: { readonly total_tokens: number } | null }) =>
 *   chunk.usage ? Amount.tokens(chunk.usage.total_tokens) : undefined
 * )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const final = <A>(weigh: Weigh<A>): Meter<A> =>
  make<A, Amount | undefined>({
    initial: undefined,
    step: (amount, element) => weighed(weigh(element)) ?? amount,
    read: (amount) => amount === undefined ? Reading.Absent() : Reading.Final({ amount, source: "usage" })
  })

/**
 * A meter of usage that has a price.
 *
 * @since 0.1.0
 * @category models
 */
export interface PricedOptions<A, U, E, R> extends MeterOptions<A> {
  /** The usage after an element, from the usage before it; `undefined` while nothing is known. */
  readonly follow: (usage: U | undefined, element: A) => U | undefined
  /** What complete usage costs. Where it fails, `costSoFar` is asked. */
  readonly cost: (usage: U) => Effect.Effect<Amount, E, R>
  /** What usage that may be a part costs at least. Default `cost`. */
  readonly costSoFar?: ((usage: U) => Effect.Effect<Amount, E, R>) | undefined
}

/**
 * Usage of any shape, followed over the elements and priced when the stream ends.
 *
 * @example
 * ```ts
 * import { Prices, Usage, UsageMeter } from "effect-cycles"
 *
 * const model = "claude-sonnet-4-5"
 * const meter = UsageMeter.priced({
 *   follow: Usage.followAnthropic,
 *   cost: (usage) => Prices.cost(model, Usage.fromAnthropic(usage)),
 *   costSoFar: (usage) => Prices.costSoFar(model, Usage.fromAnthropic(usage)),
 *   isLast: ({ type }) => type === "message_stop"
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const priced = <A, U, E = never, R = never>(
  { cost, costSoFar = cost, follow, isLast }: PricedOptions<A, U, E, R>
): Meter<A, R> => ({
  start: () => {
    let usage: U | undefined
    let complete = false
    return {
      add: (element) => {
        usage = follow(usage, element)
        if (isLast !== undefined && isLast(element)) complete = true
      },
      read: (ended) => {
        if (usage === undefined) return Reading.Absent()
        const soFar = Effect.map(costSoFar(usage), (amount) => Reading.Partial({ amount, source: "usage" }))
        return Effect.orDie(
          complete || (ended && isLast === undefined)
            ? Effect.orElse(
              Effect.map(cost(usage), (amount) => Reading.Final({ amount, source: "usage" })),
              () => soFar
            )
            : soFar
        )
      }
    }
  }
})

const asEstimate = (reading: Reading): Reading =>
  reading._tag === "Absent" ? reading : { ...reading, source: "estimate" }

/**
 * The same amounts, marked as an estimate: counted or computed here, not reported by the provider.
 *
 * @since 0.1.0
 * @category combinators
 */
export const estimated = <A, R>(self: Meter<A, R>): Meter<A, R> => ({
  start: () => {
    const metering = self.start()
    return {
      add: (element) => metering.add(element),
      read: (ended) => {
        const reading = metering.read(ended)
        return Effect.isEffect(reading) ? Effect.map(reading, asEstimate) : asEstimate(reading)
      }
    }
  }
})

const better = (self: Reading, that: Reading): Reading => {
  if (self._tag === "Final" || that._tag === "Absent") return self
  if (self._tag === "Absent") return that
  const { amount, source } = self.amount.unit !== that.amount.unit || self.amount.amount > that.amount.amount
    ? self
    : that
  return Reading[that._tag]({ amount, source })
}

/**
 * Two meters of one stream: the first one where it is `Final`, else the one that shows more. For a provider that reports at its end only:
 * the second one counts what came before, for a stream that does not get there. A reading that fails is `Absent`.
 *
 * @example
 * ```ts
 * import { Amount, UsageMeter } from "effect-cycles"
 *
 * interface Delta { readonly text: string; readonly tokens?: number }
 *
 * const meter = UsageMeter.orElse(
 *   UsageMeter.final((delta: Delta) => delta.tokens === undefined ? undefined : Amount.tokens(delta.tokens)),
 *   UsageMeter.estimated(UsageMeter.incremental(({ text }: Delta) => Amount.tokens(Math.ceil(text.length / 4))))
 * )
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const orElse: {
  <A, R2>(that: Meter<A, R2>): <R>(self: Meter<A, R>) => Meter<A, R | R2>
  <A, R, R2>(self: Meter<A, R>, that: Meter<A, R2>): Meter<A, R | R2>
} = dual(2, <A, R, R2>(self: Meter<A, R>, that: Meter<A, R2>): Meter<A, R | R2> => ({
  start: () => {
    const one = self.start()
    const two = that.start()
    return {
      add: (element) => {
        try {
          one.add(element)
        } finally {
          two.add(element)
        }
      },
      read: (ended) => Effect.zipWith(readingOf(one, ended), readingOf(two, ended), better)
    }
  }
}))
