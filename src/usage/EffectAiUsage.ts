/**
 * Usage as the language models of @effect/ai report it.
 */
import type * as Either from "effect/Either"
import { type FlatOptions, type FlatUsage, fromFlat } from "./internal/flat.js"
import type { Usage } from "./Usage.js"
import type { UsageReadError } from "./UsageErrors.js"

/**
 * `usage` of a response, and of the `finish` part of a streamed one.
 *
 * @since 0.1.0
 * @category models
 */
export interface EffectAiUsage extends FlatUsage {}

/**
 * Reads the usage of a response of @effect/ai, which passes on the counts of its provider: say with `cachedInput` whether `inputTokens`
 * includes the cached ones (`included` for OpenAI and Google, `excluded` for Anthropic and Bedrock). `reasoningTokens` is inside
 * `outputTokens` or on top of it, as `totalTokens` tells. Tokens written to a cache are not reported at all.
 *
 * `UsageAbsent` for a response without usage, `MalformedUsage` for counts that cannot be.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromEffectAi = (
  usage: EffectAiUsage | null | undefined,
  options: FlatOptions
): Either.Either<Usage, UsageReadError> => fromFlat("effect.ai", usage, options)
