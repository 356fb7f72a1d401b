/**
 * Reservations on the wire: create, commit, release, extend, read, list.
 */
import * as DateTime from "effect/DateTime"
import * as Schema from "effect/Schema"
import { Action } from "./Action.js"
import { Amount } from "./Amount.js"
import { Balance, QueryLimit } from "./Balance.js"
import { Caps } from "./Caps.js"
import { Decision, ReasonCode } from "./Decision.js"
import { EvidenceRef, ReservationEvidence } from "./Evidence.js"
import { IdempotencyKey } from "./Idempotency.js"
import { durationMs, Instant, option, optional, query, required, text } from "./internal/wire.js"
import { JsonObject } from "./Json.js"
import { Metrics } from "./Metrics.js"
import { Subject } from "./Subject.js"

/**
 * 1 to 128 characters. Source: components/parameters/ReservationId.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ReservationId = Schema.String.pipe(
  Schema.minLength(1),
  Schema.maxLength(128),
  Schema.brand("effect-cycles/ReservationId")
)

/**
 * @since 0.1.0
 * @category models
 */
export type ReservationId = typeof ReservationId.Type

/**
 * What happens when the actual is more than the reserved amount: `REJECT` refuses the commit, `ALLOW_IF_AVAILABLE` charges what is
 * left, `ALLOW_WITH_OVERDRAFT` goes into debt up to the limit of the budget.
 *
 * Source: components/schemas/CommitOveragePolicy.
 *
 * @since 0.1.0
 * @category schemas
 */
export const OveragePolicy = Schema.Literal("REJECT", "ALLOW_IF_AVAILABLE", "ALLOW_WITH_OVERDRAFT").annotations({
  identifier: "CommitOveragePolicy"
})

/**
 * @since 0.1.0
 * @category models
 */
export type OveragePolicy = typeof OveragePolicy.Type

/**
 * ACTIVE may become any of the other three, which are final. Source: components/schemas/ReservationStatus.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ReservationStatus = Schema.Literal("ACTIVE", "COMMITTED", "RELEASED", "EXPIRED").annotations({
  identifier: "ReservationStatus"
})

/**
 * @since 0.1.0
 * @category models
 */
export type ReservationStatus = typeof ReservationStatus.Type

/**
 * `ttl` is 1 s to 24 h (60 s when absent, and authorities may grant less), `gracePeriod` 0 to 60 s (5 s when absent).
 *
 * Source: components/schemas/ReservationCreateRequest.
 *
 * @since 0.1.0
 * @category schemas
 */
export const CreateRequest = Schema.Struct({
  idempotencyKey: required("idempotency_key", IdempotencyKey),
  subject: required("subject", Subject),
  action: required("action", Action),
  estimate: required("estimate", Amount),
  ttl: optional("ttl_ms", durationMs(1000, 86_400_000)),
  gracePeriod: optional("grace_period_ms", durationMs(0, 60_000)),
  overagePolicy: optional("overage_policy", OveragePolicy),
  dryRun: optional("dry_run", Schema.Boolean),
  metadata: optional("metadata", JsonObject)
}).annotations({ identifier: "ReservationCreateRequest" })

/**
 * @since 0.1.0
 * @category models
 */
export type CreateRequest = typeof CreateRequest.Type

/**
 * Source: components/schemas/ReservationCreateResponse.
 *
 * @since 0.1.0
 * @category schemas
 */
export const CreateResponse = Schema.Struct({
  decision: required("decision", Decision),
  reservationId: option("reservation_id", ReservationId),
  reserved: option("reserved", Amount),
  expiresAt: option("expires_at_ms", Instant),
  remainingTtl: option("remaining_ttl_ms", durationMs(0, undefined, "int64")),
  scopePath: option("scope_path", Schema.String),
  affectedScopes: required("affected_scopes", Schema.Array(Schema.String)),
  caps: option("caps", Caps),
  balances: option("balances", Schema.Array(Balance)),
  reasonCode: option("reason_code", ReasonCode),
  retryAfter: option("retry_after_ms", durationMs(0)),
  evidence: option("cycles_evidence", EvidenceRef)
}).annotations({ identifier: "ReservationCreateResponse" })

/**
 * @since 0.1.0
 * @category models
 */
export type CreateResponse = typeof CreateResponse.Type

/**
 * Source: components/schemas/CommitRequest.
 *
 * @since 0.1.0
 * @category schemas
 */
export const CommitRequest = Schema.Struct({
  idempotencyKey: required("idempotency_key", IdempotencyKey),
  actual: required("actual", Amount),
  metrics: optional("metrics", Metrics),
  metadata: optional("metadata", JsonObject)
}).annotations({ identifier: "CommitRequest" })

/**
 * @since 0.1.0
 * @category models
 */
export type CommitRequest = typeof CommitRequest.Type

/**
 * `charged` may be less than the actual. Source: components/schemas/CommitResponse.
 *
 * @since 0.1.0
 * @category schemas
 */
export const CommitResponse = Schema.Struct({
  status: required("status", Schema.Literal("COMMITTED")),
  charged: required("charged", Amount),
  released: option("released", Amount),
  balances: option("balances", Schema.Array(Balance)),
  evidence: option("cycles_evidence", EvidenceRef)
}).annotations({ identifier: "CommitResponse" })

/**
 * @since 0.1.0
 * @category models
 */
export type CommitResponse = typeof CommitResponse.Type

/**
 * `reason` has at most 256 characters. Source: components/schemas/ReleaseRequest.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ReleaseRequest = Schema.Struct({
  idempotencyKey: required("idempotency_key", IdempotencyKey),
  reason: optional("reason", text(256))
}).annotations({ identifier: "ReleaseRequest" })

/**
 * @since 0.1.0
 * @category models
 */
export type ReleaseRequest = typeof ReleaseRequest.Type

/**
 * Source: components/schemas/ReleaseResponse.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ReleaseResponse = Schema.Struct({
  status: required("status", Schema.Literal("RELEASED")),
  released: required("released", Amount),
  balances: option("balances", Schema.Array(Balance)),
  evidence: option("cycles_evidence", EvidenceRef)
}).annotations({ identifier: "ReleaseResponse" })

/**
 * @since 0.1.0
 * @category models
 */
export type ReleaseResponse = typeof ReleaseResponse.Type

/**
 * `extendBy` is 1 ms to 24 h, added to the current expiry. Source: components/schemas/ReservationExtendRequest.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ExtendRequest = Schema.Struct({
  idempotencyKey: required("idempotency_key", IdempotencyKey),
  extendBy: required("extend_by_ms", durationMs(1, 86_400_000)),
  metadata: optional("metadata", JsonObject)
}).annotations({ identifier: "ReservationExtendRequest" })

/**
 * @since 0.1.0
 * @category models
 */
export type ExtendRequest = typeof ExtendRequest.Type

/**
 * Source: components/schemas/ReservationExtendResponse.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ExtendResponse = Schema.Struct({
  status: required("status", Schema.Literal("ACTIVE")),
  expiresAt: required("expires_at_ms", Instant),
  remainingTtl: option("remaining_ttl_ms", durationMs(0, undefined, "int64")),
  balances: option("balances", Schema.Array(Balance))
}).annotations({ identifier: "ReservationExtendResponse" })

/**
 * @since 0.1.0
 * @category models
 */
export type ExtendResponse = typeof ExtendResponse.Type

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
  tenant: query("tenant", Schema.String),
  workspace: query("workspace", Schema.String),
  app: query("app", Schema.String),
  workflow: query("workflow", Schema.String),
  agent: query("agent", Schema.String),
  toolset: query("toolset", Schema.String),
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
