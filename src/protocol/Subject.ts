/**
 * Who spends: up to six levels, from tenant down to toolset, and free dimensions.
 */
import * as Schema from "effect/Schema"
import { optional, query, text } from "./internal/wire.js"

/**
 * The levels of a subject, from the widest to the narrowest.
 *
 * @since 0.1.0
 * @category models
 */
export const levels = ["tenant", "workspace", "app", "workflow", "agent", "toolset"] as const

/**
 * The name of a level.
 *
 * @since 0.1.0
 * @category models
 */
export type Level = typeof levels[number]

/**
 * At least one of the six levels that is not empty, each of at most 128 characters (authorities may accept only letters,
 * digits, `_`, `.` and `-`), and at most 16 `dimensions` of at most 256 characters. Budgets ignore the case of the levels.
 *
 * Source: components/schemas/Subject.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Subject = Schema.Struct({
  tenant: optional("tenant", text(128)),
  workspace: optional("workspace", text(128)),
  app: optional("app", text(128)),
  workflow: optional("workflow", text(128)),
  agent: optional("agent", text(128)),
  toolset: optional("toolset", text(128)),
  dimensions: optional(
    "dimensions",
    Schema.Record({ key: Schema.String, value: text(256) }).pipe(
      Schema.filter((map) => Object.keys(map).length <= 16 || "must have at most 16 entries", {
        jsonSchema: { maxProperties: 16 }
      })
    )
  )
}).pipe(
  Schema.filter((subject) =>
    levels.some((level) => (subject[level] ?? "") !== "") || `must have at least one of ${levels.join(", ")}`
  )
).annotations({ identifier: "Subject" })

/**
 * @since 0.1.0
 * @category models
 */
export type Subject = typeof Subject.Type

/** The levels as query parameters of a listing. */
export const levelFilters = {
  tenant: query("tenant", Schema.String),
  workspace: query("workspace", Schema.String),
  app: query("app", Schema.String),
  workflow: query("workflow", Schema.String),
  agent: query("agent", Schema.String),
  toolset: query("toolset", Schema.String)
}
