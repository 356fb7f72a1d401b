/**
 * The tokenizer of the models of OpenAI, by the package gpt-tokenizer.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { Tokenizer } from "./Tokenizer.js"

const encodings = {
  o200k_base: () => import("gpt-tokenizer/encoding/o200k_base"),
  cl100k_base: () => import("gpt-tokenizer/encoding/cl100k_base")
}

/**
 * `o200k_base`: GPT-4o and everything after it. `cl100k_base`: GPT-4, GPT-3.5 and the embeddings.
 *
 * @since 0.1.0
 * @category models
 */
export type Encoding = keyof typeof encodings

/**
 * The package gpt-tokenizer is not there: `npm i gpt-tokenizer@4`.
 *
 * @since 0.1.0
 * @category errors
 */
export class TokenizerUnavailable
  extends Schema.TaggedError<TokenizerUnavailable>("effect-cycles/TokenizerUnavailable")("TokenizerUnavailable", {
    encoding: Schema.String,
    cause: Schema.Defect
  })
{
  override get message(): string {
    return `The encoding ${this.encoding} could not be loaded: is the package gpt-tokenizer (4.x) installed?`
  }
}

/** The time for a run without spaces grows with the square of its length (16 s for 100 000 characters), so none is longer than this. */
const longest = 1000

/** Where the piece that begins at `from` ends: before a space when there is one, and never inside a character. */
const endOf = (text: string, from: number): number => {
  const end = from + longest
  if (end >= text.length) return text.length
  const space = text.lastIndexOf(" ", end)
  if (space > from) return space
  return isHighSurrogate(text.charCodeAt(end - 1)) ? end - 1 : end
}

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff

/**
 * Counts as a model of OpenAI does. A text that looks like a special token is counted as the text that it is. A long text is counted
 * piece by piece, so that other fibers run in between: that is exact where it has spaces, and otherwise at most a few tokens more for each
 * thousand characters. Models of other providers count otherwise, by up to some ten percent for prose.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (encoding: Encoding = "o200k_base"): Layer.Layer<Tokenizer, TokenizerUnavailable> =>
  Layer.effect(
    Tokenizer,
    Effect.tryPromise({
      try: () => encodings[encoding](),
      catch: (cause) => new TokenizerUnavailable({ encoding, cause })
    }).pipe(
      Effect.map(({ countTokens }) => {
        const options = { disallowedSpecial: new Set<string>() }
        return {
          name: encoding,
          count: Effect.fnUntraced(function*(text: string) {
            let total = 0
            for (let from = 0; from < text.length;) {
              if (from > 0) yield* Effect.yieldNow()
              const end = endOf(text, from)
              total += countTokens(text.slice(from, end), options)
              from = end
            }
            return total
          })
        }
      })
    )
  )
