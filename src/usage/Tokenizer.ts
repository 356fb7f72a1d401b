/**
 * How many tokens a text has.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

/**
 * Counts the tokens of a text.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** Of which encoding the counts are, for people. */
  readonly name: string
  /**
   * Tokens of a text, without what a chat format adds. It cannot fail: one that asks a server falls back to a count of its own, such as
   * `Tokenizer.characters`.
   */
  readonly count: (text: string) => Effect.Effect<number>
}

/**
 * Counts tokens for estimates. `effect-cycles/tokenizer` has one that counts as the models of OpenAI do; `Tokenizer.layerCharacters` is the
 * cheap one.
 *
 * @since 0.1.0
 * @category tags
 */
export class Tokenizer extends Context.Tag("effect-cycles/usage/Tokenizer")<Tokenizer, Service>() {
  /**
   * A token for every four characters (UTF-16 units), rounded up. Near the truth for English prose; too few for code, for numbers and
   * for most other languages: give what it estimates some room.
   */
  static readonly characters: Service = {
    name: "characters/4",
    count: (text) => Effect.succeed(Math.ceil(text.length / 4))
  }

  /** `Tokenizer.characters` as a layer. */
  static readonly layerCharacters: Layer.Layer<Tokenizer> = Layer.succeed(Tokenizer, Tokenizer.characters)
}
