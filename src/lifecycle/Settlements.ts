/**
 * The one place that commits, records and releases. Known spend is in the journal before the first request leaves, and leaves the
 * journal when the ledger has it or has refused it for good.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Client } from "../client/Client.js"
import type { CyclesConfig } from "../client/CyclesConfig.js"
import { clockOf } from "../client/internal/clockOf.js"
import { Amount } from "../protocol/Amount.js"
import { type CommitError, type EventError, isRetryable, type ReleaseError } from "../protocol/CyclesError.js"
import * as Idempotency from "../protocol/Idempotency.js"
import type { CommitRequest, ReservationId } from "../protocol/Reservation.js"
import { backoff, retryAfter } from "./internal/backoff.js"
import { Busy } from "./internal/busy.js"
import { courier, type Done } from "./internal/courier.js"
import { logs } from "./internal/held.js"
import { Outcome } from "./internal/outcome.js"
import { actualOf, commitment, type Spender } from "./internal/record.js"
import type { Records } from "./internal/records.js"
import { replay } from "./internal/replay.js"
import type { Entry, Store } from "./Journal.js"
import { type ActualSource, Settlement, type Spend } from "./Settlement.js"
import type { Settler } from "./Settler.js"

/**
 * The settlements of one client.
 *
 * @since 0.1.0
 * @category models
 */
export interface Settlements {
  /** Commits known spend. The answer comes after the first attempt; `final` gets the settlement that stays. */
  readonly commit: (by: Spender, spend: Spend, final: Outcome<Settlement>) => Effect.Effect<Settlement>
  /** Records an entry that is not a commit of ours: an event. `final` gets the settlement that stays. */
  readonly record: (
    entry: Entry,
    actual: Amount,
    source?: ActualSource,
    final?: Outcome<Settlement>
  ) => Effect.Effect<Settlement>
  /** Gives a hold back, again in the background while the outcome is open. */
  readonly release: (
    id: ReservationId,
    reason: string,
    final?: Outcome<Settlement>
  ) => Effect.Effect<Settlement>
  /** Every settlement that stays, from now on. A slow reader misses the oldest. */
  readonly events: Stream.Stream<Settlement>
  /** Spend that the authority refused for good, with its bodies. */
  readonly deadLetters: Effect.Effect<ReadonlyArray<Entry>>
  /** Sends a dead letter again. `None`: there is none of this reservation. */
  readonly replayDeadLetter: (reservationId: string) => Effect.Effect<Option.Option<Settlement>>
  /** Whether the journal can be written, and whether it survives the process. */
  readonly health: Store["health"]
}

/** What an entry is about, for the settlement. */
interface About {
  readonly reservationId: ReservationId
  readonly actual: Amount
  readonly source: ActualSource
}

const settlementOf = ({ actual, reservationId, source }: About, done: Done): Settlement => {
  switch (done._tag) {
    case "Recorded":
      return Settlement.Committed({ reservationId, source, ...done.recorded })
    case "Kept":
      return Settlement.Pending({ reservationId, actual, source, error: done.error })
    case "Dead":
      return Settlement.Rejected({ reservationId, actual, source, error: done.error })
  }
}

const warn = (
  message: string,
  reservation: string,
  error: { readonly _tag: string; readonly message: string },
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
 * The settlements of a client over a journal. What an earlier program left in it is sent again, at the start and from time to time.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  client: Client,
  config: CyclesConfig,
  settler: Settler,
  records: Records
): Effect.Effect<Settlements, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { enabled, initialDelay, maxAttempts } = config.retry
    // A settlement may still come when the layer has ended: then nobody listens any more.
    let over = false
    const events = yield* Effect.acquireRelease(PubSub.sliding<Settlement>(256), (events) => {
      over = true
      return PubSub.shutdown(events)
    })
    const permits = yield* Effect.makeSemaphore(32)
    const busy = new Busy()

    /** Only where a slow reader is in the way does it take a step. */
    const publish = (settlement: Settlement) =>
      over || events.unsafeOffer(settlement) ? Effect.void : Effect.asVoid(PubSub.publish(events, settlement))

    const stays = (settlement: Settlement, final: Outcome<Settlement>) =>
      Effect.suspend(() => {
        final.set(Exit.succeed(settlement))
        const published = publish(settlement)
        return published === Effect.void ? Effect.succeed(settlement) : Effect.as(published, settlement)
      })

    const tell = (about: About, done: Done): Effect.Effect<Settlement> => {
      const settlement = Effect.succeed(settlementOf(about, done))
      if (done._tag === "Recorded") return settlement
      const message = done._tag === "Kept"
        ? records.waitsHere(about.reservationId)
          ? "Spend could not be recorded yet, and the journal does not take it: it stays in memory, as long as this program"
          : "Spend could not be recorded yet: it stays in the journal"
        : "The authority refused to record spend: it is a dead letter"
      return Effect.zipRight(warn(message, about.reservationId, done.error, about.actual), settlement)
    }

    /** The rest of the attempts, after one that left the outcome open. */
    const goOn = (attempt: Effect.Effect<Done, CommitError | EventError>, first: CommitError | EventError) =>
      permits.withPermits(1)(attempt).pipe(
        Effect.retry({ schedule: backoff(config, maxAttempts - 1) }),
        Effect.delay(Duration.max(initialDelay, retryAfter(first))),
        Effect.catchAll((error) => Effect.succeed<Done>({ _tag: "Kept", error }))
      )

    const inBackground = (
      about: About,
      work: Effect.Effect<Done>,
      first: CommitError | EventError,
      final: Outcome<Settlement>
    ) =>
      settler.submit(
        work.pipe(
          Effect.flatMap((done) => tell(about, done)),
          Effect.onExit((exit) =>
            Effect.flatMap(
              Exit.isSuccess(exit) ? exit : tell(about, { _tag: "Kept", error: first }),
              (settlement) => stays(settlement, final)
            )
          ),
          Effect.ensuring(Effect.sync(() => busy.end(about.reservationId))),
          Effect.catchAllCause(() => Effect.void),
          Effect.asVoid
        )
      )

    /** To be called in an uninterruptible region. */
    const settle = (entry: Entry, about: About, final: Outcome<Settlement>, known?: CommitRequest) =>
      Effect.suspend(() => {
        const { attempt, keep } = courier(client, records, entry, known)
        // A sweep leaves the record alone until this attempt, and those that follow it in the background, are over.
        busy.begin(about.reservationId)
        const ends = (done: Done) => {
          busy.end(about.reservationId)
          return done._tag === "Recorded"
            ? stays(settlementOf(about, done), final)
            : Effect.flatMap(tell(about, done), (settlement) => stays(settlement, final))
        }
        return Effect.matchCauseEffect(Effect.zipRight(keep(entry), attempt(true)), {
          onFailure: (cause): Effect.Effect<Settlement> => {
            const failure = Cause.failureOrCause(cause)
            if (Either.isRight(failure)) {
              busy.end(about.reservationId)
              final.set(Exit.failCause(failure.right))
              return Effect.failCause(failure.right)
            }
            const kept: Done = { _tag: "Kept", error: failure.left }
            return enabled && maxAttempts > 0
              ? Effect.as(
                inBackground(about, goOn(attempt(false), kept.error), kept.error, final),
                settlementOf(about, kept)
              )
              : ends(kept)
          },
          onSuccess: ends
        })
      })

    const commit: Settlements["commit"] = (by, spend, final) =>
      Effect.flatMap(Idempotency.fresh, (key) =>
        Effect.withFiberRuntime((fiber) => {
          const nowMs = clockOf(fiber).unsafeCurrentTimeMillis()
          const about = { reservationId: by.id, actual: spend.actual, source: spend.source }
          const made = commitment(config.baseUrl, by, spend, key, nowMs)
          if (Either.isRight(made)) return settle(made.right.entry, about, final, made.right.request)
          const bare = commitment(config.baseUrl, by, { ...spend, metrics: {}, metadata: {} }, key, nowMs)
          return Effect.zipRight(
            warn("Metrics or metadata cannot be sent: the spend is recorded without them", by.id, made.left),
            Either.isRight(bare)
              ? settle(bare.right.entry, about, final, bare.right.request)
              : Effect.flatMap(
                tell(about, { _tag: "Dead", error: bare.left }),
                (settlement) => stays(settlement, final)
              )
          )
        }))

    const record: Settlements["record"] = (entry, actual, source = "actual", final = new Outcome()) =>
      settle(entry, { reservationId: entry.reservationId, actual, source }, final)

    const release: Settlements["release"] = (id, reason, final = new Outcome()) =>
      Effect.flatMap(Idempotency.fresh, (idempotencyKey) => {
        const attempt = Effect.map(
          client.releaseReservation(id, { idempotencyKey, reason }),
          ({ value }): Settlement =>
            Settlement.Released({
              reservationId: id,
              released: value.released,
              reason,
              balances: Option.getOrElse(value.balances, () => [])
            })
        )
        const unreleased = (error: ReleaseError): Settlement =>
          Settlement.Unreleased({ reservationId: id, reason, error })
        const giveUp = (error: ReleaseError) =>
          Effect.as(warn("A hold could not be released: it ends with its time", id, error), unreleased(error))
        const again = (first: ReleaseError) =>
          attempt.pipe(
            Effect.retry({ schedule: backoff(config, maxAttempts - 1), while: isRetryable }),
            Effect.delay(Duration.max(initialDelay, retryAfter(first))),
            Effect.catchAll(giveUp),
            Effect.onExit((exit) =>
              Effect.flatMap(Exit.isSuccess(exit) ? exit : giveUp(first), (settlement) => stays(settlement, final))
            ),
            Effect.catchAllCause(() => Effect.void),
            Effect.asVoid
          )
        return Effect.matchEffect(attempt, {
          onFailure: (error) =>
            isRetryable(error) && enabled && maxAttempts > 0
              ? Effect.as(settler.submit(again(error)), unreleased(error))
              : Effect.flatMap(giveUp(error), (settlement) => stays(settlement, final)),
          onSuccess: (settlement) => stays(settlement, final)
        })
      })

    /** Once more, what an earlier program or an earlier sweep left. */
    const again = (entry: Entry): Effect.Effect<Settlement> => {
      const { attempt } = courier(client, records, entry)
      const actual = Option.getOrElse(actualOf(entry), () => Amount.zero("USD_MICROCENTS"))
      const about = { reservationId: entry.reservationId, actual, source: "actual" } as const
      return attempt(false).pipe(
        Effect.catchAll((error) => Effect.succeed<Done>({ _tag: "Kept", error })),
        Effect.flatMap((done) => done._tag === "Kept" ? Effect.succeed(settlementOf(about, done)) : tell(about, done)),
        Effect.tap((settlement) => settlement._tag === "Pending" ? Effect.void : publish(settlement))
      )
    }

    if (enabled) yield* replay(records, busy, (entry) => permits.withPermits(1)(again(entry)))

    return {
      commit,
      record,
      release,
      events: Stream.fromPubSub(events),
      deadLetters: records.deadLetters,
      replayDeadLetter: (id) =>
        busy.alone(
          id,
          Effect.flatMap(
            records.revive(id),
            Option.match({
              onNone: () => Effect.succeedNone,
              onSome: (entry) => Effect.asSome(again(entry))
            })
          ),
          Option.none()
        ),
      health: records.health
    }
  })
