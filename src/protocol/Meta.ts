/**
 * What came with an answer besides its body.
 */
import * as Schema from "effect/Schema"

/**
 * `status` is the HTTP status and `rttMs` the time from send to the last byte, on the monotonic clock. The rest is `None`
 * when the authority did not say it: the two ids for support, the tenant of the key, the rate limit (remaining requests, reset in
 * epoch seconds), and how long to wait.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Meta = Schema.Struct({
  status: Schema.Int,
  rttMs: Schema.Number,
  requestId: Schema.optionalWith(Schema.String, { as: "Option" }),
  traceId: Schema.optionalWith(Schema.String, { as: "Option" }),
  tenant: Schema.optionalWith(Schema.String, { as: "Option" }),
  rateLimitRemaining: Schema.optionalWith(Schema.Int, { as: "Option" }),
  rateLimitReset: Schema.optionalWith(Schema.Int, { as: "Option" }),
  retryAfter: Schema.optionalWith(Schema.Duration, { as: "Option" })
})

/**
 * @since 0.1.0
 * @category models
 */
export type Meta = typeof Meta.Type
