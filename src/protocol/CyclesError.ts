/**
 * Everything that can go wrong, one tag each. A refusal is an answer of the authority; `Transport` and `Ambiguous` prove nothing
 * about what it did; `InvalidInput` never left the process.
 */
import * as Schema from "effect/Schema"
import type { ErrorCode } from "./ErrorResponse.js"
import { InvalidInput } from "./InvalidInput.js"
import { Meta } from "./Meta.js"
import type { byCode } from "./Refusal.js"
import {
  type BudgetClosed,
  type BudgetExceeded,
  type BudgetFrozen,
  type DebtOutstanding,
  type NotFound,
  type OverdraftLimitExceeded,
  type Refused,
  type TenantClosed
} from "./Refusal.js"

export * from "./Refusal.js"
export { InvalidInput }

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

/**
 * Every error of `decide`.
 *
 * @since 0.1.0
 * @category errors
 */
export type DecideError = OperationError<"decide">
/**
 * Every error of `createReservation`.
 *
 * @since 0.1.0
 * @category errors
 */
export type CreateError = OperationError<"createReservation">
/**
 * Every error of `listReservations`.
 *
 * @since 0.1.0
 * @category errors
 */
export type ListError = OperationError<"listReservations">
/**
 * Every error of `getReservation`.
 *
 * @since 0.1.0
 * @category errors
 */
export type GetError = OperationError<"getReservation">
/**
 * Every error of `commitReservation`.
 *
 * @since 0.1.0
 * @category errors
 */
export type CommitError = OperationError<"commitReservation">
/**
 * Every error of `releaseReservation`.
 *
 * @since 0.1.0
 * @category errors
 */
export type ReleaseError = OperationError<"releaseReservation">
/**
 * Every error of `extendReservation`.
 *
 * @since 0.1.0
 * @category errors
 */
export type ExtendError = OperationError<"extendReservation">
/**
 * Every error of `getBalances`.
 *
 * @since 0.1.0
 * @category errors
 */
export type BalancesError = OperationError<"getBalances">
/**
 * Every error of `createEvent`.
 *
 * @since 0.1.0
 * @category errors
 */
export type EventError = OperationError<"createEvent">
/**
 * Every error of `getEvidence`.
 *
 * @since 0.1.0
 * @category errors
 */
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
