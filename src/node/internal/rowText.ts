/**
 * Rows as JSON text.
 */
import * as Either from "effect/Either"
import type * as Schema from "effect/Schema"
import * as Codec from "../../protocol/internal/codec.js"
import * as Json from "../../protocol/Json.js"

/** `decode` throws when a text is not JSON, or not the JSON of a row. */
export interface RowText<A> {
  readonly encode: (row: A) => string
  readonly decode: (text: string) => A
}

export const make = <A, I>(schema: Schema.Schema<A, I>): RowText<A> => {
  const encode = Codec.encodeUnknownEither(schema)
  const decode = Codec.decodeUnknownEither(schema)
  return {
    encode: (row) => Either.getOrThrow(Either.flatMap(encode(row), Json.stringify)),
    decode: (text) => Either.getOrThrow(Either.flatMap(Json.parse(text), decode))
  }
}
