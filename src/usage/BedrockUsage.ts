/**
 * Usage as the Converse operations of Amazon Bedrock report it.
 */
import type * as Either from "effect/Either"
import { cacheWrites, type CacheWriteTtl } from "./internal/cacheWrites.js"
import { known, reading, type Reported } from "./internal/reading.js"
import type { Usage } from "./Usage.js"
import type { UsageReadError } from "./UsageErrors.js"

/**
 * `usage` of a Converse reply, and of the `metadata` event of ConverseStream.
 *
 * @since 0.1.0
 * @category models
 */
export interface BedrockUsage {
  readonly inputTokens?: Reported
  readonly outputTokens?: Reported
  readonly totalTokens?: Reported
  readonly cacheReadInputTokens?: Reported
  readonly cacheWriteInputTokens?: Reported
  readonly cacheDetails?:
    | ReadonlyArray<{ readonly ttl?: string | undefined; readonly inputTokens?: Reported }>
    | null
    | undefined
}

const reader = reading("bedrock.converse")

const written = (usage: BedrockUsage, ttl: CacheWriteTtl) =>
  reader.detailed("cacheDetails", "inputTokens", usage.cacheDetails, (detail) => detail.ttl === ttl)

const read = function*(usage: BedrockUsage, ttl: CacheWriteTtl | undefined) {
  const input = yield* reader.count("inputTokens", usage.inputTokens)
  const output = yield* reader.count("outputTokens", usage.outputTokens)
  const cacheRead = yield* reader.count("cacheReadInputTokens", usage.cacheReadInputTokens)
  return known({
    input: input[1],
    cacheRead: cacheRead[1],
    ...(yield* cacheWrites(reader, {
      total: yield* reader.count("cacheWriteInputTokens", usage.cacheWriteInputTokens),
      short: yield* written(usage, "5m"),
      long: yield* written(usage, "1h")
    }, ttl)),
    output: output[1]
  })
}

/**
 * Reads the usage of a Converse reply.
 *
 * - `inputTokens` excludes what was read from and written to the cache.
 * - `cacheWriteInputTokens` is the sum of `cacheDetails`. Without those, all of it was written for `cacheWriteTtl`: 5 minutes, the default
 *   of the models, unless the request asked for `"1h"`.
 * - `outputTokens` includes reasoning, which is not told apart. `totalTokens` is not needed.
 *
 * `UsageAbsent` for a reply without usage, `MalformedUsage` for counts that cannot be.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromBedrock = (
  usage: BedrockUsage | null | undefined,
  options?: { readonly cacheWriteTtl?: CacheWriteTtl | undefined } | undefined
): Either.Either<Usage, UsageReadError> => reader.object(usage, (usage) => read(usage, options?.cacheWriteTtl))
