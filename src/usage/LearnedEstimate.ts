/**
 * Estimates from what the same kind of work used before.
 */
import * as Effect from "effect/Effect"
import { Amount } from "../protocol/Amount.js"
import { type InvalidInput, invalidInput } from "../protocol/InvalidInput.js"

/**
 * The bounds of an estimate that is learned, and from how many calls.
 *
 * @since 0.1.0
 * @category models
 */
export interface LearnedOptions {
  /** The least that is held, also by the fallback. Its unit is the unit of everything learned. */
  readonly floor: Amount
  /** The most that is held, also by the fallback. */
  readonly ceiling: Amount
  /** Of a hundred calls, how many used at most the estimate: a whole number from 1 to 100. Default 95. */
  readonly percentile?: number | undefined
  /** How many of the latest actuals of an action are kept, 1 to 1000. Default 100. */
  readonly window?: number | undefined
  /** How many actuals of an action it takes before they count; the fallback is held until then. Default 20, at most `window`. */
  readonly coldStart?: number | undefined
  /**
   * Which settlements teach: those with an `actual`, which the work itself said, and those with recorded `usage`. Default `["actual"]`. Add
   * `usage` for guarded streams, whose usage is what their meter showed; those that were cut off then count as cheap as they were. An
   * estimate that was charged never teaches: it would confirm itself.
   */
  readonly sources?: ReadonlyArray<"actual" | "usage"> | undefined
  /** Of how many actions, 1 to 100 000; the one that was used longest ago is forgotten first. Default 1000. */
  readonly maxActions?: number | undefined
}

/**
 * What calls are learned together: those of one action.
 *
 * @since 0.1.0
 * @category models
 */
export interface LearnedAction {
  readonly kind: string
  readonly name: string
}

/**
 * What `onSettled` of a guard gives, as far as it is needed: how a reservation ended.
 *
 * @since 0.1.0
 * @category models
 */
export interface Settled {
  readonly _tag: string
  readonly actual?: Amount
  readonly source?: string
}

/**
 * Estimates that learn.
 *
 * @since 0.1.0
 * @category models
 */
export interface Learned {
  /**
   * The estimate for an action: the percentile of its latest actuals, within floor and ceiling; while there are too few of them, the
   * fallback within the same. `InvalidInput` for a fallback in another unit.
   */
  readonly estimate: <E = never, R = never>(
    action: LearnedAction,
    fallback: Amount | Effect.Effect<Amount, E, R>
  ) => Effect.Effect<Amount, E | InvalidInput, R>
  /**
   * For `onSettled` of a guard: keeps what was used, when it comes from one of `sources` and has the unit of the floor.
   */
  readonly onSettled: (
    settlement: Settled,
    reservation: { readonly action: LearnedAction }
  ) => Effect.Effect<void>
  /** Keeps an actual. */
  readonly observe: (action: LearnedAction, actual: Amount) => Effect.Effect<void>
  /** Action, estimate and `onSettled` at once, to spread into the options of a guard. */
  readonly options: <E = never, R = never>(
    action: LearnedAction,
    fallback: Amount | Effect.Effect<Amount, E, R>
  ) => {
    readonly action: LearnedAction
    readonly estimate: Effect.Effect<Amount, E | InvalidInput, R>
    readonly onSettled: Learned["onSettled"]
  }
}

/** The latest actuals of an action, as a ring. */
interface Samples {
  readonly ring: Array<bigint>
  next: number
}

/** The least sample that at least `percentile` of a hundred do not exceed (nearest rank). */
const percentileOf = (samples: ReadonlyArray<bigint>, percentile: number): bigint => {
  const sorted = [...samples].sort((a, b) => a < b ? -1 : a > b ? 1 : 0)
  return sorted[Math.ceil(sorted.length * percentile / 100) - 1] ?? 0n
}

const whole = (field: string, n: number, least: number, most: number): Effect.Effect<number, InvalidInput> =>
  Number.isSafeInteger(n) && n >= least && n <= most
    ? Effect.succeed(n)
    : Effect.fail(invalidInput(field, `must be a whole number from ${least} to ${most}`, n))

/**
 * Estimates that learn from settlements: one for a program, shared by its fibers. What it holds in memory is bounded by `window` times
 * `maxActions` amounts. `InvalidInput` for an option out of bounds, and for a floor above the ceiling or in another unit.
 *
 * @example
 * ```ts
 * import { Amount, Estimate, guarded } from "effect-cycles"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function*() {
 *   const learned = yield* Estimate.learned({ floor: Amount.usd("0.001"), ceiling: Amount.usd("0.50") })
 *   const action = { kind: "llm.completion", name: "gpt-4o" }
 *   return Effect.succeed({ text: "42", cost: Amount.usd("0.0021") }).pipe(
 *     guarded({ ...learned.options(action, Amount.usd("0.05")), actual: (reply) => reply.cost })
 *   )
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const learned = (options: LearnedOptions): Effect.Effect<Learned, InvalidInput> =>
  Effect.gen(function*() {
    const { ceiling, floor } = options
    if ((yield* Amount.compare(floor, ceiling)) > 0) {
      return yield* invalidInput("floor", `must not be above the ceiling, ${ceiling}`, String(floor))
    }
    const percentile = yield* whole("percentile", options.percentile ?? 95, 1, 100)
    const window = yield* whole("window", options.window ?? 100, 1, 1000)
    const coldStart = yield* whole("coldStart", options.coldStart ?? Math.min(20, window), 1, window)
    const maxActions = yield* whole("maxActions", options.maxActions ?? 1000, 1, 100_000)
    const sources: ReadonlySet<string | undefined> = new Set(options.sources ?? ["actual"])
    const { unit } = floor
    /** In the order of use. Read and changed without a yield in between, so no fiber sees half a change. */
    const actions = new Map<string, Samples>()

    const within = (n: bigint): Amount => n <= floor.amount ? floor : n >= ceiling.amount ? ceiling : amountOf(n)
    const amountOf = (n: bigint): Amount => new Amount({ unit, amount: n })
    const keyOf = ({ kind, name }: LearnedAction) => JSON.stringify([kind, name])

    const touch = (key: string, samples: Samples) => {
      actions.delete(key)
      actions.set(key, samples)
      if (actions.size > maxActions) {
        for (const oldest of actions.keys()) {
          actions.delete(oldest)
          break
        }
      }
    }

    const observe: Learned["observe"] = (action, actual) =>
      Effect.sync(() => {
        if (actual.unit !== unit) return
        const key = keyOf(action)
        const samples = actions.get(key) ?? { ring: [], next: 0 }
        samples.ring[samples.next] = actual.amount
        samples.next = (samples.next + 1) % window
        touch(key, samples)
      })

    const estimate: Learned["estimate"] = (action, fallback) =>
      Effect.suspend(() => {
        const key = keyOf(action)
        const samples = actions.get(key)
        if (samples !== undefined) touch(key, samples)
        if (samples !== undefined && samples.ring.length >= coldStart) {
          return Effect.succeed(within(percentileOf(samples.ring, percentile)))
        }
        return Effect.flatMap(Effect.isEffect(fallback) ? fallback : Effect.succeed(fallback), (amount) =>
          amount.unit === unit
            ? Effect.succeed(within(amount.amount))
            : Effect.fail(invalidInput("fallback", `must have the unit ${unit}`, amount.unit)))
      })

    const onSettled: Learned["onSettled"] = ({ actual, source }, { action }) =>
      actual !== undefined && sources.has(source) ? observe(action, actual) : Effect.void

    return {
      estimate,
      observe,
      onSettled,
      options: (action, fallback) => ({ action, estimate: estimate(action, fallback), onSettled })
    }
  })
