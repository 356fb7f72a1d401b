/**
 * What the work looked like: token counts, latency, model version.
 */
import * as Schema from "effect/Schema"
import { Count, optional, text } from "./internal/wire.js"
import { JsonObject } from "./Json.js"

/**
 * Token counts and latency are integers that are not negative; `modelVersion` has at most 128 characters.
 *
 * Source: components/schemas/StandardMetrics.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Metrics = Schema.Struct({
  tokensInput: optional("tokens_input", Count),
  tokensOutput: optional("tokens_output", Count),
  latencyMs: optional("latency_ms", Count),
  modelVersion: optional("model_version", text(128)),
  custom: optional("custom", JsonObject)
}).annotations({ identifier: "StandardMetrics" })

/**
 * @since 0.1.0
 * @category models
 */
export type Metrics = typeof Metrics.Type
