/**
 * Usage as the AI SDK of Vercel reports it.
 */
import * as Either from "effect/Either"
import { cacheWrites, type CacheWriteTtl } from "./internal/cacheWrites.js"
import { type FlatOptions, type FlatUsage, fromFlat } from "./internal/flat.js"
import { known, type Named, reading, type Reported } from "./internal/reading.js"
import type { Usage } from "./Usage.js"
import type { MalformedUsage, UsageReadError } from "./UsageErrors.js"

/**
 * `usage` and `totalUsage` of AI SDK 5, and of its models (specification v2).
 *
 * @since 0.1.0
 * @category models
 */
export interface Vercel5Usage extends FlatUsage {}

/**
 * `usage` and `totalUsage` of AI SDK 6; or of its models (specification v3), where the counts are nested.
 *
 * @since 0.1.0
 * @category models
 */
export interface Vercel6Usage {
  readonly inputTokens?: Reported | {
    readonly total?: Reported
    readonly noCache?: Reported
    readonly cacheRead?: Reported
    readonly cacheWrite?: Reported
  }
  readonly inputTokenDetails?:
    | {
      readonly noCacheTokens?: Reported
      readonly cacheReadTokens?: Reported
      readonly cacheWriteTokens?: Reported
    }
    | null
    | undefined
  readonly outputTokens?: Reported | {
    readonly total?: Reported
    readonly text?: Reported
    readonly reasoning?: Reported
  }
  readonly outputTokenDetails?:
    | {
      readonly textTokens?: Reported
      readonly reasoningTokens?: Reported
    }
    | null
    | undefined
  readonly totalTokens?: Reported
}

/**
 * Reads the usage of AI SDK 5, which passes on the counts of its provider: say with `cachedInput` whether `inputTokens` includes the cached
 * ones (`included` for OpenAI and Google, `excluded` for Anthropic and Bedrock). `reasoningTokens` is inside `outputTokens` or on top of it
 * (Google), as `totalTokens` tells. Tokens written to a cache are not in it: they are in the metadata of the provider.
 *
 * `UsageAbsent` for a reply without usage, `MalformedUsage` for counts that cannot be.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromVercel5 = (
  usage: Vercel5Usage | null | undefined,
  options: FlatOptions
): Either.Either<Usage, UsageReadError> => fromFlat("vercel.5", usage, options)

/** The nested form of either shape. */
const nested = ({ inputTokenDetails, inputTokens, outputTokenDetails, outputTokens }: Vercel6Usage) => ({
  input: typeof inputTokens === "object" && inputTokens !== null ? inputTokens : {
    total: inputTokens,
    noCache: inputTokenDetails?.noCacheTokens,
    cacheRead: inputTokenDetails?.cacheReadTokens,
    cacheWrite: inputTokenDetails?.cacheWriteTokens
  },
  output: typeof outputTokens === "object" && outputTokens !== null ? outputTokens : {
    total: outputTokens,
    text: outputTokenDetails?.textTokens,
    reasoning: outputTokenDetails?.reasoningTokens
  }
})

const reader = reading("vercel.6")

/** The rest of a total, which its own count must agree with. */
const remainder = (total: Named, own: Named, ...parts: ReadonlyArray<Named>): Either.Either<
  number | undefined,
  MalformedUsage
> =>
  Either.flatMap(reader.rest(total, ...parts), (rest) =>
    rest === undefined || own[1] === undefined || rest === own[1]
      ? Either.right(own[1] ?? rest)
      : Either.left(reader.malformed(total[0], `must be the sum of its parts, ${own[0]} among them`, total[1])))

const read = function*(usage: Vercel6Usage, ttl: CacheWriteTtl | undefined) {
  const { input, output } = nested(usage)
  const cacheRead = yield* reader.count("inputTokens.cacheRead", input.cacheRead)
  const cacheWrite = yield* reader.count("inputTokens.cacheWrite", input.cacheWrite)
  const reasoning = yield* reader.count("outputTokens.reasoning", output.reasoning)
  return known({
    input: yield* remainder(
      yield* reader.count("inputTokens.total", input.total),
      yield* reader.count("inputTokens.noCache", input.noCache),
      cacheRead,
      cacheWrite
    ),
    cacheRead: cacheRead[1],
    ...(yield* cacheWrites(reader, { total: cacheWrite, short: ["5m", undefined], long: ["1h", undefined] }, ttl)),
    output: yield* remainder(
      yield* reader.count("outputTokens.total", output.total),
      yield* reader.count("outputTokens.text", output.text),
      reasoning
    ),
    reasoning: reasoning[1]
  })
}

/**
 * Reads the usage of AI SDK 6, as results have it and as models (specification v3) do.
 *
 * - The input tokens are a total that includes what was read from and written to the cache, and `noCache` is the rest of it; the total of
 *   the output tokens includes reasoning, and `text` is the rest.
 * - All tokens written to the cache were written for `cacheWriteTtl`: 5 minutes, unless the request asked for `"1h"`.
 *
 * `UsageAbsent` for a reply without usage, `MalformedUsage` for counts that cannot be.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromVercel6 = (
  usage: Vercel6Usage | null | undefined,
  options?: { readonly cacheWriteTtl?: CacheWriteTtl | undefined } | undefined
): Either.Either<Usage, UsageReadError> => reader.object(usage, (usage) => read(usage, options?.cacheWriteTtl))
