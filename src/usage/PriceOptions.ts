/**
 * What a price depends on besides the model and the usage.
 */
import type { Caps } from "../protocol/Caps.js"
import type { InputUsage } from "./Usage.js"

/**
 * How a call was made, as far as its price depends on it.
 *
 * @since 0.1.0
 * @category models
 */
export interface CallOptions {
  /** In batch processing: the price of the tokens times the batch factor of the model. Default false. */
  readonly batch?: boolean | undefined
  /** How many requests the usage is of, each with the fee per request, if there is one. Default 1. */
  readonly requests?: number | undefined
}

/**
 * The most that a call can use.
 *
 * @since 0.1.0
 * @category models
 */
export interface EstimateOptions extends CallOptions {
  /** Fresh input tokens; or the buckets of the input, when some of it is read from a cache or, which costs more, written to one. */
  readonly input: number | InputUsage
  /** The most output tokens that the request allows, reasoning included. */
  readonly maxOutput: number
  /** Limits that will apply: `maxOutput` is cut to `maxTokens`. */
  readonly caps?: Caps | undefined
}
