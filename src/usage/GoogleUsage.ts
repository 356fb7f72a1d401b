/**
 * Usage as the Gemini models of Google report it.
 */
import * as Either from "effect/Either"
import { known, type Named, reading, type Reported } from "./internal/reading.js"
import type { Usage } from "./Usage.js"
import type { UsageReadError } from "./UsageErrors.js"

type ModalityCounts =
  | ReadonlyArray<{ readonly modality?: string | undefined; readonly tokenCount?: Reported }>
  | null
  | undefined

/**
 * `usageMetadata` of a reply, and of the chunks of a streamed one, where the last says it all.
 *
 * @since 0.1.0
 * @category models
 */
export interface GoogleUsage {
  readonly promptTokenCount?: Reported
  readonly cachedContentTokenCount?: Reported
  readonly candidatesTokenCount?: Reported
  readonly toolUsePromptTokenCount?: Reported
  readonly thoughtsTokenCount?: Reported
  readonly totalTokenCount?: Reported
  readonly promptTokensDetails?: ModalityCounts
  readonly cacheTokensDetails?: ModalityCounts
  readonly candidatesTokensDetails?: ModalityCounts
}

const reader = reading("google")

const ofModality = (field: string, details: ModalityCounts, modality: string) =>
  reader.detailed(field, "tokenCount", details, (detail) => detail.modality === modality)

const read = function*(usage: GoogleUsage) {
  const prompt = yield* reader.count("promptTokenCount", usage.promptTokenCount)
  const cached = yield* reader.count("cachedContentTokenCount", usage.cachedContentTokenCount)
  const tools = yield* reader.count("toolUsePromptTokenCount", usage.toolUsePromptTokenCount)
  const thoughts = yield* reader.count("thoughtsTokenCount", usage.thoughtsTokenCount)
  const said = yield* reader.count("candidatesTokenCount", usage.candidatesTokenCount)
  const total = yield* reader.count("totalTokenCount", usage.totalTokenCount)
  const left = prompt[1] === undefined ? undefined : yield* reader.rest(total, prompt, tools, thoughts)
  if (left !== undefined && left !== (said[1] ?? left)) {
    return yield* Either.left(
      reader.malformed("totalTokenCount", "must be the sum of prompt, tool use, thoughts and candidates", total[1])
    )
  }
  const candidates: Named = [said[0], said[1] ?? left]
  const heard = yield* ofModality("promptTokensDetails", usage.promptTokensDetails, "AUDIO")
  const cachedAudio = yield* ofModality("cacheTokensDetails", usage.cacheTokensDetails, "AUDIO")
  const spoken = yield* ofModality("candidatesTokensDetails", usage.candidatesTokensDetails, "AUDIO")
  const drawn = yield* ofModality("candidatesTokensDetails", usage.candidatesTokensDetails, "IMAGE")
  const freshAudio = yield* reader.rest(heard, cachedAudio)
  const fresh = yield* reader.rest(prompt, cached, [heard[0], freshAudio])
  return known({
    input: fresh === undefined ? tools[1] : fresh + (tools[1] ?? 0),
    cacheRead: cached[1],
    output: yield* reader.rest(candidates, spoken, drawn),
    reasoning: thoughts[1],
    other: { inputAudioTokens: freshAudio, outputAudioTokens: spoken[1], outputImageTokens: drawn[1] }
  })
}

/**
 * Reads the usage of a reply of Gemini.
 *
 * - `promptTokenCount` includes `cachedContentTokenCount`; `toolUsePromptTokenCount` comes on top, and is fresh input too.
 * - `thoughtsTokenCount` (`reasoning`) comes on top of `candidatesTokenCount`.
 * - `totalTokenCount` is the sum of prompt, tool use, thoughts and candidates. The provider leaves out counts of zero, so an absent
 *   `candidatesTokenCount` is what the total leaves; when both are there they must agree.
 * - Fresh audio in the prompt, and audio and images in the answer, have prices of their own and become `inputAudioTokens`,
 *   `outputAudioTokens` and `outputImageTokens`.
 *
 * `UsageAbsent` for a reply without usage, `MalformedUsage` for counts that cannot be.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromGoogle = (usage: GoogleUsage | null | undefined): Either.Either<Usage, UsageReadError> =>
  reader.object(usage, read)
