/**
 * What the ledger can be told to do, and what it answers.
 */
import * as Either from "effect/Either"
import type * as Option from "effect/Option"
import type { Amount, Unit } from "../protocol/Amount.js"
import type { BalanceFilter, BalancePage } from "../protocol/Balance.js"
import type { Caps } from "../protocol/Caps.js"
import type { DecisionRequest, DecisionResponse } from "../protocol/Decision.js"
import type { ErrorCode } from "../protocol/ErrorResponse.js"
import type { EventRequest, EventResponse } from "../protocol/Event.js"
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
import type { Budget, BudgetStatus } from "./Budget.js"
import type { Tenant } from "./State.js"

/**
 * Why the ledger did nothing: a code of the protocol, words for people, and sometimes details.
 *
 * @since 0.1.0
 * @category errors
 */
export interface Refusal {
  readonly _tag: "Refusal"
  readonly code: ErrorCode
  readonly message: string
  readonly details?: Readonly<Record<string, unknown>> | undefined
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const refusal = (
  code: ErrorCode,
  message: string,
  details?: Readonly<Record<string, unknown>>
): Refusal => ({ _tag: "Refusal", code, message, ...(details === undefined ? {} : { details }) })

/** As `refusal`, on the left. */
export const refuse = (...args: Parameters<typeof refusal>): Either.Either<never, Refusal> =>
  Either.left(refusal(...args))

/**
 * A command of the protocol, or one of its operator (`PutBudget` and what follows). `tenant` is the tenant of the caller's key; where it
 * may be absent, an absent one is an administrator. `id` becomes the id of what is created, so it must be fresh.
 *
 * @since 0.1.0
 * @category models
 */
export type Command =
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
  | { readonly _tag: "PutBudget"; readonly budget: Omit<Budget, "reserved"> }
  | { readonly _tag: "RemoveBudget"; readonly scope: string; readonly unit: Unit }
  | { readonly _tag: "Credit"; readonly scope: string; readonly amount: Amount }
  | { readonly _tag: "SetStatus"; readonly scope: string; readonly unit: Unit; readonly status: BudgetStatus }
  | { readonly _tag: "SetCaps"; readonly scope: string; readonly unit: Unit; readonly caps: Option.Option<Caps> }
  | { readonly _tag: "PutTenant"; readonly id: string; readonly tenant: Tenant }

/**
 * What each command is answered with.
 *
 * @since 0.1.0
 * @category models
 */
export interface Answers {
  readonly Decide: DecisionResponse
  readonly Reserve: CreateResponse
  readonly Commit: CommitResponse
  readonly Release: ReleaseResponse
  readonly Extend: ExtendResponse
  readonly Event: EventResponse
  readonly Get: ReservationDetail
  readonly List: ReservationPage
  readonly Balances: BalancePage
  readonly PutBudget: Budget
  readonly RemoveBudget: Budget
  readonly Credit: Budget
  readonly SetStatus: Budget
  readonly SetCaps: Budget
  readonly PutTenant: Tenant
}

/**
 * @since 0.1.0
 * @category models
 */
export type Answer<C extends Command> = Either.Either<Answers[C["_tag"]], Refusal>

/** The command of a tag. */
export type CommandOf<T extends Command["_tag"]> = Extract<Command, { readonly _tag: T }>
