/**
 * How usage is read off the elements of a streamed reply, one by one.
 */
import * as Either from "effect/Either"
import { type AnthropicUsage, followAnthropic, fromAnthropic } from "./AnthropicUsage.js"
import { type BedrockUsage, fromBedrock } from "./BedrockUsage.js"
import { type EffectAiUsage, fromEffectAi } from "./EffectAiUsage.js"
import { fromGoogle, type GoogleUsage } from "./GoogleUsage.js"
import type { CacheWriteTtl } from "./internal/cacheWrites.js"
import type { FlatOptions } from "./internal/flat.js"
import { fromOpenAIChat, fromOpenAIResponses, type OpenAIChatUsage, type OpenAIResponsesUsage } from "./OpenAIUsage.js"
import { add, type Usage } from "./Usage.js"
import { UsageAbsent, type UsageReadError } from "./UsageErrors.js"
import { fromVercel5, fromVercel6, type Vercel5Usage, type Vercel6Usage } from "./VercelUsage.js"

/**
 * What is known of a reply so far. `final`: the provider has said that this is all.
 *
 * @since 0.1.0
 * @category models
 */
export interface State {
  readonly usage: Either.Either<Usage, UsageReadError>
  readonly final: boolean
}

/**
 * A pure fold over the elements of a reply: `elements.reduce(fold.step, fold.initial)`. For a guarded stream, `Prices.meter` makes a meter of it.
 *
 * @since 0.1.0
 * @category models
 */
export interface UsageFold<in A, S extends State = State> {
  readonly initial: S
  readonly step: (state: S, element: A) => S
}

/** Nothing said yet. */
const nothing = (source: string): State => ({
  usage: Either.left(new UsageAbsent({ source, field: "usage" })),
  final: false
})

/** A fold whose elements mostly say nothing: then the state stays as it is. */
const latest = <A>(source: string, read: (element: A, state: State) => State | undefined): UsageFold<A> => ({
  initial: nothing(source),
  step: (state, element) => read(element, state) ?? state
})

/** Whether one of these says something. */
const said = <A>(
  all: ReadonlyArray<A> | null | undefined,
  what: (one: A) => string | null | undefined
): boolean => all?.some((one) => typeof what(one) === "string") === true

/**
 * Chunks of a streamed chat completion. OpenAI says the usage in a last chunk without choices, when the request asks for it with
 * `stream_options: { include_usage: true }`; servers that say running totals are final once a choice has its `finish_reason`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const openAIChat = (): UsageFold<
  {
    readonly usage?: OpenAIChatUsage | null | undefined
    readonly choices?: ReadonlyArray<{ readonly finish_reason?: string | null | undefined }> | null | undefined
  },
  State & { readonly finished: boolean }
> => ({
  initial: { finished: false, ...nothing("openai.chat") },
  step: (state, { choices, usage }) => {
    const finished = state.finished || said(choices, ({ finish_reason }) => finish_reason)
    if (usage === undefined || usage === null) return finished === state.finished ? state : { ...state, finished }
    return { usage: fromOpenAIChat(usage), final: finished || !choices?.length, finished }
  }
})

const terminal: ReadonlySet<string> = new Set(["response.completed", "response.incomplete", "response.failed"])

/**
 * Events of a streamed response of OpenAI: the last one says the usage, whether the response is complete, incomplete or failed.
 *
 * @since 0.1.0
 * @category constructors
 */
export const openAIResponses = (): UsageFold<{
  readonly type: string
  readonly response?: { readonly usage?: OpenAIResponsesUsage | null | undefined } | undefined
}> =>
  latest("openai.responses", ({ response, type }) =>
    response?.usage === undefined || response.usage === null
      ? undefined
      : { usage: fromOpenAIResponses(response.usage), final: terminal.has(type) })

/**
 * Events of a streamed message of Anthropic: the input is known from the first, the output grows, and is final with the stop reason.
 *
 * @since 0.1.0
 * @category constructors
 */
export const anthropic = (
  options?: { readonly cacheWriteTtl?: CacheWriteTtl | undefined } | undefined
): UsageFold<
  { readonly type: string; readonly delta?: unknown },
  State & { readonly reported: AnthropicUsage | undefined }
> => ({
  initial: { reported: undefined, ...nothing("anthropic.messages") },
  step: (state, event) => {
    const reported = followAnthropic(state.reported, event)
    const final = state.final || event.type === "message_stop" || (event.type === "message_delta" && stops(event.delta))
    if (reported === state.reported) return final === state.final ? state : { ...state, final }
    return { usage: fromAnthropic(reported, options), final, reported }
  }
})

const stops = (delta: unknown): boolean =>
  typeof delta === "object" && delta !== null && "stop_reason" in delta && typeof delta.stop_reason === "string"

/**
 * Chunks of a streamed reply of Gemini, each with the usage so far; final with the finish reason.
 *
 * @since 0.1.0
 * @category constructors
 */
export const google = (): UsageFold<{
  readonly usageMetadata?: GoogleUsage | null | undefined
  readonly candidates?: ReadonlyArray<{ readonly finishReason?: string | null | undefined }> | null | undefined
}> =>
  latest("google", ({ candidates, usageMetadata }, state) => {
    const final = state.final || said(candidates, ({ finishReason }) => finishReason)
    if (usageMetadata === undefined || usageMetadata === null) return { ...state, final }
    return { usage: fromGoogle(usageMetadata), final }
  })

/**
 * Events of ConverseStream of Bedrock: `metadata`, the last one, says the usage.
 *
 * @since 0.1.0
 * @category constructors
 */
export const bedrock = (
  options?: { readonly cacheWriteTtl?: CacheWriteTtl | undefined } | undefined
): UsageFold<{ readonly metadata?: { readonly usage?: BedrockUsage | undefined } | undefined }> =>
  latest(
    "bedrock.converse",
    ({ metadata }) =>
      metadata?.usage === undefined ? undefined : { usage: fromBedrock(metadata.usage, options), final: true }
  )

/**
 * A part of a stream of the AI SDK: `finish` of a model has `usage`; of a result there is `finish-step` with the `usage` of each step, and
 * `finish` with `totalUsage`.
 *
 * @since 0.1.0
 * @category models
 */
export interface VercelPart<U> {
  readonly type: string
  readonly usage?: U | undefined
  readonly totalUsage?: U | undefined
}

const vercel = <U>(
  source: string,
  read: (usage: U | undefined) => Either.Either<Usage, UsageReadError>
): UsageFold<VercelPart<U>> =>
  latest(source, ({ totalUsage, type, usage }, state) => {
    if (type === "finish") {
      const total = read(totalUsage ?? usage)
      // The steps may be a part, then: one of them may have said nothing.
      return isAbsent(total) ? state : { usage: total, final: true }
    }
    if (type !== "finish-step") return undefined
    const step = read(usage)
    if (isAbsent(step)) return undefined
    return { usage: isAbsent(state.usage) ? step : Either.zipWith(state.usage, step, add), final: false }
  })

const isAbsent = (usage: State["usage"]): boolean => Either.isLeft(usage) && usage.left._tag === "UsageAbsent"

/**
 * Parts of a stream of AI SDK 5, of a model or of a result. The steps of a result add up to a part, until its total says it all. See `Usage.fromVercel5` for `cachedInput`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const vercel5 = (options: FlatOptions): UsageFold<VercelPart<Vercel5Usage>> =>
  vercel("vercel.5", (usage) => fromVercel5(usage, options))

/**
 * As `vercel5`, of AI SDK 6.
 *
 * @since 0.1.0
 * @category constructors
 */
export const vercel6 = (
  options?: { readonly cacheWriteTtl?: CacheWriteTtl | undefined } | undefined
): UsageFold<VercelPart<Vercel6Usage>> => vercel("vercel.6", (usage) => fromVercel6(usage, options))

/**
 * Parts of `streamText` of @effect/ai: `finish` says the usage. See `Usage.fromEffectAi` for `cachedInput`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const effectAi = (
  options: FlatOptions
): UsageFold<{ readonly type: string; readonly usage?: EffectAiUsage | undefined }> =>
  latest(
    "effect.ai",
    ({ type, usage }) => type === "finish" ? { usage: fromEffectAi(usage, options), final: true } : undefined
  )

/**
 * Usage counted here, for providers that say it at the end only, or not at all: the input as known before, and a token for every four
 * characters of output, rounded up. It is never final; mark its meter with `UsageMeter.estimated`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const characters = <A>(
  { inputTokens, textOf }: { readonly inputTokens: number; readonly textOf: (element: A) => string | undefined }
): UsageFold<A, State & { readonly length: number }> => {
  const counted = (length: number) => ({
    usage: Either.right({ input: inputTokens, output: Math.ceil(length / 4) }),
    final: false,
    length
  })
  return { initial: counted(0), step: ({ length }, element) => counted(length + (textOf(element)?.length ?? 0)) }
}
