/**
 * What the ledger can be told to do, and what it answers.
 */
import * as Either from "effect/Either"
import type { Amount, Unit } from "../protocol/Amount.js"
import type { BalanceFilter, BalancePage } from "../protocol/Balance.js"
import type { Caps } from "../protocol/Caps.js"
import type { DecisionRequest, DecisionResponse } from "../protocol/Decision.js"
import type { ErrorCode } from "../protocol/ErrorResponse.js"
import type { EventRequest, EventResponse } from "../protocol/Event.js"
import type { EvidenceRef } from "../protocol/Evidence.js"
import type {
  CommitRequest,
  CommitResponse,
  CreateRequest,
  CreateResponse,
  ExtendRequest,
  ExtendResponse,
  ReleaseRequest,
  ReleaseResponse
} from "../protocol/Reservation.js"
import type { ReservationDetail, ReservationFilter, ReservationPage } from "../protocol/ReservationQuery.js"
import type { Budget, BudgetAbout, BudgetStatus } from "./Budget.js"
import type { ApiKey, Extension, ReceiptOf, Reservation, Tenant } from "./Rows.js"

/**
 * Codes of the administrator's plane that the protocol does not have, with their statuses.
 *
 * @since 0.1.0
 * @category errors
 */
export const adminStatusOf = {
  TENANT_NOT_FOUND: 404,
  BUDGET_NOT_FOUND: 404,
  DUPLICATE_RESOURCE: 409,
  INSUFFICIENT_PERMISSIONS: 403,
  KEY_REVOKED: 409
} as const

/**
 * The codes of the protocol, and those of the administrator's plane.
 *
 * @since 0.1.0
 * @category errors
 */
export type RefusalCode = ErrorCode | keyof typeof adminStatusOf

/**
 * Why the ledger did nothing: a code of the protocol or of the administrator's plane, words for people, and sometimes details.
 *
 * @since 0.1.0
 * @category errors
 */
export interface Refusal {
  readonly _tag: "Refusal"
  readonly code: RefusalCode
  readonly message: string
  readonly details?: Readonly<Record<string, unknown>> | undefined
  /** The HTTP status, when it is not that of the code. */
  readonly status?: number | undefined
  /** The scope of the budget that refused, when one did. */
  readonly scope?: string | undefined
  readonly evidence?: EvidenceRef | undefined
}

/**
 * Who asked, as far as it is kept for audits and evidence.
 *
 * @since 0.1.0
 * @category models
 */
export interface Origin {
  readonly requestId?: string | undefined
  readonly traceId?: string | undefined
  readonly sourceIp?: string | undefined
}

/**
 * A refusal of its parts.
 *
 * @since 0.1.0
 * @category constructors
 */
export const refusal = (
  code: RefusalCode,
  message: string,
  details?: Readonly<Record<string, unknown>>
): Refusal => ({ _tag: "Refusal", code, message, ...(details === undefined ? {} : { details }) })

/** The refusal of one budget. */
export const refusalOf = ({ scope }: { readonly scope: string }, code: ErrorCode, message: string): Refusal => ({
  _tag: "Refusal",
  code,
  message,
  scope
})

/** As `refusal`, on the left. */
export const refuse = (...args: Parameters<typeof refusal>): Either.Either<never, Refusal> =>
  Either.left(refusal(...args))

/** Handlers of the ledger give a plain union: an `Either` for each check would be a good part of what a step costs. */
export const isRefusal = (u: unknown): u is Refusal =>
  typeof u === "object" && u !== null && (u as { readonly _tag?: unknown })._tag === "Refusal"

/**
 * A command of the protocol, or one of its operator (`PutBudget` and what follows). `tenant` is the tenant of the caller's key; where it
 * may be absent, an absent one is an administrator. `id` becomes the id of what is created, so it must be fresh.
 *
 * @since 0.1.0
 * @category models
 */
export type Command =
  & { readonly origin?: Origin | undefined }
  & (
    | { readonly _tag: "Decide"; readonly tenant: string; readonly request: DecisionRequest }
    | { readonly _tag: "Reserve"; readonly tenant: string; readonly id: string; readonly request: CreateRequest }
    | {
      readonly _tag: "Commit"
      readonly tenant: string
      readonly reservationId: string
      readonly request: CommitRequest
    }
    | {
      readonly _tag: "Release"
      readonly tenant?: string | undefined
      readonly reservationId: string
      readonly request: ReleaseRequest
    }
    | {
      readonly _tag: "Extend"
      readonly tenant: string
      readonly reservationId: string
      readonly request: ExtendRequest
    }
    | { readonly _tag: "Event"; readonly tenant: string; readonly id: string; readonly request: EventRequest }
    | { readonly _tag: "Get"; readonly tenant?: string | undefined; readonly reservationId: string }
    | { readonly _tag: "List"; readonly tenant?: string | undefined; readonly filter: ReservationFilter }
    | { readonly _tag: "Balances"; readonly tenant: string; readonly filter: BalanceFilter }
    | { readonly _tag: "PutBudget"; readonly id: string; readonly budget: Omit<Budget, "reserved" | "about"> }
    | { readonly _tag: "RemoveBudget"; readonly scope: string; readonly unit: Unit }
    | { readonly _tag: "Credit"; readonly scope: string; readonly amount: Amount }
    | { readonly _tag: "SetStatus"; readonly scope: string; readonly unit: Unit; readonly status: BudgetStatus }
    | { readonly _tag: "SetCaps"; readonly scope: string; readonly unit: Unit; readonly caps: Caps | undefined }
    | { readonly _tag: "PutTenant"; readonly id: string; readonly tenant: Tenant }
    | AdminCommand
  )

/**
 * Who administers: the key of a tenant, with the scopes that it is confined to, or (without a tenant) the administrator.
 *
 * @since 0.1.0
 * @category models
 */
export interface Administrator {
  readonly tenant?: string | undefined
  readonly scopeFilter?: ReadonlyArray<string> | undefined
}

/** A budget as the administrator's plane names it; `tenant` is the `tenant_id` of the request. */
interface BudgetRef {
  readonly by: Administrator
  readonly tenant?: string | undefined
  readonly scope: string
  readonly unit: Unit
}

/**
 * What an administrator asks of the ledger.
 *
 * @since 0.1.0
 * @category models
 */
export type AdminCommand =
  | { readonly _tag: "CreateTenant"; readonly id: string; readonly tenant: Omit<Tenant, "status"> }
  | { readonly _tag: "UpdateTenant"; readonly id: string; readonly patch: Partial<Tenant> }
  | { readonly _tag: "Tenants" }
  | { readonly _tag: "CreateApiKey"; readonly key: Omit<ApiKey, "status" | "createdAt"> }
  | {
    readonly _tag: "UpdateApiKey"
    readonly id: string
    readonly patch: Partial<Pick<ApiKey, "name" | "description" | "permissions" | "scopeFilter" | "metadata">>
  }
  | { readonly _tag: "RevokeApiKey"; readonly id: string; readonly reason?: string | undefined }
  | { readonly _tag: "ApiKeys"; readonly tenant?: string | undefined }
  | BudgetRef & {
    readonly _tag: "CreateBudget"
    readonly id: string
    readonly allocated: Amount
    readonly overdraftLimit: Amount | undefined
    readonly about: Partial<BudgetAbout>
  }
  | BudgetRef & {
    readonly _tag: "Fund"
    readonly operation: FundOperation
    readonly amount: Amount
    readonly spent?: Amount | undefined
    readonly idempotencyKey?: string | undefined
  }
  | BudgetRef & {
    readonly _tag: "UpdateBudget"
    readonly overdraftLimit: Amount | undefined
    readonly about: Partial<BudgetAbout>
  }
  | BudgetRef & { readonly _tag: "FreezeBudget" }
  | BudgetRef & { readonly _tag: "UnfreezeBudget" }
  | BudgetRef & { readonly _tag: "LookupBudget" }
  | { readonly _tag: "Budgets"; readonly by: Administrator; readonly tenant?: string | undefined }

/**
 * CREDIT and DEBIT change what is allocated; RESET sets it; RESET_SPENT also sets what is spent; REPAY_DEBT pays debt first.
 *
 * @since 0.1.0
 * @category models
 */
export type FundOperation = "CREDIT" | "DEBIT" | "RESET" | "RESET_SPENT" | "REPAY_DEBT"

/** The command of a tag. */
export type CommandOf<T extends Command["_tag"]> = Extract<Command, { readonly _tag: T }>

/**
 * What the ledger gives for each command: rows and receipts, from which `Ledger.answer` makes what the protocol shows.
 *
 * @since 0.1.0
 * @category models
 */
export interface Outcomes {
  readonly Decide: ReceiptOf<"Advice">
  readonly Reserve: { readonly receipt: ReceiptOf<"Hold">; readonly ttlMs: number | undefined }
  readonly Commit: Reservation
  readonly Release: Reservation
  readonly Extend: { readonly extension: Extension; readonly ttlMs: number }
  readonly Event: ReceiptOf<"Charge">
  readonly Get: Reservation
  readonly List: ReservationPage
  readonly Balances: BalancePage
  readonly PutBudget: Budget
  readonly RemoveBudget: Budget
  readonly Credit: Budget
  readonly SetStatus: Budget
  readonly SetCaps: Budget
  readonly PutTenant: Tenant
  readonly CreateTenant: { readonly tenant: Tenant; readonly created: boolean }
  readonly UpdateTenant: Tenant
  readonly Tenants: ReadonlyArray<{ readonly id: string; readonly tenant: Tenant }>
  readonly CreateApiKey: ApiKey
  readonly UpdateApiKey: ApiKey
  readonly RevokeApiKey: ApiKey
  readonly ApiKeys: ReadonlyArray<ApiKey>
  readonly CreateBudget: Budget
  readonly Fund: ReceiptOf<"Funding">
  readonly UpdateBudget: Budget
  readonly FreezeBudget: Budget
  readonly UnfreezeBudget: Budget
  readonly LookupBudget: Budget
  readonly Budgets: ReadonlyArray<Budget>
}

/** The commands whose outcome the protocol shows in another shape. */
export type Shown = "Decide" | "Reserve" | "Commit" | "Release" | "Extend" | "Event" | "Get"

/**
 * What each command is answered with.
 *
 * @since 0.1.0
 * @category models
 */
export interface Answers extends Omit<Outcomes, Shown> {
  readonly Decide: DecisionResponse
  readonly Reserve: CreateResponse
  readonly Commit: CommitResponse
  readonly Release: ReleaseResponse
  readonly Extend: ExtendResponse
  readonly Event: EventResponse
  readonly Get: ReservationDetail
}

/**
 * What a step gives.
 *
 * @since 0.1.0
 * @category models
 */
export type Outcome<C extends Command> = Outcomes[C["_tag"]] | Refusal
