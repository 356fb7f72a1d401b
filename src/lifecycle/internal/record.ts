/**
 * Spend as a journal entry, and an entry as a request: the bodies are literal, so what is sent after a restart is what was meant before.
 */
import * as Clock from "effect/Clock"
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
import { CommitRequest, type ReservationId } from "../../protocol/Reservation.js"
import type { Entry } from "../Journal.js"
import type { Spend } from "../Settlement.js"
import type { Held } from "./held.js"

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
  request: EventRequest
): Effect.Effect<Entry, InvalidInput> =>
  Effect.gen(function*() {
    const eventFallbackBody = yield* Either.mapLeft(encodeEvent(request), (error) => fromParseError(error, "event"))
    const recordedAtMs = Math.floor(yield* Clock.currentTimeMillis)
    return {
      reservationId,
      baseUrl,
      mode: "event",
      commitBody: null,
      eventFallbackBody,
      recordedAtMs,
      notBeforeMs: null
    }
  })

/** The entry of a commit: the event that takes its place once the reservation has expired is in it from the start. */
export const commitEntry = (
  baseUrl: string,
  { id, request }: Held,
  { actual, metadata, metrics, onRejected }: Spend,
  idempotencyKey: IdempotencyKey
): Effect.Effect<Entry, InvalidInput> =>
  Effect.gen(function*() {
    const common = { idempotencyKey, actual, metrics: nonEmpty(metrics) }
    const commitBody = yield* Either.mapLeft(
      encodeCommit({ ...common, metadata: nonEmpty(metadata) }),
      (error) => fromParseError(error, "commit")
    )
    const fallback = yield* eventEntry(baseUrl, id, {
      ...common,
      subject: request.subject,
      action: request.action,
      metadata: { ...metadata, recovered_reservation_id: id, recovery_reason: "commit_after_reservation_expired" }
    })
    return { ...fallback, mode: "commit", commitBody, ...(onRejected === "event" && { onRejected }) }
  })

const decodeAmount = Schema.decodeUnknownOption(Amount)

/** The amount that an entry is about, when it can be read. */
export const actualOf = ({ commitBody, eventFallbackBody, mode }: Entry): Option.Option<Amount> =>
  decodeAmount((mode === "commit" ? commitBody : eventFallbackBody)?.["actual"])

/** Sends an entry once. What was written by other hands is decoded anew before it is sent. */
export const send = (client: Client, entry: Entry): Effect.Effect<Recorded, CommitError | EventError> =>
  Effect.gen(function*() {
    if (entry.mode === "commit") {
      const request = yield* Either.mapLeft(
        decodeCommit(entry.commitBody),
        (error) => fromParseError(error, "commit_body")
      )
      const { value } = yield* client.commitReservation(entry.reservationId, request)
      return {
        actual: request.actual,
        charged: value.charged,
        released: value.released,
        balances: Option.getOrElse(value.balances, () => []),
        via: "commit"
      }
    }
    const request = yield* Either.mapLeft(
      decodeEvent(entry.eventFallbackBody),
      (error) => fromParseError(error, "event_fallback_body")
    )
    const { value } = yield* client.createEvent(request)
    return {
      actual: request.actual,
      charged: Option.getOrElse(value.charged, () => request.actual),
      released: Option.none(),
      balances: Option.getOrElse(value.balances, () => []),
      via: "event"
    }
  })
