/**
 * A reservation as a scoped resource: held budget that is always settled, exactly once.
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import type * as Scope from "effect/Scope"
import type { Action } from "../protocol/Action.js"
import { Amount } from "../protocol/Amount.js"
import type { Balance } from "../protocol/Balance.js"
import type { Caps } from "../protocol/Caps.js"
import type { CreateError, ExtendError } from "../protocol/CyclesError.js"
import type { Decision } from "../protocol/Decision.js"
import type { Metrics } from "../protocol/Metrics.js"
import type { ReservationId } from "../protocol/Reservation.js"
import type { Subject } from "../protocol/Subject.js"
import { ActualUnknown } from "./ActualUnknown.js"
import { Cycles, type Service } from "./Cycles.js"
import { acquire } from "./internal/acquire.js"
import { type CommitOptions, completed, type Draft, empty, type Known, spentBy } from "./internal/draft.js"
import { type Held, logs } from "./internal/held.js"
import * as Lease from "./Lease.js"
import { requestOf, type ReserveOptions, type Resolvable, resolve } from "./ReserveOptions.js"
import * as Settlement from "./Settlement.js"
import { UsageError } from "./UsageError.js"

export type { CommitOptions } from "./internal/draft.js"

/**
 * Every error of `reserve`.
 *
 * @since 0.1.0
 * @category errors
 */
export type ReserveError = CreateError | UsageError

/**
 * Held budget. The first of `commit`, `release` and the end of the scope settles it; the others then give the same settlement and
 * send nothing.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reservation {
  readonly id: ReservationId
  readonly decision: Exclude<Decision, "DENY">
  /** Limits to respect while the work runs. */
  readonly caps: Option.Option<Caps>
  readonly estimate: Amount
  /** What the authority holds: the estimate. */
  readonly reserved: Amount
  readonly subject: Subject
  readonly action: Action
  readonly scopePath: Option.Option<string>
  readonly affectedScopes: ReadonlyArray<string>
  /** The budgets right after the reservation, when the authority said them. */
  readonly balances: ReadonlyArray<Balance>
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
  /** Gives the hold back. `reason` has at most 256 characters; default `stream_aborted`. */
  readonly release: (reason?: string) => Effect.Effect<Settlement.Settlement>
  /** Waits for the settlement that stays, after background attempts. */
  readonly settlement: Effect.Effect<Settlement.Settlement>
}

/** A handle, and the settlement by the end of the work, for the guard. */
export interface Open {
  readonly reservation: Reservation
  readonly lease: Lease.LeaseHandle
  /** Ends the work with a given actual, else the recorded usage, else the estimate. */
  readonly succeed: (actual: Option.Option<Amount>, usageMayBePart: boolean) => Effect.Effect<Settlement.Settlement>
  /** Ends work of which nothing is known without sending anything. `None`: usage was recorded, or it is settled already. */
  readonly abandon: Effect.Effect<Option.Option<ActualUnknown>>
  /** What the guard found out by itself: the usage takes the place of what was recorded, the rest completes it. */
  readonly measured: (usage: Option.Option<Known>, more: CommitOptions) => Effect.Effect<void>
  /** Ends the work with the recorded usage, or what is spent at least once the request is out, else by giving the hold back. */
  readonly fail: (reason: string) => Effect.Effect<Settlement.Settlement>
}

/** A lease that is extended by hand only. */
const unattended = (cycles: Service, held: Held): Effect.Effect<Lease.LeaseHandle> =>
  Effect.map(Ref.make(Lease.granted(held.reply)), (lease) => ({
    current: Ref.get(lease),
    extend: (by) => Lease.extend(cycles, held.id, lease, by),
    awaitLost: Effect.never,
    lost: Effect.succeedNone,
    end: Effect.void
  }))

const lease = (
  cycles: Service,
  held: Held,
  { heartbeat, maxLifetime }: Pick<ReserveOptions, "heartbeat" | "maxLifetime">
): Effect.Effect<Lease.LeaseHandle> =>
  heartbeat === false ? unattended(cycles, held) : cycles.leases.start(
    {
      id: held.id,
      ttl: held.request.ttl ?? Duration.minutes(1),
      created: held.reply,
      receivedAtNanos: held.receivedAtNanos
    },
    maxLifetime === undefined ? Lease.defaultMaxLifetime : Duration.decode(maxLifetime)
  )

const open = (
  cycles: Service,
  held: Held,
  options: Pick<ReserveOptions, "heartbeat" | "maxLifetime" | "onRejected">
): Effect.Effect<Open> =>
  Effect.gen(function*() {
    const { reply: { value }, request } = held
    const opened = yield* Clock.currentTimeNanos
    const kept = yield* lease(cycles, held, options)
    const draft = yield* Ref.make(empty)
    const remember = (change: Partial<Draft>) => Ref.update(draft, (draft) => ({ ...draft, ...change }))
    const first = yield* Deferred.make<Settlement.Settlement>()
    const final = yield* Deferred.make<Settlement.Settlement>()
    const claimed = yield* Ref.make(false)

    const once = (run: Effect.Effect<Settlement.Settlement>) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(Ref.getAndSet(claimed, true), (late) =>
          late
            ? restore(Deferred.await(first))
            : Effect.onExit(Effect.zipRight(kept.end, run), (exit) => Deferred.done(first, exit)))
      )

    const record = (actual: Amount, source: Settlement.ActualSource, more: CommitOptions = {}) =>
      Effect.gen(function*() {
        const { measured, metadata, metrics } = yield* Ref.get(draft)
        const elapsed = (yield* Clock.currentTimeNanos) - opened
        const latencyMs = Number((elapsed + 500_000n) / 1_000_000n)
        return yield* cycles.settlements.commit(held, {
          actual,
          source,
          onRejected: options.onRejected ?? "deadLetter",
          metrics: [measured.metrics, metrics, more.metrics].reduce(completed, { latencyMs }),
          metadata: {
            ...measured.metadata,
            ...metadata,
            ...more.metadata,
            ...(source === "estimate" && { actual_source: "estimate" })
          }
        }, final)
      })

    const abandoned = (error: ActualUnknown): Settlement.Settlement =>
      Settlement.Settlement.Unreleased({ reservationId: held.id, reason: "actual_unknown", error })

    const abandon = Effect.gen(function*() {
      if (Option.isSome((yield* Ref.get(draft)).usage)) return Option.none()
      const error = new ActualUnknown({ reservationId: held.id })
      const end = Effect.tap(Effect.succeed(abandoned(error)), (settlement) => Deferred.succeed(final, settlement))
      const settlement = yield* once(end)
      return Option.liftPredicate(error, () => settlement._tag === "Unreleased" && settlement.error === error)
    })

    const giveBack = (reason: string) => cycles.settlements.release(held.id, reason, final)

    const reservation: Reservation = {
      id: held.id,
      decision: value.decision === "ALLOW_WITH_CAPS" ? "ALLOW_WITH_CAPS" : "ALLOW",
      caps: value.caps,
      estimate: request.estimate,
      reserved: Option.getOrElse(value.reserved, () => request.estimate),
      subject: request.subject,
      action: request.action,
      scopePath: value.scopePath,
      affectedScopes: value.affectedScopes,
      balances: Option.getOrElse(value.balances, () => []),
      lease: kept.current,
      leaseLost: kept.awaitLost,
      extend: kept.extend,
      setUsage: (amount) => remember({ usage: Option.some({ amount, source: "usage" }) }),
      markDispatched: (atLeast) => remember({ dispatched: true, ...(atLeast && { atLeast }) }),
      setMetrics: (metrics) => Ref.update(draft, (draft) => ({ ...draft, metrics: completed(draft.metrics, metrics) })),
      setMetadata: (metadata) =>
        Ref.update(draft, (draft) => ({ ...draft, metadata: { ...draft.metadata, ...metadata } })),
      commit: (actual, options) =>
        once(
          resolve("actual", actual).pipe(
            Effect.filterOrFail((actual) => actual instanceof Amount, () => new UsageError({ field: "actual" })),
            Effect.matchEffect({
              onFailure: () =>
                Effect.logWarning("The actual is no amount: the estimate is recorded").pipe(
                  Effect.annotateLogs({ ...logs, reservation: held.id }),
                  Effect.zipRight(record(request.estimate, "estimate", options))
                ),
              onSuccess: (actual) => record(actual, "actual", options)
            })
          )
        ),
      release: (reason = "stream_aborted") => once(giveBack(reason.slice(0, 256))),
      settlement: Deferred.await(final)
    }

    return {
      reservation,
      lease: kept,
      succeed: (actual, usageMayBePart) =>
        once(Effect.flatMap(Ref.get(draft), ({ usage }) => {
          if (Option.isSome(actual)) return record(actual.value, "actual")
          return Option.isSome(usage) && !(usageMayBePart && usage.value.amount.amount < request.estimate.amount)
            ? record(usage.value.amount, usage.value.source)
            : record(request.estimate, "estimate")
        })),
      measured: (usage, measured) => remember({ measured, ...(Option.isSome(usage) && { usage }) }),
      abandon,
      fail: (reason) =>
        once(Effect.flatMap(Ref.get(draft), (draft) =>
          Option.match(spentBy(draft, request.estimate), {
            onNone: () => giveBack(reason),
            onSome: ({ amount, source }) => record(amount, source)
          })))
    }
  })

/** Reserves without a scope: whoever calls this, in an uninterruptible region, settles. */
export const acquireOpen = <E, R>(
  options: ReserveOptions<E, R>,
  restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
): Effect.Effect<Open, E | ReserveError, R | Cycles> =>
  Effect.gen(function*() {
    const cycles = yield* Cycles
    const request = yield* restore(requestOf(options, cycles))
    return yield* open(cycles, yield* acquire(cycles, request, restore), options)
  })

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
    Effect.gen(function*() {
      const { fail, reservation } = yield* acquireOpen(options, restore)
      yield* Effect.addFinalizer((exit) =>
        fail(Exit.isFailure(exit) && !Exit.isInterrupted(exit) ? "stream_failed" : "stream_aborted")
      )
      return reservation
    })
  )
