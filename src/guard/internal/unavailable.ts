/**
 * Holds of the authority, and when it cannot be asked, what the policy allows.
 */
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

/** Each attempt reports once, also when its caller goes away: a caller that does hides nothing. */
const watched = (cycles: Service, { report }: CircuitBreaker): Service => {
  const reported = <A>(answer: Effect.Effect<A, CreateError>) =>
    Effect.onExit(answer, (exit) =>
      report(
        Exit.match(exit, {
          onFailure: (cause) =>
            cause._tag === "Fail" && cause.error._tag !== "InvalidInput" ? !isAmbiguous(cause.error) : undefined,
          onSuccess: () => true
        })
      ))
  return {
    ...cycles,
    createReservation: (request, handover) => {
      if (handover === undefined) return reported(cycles.createReservation(request))
      handover.change(reported)
      return Effect.onExit(
        cycles.createReservation(request, handover),
        () => handover.rest === undefined ? report(undefined) : Effect.void
      )
    }
  }
}

/** Makes room again when the ledger has the spend, which may be long after the work. */
const untilRecorded = (
  { settlements }: Service,
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
    Effect.map((last) => {
      if (Option.exists(last, ({ _tag }) => _tag === "Committed")) recorded()
    }),
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
  function*(cycles, { name }, { action, estimate, subject }, grant, error) {
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
            untilRecorded(cycles, id, final, grant),
            recordAsEvent(cycles, { id, subject, action }, {
              ...spend,
              metadata: merged(spend.metadata, { opened_by: name, opened_because: error._tag })
            }, final)
          )
        ),
      giveBack: (reason, final) =>
        Effect.suspend(() => {
          grant.spend(undefined)
          return final.succeed(Settlement.Released({ reservationId: id, released: estimate, reason, balances: [] }))
        })
    }
  }
)

/** A hold of the authority, whose balances the policy sees. */
const observed: (
  policy: OnUnavailable,
  ...asked: Parameters<Source<Failure>>
) => Effect.Effect<Backing, Failure> = Effect.fnUntraced(
  function*(policy, cycles, request, options, restore) {
    const { breaker } = policy
    if (breaker !== undefined) yield* breaker.enter
    const backing = yield* authoritySource(
      breaker === undefined ? cycles : watched(cycles, breaker),
      request,
      options,
      restore
    )
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
