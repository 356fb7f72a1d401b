/**
 * A reservation as a scoped resource: held budget that is always settled, exactly once.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { Action } from "../protocol/Action.js"
import type { Amount } from "../protocol/Amount.js"
import type { Balance } from "../protocol/Balance.js"
import type { Caps } from "../protocol/Caps.js"
import type { CreateError, ExtendError } from "../protocol/CyclesError.js"
import type { Decision } from "../protocol/Decision.js"
import type { InvalidInput } from "../protocol/InvalidInput.js"
import type { Metrics } from "../protocol/Metrics.js"
import type { ReservationId } from "../protocol/Reservation.js"
import type { Subject } from "../protocol/Subject.js"
import type { AttemptError } from "./Attempt.js"
import { Cycles } from "./Cycles.js"
import type { Role } from "./internal/allocation.js"
import { type AuthorityError, authoritySource } from "./internal/authoritySource.js"
import type { CommitOptions } from "./internal/draft.js"
import { type Open, openOn } from "./internal/handle.js"
import { openPart } from "./internal/part.js"
import { takePlace } from "./internal/place.js"
import type { Restore, Source } from "./internal/source.js"
import type * as Lease from "./Lease.js"
import type { Allocation, NestedError } from "./Nested.js"
import { checked, requestOf, type ReserveOptions, type Resolvable } from "./ReserveOptions.js"
import type * as Settlement from "./Settlement.js"
import type { UsageError } from "./UsageError.js"

export type { CommitOptions }

/**
 * Every error of `reserve`.
 *
 * @since 0.1.0
 * @category errors
 */
export type ReserveError = CreateError | UsageError | NestedError | AttemptError

/**
 * Held budget. The first of `commit`, `release` and the end of the scope settles it; the others then give the same settlement and
 * send nothing.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reservation {
  /** Given by the authority. */
  readonly id: ReservationId
  /** `ALLOW`, or `ALLOW_WITH_CAPS`. */
  readonly decision: Exclude<Decision, "DENY">
  /** Limits to respect while the work runs. */
  readonly caps: Option.Option<Caps>
  /** What was asked for. */
  readonly estimate: Amount
  /** What the authority holds: the estimate. */
  readonly reserved: Amount
  /** Who spends, with what the configuration adds. */
  readonly subject: Subject
  /** What for; a kind or name that was not said is `unknown`. */
  readonly action: Action
  /** The scope of the subject, such as `tenant:acme/agent:x`, when the authority said it. */
  readonly scopePath: Option.Option<string>
  /** The scopes that the authority derived from the subject, with a budget or without. */
  readonly affectedScopes: ReadonlyArray<string>
  /** The budgets right after the reservation, when the authority said them. */
  readonly balances: ReadonlyArray<Balance>
  /** How long the hold lasts by now. */
  readonly lease: Effect.Effect<Lease.Lease>
  /** Fails as soon as the lease is lost, and never succeeds: race it with work that must not outlive its hold. */
  readonly leaseLost: Effect.Effect<never, Lease.LeaseLost>
  /** Adds to the current expiry, 1 ms to 24 h. */
  readonly extend: (by: Duration.DurationInput) => Effect.Effect<Lease.Lease, ExtendError>
  /** Remembers what was used so far: an end without `commit` then records this instead of releasing. */
  readonly setUsage: (usage: Amount) => Effect.Effect<void>
  /**
   * Remembers that the request is out, so that something is spent whatever comes back: an end without usage then records `atLeast`, or the
   * estimate without it, marked `actual_source: "estimate"`, instead of releasing. After a failure or an interruption, usage below `atLeast`
   * is raised to it. Call it as soon as the provider has answered, with what the input alone costs when that is known.
   */
  readonly markDispatched: (atLeast?: Amount) => Effect.Effect<void>
  /** Adds to the metrics of the commit. */
  readonly setMetrics: (metrics: Metrics) => Effect.Effect<void>
  /** Adds to the metadata of the commit. Never a prompt or a secret. */
  readonly setMetadata: (metadata: Readonly<Record<string, unknown>>) => Effect.Effect<void>
  /** Records what was used. Never fails: what could not be recorded is in the settlement. */
  readonly commit: (
    actual: Resolvable<Amount>,
    options?: CommitOptions
  ) => Effect.Effect<Settlement.Settlement>
  /**
   * Gives the hold back, whatever `setUsage` recorded. What children that have ended spent is committed. `reason` has at most 256 characters;
   * default `stream_aborted`.
   */
  readonly release: (reason?: string) => Effect.Effect<Settlement.Settlement>
  /** Waits for the settlement that stays, after background attempts. */
  readonly settlement: Effect.Effect<Settlement.Settlement>
  /** What of the hold is free: neither used so far, nor lent to children. */
  readonly remaining: Effect.Effect<Amount>
  /** What was used so far, apart by who used it. */
  readonly cost: Effect.Effect<Cost>
  /** What reservations inside the work draw from. For the library alone. */
  readonly allocation: Allocation
}

/**
 * What a hold has cost so far, in its unit: `inclusive` is `own` plus `children`. The own part is what `setUsage` recorded until the
 * reservation is settled, and then what was committed less the children.
 *
 * @since 0.1.0
 * @category models
 */
export interface Cost {
  readonly own: Amount
  readonly children: Amount
  readonly inclusive: Amount
}

/**
 * Reserves without a scope: whoever calls this, in an uninterruptible region, settles. What the holds around it do not give comes from the
 * source.
 */
export const acquireOpen: <E, R, E2 = AuthorityError, R2 = never>(
  options: ReserveOptions<E, R>,
  restore: Restore,
  source?: Source<E2, R2>,
  role?: Role
) => Effect.Effect<Open, E | E2 | UsageError | InvalidInput | NestedError, R | R2 | Cycles> = Effect.fnUntraced(
  function*<E, R, E2, R2>(
    options: ReserveOptions<E, R>,
    restore: Restore,
    source: Source<E2, R2> = authoritySource as Source<E2>,
    role?: Role
  ) {
    const cycles = yield* Cycles
    const request = yield* restore(requestOf(options, cycles))
    const { allocation, leave, reserved, within } = yield* takePlace(cycles, request.estimate, options.nested, role)
    const orEnd = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.tapErrorCause(self, () => Effect.sync(leave))
    if (within !== undefined) {
      yield* orEnd(checked(request))
      return yield* openPart(cycles, { reserved, ...request }, within, allocation)
    }
    const backing = yield* orEnd(source(cycles, request, options, restore))
    return yield* openOn(backing, allocation)
  }
)

/**
 * Holds budget for the scope. A denial fails with its tag and holds nothing; a caller that is interrupted while it waits returns at
 * once, and a reservation that comes later is released. When the scope ends before `commit` or `release`, usage that was
 * recorded is committed, or what `markDispatched` says; without either, the hold is released (reason `stream_failed` after a failure, else
 * `stream_aborted`).
 *
 * @example
 * ```ts
 * import { Amount, reserve } from "effect-cycles"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function*() {
 *   const reservation = yield* reserve({
 *     action: { kind: "llm.completion", name: "gpt-4o" },
 *     estimate: Amount.usd("0.05")
 *   })
 *   return yield* reservation.commit(Amount.usd("0.0123"))
 * }).pipe(Effect.scoped)
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const reserve = <E = never, R = never>(
  options: ReserveOptions<E, R>
): Effect.Effect<Reservation, E | ReserveError, R | Cycles | Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(acquireOpen(options, restore), (open) =>
      Effect.as(
        Effect.addFinalizer((exit) =>
          open.fail(Exit.isFailure(exit) && !Exit.isInterrupted(exit) ? "stream_failed" : "stream_aborted")
        ),
        open.reservation
      ))
  )
