/**
 * How a reservation ends: the one place that commits, records and releases.
 */
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import type { Amount } from "../protocol/Amount.js"
import type { Balance } from "../protocol/Balance.js"
import {
  type CommitError,
  type EventError,
  isAmbiguous,
  isRetryable,
  type ReleaseError
} from "../protocol/CyclesError.js"
import * as Idempotency from "../protocol/Idempotency.js"
import type { Metrics } from "../protocol/Metrics.js"
import type { ReservationId } from "../protocol/Reservation.js"
import type { Service } from "./Cycles.js"
import { backoff, type Failure, retryAfter } from "./internal/backoff.js"
import { type Held, logs } from "./internal/held.js"

/**
 * Where the charged amount came from: said by the caller, recorded while the work ran, or the estimate for want of both.
 *
 * @since 0.1.0
 * @category models
 */
export type ActualSource = "actual" | "usage" | "estimate"

/**
 * The end of a reservation.
 *
 * - `Committed`: the ledger has the spend. `charged` may be less than `actual` when the budget could not cover it; `via` is
 *   `event` when the reservation had expired and the spend was recorded without it.
 * - `Released`: nothing was spent, the hold is back in the budget.
 * - `Pending`: the first attempt to record `actual` proved nothing; it goes on in the background with the same key.
 * - `Rejected`: the authority refused to record `actual`. The spend is real and not in the ledger; the hold ends with its time.
 * - `Unreleased`: the hold could not be given back by the first attempt. While another may help, it goes on in the background;
 *   at the latest the hold ends with its time.
 *
 * @since 0.1.0
 * @category models
 */
export type Settlement = Data.TaggedEnum<{
  Committed: {
    readonly reservationId: ReservationId
    readonly actual: Amount
    readonly charged: Amount
    readonly released: Option.Option<Amount>
    readonly balances: ReadonlyArray<Balance>
    readonly source: ActualSource
    readonly via: "commit" | "event"
  }
  Released: {
    readonly reservationId: ReservationId
    readonly released: Amount
    readonly reason: string
    readonly balances: ReadonlyArray<Balance>
  }
  Pending: {
    readonly reservationId: ReservationId
    readonly actual: Amount
    readonly source: ActualSource
    readonly error: CommitError | EventError
  }
  Rejected: {
    readonly reservationId: ReservationId
    readonly actual: Amount
    readonly source: ActualSource
    readonly error: CommitError | EventError
  }
  Unreleased: {
    readonly reservationId: ReservationId
    readonly reason: string
    readonly error: ReleaseError
  }
}>

/**
 * Constructors, `$is` and `$match`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const Settlement = Data.taggedEnum<Settlement>()

/**
 * Whether the ledger charged less than was used.
 *
 * @since 0.1.0
 * @category guards
 */
export const isCapped = (settlement: Settlement): boolean =>
  settlement._tag === "Committed" && settlement.charged.amount < settlement.actual.amount

/** What to record. */
export interface Spend {
  readonly actual: Amount
  readonly source: ActualSource
  readonly metrics: Metrics
  readonly metadata: Readonly<Record<string, unknown>>
}

const nonEmpty = <A extends object>(map: A): A | undefined =>
  Object.values(map).some((value) => value !== undefined) ? map : undefined

/** What an unsuccessful answer asks for. */
const nextOf = (error: CommitError | EventError): "again" | "event" | "reject" => {
  switch (error._tag) {
    case "ReservationExpired":
      return "event"
    case "InvalidInput":
      return "reject"
    case "Transport":
    case "Ambiguous":
    case "LimitExceeded":
    case "Unauthorized":
    case "Forbidden":
    case "Refused":
      return "again"
    default:
      return isAmbiguous(error) || error.fromStatus ? "again" : "reject"
  }
}

/** The commit, and the event that takes its place once the reservation has expired: both under one key. */
const recording = (
  cycles: Service,
  { id, request }: Held,
  { actual, metadata, metrics, source }: Spend,
  idempotencyKey: Idempotency.IdempotencyKey
): Effect.Effect<Settlement, CommitError | EventError> => {
  const common = { idempotencyKey, actual, metrics: nonEmpty(metrics), metadata: nonEmpty(metadata) }
  const committed = { reservationId: id, actual, source }
  const event = cycles.createEvent({
    ...common,
    subject: request.subject,
    action: request.action,
    metadata: { ...metadata, recovered_reservation_id: id, recovery_reason: "commit_after_reservation_expired" }
  }).pipe(Effect.map(({ value }) =>
    Settlement.Committed({
      ...committed,
      charged: Option.getOrElse(value.charged, () => actual),
      released: Option.none(),
      balances: Option.getOrElse(value.balances, () => []),
      via: "event"
    })
  ))
  let expired = false
  const commit = cycles.commitReservation(id, common).pipe(
    Effect.map(({ value }) =>
      Settlement.Committed({
        ...committed,
        charged: value.charged,
        released: value.released,
        balances: Option.getOrElse(value.balances, () => []),
        via: "commit"
      })
    ),
    Effect.catchIf((error) => nextOf(error) === "event", () => {
      expired = true
      return event
    })
  )
  return Effect.suspend(() => expired ? event : commit)
}

const warn = (
  message: string,
  reservation: ReservationId,
  error: CommitError | EventError | ReleaseError,
  actual?: Amount
) =>
  Effect.logWarning(message).pipe(Effect.annotateLogs({
    ...logs,
    reservation,
    ...(actual && { actual: `${actual.amount} ${actual.unit}` }),
    error: error._tag,
    detail: error.message
  }))

/**
 * Runs a first attempt in the caller's path. One whose outcome is open goes on in the settler, and `interim` is the caller's answer;
 * `final` gets the outcome that stays.
 */
const settle = <E extends Failure>(cycles: Service, options: {
  readonly attempt: Effect.Effect<Settlement, E>
  readonly isOpen: (error: E) => boolean
  readonly interim: (error: E) => Settlement
  readonly giveUp: (error: E) => Effect.Effect<Settlement>
  readonly final: Deferred.Deferred<Settlement>
}): Effect.Effect<Settlement> => {
  const { attempt, final, giveUp, interim, isOpen } = options
  const { enabled, initialDelay, maxAttempts } = cycles.config.retry
  const goOn = (first: E) =>
    attempt.pipe(
      Effect.retry({ schedule: backoff(cycles.config, maxAttempts - 1), while: isOpen }),
      Effect.delay(Duration.max(initialDelay, retryAfter(first))),
      Effect.catchAll(giveUp),
      Effect.onExit((exit) =>
        Effect.flatMap(Exit.isSuccess(exit) ? exit : giveUp(first), (settlement) => Deferred.succeed(final, settlement))
      ),
      Effect.catchAllCause(() => Effect.void),
      Effect.asVoid
    )
  const finish = (settlement: Settlement) => Effect.as(Deferred.succeed(final, settlement), settlement)
  return Effect.matchEffect(attempt, {
    onFailure: (error) =>
      isOpen(error) && enabled && maxAttempts > 0
        ? Effect.as(cycles.settler.submit(goOn(error)), interim(error))
        : Effect.flatMap(giveUp(error), finish),
    onSuccess: finish
  })
}

/**
 * Records known spend. An attempt that proves nothing is repeated in the background with the same key; known spend is never released.
 */
export const commit = (
  cycles: Service,
  held: Held,
  spend: Spend,
  final: Deferred.Deferred<Settlement>
): Effect.Effect<Settlement> =>
  Effect.flatMap(Idempotency.fresh, (key) => {
    const { actual, source } = spend
    const unsettled = (tag: "Pending" | "Rejected", error: CommitError | EventError) =>
      Settlement[tag]({ reservationId: held.id, actual, source, error })
    const bare: Spend = { ...spend, metrics: {}, metadata: {} }
    return settle(cycles, {
      attempt: recording(cycles, held, spend, key).pipe(
        Effect.catchTag("InvalidInput", (error) =>
          Effect.zipRight(
            warn(
              "Metrics or metadata were refused before they were sent: the spend is recorded without them",
              held.id,
              error
            ),
            recording(cycles, held, bare, key)
          ))
      ),
      isOpen: (error) => nextOf(error) === "again",
      interim: (error) => unsettled("Pending", error),
      giveUp: (error) =>
        nextOf(error) === "again"
          ? Effect.as(
            warn("Spend could not be recorded: it is not in the ledger", held.id, error, actual),
            unsettled("Pending", error)
          )
          : Effect.as(
            warn("The authority refused to record spend: it is not in the ledger", held.id, error, actual),
            unsettled("Rejected", error)
          ),
      final
    })
  })

/** Gives a hold back, again in the background while the outcome is unknown. */
export const release = (
  cycles: Service,
  id: ReservationId,
  reason: string,
  final: Deferred.Deferred<Settlement> = Deferred.unsafeMake(FiberId.none)
): Effect.Effect<Settlement> =>
  Effect.flatMap(Idempotency.fresh, (idempotencyKey) => {
    const unreleased = (error: ReleaseError): Settlement => Settlement.Unreleased({ reservationId: id, reason, error })
    return settle<ReleaseError>(cycles, {
      attempt: Effect.map(cycles.releaseReservation(id, { idempotencyKey, reason }), ({ value }) =>
        Settlement.Released({
          reservationId: id,
          released: value.released,
          reason,
          balances: Option.getOrElse(value.balances, () => [])
        })),
      isOpen: isRetryable,
      interim: unreleased,
      giveUp: (error) =>
        Effect.as(warn("A hold could not be released: it ends with its time", id, error), unreleased(error)),
      final
    })
  })
