/**
 * Reservations on the wire: create, commit, release, extend, read, list.
 */
import * as Schema from "effect/Schema"
import { Action } from "./Action.js"
import { Amount } from "./Amount.js"
import { Balance } from "./Balance.js"
import { Caps } from "./Caps.js"
import { Decision, ReasonCode } from "./Decision.js"
import { EvidenceRef } from "./Evidence.js"
import { IdempotencyKey } from "./Idempotency.js"
import { commonText } from "./internal/plain.js"
import { durationMs, Instant, option, optional, required, text } from "./internal/wire.js"
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
  scopePath: option("scope_path", commonText),
  affectedScopes: required("affected_scopes", Schema.Array(commonText)),
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
