/**
 * How long a hold lasts, and the only place that extends it.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import * as Ref from "effect/Ref"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Reply } from "../client/Client.js"
import { clockOf } from "../client/internal/clockOf.js"
import { ownFibers } from "../client/internal/ownFiber.js"
import type { ExtendError } from "../protocol/CyclesError.js"
import type { CreateResponse, ReservationId } from "../protocol/Reservation.js"
import type { Service } from "./Cycles.js"
import { logs } from "./internal/held.js"
import { KeptLease } from "./internal/keptLease.js"
import { successOf } from "./internal/leaseAnswer.js"
import { ask, type Extender, make as makeKeeper } from "./internal/leaseKeeper.js"
import * as Wheel from "./internal/leaseWheel.js"
import { type Lease, type LeaseEvent, type LeaseLost, leaseOf, log } from "./LeaseEvent.js"
import * as LeasePlan from "./LeasePlan.js"

export { type Lease, LeaseEvent, LeaseLost } from "./LeaseEvent.js"

/**
 * What a lost lease does to the work under it: nothing but a warning, a failure once the work is done and settled, or an end of the work
 * as soon as the hold may be gone.
 *
 * @since 0.1.0
 * @category models
 */
export type LeasePolicy = "warn" | "failOnFinalize" | "interrupt"

/** How long after the reservation a last extend may begin, unless said otherwise: a bound on abandoned work. */
export const defaultMaxLifetime: Duration.Duration = Duration.hours(24)

/**
 * A new reservation, and when its answer arrived, in nanoseconds of the monotonic clock.
 *
 * @since 0.1.0
 * @category models
 */
export interface Hold {
  readonly id: ReservationId
  readonly ttl: Duration.Duration
  readonly created: Reply<CreateResponse>
  readonly receivedAtNanos: bigint
}

/**
 * The lease of one reservation while it is kept.
 *
 * @since 0.1.0
 * @category models
 */
export interface LeaseHandle {
  readonly current: Effect.Effect<Lease>
  /** Adds to the current expiry, 1 ms to 24 h. One attempt; the plan goes on from its answer. */
  readonly extend: (by: Duration.DurationInput) => Effect.Effect<Lease, ExtendError>
  /** Fails as soon as the lease is lost, and never succeeds. */
  readonly awaitLost: Effect.Effect<never, LeaseLost>
  /** The loss, if there was one before the end. */
  readonly lost: Effect.Effect<Option.Option<LeaseLost>>
  /** No extend begins from now on; one under way is not waited for, and its answer is ignored. */
  readonly end: Effect.Effect<void>
}

/**
 * The leases of one client, kept by one fiber.
 *
 * @since 0.1.0
 * @category models
 */
export interface Leases {
  /** Extends a lease in time until its handle ends. Whoever calls this ends it. */
  readonly start: (hold: Hold, maxLifetime?: Duration.Duration) => Effect.Effect<LeaseHandle>
  /** What happens from now on to the leases of this client. A slow reader misses the oldest. */
  readonly events: Stream.Stream<LeaseEvent>
}

/** The lease that came with a new reservation. */
export const granted: (reply: Reply<CreateResponse>) => Lease = leaseOf

/** Adds to the current expiry, 1 ms to 24 h, and remembers the new lease. One attempt. */
export const extend = (
  cycles: Service,
  id: ReservationId,
  lease: Ref.Ref<Lease>,
  by: Duration.DurationInput
): Effect.Effect<Lease, ExtendError> =>
  Effect.flatMap(ask(cycles, id, by), (reply) => {
    const next = leaseOf(reply)
    return Effect.as(Ref.set(lease, next), next)
  })

const settingsOf = (cycles: Extender, ttl: Duration.Duration, maxLifetime: Duration.Duration): LeasePlan.Settings => {
  const ttlMs = Duration.toMillis(ttl)
  const maxTimeoutMs = Duration.toMillis(cycles.config.attemptTimeout)
  return {
    ttlMs,
    timeoutMs: LeasePlan.attemptTimeout(ttlMs, maxTimeoutMs),
    maxTimeoutMs,
    maxLifetimeMs: Duration.toMillis(maxLifetime)
  }
}

/**
 * The leases of a client. Their fiber, and an extend that is under way, end with the scope.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (cycles: Extender): Effect.Effect<Leases, never, Scope.Scope> =>
  Effect.gen(function*() {
    // A lease may still be extended by hand when the layer has ended: then nobody listens any more.
    let over = false
    const events = yield* Effect.acquireRelease(PubSub.sliding<LeaseEvent>(256), (events) => {
      over = true
      return PubSub.shutdown(events)
    })
    const beats = yield* ownFibers
    const fork = ({ caller, context }: KeptLease, effect: Effect.Effect<void>) => beats.start(caller, effect, context)
    const wheel = yield* Wheel.make<KeptLease>(yield* Effect.clock, (entry) => keeper.due(entry))
    const emit = (event: LeaseEvent) => over ? log(event) : Effect.zipRight(PubSub.publish(events, event), log(event))
    const keeper = makeKeeper(cycles, wheel, emit, fork)
    const warned = new Set<number>()
    /** The last ones: of ten thousand leases, nearly all have the same. */
    let settings: LeasePlan.Settings | undefined
    const settingsFor = (ttl: Duration.Duration, maxLifetime: Duration.Duration): LeasePlan.Settings => {
      const asked = settingsOf(cycles, ttl, maxLifetime)
      const isSame = settings?.ttlMs === asked.ttlMs && settings.maxLifetimeMs === asked.maxLifetimeMs
      return isSame ? settings! : settings = asked
    }

    const warn = ({ plan }: KeptLease) =>
      Option.match(warned.has(plan.settings.ttlMs) ? Option.none() : LeasePlan.check(plan), {
        onNone: () => Effect.void,
        onSome: (problem) => {
          warned.add(plan.settings.ttlMs)
          return Effect.annotateLogs(Effect.logWarning(problem), logs)
        }
      })

    const start: Leases["start"] = ({ created, id, receivedAtNanos, ttl }, maxLifetime = defaultMaxLifetime) =>
      Effect.withFiberRuntime((caller) => {
        const ageMs = Math.max(0, Number(clockOf(caller).unsafeCurrentTimeNanos() - receivedAtNanos) / 1e6)
        const [plan, decision] = LeasePlan.initial(
          settingsFor(ttl, maxLifetime),
          successOf(created, wheel.nowMs() - ageMs)
        )
        const entry = new KeptLease(keeper, id, caller, plan)
        const said = warn(entry)
        const begun = keeper.begin(entry, decision)
        return said === Effect.void && begun === Effect.void
          ? Effect.succeed(entry)
          : Effect.as(Effect.zipRight(said, begun), entry)
      })

    return {
      start,
      events: Stream.fromPubSub(events)
    }
  })

/**
 * Runs work under a policy: with `interrupt` it ends, and fails with `LeaseLost`, as soon as the lease is lost.
 *
 * @since 0.1.0
 * @category combinators
 */
export const whileHeld = (
  { awaitLost }: LeaseHandle,
  policy: LeasePolicy
) =>
<A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | LeaseLost, R> =>
  // Also in an uninterruptible region: the end of the work ends the wait.
  policy === "interrupt" ? Effect.raceFirst(self, Effect.interruptible(awaitLost)) : self
