/**
 * Why usage is not known.
 */
import * as Schema from "effect/Schema"

/**
 * The reply does not say what it used, or not this part of it. That is not zero: `guarded` then records usage that was set on the way, or
 * the estimate.
 *
 * `source` is who would have said it, such as `openai.chat`; `field` is what is absent.
 *
 * @since 0.1.0
 * @category errors
 */
export class UsageAbsent extends Schema.TaggedError<UsageAbsent>("effect-cycles/UsageAbsent")("UsageAbsent", {
  source: Schema.String,
  field: Schema.String
}) {
  override get message(): string {
    return `${this.source}: ${this.field} is absent, which is not zero`
  }
}

/**
 * What a reply says about its usage cannot be: a count that is negative, fractional or no number, or counts that contradict each other.
 * `field` is the name in the reply, `bound` what would be accepted, `value` what was found.
 *
 * @since 0.1.0
 * @category errors
 */
export class MalformedUsage
  extends Schema.TaggedError<MalformedUsage>("effect-cycles/MalformedUsage")("MalformedUsage", {
    source: Schema.String,
    field: Schema.String,
    bound: Schema.String,
    value: Schema.optional(Schema.String)
  })
{
  override get message(): string {
    return `${this.source}: ${this.field} ${this.bound}${this.value === undefined ? "" : ` (got ${this.value})`}`
  }
}

/**
 * Every error of a reader.
 *
 * @since 0.1.0
 * @category errors
 */
export type UsageReadError = UsageAbsent | MalformedUsage
