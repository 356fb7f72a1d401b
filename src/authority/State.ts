/**
 * Everything that a ledger remembers. Values are persistent: a step leaves the state before it intact.
 */
import * as Either from "effect/Either"
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import type { Action } from "../protocol/Action.js"
import type { Amount, Unit } from "../protocol/Amount.js"
import type { Balance } from "../protocol/Balance.js"
import type { DecisionResponse } from "../protocol/Decision.js"
import type { EventResponse } from "../protocol/Event.js"
import type { IdempotencyKey } from "../protocol/Idempotency.js"
import type {
  CommitResponse,
  CreateResponse,
  ExtendResponse,
  OveragePolicy,
  ReleaseResponse,
  ReservationId,
  ReservationStatus
} from "../protocol/Reservation.js"
import type { Subject } from "../protocol/Subject.js"
import { type Budget, isSound, toBalance } from "./Budget.js"
import { type Refusal, refuse } from "./Command.js"

/**
 * What is set for a tenant. Without a record: ALLOW_IF_AVAILABLE, 60 s, at most 1 h, 10 extensions. `status` and the policy are
 * text as stored: a value that the protocol does not know is refused when it is used.
 *
 * @since 0.1.0
 * @category models
 */
export interface Tenant {
  readonly status: "ACTIVE" | "SUSPENDED" | "CLOSED" | (string & {})
  readonly defaultOveragePolicy?: OveragePolicy | (string & {}) | undefined
  readonly defaultTtlMs?: number | undefined
  readonly maxTtlMs?: number | undefined
  readonly maxExtensions?: number | undefined
}

/**
 * An answer that is given again to the same key and request, until `until` (epoch ms).
 *
 * @since 0.1.0
 * @category models
 */
export interface Recorded<A> {
  readonly fingerprint: string
  readonly response: A
  readonly until: number
}

/**
 * A key and the answer that it got, as long as the reservation is kept.
 *
 * @since 0.1.0
 * @category models
 */
export interface Settlement<A> extends Omit<Recorded<A>, "until"> {
  readonly key: string
}

/**
 * A reservation. Its hold lies on `budgetedScopes`, the scopes that had a budget when it was made. Instants are epoch ms; `endedAt` is when
 * it left ACTIVE.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reservation {
  readonly id: ReservationId
  readonly tenant: string
  readonly status: ReservationStatus
  readonly idempotencyKey: IdempotencyKey
  readonly subject: Subject
  readonly action: Action
  readonly estimate: Amount
  readonly affectedScopes: ReadonlyArray<string>
  readonly budgetedScopes: ReadonlyArray<string>
  readonly createdAt: number
  readonly expiresAt: number
  readonly graceMs: number
  readonly endedAt: Option.Option<number>
  readonly overagePolicy: OveragePolicy
  readonly maxExtensions: number
  readonly extensions: HashMap.HashMap<string, Omit<Settlement<ExtendResponse>, "key">>
  readonly metadata: Option.Option<Readonly<Record<string, unknown>>>
  readonly committed: Option.Option<Amount>
  readonly committedMetadata: Option.Option<Readonly<Record<string, unknown>>>
  readonly commit: Option.Option<Settlement<CommitResponse>>
  readonly release: Option.Option<Settlement<ReleaseResponse>>
}

/**
 * `active` maps the ids of ACTIVE reservations to the last instant at which they can settle; none of them ends before `nextExpiry`.
 *
 * @since 0.1.0
 * @category models
 */
export interface State {
  readonly budgets: HashMap.HashMap<string, Budget>
  readonly reservations: HashMap.HashMap<string, Reservation>
  readonly active: HashMap.HashMap<string, number>
  readonly tenants: HashMap.HashMap<string, Tenant>
  readonly decisions: HashMap.HashMap<string, Recorded<DecisionResponse>>
  readonly creates: HashMap.HashMap<string, Recorded<CreateResponse>>
  readonly events: HashMap.HashMap<string, Recorded<EventResponse>>
  readonly nextExpiry: number
  readonly nextPrune: number
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const empty: State = {
  budgets: HashMap.empty(),
  reservations: HashMap.empty(),
  active: HashMap.empty(),
  tenants: HashMap.empty(),
  decisions: HashMap.empty(),
  creates: HashMap.empty(),
  events: HashMap.empty(),
  nextExpiry: Infinity,
  nextPrune: 0
}

/** What a handler gives: the next state with its answer, or the reason why nothing changed. */
export type Outcome<A> = Either.Either<readonly [State, A], Refusal>

const keyOf = (scope: string, unit: Unit): string => `${unit} ${scope}`

/** The budget of a scope in a unit. */
export const budgetAt = (state: State, scope: string, unit: Unit): Option.Option<Budget> =>
  HashMap.get(state.budgets, keyOf(scope, unit))

/** The budgets that exist among scopes, in the order of the scopes. */
export const budgetsAt = (state: State, scopes: ReadonlyArray<string>, unit: Unit): ReadonlyArray<Budget> =>
  scopes.flatMap((scope) => Option.toArray(budgetAt(state, scope, unit)))

/** As `budgetsAt`, as the protocol shows them. */
export const balancesAt = (
  state: State,
  scopes: ReadonlyArray<string>,
  unit: Unit
): Option.Option<ReadonlyArray<Balance>> => Option.some(budgetsAt(state, scopes, unit).map(toBalance))

/** Writes all of the budgets, or none when a figure would leave the int64 range. */
export const putBudgets = (state: State, budgets: ReadonlyArray<Budget>): Either.Either<State, Refusal> => {
  const bad = budgets.find((budget) => !isSound(budget))
  if (bad !== undefined) {
    return refuse("INTERNAL_ERROR", `A figure would leave the int64 range for scope: ${bad.scope}`)
  }
  let next = state.budgets
  for (const budget of budgets) next = HashMap.set(next, keyOf(budget.scope, budget.unit), budget)
  return Either.right({ ...state, budgets: next })
}

/** Forgets a budget; holds on it then settle on what is left of their path. */
export const dropBudget = (state: State, scope: string, unit: Unit): State => ({
  ...state,
  budgets: HashMap.remove(state.budgets, keyOf(scope, unit))
})

/** The narrowest scope of a reservation. */
export const pathOf = ({ affectedScopes }: Reservation): string => affectedScopes[affectedScopes.length - 1] ?? ""

/** The last instant at which a reservation can be committed or released. */
export const deadlineOf = (row: Reservation): number => row.expiresAt + row.graceMs

/** Writes a reservation and keeps `active` in step with its status. */
export const putReservation = (state: State, row: Reservation): State => {
  const deadline = deadlineOf(row)
  return {
    ...state,
    reservations: HashMap.set(state.reservations, row.id, row),
    active: row.status === "ACTIVE"
      ? HashMap.set(state.active, row.id, deadline)
      : HashMap.remove(state.active, row.id),
    nextExpiry: row.status === "ACTIVE" ? Math.min(state.nextExpiry, deadline) : state.nextExpiry
  }
}
