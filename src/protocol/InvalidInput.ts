/**
 * The error of input that never left the process.
 */
import * as Schema from "effect/Schema"

/** Removes control characters and bounds the length, so that a foreign text cannot forge or flood a log. */
export const sanitize = (text: string, maxLength = 300): string => {
  const clean = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ")
  return clean.length > maxLength ? `${clean.slice(0, maxLength - 1)}…` : clean
}

/**
 * A value was refused before anything was sent: no budget is held and nothing was spent.
 *
 * `field` is the name on the wire, `bound` what would be accepted, `value` the offending value as text (never a secret).
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidInput extends Schema.TaggedError<InvalidInput>("effect-cycles/InvalidInput")("InvalidInput", {
  field: Schema.String,
  bound: Schema.String,
  value: Schema.optional(Schema.String)
}) {
  override get message(): string {
    return `${this.field}: ${this.bound}${this.value === undefined ? "" : ` (got ${this.value})`}`
  }
}

/** An `InvalidInput` with the value rendered safely. */
export const invalidInput = (field: string, bound: string, value?: unknown): InvalidInput =>
  new InvalidInput({ field, bound, ...(value === undefined ? {} : { value: render(value) }) })

const render = (value: unknown): string =>
  sanitize(
    typeof value === "string"
      ? `"${value}"`
      : Array.isArray(value)
      ? `an array of ${value.length}`
      : typeof value === "object" && value !== null
      ? "an object"
      : String(value),
    80
  )
