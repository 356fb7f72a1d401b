/**
 * How much to hold for work that has not run yet.
 */
import * as Effect from "effect/Effect"
import { Amount } from "../protocol/Amount.js"
import { type Caps, clampTokens } from "../protocol/Caps.js"
import { type InvalidInput, invalidInput } from "../protocol/InvalidInput.js"
import type { CallOptions } from "./PriceOptions.js"
import { type PriceError, Prices } from "./Prices.js"
import { Tokenizer } from "./Tokenizer.js"

export { type Learned, learned, type LearnedAction, type LearnedOptions, type Settled } from "./LearnedEstimate.js"

/**
 * The same amount for every call.
 *
 * @since 0.1.0
 * @category constructors
 */
export const constant = (amount: Amount): Effect.Effect<Amount> => Effect.succeed(amount)

/**
 * A call with text in and text out.
 *
 * @since 0.1.0
 * @category models
 */
export interface TextOptions {
  /** The prompt, or each message of it. */
  readonly text: string | ReadonlyArray<string>
  /** The most output tokens that the request allows, reasoning included. */
  readonly maxOutput: number
  /** Limits that will apply: `maxOutput` is cut to `maxTokens`. */
  readonly caps?: Caps | undefined
  /** Tokens that the texts do not show: tool definitions, images. Default 0. */
  readonly extraInput?: number | undefined
}

/** What chat formats add: to a message its role and delimiters, to a request the beginning of the answer. */
const perMessage = 4
const perRequest = 3

/**
 * Input tokens of a prompt by the `Tokenizer`: those of the texts, and of chat formats 4 for each message and 3 for the request.
 *
 * @since 0.1.0
 * @category getters
 */
export const inputTokens = (text: string | ReadonlyArray<string>): Effect.Effect<number, never, Tokenizer> =>
  Effect.flatMap(Tokenizer, ({ count }) => {
    const messages = typeof text === "string" ? [text] : text
    return Effect.map(
      Effect.forEach(messages, count),
      (counts) => counts.reduce((sum, n) => sum + n + perMessage, perRequest)
    )
  })

const inputOf = ({ extraInput = 0, text }: TextOptions): Effect.Effect<number, InvalidInput, Tokenizer> =>
  Number.isSafeInteger(extraInput) && extraInput >= 0
    ? Effect.map(inputTokens(text), (n) => n + extraInput)
    : Effect.fail(invalidInput("extraInput", "must be a whole number that is not negative", extraInput))

/**
 * The most that a call with this text can cost: `Prices.estimate` with the input counted by the `Tokenizer`.
 *
 * @example
 * ```ts
 * import { Estimate } from "effect-cycles"
 *
 * const estimate = Estimate.text({ model: "gpt-4o", text: "Why is the sky blue?", maxOutput: 800 })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const text = (
  { model, ...options }: TextOptions & CallOptions & { readonly model: string }
): Effect.Effect<Amount, PriceError, Prices | Tokenizer> =>
  Effect.flatMap(inputOf(options), (input) => Prices.estimate(Object.assign({ model }, options, { input })))

/**
 * The most tokens that a call with this text can use, for budgets in tokens.
 *
 * @since 0.1.0
 * @category constructors
 */
export const tokens = (options: TextOptions): Effect.Effect<Amount, InvalidInput, Tokenizer> =>
  Effect.flatMap(inputOf(options), (input) => {
    const output = clampTokens(options.caps ?? {}, options.maxOutput)
    return Number.isSafeInteger(output) && output >= 0
      ? Amount.of("TOKENS", input + output)
      : Effect.fail(invalidInput("maxOutput", "must be a whole number that is not negative", output))
  })
