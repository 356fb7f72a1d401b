/**
 * Spend as a journal entry, and an entry as a request: the bodies are literal, so what is sent after a restart is what was meant before.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Client } from "../../client/Client.js"
import { Amount } from "../../protocol/Amount.js"
import type { Balance } from "../../protocol/Balance.js"
import type { CommitError, EventError, InvalidInput } from "../../protocol/CyclesError.js"
import { EventRequest } from "../../protocol/Event.js"
import type { IdempotencyKey } from "../../protocol/Idempotency.js"
import { decodeUnknownEither, encodeUnknownEither } from "../../protocol/internal/codec.js"
import { fromParseError } from "../../protocol/internal/issue.js"
import { merged } from "../../protocol/internal/merged.js"
import { CommitRequest, type CreateRequest, type ReservationId } from "../../protocol/Reservation.js"
import type { Entry } from "../Journal.js"
import type { Spend } from "../Settlement.js"

/** What the ledger has. */
export interface Recorded {
  readonly actual: Amount
  readonly charged: Amount
  readonly released: Option.Option<Amount>
  readonly balances: ReadonlyArray<Balance>
  readonly via: "commit" | "event"
}

const encodeCommit = encodeUnknownEither(CommitRequest)
const encodeEvent = encodeUnknownEither(EventRequest)
const decodeCommit = decodeUnknownEither(CommitRequest)
const decodeEvent = decodeUnknownEither(EventRequest)

const nonEmpty = <A extends object>(map: A): A | undefined =>
  Object.values(map).some((value) => value !== undefined) ? map : undefined

/** An entry of an event that has no reservation, under an id of our own. */
export const eventEntry = (
  baseUrl: string,
  reservationId: ReservationId,
  request: EventRequest,
  nowMs: number
): Either.Either<Entry, InvalidInput> =>
  Either.mapBoth(encodeEvent(request), {
    onLeft: (error) => fromParseError(error, "event"),
    onRight: (eventFallbackBody): Entry => ({
      reservationId,
      baseUrl,
      mode: "event",
      commitBody: null,
      eventFallbackBody,
      recordedAtMs: Math.floor(nowMs),
      notBeforeMs: null
    })
  })

/** Whose spend it is. `id` names it in the journal. */
export interface Spender extends Pick<CreateRequest, "subject" | "action"> {
  readonly id: ReservationId
}

/** Made as `Outgoing` is, and why. */
class Commit implements CommitRequest {
  readonly idempotencyKey: CommitRequest["idempotencyKey"]
  readonly actual: CommitRequest["actual"]
  readonly metrics: CommitRequest["metrics"]
  readonly metadata: CommitRequest["metadata"]

  constructor(
    idempotencyKey: CommitRequest["idempotencyKey"],
    actual: CommitRequest["actual"],
    metrics: CommitRequest["metrics"],
    metadata: CommitRequest["metadata"]
  ) {
    this.idempotencyKey = idempotencyKey
    this.actual = actual
    this.metrics = metrics
    this.metadata = metadata
  }
}

/** A commit, and how it is kept. */
export interface Commitment {
  readonly request: CommitRequest
  readonly entry: Entry
}

/** The entry of a commit: the event that takes its place once the reservation has expired is in it from the start. */
export const commitment = (
  baseUrl: string,
  { action, id, subject }: Spender,
  { actual, metadata, metrics, onRejected }: Spend,
  idempotencyKey: IdempotencyKey,
  nowMs: number
): Either.Either<Commitment, InvalidInput> => {
  const measured = nonEmpty(metrics)
  const request = new Commit(idempotencyKey, actual, measured, nonEmpty(metadata))
  const commitBody = encodeCommit(request)
  if (Either.isLeft(commitBody)) return Either.left(fromParseError(commitBody.left, "commit"))
  const recovered = { recovered_reservation_id: id, recovery_reason: "commit_after_reservation_expired" }
  const fallback: EventRequest = {
    idempotencyKey,
    actual,
    metrics: measured,
    subject,
    action,
    metadata: merged(metadata, recovered)
  }
  return Either.map(eventEntry(baseUrl, id, fallback, nowMs), (event) => {
    const entry: Entry = { ...event, mode: "commit", commitBody: commitBody.right }
    return { request, entry: onRejected === "event" ? { ...entry, onRejected } : entry }
  })
}

const decodeAmount = Schema.decodeUnknownOption(Amount)

/** The amount that an entry is about, when it can be read. */
export const actualOf = ({ commitBody, eventFallbackBody, mode }: Entry): Option.Option<Amount> =>
  decodeAmount((mode === "commit" ? commitBody : eventFallbackBody)?.["actual"])

/**
 * Sends an entry once. What was written by other hands is decoded anew before it is sent; `known` is the commit of an entry that this
 * process has just made.
 */
export const send = (
  client: Client,
  { commitBody, eventFallbackBody, mode, reservationId }: Entry,
  known?: CommitRequest
): Effect.Effect<Recorded, CommitError | EventError> => {
  if (mode === "commit") {
    const request = known === undefined ? decodeCommit(commitBody) : Either.right(known)
    return Either.isLeft(request)
      ? Effect.fail(fromParseError(request.left, "commit_body"))
      : Effect.map(client.commitReservation(reservationId, request.right), ({ value }) => ({
        actual: request.right.actual,
        charged: value.charged,
        released: value.released,
        balances: Option.getOrElse(value.balances, () => []),
        via: "commit"
      }))
  }
  const request = decodeEvent(eventFallbackBody)
  return Either.isLeft(request)
    ? Effect.fail(fromParseError(request.left, "event_fallback_body"))
    : Effect.map(client.createEvent(request.right), ({ value }) => ({
      actual: request.right.actual,
      charged: Option.getOrElse(value.charged, () => request.right.actual),
      released: Option.none(),
      balances: Option.getOrElse(value.balances, () => []),
      via: "event"
    }))
}
