/**
 * Whether work may go ahead: decisions, reason codes, and the advisory preflight.
 */
import * as Schema from "effect/Schema"
import { Action } from "./Action.js"
import { Amount } from "./Amount.js"
import { Caps } from "./Caps.js"
import { EvidenceRef } from "./Evidence.js"
import { IdempotencyKey } from "./Idempotency.js"
import { commonText } from "./internal/plain.js"
import { durationMs, option, optional, required, text } from "./internal/wire.js"
import { JsonObject } from "./Json.js"
import { Subject } from "./Subject.js"

/**
 * Source: components/schemas/DecisionEnum.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Decision = Schema.Literal("ALLOW", "ALLOW_WITH_CAPS", "DENY").annotations({ identifier: "DecisionEnum" })

/**
 * @since 0.1.0
 * @category models
 */
export type Decision = typeof Decision.Type

/**
 * Why a decision is DENY: an open set, at most 128 characters. `knownReasonCodes` lists those that are documented.
 *
 * Source: components/schemas/DecisionReasonCode.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ReasonCode = text(128).annotations({ identifier: "DecisionReasonCode" })

/**
 * The reason codes of the specification. The set is open: an authority may say others.
 *
 * @since 0.1.0
 * @category models
 */
export const knownReasonCodes = [
  "BUDGET_EXCEEDED",
  "BUDGET_FROZEN",
  "BUDGET_CLOSED",
  "BUDGET_NOT_FOUND",
  "OVERDRAFT_LIMIT_EXCEEDED",
  "DEBT_OUTSTANDING",
  "TENANT_CLOSED",
  "ACTION_QUOTA_EXCEEDED",
  "ACTION_KIND_DENIED",
  "ACTION_KIND_NOT_ALLOWED"
] as const

/**
 * A question that holds no budget: its answer is advice. Source: components/schemas/DecisionRequest.
 *
 * @since 0.1.0
 * @category schemas
 */
export const DecisionRequest = Schema.Struct({
  idempotencyKey: required("idempotency_key", IdempotencyKey),
  subject: required("subject", Subject),
  action: required("action", Action),
  estimate: required("estimate", Amount),
  metadata: optional("metadata", JsonObject)
}).annotations({ identifier: "DecisionRequest" })

/**
 * @since 0.1.0
 * @category models
 */
export type DecisionRequest = typeof DecisionRequest.Type

/**
 * Source: components/schemas/DecisionResponse.
 *
 * @since 0.1.0
 * @category schemas
 */
export const DecisionResponse = Schema.Struct({
  decision: required("decision", Decision),
  caps: option("caps", Caps),
  reasonCode: option("reason_code", ReasonCode),
  retryAfter: option("retry_after_ms", durationMs(0)),
  affectedScopes: option("affected_scopes", Schema.Array(commonText)),
  evidence: option("cycles_evidence", EvidenceRef)
}).annotations({ identifier: "DecisionResponse" })

/**
 * @since 0.1.0
 * @category models
 */
export type DecisionResponse = typeof DecisionResponse.Type
