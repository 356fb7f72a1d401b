/**
 * What a call of a model used, in buckets that share no token, whoever the provider is.
 */
import * as Either from "effect/Either"
import { dual } from "effect/Function"
import * as Schema from "effect/Schema"
import { Amount } from "../protocol/Amount.js"
import { Count } from "../protocol/internal/wire.js"
import { type InvalidInput, invalidInput } from "../protocol/InvalidInput.js"
import type { Metrics } from "../protocol/Metrics.js"
import { UsageAbsent } from "./UsageErrors.js"

export { type AnthropicUsage, followAnthropic, fromAnthropic } from "./AnthropicUsage.js"
export { type BedrockUsage, fromBedrock } from "./BedrockUsage.js"
export { type EffectAiUsage, fromEffectAi } from "./EffectAiUsage.js"
export { fromGoogle, type GoogleUsage } from "./GoogleUsage.js"
export { fromOpenAIChat, fromOpenAIResponses, type OpenAIChatUsage, type OpenAIResponsesUsage } from "./OpenAIUsage.js"
export { MalformedUsage, UsageAbsent, type UsageReadError } from "./UsageErrors.js"
export { fromVercel5, fromVercel6, type Vercel5Usage, type Vercel6Usage } from "./VercelUsage.js"

/**
 * Disjoint counts: every token is in one bucket only, so a cost is the sum of count times price. Each is an integer from 0 to 2^53 - 1, or
 * absent, which means that nobody said it: not zero.
 *
 * - `input`: fresh input tokens, neither read from a cache nor written to one.
 * - `cacheRead`; `cacheWrite5m` and `cacheWrite1h`: input tokens written to a cache for that long.
 * - `output`: output tokens less `reasoning`, which are those the model thought with.
 * - `other`: counters with a price of their own. One is of tokens when its name ends in `Tokens`, and then of input when it also begins
 *   with `input`: `inputAudioTokens`, `outputAudioTokens`, `webSearchRequests`.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Usage = Schema.Struct({
  input: Schema.optional(Count),
  cacheRead: Schema.optional(Count),
  cacheWrite5m: Schema.optional(Count),
  cacheWrite1h: Schema.optional(Count),
  output: Schema.optional(Count),
  reasoning: Schema.optional(Count),
  other: Schema.optional(Schema.Record({ key: Schema.String, value: Count }))
}).annotations({ identifier: "Usage" })

/**
 * @since 0.1.0
 * @category models
 */
export type Usage = typeof Usage.Type

/**
 * The buckets of input tokens.
 *
 * @since 0.1.0
 * @category models
 */
export const inputBuckets = ["input", "cacheRead", "cacheWrite5m", "cacheWrite1h"] as const

/**
 * What is sent: usage without output.
 *
 * @since 0.1.0
 * @category models
 */
export type InputUsage = Pick<Usage, (typeof inputBuckets)[number] | "other">

/**
 * The buckets of output tokens.
 *
 * @since 0.1.0
 * @category models
 */
export const outputBuckets = ["output", "reasoning"] as const

/**
 * Every named bucket.
 *
 * @since 0.1.0
 * @category models
 */
export const buckets = [...inputBuckets, ...outputBuckets] as const

/**
 * The name of a bucket of `Usage`, `other` excluded.
 *
 * @since 0.1.0
 * @category models
 */
export type Bucket = (typeof buckets)[number]

/**
 * Nothing said: every bucket is absent.
 *
 * @since 0.1.0
 * @category constructors
 */
export const empty: Usage = {}

const merge = (self: Usage, that: Usage, both: (a: number, b: number) => number): Usage => {
  const merged = (a: number | undefined, b: number | undefined) =>
    a === undefined ? b : b === undefined ? a : both(a, b)
  const result: { -readonly [K in keyof Usage]: Usage[K] } = {}
  for (const bucket of buckets) {
    const n = merged(self[bucket], that[bucket])
    if (n !== undefined) result[bucket] = n
  }
  if (self.other !== undefined || that.other !== undefined) {
    const counters = new Map(Object.entries(self.other ?? {}))
    for (const [name, n] of Object.entries(that.other ?? {})) counters.set(name, merged(counters.get(name), n) ?? n)
    result.other = Object.fromEntries(counters)
  }
  return result
}

/**
 * The sum, bucket by bucket. A bucket is absent when it is in both; otherwise it is the sum of what is known. `empty` changes nothing. A
 * reply that says nothing at all is no summand: without its usage the total is unknown. Sums beyond 2^53 - 1 are refused by what reads them.
 *
 * @since 0.1.0
 * @category combinators
 */
export const add: {
  (that: Usage): (self: Usage) => Usage
  (self: Usage, that: Usage): Usage
} = dual(2, (self: Usage, that: Usage): Usage => merge(self, that, (a, b) => a + b))

/**
 * The later of two statements about one call: a bucket that `that` says takes the place of the earlier one, others stay. For providers that
 * repeat running totals.
 *
 * @since 0.1.0
 * @category combinators
 */
export const replace: {
  (that: Usage): (self: Usage) => Usage
  (self: Usage, that: Usage): Usage
} = dual(2, (self: Usage, that: Usage): Usage => merge(self, that, (_, b) => b))

/**
 * Whether a counter of `other` counts input tokens, output tokens, or no tokens.
 *
 * @since 0.1.0
 * @category getters
 */
export const kindOf = (counter: string): "input" | "output" | "count" =>
  !counter.endsWith("Tokens") ? "count" : counter.startsWith("input") ? "input" : "output"

const present = (counts: ReadonlyArray<number | undefined>): number | undefined => {
  const known = counts.filter((n) => n !== undefined)
  return known.length === 0 ? undefined : known.reduce((sum, n) => sum + n, 0)
}

const othersOf = (usage: Usage, kind: "input" | "output"): ReadonlyArray<number> =>
  Object.entries(usage.other ?? {}).flatMap(([name, n]) => kindOf(name) === kind ? [n] : [])

/**
 * All input tokens: fresh, from and to caches, and of other counters. `undefined` when none is known.
 *
 * @since 0.1.0
 * @category getters
 */
export const inputTokens = (usage: Usage): number | undefined =>
  present([...inputBuckets.map((bucket) => usage[bucket]), ...othersOf(usage, "input")])

/**
 * All output tokens: visible, reasoning, and of other counters. `undefined` when none is known.
 *
 * @since 0.1.0
 * @category getters
 */
export const outputTokens = (usage: Usage): number | undefined =>
  present([...outputBuckets.map((bucket) => usage[bucket]), ...othersOf(usage, "output")])

const total = (counts: ReadonlyArray<number | undefined>): Either.Either<Amount, InvalidInput> => {
  const known = counts.filter((n) => n !== undefined)
  const wrong = known.find((n) => !Number.isSafeInteger(n) || n < 0)
  return wrong === undefined
    ? Amount.of("TOKENS", known.reduce((sum, n) => sum + BigInt(n), 0n))
    : Either.left(invalidInput("usage", `must be counts from 0 to ${Number.MAX_SAFE_INTEGER}`, wrong))
}

/**
 * All tokens as an amount, for budgets in tokens. Takes what a reader gave. `UsageAbsent` when input or output is unknown: see
 * `tokensSoFar`.
 *
 * @example
 * ```ts
 * import { Usage } from "effect-cycles"
 *
 * Usage.tokens(Usage.fromOpenAIChat({ prompt_tokens: 1200, completion_tokens: 300 })) // Either.right(1,500 tokens)
 * ```
 *
 * @since 0.1.0
 * @category getters
 */
export const tokens = <E = never>(
  usage: Usage | Either.Either<Usage, E>
): Either.Either<Amount, E | UsageAbsent | InvalidInput> =>
  Either.flatMap(
    Either.isEither(usage) ? usage : Either.right(usage),
    (known): Either.Either<Amount, UsageAbsent | InvalidInput> => {
      const counts = { input: inputTokens(known), output: outputTokens(known) }
      for (const [field, n] of Object.entries(counts)) {
        if (n === undefined) return Either.left(new UsageAbsent({ source: "usage", field }))
      }
      return total(Object.values(counts))
    }
  )

/**
 * The tokens that are known, while a call runs or after one that was cut off. `UsageAbsent` when none is.
 *
 * @since 0.1.0
 * @category getters
 */
export const tokensSoFar = (usage: Usage): Either.Either<Amount, UsageAbsent | InvalidInput> => {
  const counts = [inputTokens(usage), outputTokens(usage)]
  return counts.every((n) => n === undefined)
    ? Either.left(new UsageAbsent({ source: "usage", field: "input and output" }))
    : total(counts)
}

/**
 * For `setMetrics`: input and output tokens, and under `custom` the buckets that those two do not tell.
 *
 * @since 0.1.0
 * @category getters
 */
export const metrics = (usage: Usage, modelVersion?: string | undefined): Metrics => {
  const { input: _input, other, output: _output, ...rest } = usage
  const custom = Object.fromEntries(Object.entries(Object.assign({}, rest, other)).filter(([, n]) => n !== undefined))
  return {
    tokensInput: inputTokens(usage),
    tokensOutput: outputTokens(usage),
    modelVersion,
    ...(Object.keys(custom).length > 0 && { custom })
  }
}
