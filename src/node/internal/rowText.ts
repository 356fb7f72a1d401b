/**
 * Rows as JSON text.
 */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import * as Json from "../../protocol/Json.js"

/** `decode` throws when a text is not JSON, or not the JSON of a row. */
export interface RowText<A> {
  readonly encode: (row: A) => string
  readonly decode: (text: string) => A
}

export const make = <A, I>(schema: Schema.Schema<A, I>): RowText<A> => {
  const encode = Schema.encodeSync(schema)
  const decode = Schema.decodeUnknownSync(schema)
  return {
    encode: (row) => Either.getOrThrow(Json.stringify(encode(row))),
    decode: (text) => decode(Either.getOrThrow(Json.parse(text)))
  }
}
