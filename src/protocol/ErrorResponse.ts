/**
 * Error bodies on the wire, and which status goes with which code.
 */
import * as Schema from "effect/Schema"
import { EvidenceRef } from "./Evidence.js"
import { option, required } from "./internal/wire.js"
import { JsonObject } from "./Json.js"

/**
 * The status of every documented error code. Source: components/schemas/ErrorCode and the error semantics of the document.
 *
 * @since 0.1.0
 * @category models
 */
export const statusOf = {
  INVALID_REQUEST: 400,
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  BUDGET_EXCEEDED: 409,
  BUDGET_FROZEN: 409,
  BUDGET_CLOSED: 409,
  RESERVATION_EXPIRED: 410,
  RESERVATION_FINALIZED: 409,
  IDEMPOTENCY_MISMATCH: 409,
  UNIT_MISMATCH: 400,
  OVERDRAFT_LIMIT_EXCEEDED: 409,
  DEBT_OUTSTANDING: 409,
  MAX_EXTENSIONS_EXCEEDED: 409,
  LIMIT_EXCEEDED: 429,
  TENANT_CLOSED: 409,
  INTERNAL_ERROR: 500
} as const

/**
 * A documented error code.
 *
 * @since 0.1.0
 * @category models
 */
export type ErrorCode = keyof typeof statusOf

const known = Object.keys(statusOf)

/**
 * An error code: an open set for readers, `statusOf` lists those that are documented.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ErrorCode = Schema.String.annotations({
  identifier: "ErrorCode",
  jsonSchema: { type: "string", enum: known }
})

/**
 * Source: components/schemas/ErrorResponse.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ErrorResponse = Schema.Struct({
  error: required("error", ErrorCode),
  message: required("message", Schema.String),
  requestId: required("request_id", Schema.String),
  traceId: option("trace_id", Schema.String.pipe(Schema.pattern(/^[0-9a-f]{32}$/))),
  details: option("details", JsonObject),
  evidence: option("cycles_evidence", EvidenceRef)
}).annotations({ identifier: "ErrorResponse" })

/**
 * @since 0.1.0
 * @category models
 */
export type ErrorResponse = typeof ErrorResponse.Type
