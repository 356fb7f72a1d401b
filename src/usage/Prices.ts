/**
 * From usage to money, by a price table: exact, and never zero for want of knowledge.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Ref from "effect/Ref"
import * as Schedule from "effect/Schedule"
import type { Amount } from "../protocol/Amount.js"
import { InvalidInput, invalidInput, sanitize } from "../protocol/InvalidInput.js"
import * as arithmetic from "./internal/price.js"
import * as priceList from "./internal/priceList.js"
import type { MissingPrice, StalePrice, UnknownModel } from "./PriceErrors.js"
import type { CallOptions, EstimateOptions } from "./PriceOptions.js"
import * as PriceTable from "./PriceTable.js"
import type { Usage } from "./Usage.js"
import type { UsageAbsent, UsageReadError } from "./UsageErrors.js"
import type { State, UsageFold } from "./UsageFold.js"

/**
 * Every error of `Prices`: there is no price for the model, none to be believed, none for a bucket that was used; what was used is unknown;
 * a count is no count or the cost more than an int64 holds.
 *
 * @since 0.1.0
 * @category errors
 */
export type PriceError = UnknownModel | StalePrice | MissingPrice | UsageAbsent | InvalidInput

/**
 * What a model costs at one moment, as functions without a service: for streams, where usage is priced again and again.
 *
 * @since 0.1.0
 * @category models
 */
export interface Price {
  readonly model: string
  readonly source: string
  /** Whether the model is priced by the ceiling of the table, for want of a price. */
  readonly ceiling: boolean
  /** See `Prices.cost`. */
  readonly cost: (
    usage: Usage,
    options?: CallOptions
  ) => Either.Either<Amount, MissingPrice | UsageAbsent | InvalidInput>
  /** See `Prices.costSoFar`. */
  readonly costSoFar: (
    usage: Usage,
    options?: CallOptions
  ) => Either.Either<Amount, MissingPrice | UsageAbsent | InvalidInput>
  /** See `Prices.estimate`. */
  readonly estimate: (options: EstimateOptions) => Either.Either<Amount, MissingPrice | InvalidInput>
}

/**
 * What the meter of a stream shows: nothing said, a part of what was used, or all of it.
 *
 * @since 0.1.0
 * @category models
 */
export type MeterReading =
  | { readonly _tag: "Absent" }
  | { readonly _tag: "Partial" | "Final"; readonly amount: Amount; readonly source: "usage" }

/**
 * The prices of one table. `Prices.cost`, `Prices.estimate` and `Prices.meter` ask it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** The table in force. */
  readonly table: Effect.Effect<PriceTable.PriceTable>
  /** What a model costs now. */
  readonly priceOf: (model: string) => Effect.Effect<Price, UnknownModel | StalePrice>
  /** Logs a warning for an estimate that is implausible. */
  readonly review: (model: string, tokens: number, estimate: Amount) => Effect.Effect<void>
}

/**
 * What to do with prices and estimates that are in doubt.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * A price that is stale or not in force yet: `StalePrice`, or the ceiling of the table if there is one (`fail`, the default), or the price as
   * it is, with one warning for each model (`warn`). In the last tenth of its time a price is logged as a warning too, once a day.
   */
  readonly onStale?: "fail" | "warn" | undefined
  /** A single estimate above it is logged as a warning: it may be in the wrong unit. Default $100, for prices in dollars. */
  readonly warnAbove?: Amount | undefined
}

/**
 * Where a table comes from, and how often.
 *
 * @since 0.1.0
 * @category models
 */
export interface RefreshOptions<E, R> extends Options {
  /** Gives the table, as JSON or decoded: from a file, a database, an endpoint of one's own. */
  readonly load: Effect.Effect<unknown, E, R>
  /** How often to load it again. Default one hour. */
  readonly every?: Duration.DurationInput | undefined
}

const make = (list: Effect.Effect<priceList.PriceList>, options: Options): Effect.Effect<Service> =>
  Effect.map(Ref.make<ReadonlySet<string>>(new Set()), (warned) => {
    /** Once for the same reason, as far as a bounded number of reasons is remembered. */
    const warnOnce = (model: string, message: string, reason: string = message) =>
      Ref.modify(warned, (seen) => {
        const key = `${model} ${reason}`
        return seen.has(key) ? [Effect.void, seen] : [
          Effect.logWarning(message).pipe(
            Effect.annotateLogs({ package: "effect-cycles", module: "usage", model: sanitize(model, 80) })
          ),
          new Set(seen.size < 1000 ? seen : []).add(key)
        ]
      }).pipe(Effect.flatten)

    const priceOf: Service["priceOf"] = Effect.fnUntraced(function*(model) {
      const { compiled, warning } = yield* priceList.find(
        yield* list,
        model,
        yield* Clock.currentTimeMillis,
        options.onStale ?? "fail"
      )
      if (warning !== undefined) yield* warnOnce(model, warning)
      return {
        model,
        source: compiled.source,
        ceiling: compiled.ceiling,
        cost: (usage, options = {}) => arithmetic.cost(compiled, usage, options, true),
        costSoFar: (usage, options = {}) => arithmetic.cost(compiled, usage, options, false),
        estimate: (options) => arithmetic.estimate(compiled, options)
      }
    })

    return {
      table: Effect.map(list, ({ table }) => table),
      priceOf,
      review: (model, tokens, estimate) => {
        const warning = priceList.implausible(tokens, estimate, options.warnAbove)
        return warning === undefined ? Effect.void : warnOnce(model, warning, "implausible")
      }
    }
  })

/** What a load failed with may hold anything: only its name is logged, or what is wrong in a table. */
const kept = (cause: Cause.Cause<unknown>) => {
  const error = Cause.squash(cause)
  return Effect.logWarning("Prices could not be loaded again: the last ones stay in force").pipe(Effect.annotateLogs({
    package: "effect-cycles",
    module: "usage",
    error: error instanceof InvalidInput
      ? error.message
      : Predicate.hasProperty(error, "_tag")
      ? String(error._tag)
      : typeof error
  }))
}

const compile = (input: unknown): Either.Either<priceList.PriceList, InvalidInput> =>
  Either.map(PriceTable.decode(input), priceList.compile)

/**
 * What models cost.
 *
 * @example
 * ```ts
 * import { guarded, illustrativePrices, Prices, Usage } from "effect-cycles"
 * import * as Effect from "effect/Effect"
 *
 * const reply = { text: "42", usage: { prompt_tokens: 1200, completion_tokens: 300, total_tokens: 1500 } }
 *
 * const answer = Effect.succeed(reply).pipe(
 *   guarded({
 *     action: { kind: "llm.completion", name: "gpt-4o" },
 *     estimate: Prices.estimate({ model: "gpt-4o", input: 1500, maxOutput: 800 }),
 *     actual: (reply) => Prices.cost("gpt-4o", Usage.fromOpenAIChat(reply.usage)) // $0.006
 *   }),
 *   Effect.provide(Prices.layer(illustrativePrices))
 * )
 * ```
 *
 * @since 0.1.0
 * @category tags
 */
export class Prices extends Context.Tag("effect-cycles/usage/Prices")<Prices, Service>() {
  /** From a table. `InvalidInput` names what is wrong in it. */
  static layer(table: PriceTable.PriceTable, options: Options = {}): Layer.Layer<Prices, InvalidInput> {
    return Layer.effect(Prices, Effect.flatMap(compile(table), (list) => make(Effect.succeed(list), options)))
  }

  /**
   * From a table that is loaded again from time to time. The first load must give a good one. When a later one fails, or gives a bad table, a
   * warning is logged and the last good table stays: its prices grow old, and in the end they are stale.
   */
  static layerRefreshed<E, R>(
    { every = "1 hour", load, ...options }: RefreshOptions<E, R>
  ): Layer.Layer<Prices, E | InvalidInput, R> {
    const loaded = Effect.flatMap(load, compile)
    return Layer.scoped(
      Prices,
      Effect.gen(function*() {
        const interval = yield* Duration.decodeUnknown(every).pipe(
          Effect.mapError(() => invalidInput("every", "must be a duration", every))
        )
        const list = yield* Ref.make(yield* loaded)
        yield* Effect.flatMap(loaded, (next) => Ref.set(list, next)).pipe(
          Effect.catchAllCause(kept),
          Effect.delay(interval),
          Effect.repeat(Schedule.forever),
          Effect.interruptible,
          Effect.forkScoped
        )
        return yield* make(Ref.get(list), options)
      })
    )
  }

  /** What a model costs now. `UnknownModel` and `StalePrice`, unless the table has a ceiling. */
  static price(model: string): Effect.Effect<Price, UnknownModel | StalePrice, Prices> {
    return Effect.flatMap(Prices, ({ priceOf }) => priceOf(model))
  }

  /**
   * What was used costs: the sum of count times price, rounded once, half-even. Takes usage or what a reader gave, whose errors come first.
   * `MissingPrice` for a bucket above zero without a price, `UsageAbsent` when input or output is unknown and has a price: an absent bucket
   * is not zero.
   */
  static cost<E = never, R = never>(
    model: string,
    usage: Usage | Effect.Effect<Usage, E, R>,
    options?: CallOptions
  ): Effect.Effect<Amount, PriceError | E, Prices | R> {
    return priced(model, usage, (price, usage) => price.cost(usage, options))
  }

  /** As `cost`, of the buckets that are known: a lower bound, for work that is under way or was cut off. `UsageAbsent` when none is. */
  static costSoFar<E = never, R = never>(
    model: string,
    usage: Usage | Effect.Effect<Usage, E, R>,
    options?: CallOptions
  ): Effect.Effect<Amount, PriceError | E, Prices | R> {
    return priced(model, usage, (price, usage) => price.costSoFar(usage, options))
  }

  /**
   * What `UsageMeter.make` of a guarded stream takes: folds the usage of the elements, and prices it when the stream ends. What the provider
   * called final is a final amount (`cost`), anything else a part (`costSoFar`), and nothing said is absent.
   *
   * ```ts
   * UsageMeter.make(Prices.meter("gpt-4o", UsageFold.openAIChat()))
   * ```
   */
  static meter<A, S extends State>(
    model: string,
    fold: UsageFold<A, S>,
    options?: CallOptions
  ): {
    readonly initial: S
    readonly step: (state: S, element: A) => S
    readonly read: (state: S) => Effect.Effect<MeterReading, PriceError | UsageReadError, Prices>
  } {
    const reading = (_tag: "Partial" | "Final") => (amount: Amount): MeterReading => ({ _tag, amount, source: "usage" })
    return {
      initial: fold.initial,
      step: fold.step,
      read: ({ final, usage }) => {
        const part = Prices.costSoFar(model, usage, options).pipe(
          Effect.map(reading("Partial")),
          Effect.catchTag("UsageAbsent", () => Effect.succeed<MeterReading>({ _tag: "Absent" }))
        )
        return final
          ? Effect.catchTag(Effect.map(Prices.cost(model, usage, options), reading("Final")), "UsageAbsent", () => part)
          : part
      }
    }
  }

  /**
   * The most that a call can cost, rounded up: the input as said, and `maxOutput` tokens at the price of output or of reasoning, whichever
   * is more. Logs a warning, once for each model, when it is less than one microcent for a token or more than `warnAbove`.
   */
  static estimate(
    { model, ...options }: EstimateOptions & { readonly model: string }
  ): Effect.Effect<Amount, PriceError, Prices> {
    return estimated(model, options)
  }
}

const estimated = Effect.fnUntraced(function*(model: string, options: EstimateOptions) {
  const { priceOf, review } = yield* Prices
  const amount = yield* (yield* priceOf(model)).estimate(options)
  yield* review(model, arithmetic.tokensOf(options), amount)
  return amount
})

const priced = <E, R>(
  model: string,
  usage: Usage | Effect.Effect<Usage, E, R>,
  f: (price: Price, usage: Usage) => Either.Either<Amount, MissingPrice | UsageAbsent | InvalidInput>
): Effect.Effect<Amount, PriceError | E, Prices | R> =>
  Effect.flatMap(
    Effect.isEffect(usage) ? usage : Effect.succeed(usage),
    (usage) => Effect.flatMap(Prices.price(model), (price) => f(price, usage))
  )
