/**
 * What a guard does when the budget says no: a value, or several, each of which gets what the ones before it could not solve.
 */
import type * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type * as Schedule from "effect/Schedule"
import type { NoExcessProperties } from "effect/Types"
import type { ContextOf, ErrorOf } from "../lifecycle/internal/inferred.js"
import type { AllocationExceeded } from "../lifecycle/Nested.js"
import type { ReserveOptions } from "../lifecycle/ReserveOptions.js"
import { type CyclesError, type Denial, isDenial } from "../protocol/CyclesError.js"

/**
 * What says no for reasons of budget: the authority, or a hold around the guard.
 *
 * @since 0.1.0
 * @category errors
 */
export type Denied = Denial | AllocationExceeded

/**
 * What else to try after a refusal:
 *
 * - `cheaper`: any other attempt may be allowed.
 * - `elsewhere`: only one that spends another subject's budget.
 * - `never`: it is not about budget, or no attempt of this client can help.
 *
 * @since 0.1.0
 * @category models
 */
export type Descent = "cheaper" | "elsewhere" | "never"

const descents: Readonly<Record<CyclesError["_tag"] | "AllocationExceeded", Descent>> = {
  BudgetExceeded: "cheaper",
  AllocationExceeded: "cheaper",
  // A reason that this version does not know, such as a quota of an action.
  Refused: "cheaper",
  OverdraftLimitExceeded: "elsewhere",
  DebtOutstanding: "elsewhere",
  BudgetFrozen: "elsewhere",
  BudgetClosed: "elsewhere",
  TenantClosed: "never",
  NotFound: "never",
  UnitMismatch: "never",
  InvalidRequest: "never",
  Unauthorized: "never",
  Forbidden: "never",
  IdempotencyMismatch: "never",
  ReservationExpired: "never",
  ReservationFinalized: "never",
  MaxExtensionsExceeded: "never",
  LimitExceeded: "never",
  InternalError: "never",
  Transport: "never",
  Ambiguous: "never",
  InvalidInput: "never"
}

/**
 * What else to try after an error. Throttling, a wrong unit, a refused key, an authority that does not answer: never a cheaper attempt.
 *
 * @since 0.1.0
 * @category getters
 */
export const descentOf = (error: unknown): Descent => {
  if (!Predicate.hasProperty(error, "_tag") || typeof error._tag !== "string") return "never"
  const descent = Object.hasOwn(descents, error._tag) ? descents[error._tag as keyof typeof descents] : "never"
  return error._tag === "Refused" && !isDenial(error as Denial) ? "never" : descent
}

/**
 * Whether an attempt that costs less, or is charged elsewhere, may be allowed after this error: what a ladder of attempts goes on with.
 *
 * @since 0.1.0
 * @category guards
 */
export const isDegradable = (error: unknown): error is Denied => descentOf(error) !== "never"

/**
 * A cheaper attempt at the same work, which reads in `CurrentReservation` what it may cost and what it is for. What a rung does not say
 * is as the guard says it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Rung<E = never, R = never>
  extends Pick<ReserveOptions<E, R>, "estimate" | "subject" | "action" | "ttl">
{}

/**
 * Goes down the rungs, one after another, while the budget says no. Made by `degrade`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Degrade<E = never, R = never> {
  readonly _tag: "Degrade"
  readonly rungs: ReadonlyArray<Rung<E, R>>
}

/**
 * When the same attempt is made again.
 *
 * @since 0.1.0
 * @category models
 */
export interface RetryOptions<R = never> {
  /** How far apart attempts, or looks at the balances, are at least, and when it is enough of them. */
  readonly schedule: Schedule.Schedule<unknown, Denied, R>
  /**
   * What must happen before the next attempt, unless the authority says when to come again: a change of the budgets on the path, which are
   * read at the pace of the schedule, or the end of an effect such as `Queue.take` or `Latch.await`. Without it only a denial that says
   * when to come again is tried again.
   */
  readonly until?: "balanceChange" | Effect.Effect<unknown, never, R> | undefined
}

/**
 * Waits, and makes the same attempt again. Made by `retry`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Retry<R = never> extends RetryOptions<R> {
  readonly _tag: "Retry"
}

/**
 * What to do when the budget says no.
 *
 * @since 0.1.0
 * @category models
 */
export type OnDenied<E = never, R = never> = Degrade<E, R> | Retry<R>

/**
 * Goes down a ladder of cheaper attempts, each tried once: the work runs on the first that is allowed. The guard fails with the last denial
 * when none is.
 *
 * @example
 * ```ts
 * import { Amount, CurrentReservation, guarded, OnDenied } from "effect-cycles"
 * import * as Effect from "effect/Effect"
 *
 * const ask = Effect.map(CurrentReservation, ({ action }) => `${action.name} answers`).pipe(
 *   guarded({
 *     action: { kind: "llm.completion", name: "gpt-4o" },
 *     estimate: Amount.usd("0.05"),
 *     onDenied: OnDenied.degrade([
 *       { action: { kind: "llm.completion", name: "gpt-4o-mini" }, estimate: Amount.usd("0.004") }
 *     ])
 *   })
 * )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const degrade = <R extends NoExcessProperties<Rung<unknown, unknown>, R>>(
  rungs: ReadonlyArray<R>
): Degrade<ErrorOf<R>, ContextOf<R>> => ({
  _tag: "Degrade",
  // Each rung has the errors and the needs that are found in it.
  rungs: rungs as ReadonlyArray<Rung<never, never>>
})

/**
 * Waits for a reason to try again, and tries again: never without one, since a denial that nothing has changed stays a denial. Closed
 * budgets and what is no denial fail at once.
 *
 * @example
 * ```ts
 * import { OnDenied } from "effect-cycles"
 * import * as Schedule from "effect/Schedule"
 *
 * // Looks every 10 seconds, for at most 10 minutes, whether somebody has added funds.
 * const patient = OnDenied.retry({
 *   schedule: Schedule.upTo(Schedule.spaced("10 seconds"), "10 minutes"),
 *   until: "balanceChange"
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const retry = <R = never>(options: RetryOptions<R>): Retry<R> => ({ _tag: "Retry", ...options })
