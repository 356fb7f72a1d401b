/**
 * Holds of the authority, and when it cannot be asked, what the policy allows.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Service } from "../../lifecycle/Cycles.js"
import { type AuthorityError, authoritySource } from "../../lifecycle/internal/authoritySource.js"
import { recordAsEvent } from "../../lifecycle/internal/eventSpend.js"
import type { Backing } from "../../lifecycle/internal/handle.js"
import { localId, unheld, unleased } from "../../lifecycle/internal/local.js"
import type { Outcome } from "../../lifecycle/internal/outcome.js"
import type { Source } from "../../lifecycle/internal/source.js"
import { checked } from "../../lifecycle/ReserveOptions.js"
import { Settlement } from "../../lifecycle/Settlement.js"
import { type CreateError, isAmbiguous } from "../../protocol/CyclesError.js"
import { merged } from "../../protocol/internal/merged.js"
import type { CreateRequest, ReservationId } from "../../protocol/Reservation.js"
import * as Telemetry from "../../protocol/Telemetry.js"
import type { CircuitBreaker, CircuitOpen } from "../CircuitBreaker.js"
import type { Grant, OnUnavailable } from "../OnUnavailable.js"

type Failure = AuthorityError | CircuitOpen

const isUnavailable = (error: Failure): boolean => error._tag === "CircuitOpen" || isAmbiguous(error)

/**
 * Each attempt reports once, also when its caller goes away: a caller that does hides nothing. `leave` reports for who was let in and came
 * to no attempt, so that a probe is never lost.
 */
const watched = (cycles: Service, { report }: CircuitBreaker) => {
  let isHeard = false
  let last: Parameters<Service["createReservation"]>[1]
  const reported = <A>(answer: Effect.Effect<A, CreateError>) =>
    Effect.onExit(answer, (exit) => {
      isHeard = true
      return report(
        Exit.match(exit, {
          onFailure: (cause) =>
            cause._tag === "Fail" && cause.error._tag !== "InvalidInput" ? !isAmbiguous(cause.error) : undefined,
          onSuccess: () => true
        })
      )
    })
  const createReservation: Service["createReservation"] = (request, handover) => {
    last = handover
    if (handover === undefined) return reported(cycles.createReservation(request))
    handover.change(reported)
    return cycles.createReservation(request, handover)
  }
  return {
    asking: { ...cycles, createReservation },
    leave: () => isHeard || last?.rest !== undefined ? Effect.void : report(undefined)
  }
}

/** Makes room again when the ledger has the spend, which may be long after the work. */
const untilRecorded = (
  { settlements }: Service,
  policy: OnUnavailable,
  id: ReservationId,
  final: Outcome<Settlement>,
  { recorded }: Grant
) =>
  Effect.flatMap(
    final.await,
    (settlement) =>
      settlement._tag !== "Pending" ? Effect.succeedSome(settlement) : Stream.runHead(
        Stream.filter(settlements.events, (later) => later.reservationId === id && later._tag !== "Pending")
      )
  ).pipe(
    Effect.flatMap(Option.match({
      onNone: () => Effect.void,
      onSome: (last) => {
        if (last._tag !== "Committed") return Effect.void
        recorded()
        return policy.observe(last.balances)
      }
    })),
    Effect.interruptible,
    Effect.forkDaemon
  )

const opened: (
  cycles: Service,
  policy: OnUnavailable,
  request: CreateRequest,
  grant: Grant,
  error: Failure
) => Effect.Effect<Backing> = Effect.fnUntraced(
  function*(cycles, policy, { action, estimate, subject, ttl }, grant, error) {
    const { name } = policy
    const id = yield* localId("open")
    yield* Effect.logWarning("The authority cannot be asked: the work runs without a hold, as the policy allows").pipe(
      Effect.annotateLogs({
        package: "effect-cycles",
        module: "guard",
        policy: name,
        reservation: id,
        action: `${action.kind} ${action.name}`,
        estimate: `${estimate.amount} ${estimate.unit}`,
        error: error._tag
      })
    )
    yield* Metric.increment(Metric.tagged(Telemetry.guardOpened, "policy", name))
    return {
      facts: unheld(id, { action, estimate, subject }),
      lease: unleased,
      onRejected: "deadLetter",
      record: (spend, final) =>
        Effect.zipRight(
          Effect.sync(() => grant.spend(spend.actual)),
          Effect.zipRight(
            untilRecorded(cycles, policy, id, final, grant),
            recordAsEvent(cycles, { id, subject, action }, {
              ...spend,
              metadata: merged(spend.metadata, { opened_by: name, opened_because: error._tag })
            }, final)
          )
        ),
      abandon: Effect.map(
        Clock.currentTimeNanos,
        (now) => grant.abandon(now + Duration.unsafeToNanos(ttl ?? Duration.minutes(1)))
      ),
      giveBack: (reason, final) =>
        Effect.suspend(() => {
          grant.spend(undefined)
          return final.succeed(Settlement.Released({ reservationId: id, released: estimate, reason, balances: [] }))
        })
    }
  }
)

/** A hold of the authority, where the breaker lets one ask. */
const admitted = (breaker: CircuitBreaker, ...[cycles, ...asked]: Parameters<Source<Failure>>) =>
  Effect.flatMap(breaker.enter, () => {
    const { asking, leave } = watched(cycles, breaker)
    return Effect.onExit(authoritySource(asking, ...asked), leave)
  })

/** A hold of the authority, whose balances the policy sees. */
const observed: (
  policy: OnUnavailable,
  ...asked: Parameters<Source<Failure>>
) => Effect.Effect<Backing, Failure> = Effect.fnUntraced(
  function*(policy, cycles, request, options, restore) {
    const { breaker } = policy
    const backing = yield* breaker === undefined
      ? authoritySource(cycles, request, options, restore)
      : admitted(breaker, cycles, request, options, restore)
    yield* policy.observe(backing.facts.balances)
    return {
      facts: backing.facts,
      lease: backing.lease,
      onRejected: backing.onRejected,
      record: (spend, final, isCounted) =>
        Effect.tap(
          backing.record(spend, final, isCounted),
          (settlement) => settlement._tag === "Committed" ? policy.observe(settlement.balances) : Effect.void
        ),
      giveBack: (reason, final) =>
        Effect.tap(
          backing.giveBack(reason, final),
          (settlement) => settlement._tag === "Released" ? policy.observe(settlement.balances) : Effect.void
        )
    } satisfies Backing
  }
)

/** The authority first. */
export const withPolicy = (policy: OnUnavailable): Source<Failure> => (cycles, request, options, restore) =>
  observed(policy, cycles, request, options, restore).pipe(
    Effect.catchIf(isUnavailable, (error) =>
      Effect.flatMap(
        Effect.zipRight(checked(request), policy.grant(request)),
        Option.match({
          onNone: (): Effect.Effect<Backing, Failure> => Effect.fail(error),
          onSome: (grant) => opened(cycles, policy, request, grant, error)
        })
      ))
  )
