/**
 * Everything that can go wrong, one tag each. A refusal is an answer of the authority; `Transport` and `Ambiguous` prove nothing
 * about what it did; `InvalidInput` never left the process.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { Amount } from "./Amount.js"
import type { ErrorCode } from "./ErrorResponse.js"
import { EvidenceRef } from "./Evidence.js"
import { InvalidInput, sanitize } from "./InvalidInput.js"
import { JsonObject } from "./Json.js"
import { Meta } from "./Meta.js"

export { InvalidInput }

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
 * Nothing intelligible came back: the authority may or may not have seen the request.
 *
 * @since 0.1.0
 * @category errors
 */
export class Transport extends Schema.TaggedError<Transport>("effect-cycles/Transport")("Transport", {
  operation: Schema.String,
  reason: Schema.Literal("refused", "dns", "tls", "timeout", "aborted", "other"),
  message: Schema.String
}) {}

/**
 * An answer came, but it proves nothing: an unexpected status, a body that is not the promised one or too large. The
 * authority may or may not have applied the request.
 *
 * @since 0.1.0
 * @category errors
 */
export class Ambiguous extends Schema.TaggedError<Ambiguous>("effect-cycles/Ambiguous")("Ambiguous", {
  operation: Schema.String,
  reason: Schema.Literal("status", "body", "size"),
  message: Schema.String,
  meta: Meta
}) {}

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

const common = [
  "INVALID_REQUEST",
  "UNAUTHORIZED",
  "FORBIDDEN",
  "LIMIT_EXCEEDED",
  "INTERNAL_ERROR"
] as const

const keyed = [...common, "NOT_FOUND", "IDEMPOTENCY_MISMATCH", "TENANT_CLOSED"] as const

const money = [
  ...keyed,
  "BUDGET_EXCEEDED",
  "BUDGET_FROZEN",
  "BUDGET_CLOSED",
  "OVERDRAFT_LIMIT_EXCEEDED",
  "DEBT_OUTSTANDING",
  "UNIT_MISMATCH"
] as const

const held = [
  ...keyed,
  "BUDGET_FROZEN",
  "BUDGET_CLOSED",
  "RESERVATION_EXPIRED",
  "RESERVATION_FINALIZED"
] as const

/**
 * The codes that each operation may answer with. Any other code becomes `Refused`, so that the error unions stay true.
 *
 * @since 0.1.0
 * @category models
 */
export const codesOf = {
  decide: money,
  createReservation: money,
  listReservations: [...common, "NOT_FOUND"],
  getReservation: [...common, "NOT_FOUND", "RESERVATION_EXPIRED"],
  commitReservation: [...money, "RESERVATION_EXPIRED", "RESERVATION_FINALIZED"],
  releaseReservation: held,
  extendReservation: [...held, "MAX_EXTENSIONS_EXCEEDED"],
  getBalances: [...common, "NOT_FOUND"],
  createEvent: money,
  getEvidence: [...common, "NOT_FOUND"],
  getEvidenceJwks: [...common, "NOT_FOUND"]
} as const satisfies Record<string, ReadonlyArray<ErrorCode>>

/**
 * The name of an operation: its operationId in the published document.
 *
 * @since 0.1.0
 * @category models
 */
export type OperationName = keyof typeof codesOf

/**
 * The error of one exchange that is not a refusal.
 *
 * @since 0.1.0
 * @category errors
 */
export type ClientError = Transport | Ambiguous | InvalidInput

/**
 * Every error of an operation.
 *
 * @since 0.1.0
 * @category errors
 */
export type OperationError<Name extends OperationName> =
  | InstanceType<typeof byCode[typeof codesOf[Name][number]]>
  | Refused
  | ClientError

/** @since 0.1.0 */
export type DecideError = OperationError<"decide">
/** @since 0.1.0 */
export type CreateError = OperationError<"createReservation">
/** @since 0.1.0 */
export type ListError = OperationError<"listReservations">
/** @since 0.1.0 */
export type GetError = OperationError<"getReservation">
/** @since 0.1.0 */
export type CommitError = OperationError<"commitReservation">
/** @since 0.1.0 */
export type ReleaseError = OperationError<"releaseReservation">
/** @since 0.1.0 */
export type ExtendError = OperationError<"extendReservation">
/** @since 0.1.0 */
export type BalancesError = OperationError<"getBalances">
/** @since 0.1.0 */
export type EventError = OperationError<"createEvent">
/** @since 0.1.0 */
export type EvidenceError = OperationError<"getEvidence">

/**
 * Any answer that refuses.
 *
 * @since 0.1.0
 * @category errors
 */
export type Refusal = InstanceType<typeof byCode[ErrorCode]> | Refused

/**
 * A refusal that is about the budget: asking again without a change gives the same answer.
 *
 * @since 0.1.0
 * @category errors
 */
export type Denial =
  | BudgetExceeded
  | DebtOutstanding
  | OverdraftLimitExceeded
  | BudgetFrozen
  | BudgetClosed
  | TenantClosed
  | NotFound
  | Refused

/**
 * Any error of this library.
 *
 * @since 0.1.0
 * @category errors
 */
export type CyclesError = Refusal | ClientError

/** What a refusal is made of. */
export interface Told {
  readonly operation: OperationName
  readonly code: string
  readonly detail: string
  readonly meta: Meta
  readonly fromStatus?: boolean | undefined
  readonly details?: Option.Option<Readonly<Record<string, unknown>>> | undefined
  readonly evidence?: Option.Option<EvidenceRef> | undefined
  readonly requested?: Option.Option<Amount> | undefined
  readonly affectedScopes?: ReadonlyArray<string> | undefined
}

const scopePath = /\b(?:tenant|workspace|app|workflow|agent|toolset):[\w.-]*[\w-](?:\/[a-z]+:[\w.-]*[\w-])*/

/** Which scope said no: from the details, from the words, or the only scope there is. */
const scopeOf = (
  details: Option.Option<Readonly<Record<string, unknown>>>,
  detail: string,
  affectedScopes: ReadonlyArray<string>
): Option.Option<string> =>
  details.pipe(
    Option.flatMap(({ scope }) => typeof scope === "string" ? Option.some(scope) : Option.none()),
    Option.orElse(() => Option.fromNullable(scopePath.exec(detail)?.[0])),
    Option.orElse(() => affectedScopes.length === 1 ? Option.fromNullable(affectedScopes[0]) : Option.none()),
    Option.map((scope) => sanitize(scope, 1024))
  )

const isKnown = (code: string): code is ErrorCode => Object.hasOwn(byCode, code)

/** A reason code that has no error code of its own, and the error that a live request gets for it. */
const sameAs = (code: string): string => code === "BUDGET_NOT_FOUND" ? "NOT_FOUND" : code

/** `JSON.stringify` refuses a `bigint`, and an error is logged: an integer that a double cannot hold becomes text. */
const printable = (value: unknown): unknown => {
  if (typeof value === "bigint") return value.toString()
  if (Array.isArray(value)) return value.map(printable)
  return typeof value === "object" && value !== null ? printableMap(value) : value
}

const printableMap = (map: object): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(map).map(([key, value]) => [key, printable(value)]))

/**
 * The one place where a denial or another refusal becomes an error: whether it came as an error body or as a decision
 * DENY, the same code gives the same tag.
 */
export const refuse = (told: Told): Refusal => {
  const code = sameAs(told.code)
  const details = Option.map(told.details ?? Option.none(), printableMap)
  const affectedScopes = told.affectedScopes ?? []
  const fields = {
    operation: told.operation,
    code: sanitize(told.code, 128),
    fromStatus: told.fromStatus ?? false,
    message: `${sanitize(told.detail)} (${sanitize(told.code, 128)}, ${told.operation}, HTTP ${told.meta.status}${
      Option.match(told.meta.requestId, { onNone: () => "", onSome: (id) => `, request ${sanitize(id, 200)}` })
    })`,
    meta: told.meta,
    details,
    evidence: told.evidence ?? Option.none(),
    scope: scopeOf(details, told.detail, affectedScopes),
    requested: told.requested ?? Option.none(),
    affectedScopes
  }
  const codes: ReadonlyArray<ErrorCode> = codesOf[told.operation]
  return isKnown(code) && codes.includes(code) ? new byCode[code](fields) : new Refused(fields)
}

const denials: ReadonlySet<string> = new Set<Denial["_tag"]>([
  "BudgetExceeded",
  "DebtOutstanding",
  "OverdraftLimitExceeded",
  "BudgetFrozen",
  "BudgetClosed",
  "TenantClosed",
  "NotFound",
  "Refused"
])

/**
 * Whether the error says no for reasons of budget, so that only a change helps: more budget, a smaller estimate, another
 * subject. Never an ambiguous one: an unknown code with a status of 500 or more proves nothing.
 *
 * @since 0.1.0
 * @category guards
 */
export const isDenial = (error: { readonly _tag: string; readonly meta?: Meta | undefined }): error is Denial =>
  denials.has(error._tag) && !isAmbiguous(error)

/**
 * Whether the same request with the same idempotency key may have another outcome: nothing came back, the answer proves
 * nothing, the authority failed, or it throttles. Never a denial.
 *
 * @since 0.1.0
 * @category guards
 */
export const isRetryable = (error: { readonly _tag: string; readonly meta?: Meta | undefined }): boolean =>
  error._tag === "LimitExceeded" || isAmbiguous(error)

/**
 * Whether it is unknown what the authority did: it may have applied the request.
 *
 * @since 0.1.0
 * @category guards
 */
export const isAmbiguous = (error: { readonly _tag: string; readonly meta?: Meta | undefined }): boolean =>
  error._tag === "Transport" || error._tag === "Ambiguous" || error._tag === "InternalError" ||
  (error._tag === "Refused" && (error.meta?.status ?? 0) >= 500)
