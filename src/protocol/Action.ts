/**
 * What the spend is for.
 */
import * as Schema from "effect/Schema"
import { optional, required, text } from "./internal/wire.js"

/**
 * `kind` (at most 64 characters, such as `llm.completion`), `name` (at most 256: the model or tool) and at most 10 `tags`
 * of at most 64 characters.
 *
 * Source: components/schemas/Action.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Action = Schema.Struct({
  kind: required("kind", text(64)),
  name: required("name", text(256)),
  tags: optional("tags", Schema.Array(text(64)).pipe(Schema.maxItems(10)))
}).annotations({ identifier: "Action" })

/**
 * @since 0.1.0
 * @category models
 */
export type Action = typeof Action.Type
