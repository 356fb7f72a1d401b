/**
 * Usage as OpenAI, and servers compatible with it, report it.
 */
import type * as Either from "effect/Either"
import { known, outputOf, reading, type Reported } from "./internal/reading.js"
import type { Usage } from "./Usage.js"
import type { UsageReadError } from "./UsageErrors.js"

/**
 * `usage` of a chat completion, of the last chunk of a streamed one (with `stream_options.include_usage`), and of embeddings.
 *
 * @since 0.1.0
 * @category models
 */
export interface OpenAIChatUsage {
  readonly prompt_tokens?: Reported
  readonly completion_tokens?: Reported
  readonly total_tokens?: Reported
  readonly prompt_tokens_details?:
    | {
      readonly cached_tokens?: Reported
      readonly audio_tokens?: Reported
    }
    | null
    | undefined
  readonly completion_tokens_details?:
    | {
      readonly reasoning_tokens?: Reported
      readonly audio_tokens?: Reported
      readonly accepted_prediction_tokens?: Reported
      readonly rejected_prediction_tokens?: Reported
    }
    | null
    | undefined
}

/**
 * `usage` of a response, and of `response` in the event `response.completed` of a streamed one.
 *
 * @since 0.1.0
 * @category models
 */
export interface OpenAIResponsesUsage {
  readonly input_tokens?: Reported
  readonly input_tokens_details?: { readonly cached_tokens?: Reported } | null | undefined
  readonly output_tokens?: Reported
  readonly output_tokens_details?: { readonly reasoning_tokens?: Reported } | null | undefined
  readonly total_tokens?: Reported
}

const chat = reading("openai.chat")

const ofChat = function*(usage: OpenAIChatUsage) {
  const prompt = usage.prompt_tokens_details
  const completion = usage.completion_tokens_details
  const input = yield* chat.count("prompt_tokens", usage.prompt_tokens)
  const output = yield* chat.count("completion_tokens", usage.completion_tokens)
  const total = yield* chat.count("total_tokens", usage.total_tokens)
  const cached = yield* chat.count("prompt_tokens_details.cached_tokens", prompt?.cached_tokens)
  const heard = yield* chat.count("prompt_tokens_details.audio_tokens", prompt?.audio_tokens)
  const reasoning = yield* chat.count("completion_tokens_details.reasoning_tokens", completion?.reasoning_tokens)
  const spoken = yield* chat.count("completion_tokens_details.audio_tokens", completion?.audio_tokens)
  return known({
    input: yield* chat.rest(input, cached, heard),
    cacheRead: cached[1],
    output: yield* outputOf(chat, { input, output, reasoning, total }, spoken),
    reasoning: reasoning[1],
    other: { inputAudioTokens: heard[1], outputAudioTokens: spoken[1] }
  })
}

/**
 * Reads the usage of a chat completion.
 *
 * - `prompt_tokens` includes `cached_tokens` (read from the cache; writing is free) and `audio_tokens`.
 * - `completion_tokens` includes `reasoning_tokens`, `audio_tokens` and predicted tokens, also rejected ones, which cost like any other
 *   and stay in `output`. Servers that report reasoning beside it are told by `total_tokens`.
 * - Embeddings have no `completion_tokens`: their total says that there were none.
 *
 * `UsageAbsent` for a reply without usage, `MalformedUsage` for counts that cannot be.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromOpenAIChat = (usage: OpenAIChatUsage | null | undefined): Either.Either<Usage, UsageReadError> =>
  chat.object(usage, ofChat)

const responses = reading("openai.responses")

const ofResponses = function*(usage: OpenAIResponsesUsage) {
  const input = yield* responses.count("input_tokens", usage.input_tokens)
  const output = yield* responses.count("output_tokens", usage.output_tokens)
  const total = yield* responses.count("total_tokens", usage.total_tokens)
  const cached = yield* responses.count(
    "input_tokens_details.cached_tokens",
    usage.input_tokens_details?.cached_tokens
  )
  const reasoning = yield* responses.count(
    "output_tokens_details.reasoning_tokens",
    usage.output_tokens_details?.reasoning_tokens
  )
  return known({
    input: yield* responses.rest(input, cached),
    cacheRead: cached[1],
    output: yield* outputOf(responses, { input, output, reasoning, total }),
    reasoning: reasoning[1]
  })
}

/**
 * Reads the usage of a response: as of a chat completion, `input_tokens` includes `cached_tokens` and `output_tokens` includes
 * `reasoning_tokens`. Errors as there.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromOpenAIResponses = (
  usage: OpenAIResponsesUsage | null | undefined
): Either.Either<Usage, UsageReadError> => responses.object(usage, ofResponses)
