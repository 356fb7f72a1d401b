/**
 * Reservations as they are read: one by its id, many by filters, windows, order and page.
 */
import * as DateTime from "effect/DateTime"
import * as Schema from "effect/Schema"
import { Action } from "./Action.js"
import { Amount } from "./Amount.js"
import { QueryLimit } from "./Balance.js"
import { ReservationEvidence } from "./Evidence.js"
import { IdempotencyKey } from "./Idempotency.js"
import { Instant, option, query, required } from "./internal/wire.js"
import { JsonObject } from "./Json.js"
import { ReservationId, ReservationStatus } from "./Reservation.js"
import { levelFilters, Subject } from "./Subject.js"

const row = {
  reservationId: required("reservation_id", ReservationId),
  status: required("status", ReservationStatus),
  idempotencyKey: option("idempotency_key", IdempotencyKey),
  subject: required("subject", Subject),
  action: required("action", Action),
  reserved: required("reserved", Amount),
  committed: option("committed", Amount),
  createdAt: required("created_at_ms", Instant),
  expiresAt: required("expires_at_ms", Instant),
  finalizedAt: option("finalized_at_ms", Instant),
  scopePath: required("scope_path", Schema.String),
  affectedScopes: required("affected_scopes", Schema.Array(Schema.String)),
  metadata: option("metadata", JsonObject),
  committedMetadata: option("committed_metadata", JsonObject),
  evidence: option("evidence", ReservationEvidence)
}

/**
 * One reservation, read by its id. Source: components/schemas/ReservationDetail.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ReservationDetail = Schema.Struct(row).annotations({ identifier: "ReservationDetail" })

/**
 * @since 0.1.0
 * @category models
 */
export type ReservationDetail = typeof ReservationDetail.Type

/**
 * A row of a listing: `metadata`, `committedMetadata` and `evidence` only when `include` asks for them.
 *
 * Source: components/schemas/ReservationSummary.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ReservationSummary = Schema.Struct(row).annotations({ identifier: "ReservationSummary" })

/**
 * @since 0.1.0
 * @category models
 */
export type ReservationSummary = typeof ReservationSummary.Type

/**
 * A page of reservations. Source: components/schemas/ReservationListResponse.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ReservationPage = Schema.Struct({
  reservations: required("reservations", Schema.Array(ReservationSummary)),
  nextCursor: option("next_cursor", Schema.String),
  hasMore: option("has_more", Schema.Boolean)
}).annotations({ identifier: "ReservationListResponse" })

/**
 * @since 0.1.0
 * @category models
 */
export type ReservationPage = typeof ReservationPage.Type

const zoned = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2})$/

const WindowBound = Schema.String.pipe(
  Schema.filter((text) => zoned.test(text) || "must be an ISO 8601 instant with a zone"),
  Schema.compose(
    Schema.DateTimeUtc.annotations({
      arbitrary: () => (fc) => fc.integer({ min: 0, max: 4e12 }).map((n) => DateTime.unsafeMake(n))
    })
  )
).annotations({ jsonSchema: { type: "string", format: "date-time" } })

const date = (key: string) => query(key, WindowBound)

const List = Schema.transform(
  Schema.String.annotations({ jsonSchema: { type: "array", items: { type: "string" } } }),
  Schema.Array(
    Schema.String.pipe(
      Schema.filter((part) =>
        (part !== "" && part === part.trim() && !part.includes(",")) || "must be a name without commas"
      )
    )
  ),
  {
    strict: true,
    decode: (text) => text.split(",").map((part) => part.trim()).filter((part) => part !== ""),
    encode: (parts) => parts.join(",")
  }
)

const sortKeys = [
  "reservation_id",
  "tenant",
  "scope_path",
  "status",
  "reserved",
  "created_at_ms",
  "expires_at_ms"
] as const

const SortDirection = Schema.Literal("asc", "desc").annotations({
  identifier: "SortDirection",
  jsonSchema: { type: "string", enum: ["asc", "desc"], default: "desc" }
})

/**
 * The orders of a listing.
 *
 * @since 0.1.0
 * @category schemas
 */
export const SortBy = Schema.Literal(...sortKeys).annotations({
  jsonSchema: { type: "string", enum: sortKeys, default: "created_at_ms" }
})

/**
 * Which reservations: levels, key and status match exactly; windows include their bounds and need a zone; `limit` is 1 to 200, 50
 * when absent; a `cursor` belongs to the filters and the order that it came with.
 *
 * Source: listReservations.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ReservationFilter = Schema.Struct({
  idempotencyKey: query("idempotency_key", IdempotencyKey),
  status: query("status", ReservationStatus),
  ...levelFilters,
  from: date("from"),
  to: date("to"),
  expiresFrom: date("expires_from"),
  expiresTo: date("expires_to"),
  finalizedFrom: date("finalized_from"),
  finalizedTo: date("finalized_to"),
  sortBy: query("sort_by", SortBy),
  sortDir: query("sort_dir", SortDirection),
  include: query("include", List),
  limit: query("limit", QueryLimit),
  cursor: query("cursor", Schema.String)
})

/**
 * @since 0.1.0
 * @category models
 */
export type ReservationFilter = typeof ReservationFilter.Type
