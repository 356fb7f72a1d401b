/**
 * Why something has no price. None of these is ever zero.
 */
import * as Schema from "effect/Schema"
import { sanitize } from "../protocol/InvalidInput.js"

/**
 * The price table has no model of this exact name, no alias, and no ceiling.
 *
 * @since 0.1.0
 * @category errors
 */
export class UnknownModel extends Schema.TaggedError<UnknownModel>("effect-cycles/UnknownModel")("UnknownModel", {
  model: Schema.String,
  source: Schema.String
}) {
  override get message(): string {
    return `No price for the model "${sanitize(this.model, 80)}" in "${this.source}": add it there, or as an alias`
  }
}

/**
 * The price of a model is in the table, but not to be believed: it was verified too long ago, or it is not in force yet. The table has no
 * ceiling either. `effectiveFrom` and `verifiedOn` are days such as `2026-01-31`.
 *
 * @since 0.1.0
 * @category errors
 */
export class StalePrice extends Schema.TaggedError<StalePrice>("effect-cycles/StalePrice")("StalePrice", {
  model: Schema.String,
  source: Schema.String,
  effectiveFrom: Schema.String,
  verifiedOn: Schema.String,
  maxAgeDays: Schema.optional(Schema.Number),
  /** Days since it was verified; below zero before it is in force. */
  ageDays: Schema.Number
}) {
  override get message(): string {
    return this.ageDays < 0
      ? `The price of "${this.model}" in "${this.source}" is in force from ${this.effectiveFrom} only`
      : `The price of "${this.model}" in "${this.source}" was verified on ${this.verifiedOn}, ${this.ageDays} days ago; ` +
        `it is to be believed for ${this.maxAgeDays}`
  }
}

/**
 * The model has a price, but not for something that was used, or may be. `bucket` is a bucket of `Usage`, `other.` and the name of a
 * counter, or `batch`.
 *
 * @since 0.1.0
 * @category errors
 */
export class MissingPrice extends Schema.TaggedError<MissingPrice>("effect-cycles/MissingPrice")("MissingPrice", {
  model: Schema.String,
  source: Schema.String,
  bucket: Schema.String
}) {
  override get message(): string {
    return `"${this.source}" has no price for ${this.bucket} of the model "${sanitize(this.model, 80)}"`
  }
}
