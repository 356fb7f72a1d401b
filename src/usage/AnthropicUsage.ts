/**
 * Usage as the messages of Anthropic report it, whole and streamed.
 */
import type * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import { cacheWrites, type CacheWriteTtl } from "./internal/cacheWrites.js"
import { known, reading, type Reported } from "./internal/reading.js"
import type { Usage } from "./Usage.js"
import type { UsageReadError } from "./UsageErrors.js"

/**
 * `usage` of a message.
 *
 * @since 0.1.0
 * @category models
 */
export interface AnthropicUsage {
  readonly input_tokens?: Reported
  readonly cache_read_input_tokens?: Reported
  readonly cache_creation_input_tokens?: Reported
  readonly cache_creation?:
    | {
      readonly ephemeral_5m_input_tokens?: Reported
      readonly ephemeral_1h_input_tokens?: Reported
    }
    | null
    | undefined
  readonly output_tokens?: Reported
  readonly server_tool_use?:
    | {
      readonly web_search_requests?: Reported
      readonly web_fetch_requests?: Reported
    }
    | null
    | undefined
}

const reader = reading("anthropic.messages")

const read = function*(usage: AnthropicUsage, ttl: CacheWriteTtl | undefined) {
  const { cache_creation: written, server_tool_use: tools } = usage
  const input = yield* reader.count("input_tokens", usage.input_tokens)
  const cacheRead = yield* reader.count("cache_read_input_tokens", usage.cache_read_input_tokens)
  const output = yield* reader.count("output_tokens", usage.output_tokens)
  const searches = yield* reader.count("server_tool_use.web_search_requests", tools?.web_search_requests)
  const fetches = yield* reader.count("server_tool_use.web_fetch_requests", tools?.web_fetch_requests)
  return known({
    input: input[1],
    cacheRead: cacheRead[1],
    ...(yield* cacheWrites(reader, {
      total: yield* reader.count("cache_creation_input_tokens", usage.cache_creation_input_tokens),
      short: yield* reader.count(
        "cache_creation.ephemeral_5m_input_tokens",
        written?.ephemeral_5m_input_tokens
      ),
      long: yield* reader.count("cache_creation.ephemeral_1h_input_tokens", written?.ephemeral_1h_input_tokens)
    }, ttl)),
    output: output[1],
    other: { webSearchRequests: searches[1], webFetchRequests: fetches[1] }
  })
}

/**
 * Reads the usage of a message.
 *
 * - `input_tokens` excludes what was read from and written to the cache: the whole input is the sum of the three.
 * - `cache_creation_input_tokens` is the sum of `cache_creation`. Without that, all of it was written for `cacheWriteTtl`: 5 minutes, the
 *   provider's default, unless the request asked for `"1h"`.
 * - `output_tokens` includes thinking, which costs the same and is not told apart.
 * - Searches and fetches by the server are counters of their own (`webSearchRequests`, `webFetchRequests`); what they found is in
 *   `input_tokens`.
 *
 * `UsageAbsent` for a reply without usage, `MalformedUsage` for counts that cannot be.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromAnthropic = (
  usage: AnthropicUsage | null | undefined,
  options?: { readonly cacheWriteTtl?: CacheWriteTtl | undefined } | undefined
): Either.Either<Usage, UsageReadError> => reader.object(usage, (usage) => read(usage, options?.cacheWriteTtl))

const present = (usage: unknown): AnthropicUsage =>
  Predicate.isRecord(usage)
    ? Object.fromEntries(Object.entries(usage).filter(([, value]) => value !== null && value !== undefined))
    : {}

/**
 * What a streamed message has used after an event, for `fromAnthropic`. `message_start` says the input and `message_delta` running totals,
 * which take the place of earlier ones; every other event changes nothing, and gives the same object. Until the last `message_delta` the
 * output is a part.
 *
 * @since 0.1.0
 * @category combinators
 */
export const followAnthropic = (
  usage: AnthropicUsage | undefined,
  event: { readonly type: string }
): AnthropicUsage | undefined => {
  if (event.type === "message_start" && Predicate.hasProperty(event, "message")) {
    return Predicate.hasProperty(event.message, "usage") ? present(event.message.usage) : usage
  }
  return event.type === "message_delta" && Predicate.hasProperty(event, "usage")
    ? Object.assign({}, usage, present(event.usage))
    : usage
}
