/**
 * The refusals: answers of the authority that say no, one tag for each code.
 */
import * as Schema from "effect/Schema"
import { Amount } from "./Amount.js"
import type { ErrorCode } from "./ErrorResponse.js"
import { EvidenceRef } from "./Evidence.js"
import { JsonObject } from "./Json.js"
import { Meta } from "./Meta.js"

/**
 * What every refusal carries. `code` is the code on the wire (or of the status, when the body had none: `fromStatus`);
 * `scope`, `requested` and `affectedScopes` say what a denial was about.
 */
const refusal = {
  operation: Schema.String,
  code: Schema.String,
  fromStatus: Schema.Boolean,
  message: Schema.String,
  meta: Meta,
  details: Schema.optionalWith(JsonObject, { as: "Option" }),
  evidence: Schema.optionalWith(EvidenceRef, { as: "Option" }),
  scope: Schema.optionalWith(Schema.String, { as: "Option" }),
  requested: Schema.optionalWith(Amount, { as: "Option" }),
  affectedScopes: Schema.Array(Schema.String)
}

/**
 * Not enough is left for the estimate (or, at commit under REJECT, the actual is more than the estimate).
 *
 * @since 0.1.0
 * @category errors
 */
export class BudgetExceeded
  extends Schema.TaggedError<BudgetExceeded>("effect-cycles/BudgetExceeded")("BudgetExceeded", refusal)
{}

/**
 * A budget has debt and no overdraft limit.
 *
 * @since 0.1.0
 * @category errors
 */
export class DebtOutstanding
  extends Schema.TaggedError<DebtOutstanding>("effect-cycles/DebtOutstanding")("DebtOutstanding", refusal)
{}

/**
 * A budget is over its overdraft limit, or a commit would take it there.
 *
 * @since 0.1.0
 * @category errors
 */
export class OverdraftLimitExceeded extends Schema.TaggedError<OverdraftLimitExceeded>(
  "effect-cycles/OverdraftLimitExceeded"
)("OverdraftLimitExceeded", refusal) {}

/**
 * An operator froze a budget on the path.
 *
 * @since 0.1.0
 * @category errors
 */
export class BudgetFrozen
  extends Schema.TaggedError<BudgetFrozen>("effect-cycles/BudgetFrozen")("BudgetFrozen", refusal)
{}

/**
 * A budget on the path is closed for good.
 *
 * @since 0.1.0
 * @category errors
 */
export class BudgetClosed
  extends Schema.TaggedError<BudgetClosed>("effect-cycles/BudgetClosed")("BudgetClosed", refusal)
{}

/**
 * The tenant is closed: what it owns is read-only.
 *
 * @since 0.1.0
 * @category errors
 */
export class TenantClosed
  extends Schema.TaggedError<TenantClosed>("effect-cycles/TenantClosed")("TenantClosed", refusal)
{}

/**
 * The budget or the reservation counts another unit; `details.expected_units` may list what it counts.
 *
 * @since 0.1.0
 * @category errors
 */
export class UnitMismatch
  extends Schema.TaggedError<UnitMismatch>("effect-cycles/UnitMismatch")("UnitMismatch", refusal)
{}

/**
 * The reservation's time, and for commit and release its grace, is over: the hold has returned to the budget.
 *
 * @since 0.1.0
 * @category errors
 */
export class ReservationExpired
  extends Schema.TaggedError<ReservationExpired>("effect-cycles/ReservationExpired")("ReservationExpired", refusal)
{}

/**
 * The reservation is already committed or released.
 *
 * @since 0.1.0
 * @category errors
 */
export class ReservationFinalized extends Schema.TaggedError<ReservationFinalized>(
  "effect-cycles/ReservationFinalized"
)("ReservationFinalized", refusal) {}

/**
 * The idempotency key belongs to another request.
 *
 * @since 0.1.0
 * @category errors
 */
export class IdempotencyMismatch extends Schema.TaggedError<IdempotencyMismatch>(
  "effect-cycles/IdempotencyMismatch"
)("IdempotencyMismatch", refusal) {}

/**
 * The reservation was extended as often as the authority allows.
 *
 * @since 0.1.0
 * @category errors
 */
export class MaxExtensionsExceeded extends Schema.TaggedError<MaxExtensionsExceeded>(
  "effect-cycles/MaxExtensionsExceeded"
)("MaxExtensionsExceeded", refusal) {}

/**
 * Too many requests: throttling, never a budget. `meta.retryAfter` says how long to wait.
 *
 * @since 0.1.0
 * @category errors
 */
export class LimitExceeded
  extends Schema.TaggedError<LimitExceeded>("effect-cycles/LimitExceeded")("LimitExceeded", refusal)
{}

/**
 * The API key is missing, unknown, revoked or expired.
 *
 * @since 0.1.0
 * @category errors
 */
export class Unauthorized
  extends Schema.TaggedError<Unauthorized>("effect-cycles/Unauthorized")("Unauthorized", refusal)
{}

/**
 * The key belongs to another tenant, or lacks a permission.
 *
 * @since 0.1.0
 * @category errors
 */
export class Forbidden extends Schema.TaggedError<Forbidden>("effect-cycles/Forbidden")("Forbidden", refusal) {}

/**
 * No such reservation; or, when reserving, no budget on the path in any unit (`code` BUDGET_NOT_FOUND in a dry run).
 *
 * @since 0.1.0
 * @category errors
 */
export class NotFound extends Schema.TaggedError<NotFound>("effect-cycles/NotFound")("NotFound", refusal) {}

/**
 * The authority refused the request as malformed.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidRequest
  extends Schema.TaggedError<InvalidRequest>("effect-cycles/InvalidRequest")("InvalidRequest", refusal)
{}

/**
 * The authority says that it failed. Whether it applied the request is unknown.
 *
 * @since 0.1.0
 * @category errors
 */
export class InternalError
  extends Schema.TaggedError<InternalError>("effect-cycles/InternalError")("InternalError", refusal)
{}

/**
 * A refusal whose code this version does not know: `code` holds it.
 *
 * @since 0.1.0
 * @category errors
 */
export class Refused extends Schema.TaggedError<Refused>("effect-cycles/Refused")("Refused", refusal) {}

/**
 * The class of every documented code.
 *
 * @since 0.1.0
 * @category models
 */
export const byCode = {
  INVALID_REQUEST: InvalidRequest,
  UNAUTHORIZED: Unauthorized,
  FORBIDDEN: Forbidden,
  NOT_FOUND: NotFound,
  BUDGET_EXCEEDED: BudgetExceeded,
  BUDGET_FROZEN: BudgetFrozen,
  BUDGET_CLOSED: BudgetClosed,
  RESERVATION_EXPIRED: ReservationExpired,
  RESERVATION_FINALIZED: ReservationFinalized,
  IDEMPOTENCY_MISMATCH: IdempotencyMismatch,
  UNIT_MISMATCH: UnitMismatch,
  OVERDRAFT_LIMIT_EXCEEDED: OverdraftLimitExceeded,
  DEBT_OUTSTANDING: DebtOutstanding,
  MAX_EXTENSIONS_EXCEEDED: MaxExtensionsExceeded,
  LIMIT_EXCEEDED: LimitExceeded,
  TENANT_CLOSED: TenantClosed,
  INTERNAL_ERROR: InternalError
} as const satisfies Record<ErrorCode, unknown>
