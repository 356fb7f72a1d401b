/**
 * The error of a function that the user gave.
 */
import * as Schema from "effect/Schema"
import { InvalidInput } from "../protocol/InvalidInput.js"

/**
 * A function of the options threw, or gave no amount, while the request was being built: nothing was sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class UsageError extends Schema.TaggedError<UsageError>("effect-cycles/UsageError")("UsageError", {
  field: Schema.String,
  cause: Schema.optional(Schema.Defect)
}) {
  override get message(): string {
    return `The function for "${this.field}" did not give a value${
      this.cause instanceof InvalidInput ? `: ${this.cause.message}` : ""
    }`
  }
}
