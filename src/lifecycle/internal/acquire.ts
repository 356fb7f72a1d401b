/**
 * From a request to a held reservation. The caller waits for the answer interruptibly: one that goes away returns at once, and an answer that
 * comes later is released in the background.
 */
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Reply } from "../../client/Client.js"
import { clockOf } from "../../client/internal/clockOf.js"
import { Handover } from "../../client/internal/handover.js"
import { Ambiguous, type CreateError, isAmbiguous, isDenial } from "../../protocol/CyclesError.js"
import type { CreateRequest, CreateResponse, ReservationId } from "../../protocol/Reservation.js"
import type { ReservationSummary } from "../../protocol/ReservationQuery.js"
import type { Service } from "../Cycles.js"
import { backoff } from "./backoff.js"
import { type Held, logs } from "./held.js"
import type { Restore } from "./source.js"

/** An allowed answer must say what it holds, and its caps when it has some: anything else proves nothing. */
const proven = (request: CreateRequest, reply: Reply<CreateResponse>): Effect.Effect<Held, Ambiguous> => {
  const { caps, decision, reservationId } = reply.value
  const missing = Option.isNone(reservationId)
    ? "a reservation id"
    : decision === "ALLOW_WITH_CAPS" && Option.isNone(caps)
    ? "the caps"
    : undefined
  return Option.isSome(reservationId) && missing === undefined
    ? Effect.withFiberRuntime((fiber) =>
      Effect.succeed({
        id: reservationId.value,
        request,
        reply,
        receivedAtNanos: clockOf(fiber).unsafeCurrentTimeNanos()
      })
    )
    : new Ambiguous({
      operation: "createReservation",
      reason: "body",
      message: `The reservation was allowed without ${missing} (createReservation, HTTP ${reply.meta.status})`,
      meta: reply.meta
    })
}

const heldBy = (
  request: CreateRequest,
  answer: Effect.Effect<Reply<CreateResponse>, CreateError>
): Effect.Effect<Held, CreateError> => Effect.flatMap(answer, (reply) => proven(request, reply))

class NothingFound extends Data.TaggedError("NothingFound") {}

const giveBack = (cycles: Service, id: ReservationId): Effect.Effect<void> =>
  Effect.asVoid(cycles.settlements.release(id, "client_disconnect"))

/** Only its attempt tells the hold of a key that others use too from theirs: one that does not say it is left alone. */
const isOf = (attempt: string | undefined, { metadata }: ReservationSummary): boolean =>
  attempt === undefined || Option.exists(metadata, (metadata) => metadata["attempt"] === attempt)

/**
 * After two answers that prove nothing: looks for the reservation by its key and releases it. It is never adopted: a listing does not
 * say the caps. Looks again while nothing is found, since a request may still be under way.
 */
const recover = (cycles: Service, { idempotencyKey }: CreateRequest, attempt?: string): Effect.Effect<void> =>
  cycles.listReservations({ idempotencyKey, ...(attempt !== undefined && { include: ["metadata"] }) }).pipe(
    Effect.map(({ value }) => value.reservations.find((row) => Option.contains(row.idempotencyKey, idempotencyKey))),
    Effect.filterOrFail((row) => row !== undefined, () => new NothingFound()),
    Effect.retry(backoff(cycles.config, cycles.config.retry.maxAttempts)),
    Effect.flatMap((row) =>
      row.status === "ACTIVE" && isOf(attempt, row) ? giveBack(cycles, row.reservationId) : Effect.void
    ),
    Effect.catchAll((error) =>
      error._tag === "NothingFound" ? Effect.void : Effect.logWarning(
        "An unanswered reservation could not be looked up: if the authority holds it, the hold ends with its time"
      ).pipe(Effect.annotateLogs({ ...logs, idempotencyKey, error: error._tag }))
    )
  )

/** Whether the authority may hold something although no reservation came back. */
const maybeHeld = (error: CreateError): boolean =>
  isAmbiguous(error) && !(error._tag === "Transport" && ["refused", "dns", "tls"].includes(error.reason))

type Attempt = Effect.Effect<Held, CreateError>

/**
 * Reserves. To be called in an uninterruptible region, with its `restore`. `attempt` is what the metadata of the request says of it, where
 * others may use the same key.
 *
 * One immediate second attempt with the same key follows an answer that proves nothing; then the error is the caller's, and what may be held
 * is looked for in the background.
 */
export const acquire = (
  cycles: Service,
  request: CreateRequest,
  restore: Restore,
  attempt?: string
): Attempt => {
  const { submit } = cycles.settler
  const unwanted = (answer: Attempt): Effect.Effect<void> =>
    Effect.matchEffect(answer, { onFailure: () => Effect.void, onSuccess: ({ id }) => giveBack(cycles, id) })

  /** `goOn` is what would follow the answer: when the caller goes away meanwhile, it does so in the background. */
  const ask = (goOn: (answer: Attempt) => Attempt, without?: Attempt): Attempt =>
    Effect.suspend(() => {
      const handover = new Handover<Reply<CreateResponse>, CreateError>()
      const answer = Effect.catchAllCause(restore(cycles.createReservation(request, handover)), (cause) => {
        const same = Effect.failCause(cause)
        if (!Cause.isInterrupted(cause)) return same
        const { rest } = handover
        const left = rest === undefined ? without : heldBy(request, rest)
        return left === undefined ? same : Effect.zipRight(submit(unwanted(goOn(left))), same)
      })
      return heldBy(request, answer)
    })

  const second = (first: CreateError) => (answer: Attempt): Attempt =>
    Effect.tapError(answer, (error) =>
      maybeHeld(error) || (maybeHeld(first) && !isDenial(error))
        ? submit(recover(cycles, request, attempt))
        : Effect.void)
  const again = (answer: Attempt): Attempt =>
    Effect.catchIf(answer, isAmbiguous, (first) => second(first)(heldBy(request, cycles.createReservation(request))))

  return Effect.catchIf(
    ask(again),
    isAmbiguous,
    (first) => second(first)(ask(second(first), Effect.fail(first)))
  )
}
