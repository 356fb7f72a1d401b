/**
 * The flat usage of libraries that stand between a program and several providers.
 */
import type * as Either from "effect/Either"
import type { Usage } from "../Usage.js"
import type { UsageReadError } from "../UsageErrors.js"
import { known, outputOf, reading, type Reported } from "./reading.js"

/** Flat counts. */
export interface FlatUsage {
  readonly inputTokens?: Reported
  readonly outputTokens?: Reported
  readonly totalTokens?: Reported
  readonly reasoningTokens?: Reported
  readonly cachedInputTokens?: Reported
}

/**
 * Whether `inputTokens` includes the cached ones. The library passes on what its provider says: OpenAI and Google include them, Anthropic
 * and Bedrock do not.
 */
export interface FlatOptions {
  readonly cachedInput: "included" | "excluded"
}

const read = function*(reader: ReturnType<typeof reading>, usage: FlatUsage, { cachedInput }: FlatOptions) {
  const input = yield* reader.count("inputTokens", usage.inputTokens)
  const output = yield* reader.count("outputTokens", usage.outputTokens)
  const total = yield* reader.count("totalTokens", usage.totalTokens)
  const cached = yield* reader.count("cachedInputTokens", usage.cachedInputTokens)
  const reasoning = yield* reader.count("reasoningTokens", usage.reasoningTokens)
  return known({
    input: cachedInput === "included" ? yield* reader.rest(input, cached) : input[1],
    cacheRead: cached[1],
    output: yield* outputOf(reader, {
      input,
      output,
      reasoning,
      total,
      cached: cachedInput === "excluded" ? cached : undefined
    }),
    reasoning: reasoning[1]
  })
}

export const fromFlat = (
  source: string,
  usage: FlatUsage | null | undefined,
  options: FlatOptions
): Either.Either<Usage, UsageReadError> => {
  const reader = reading(source)
  return reader.object(usage, (usage) => read(reader, usage, options))
}
