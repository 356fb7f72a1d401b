/**
 * Idempotency: what makes two requests the same, and what is remembered of the first.
 */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import type { EventRequest } from "../../protocol/Event.js"
import { canonical } from "../../protocol/Json.js"
import type { CreateRequest, ExtendRequest } from "../../protocol/Reservation.js"
import { type Refusal, refuse } from "../Command.js"
import type { Recorded, Reservation, State } from "../State.js"

/** Grace of a reservation that asks for none. */
export const defaultGraceMs = 5000

const millis = (duration: Duration.Duration | undefined) =>
  duration === undefined ? undefined : Duration.toMillis(duration)

/** The canonical text of a request that has no instants or durations. */
export const fingerprint: (request: object) => string = canonical

/** Spelling out the default grace or `dry_run: false` changes nothing; any other default does. */
export const createFingerprint = (request: CreateRequest): string =>
  canonical({
    ...request,
    ttl: millis(request.ttl),
    gracePeriod: millis(request.gracePeriod) ?? defaultGraceMs,
    dryRun: request.dryRun ?? false
  })

export const extendFingerprint = (request: ExtendRequest): string =>
  canonical({ ...request, extendBy: Duration.toMillis(request.extendBy) })

export const eventFingerprint = (request: EventRequest): string =>
  canonical({
    ...request,
    clientTime: request.clientTime === undefined ? undefined : DateTime.toEpochMillis(request.clientTime)
  })

/** One key space per tenant. The length keeps `a` + `bc` apart from `ab` + `c`. */
export const recordKey = (tenant: string, key: string): string => `${tenant.length}:${tenant}${key}`

const mismatch = (): Either.Either<never, Refusal> =>
  refuse("IDEMPOTENCY_MISMATCH", "The idempotency key was used with another request")

/** The answer that was given to the key, if any; a mismatch when the request was another one. */
export const replay = <A>(
  recorded: Option.Option<{ readonly fingerprint: string; readonly response: A }>,
  fingerprint: string
): Option.Option<Either.Either<A, Refusal>> =>
  Option.map(recorded, (record) => record.fingerprint === fingerprint ? Either.right(record.response) : mismatch())

/** The record of a key, unless its time is over. */
export const recall = <A>(
  records: HashMap.HashMap<string, Recorded<A>>,
  key: string,
  now: number
): Option.Option<Recorded<A>> => Option.filter(HashMap.get(records, key), ({ until }) => now <= until)

/** What is left of a lease according to the answer that is given again. */
export const ttlLeft = (row: Option.Option<Reservation>, expiresAt: DateTime.Utc, now: number): Duration.Duration =>
  Option.exists(row, ({ status }) => status === "ACTIVE")
    ? Duration.millis(Math.max(0, DateTime.toEpochMillis(expiresAt) - now))
    : Duration.zero

const hour = 3_600_000
const day = 24 * hour

/** How long answers and ended reservations are remembered. */
export const lifetimes = { advice: day, reserve: day, event: 7 * day, ended: 30 * day } as const

/** Once an hour, forgets what has outlived its time. */
export const prune = (state: State, now: number): State => {
  if (now < state.nextPrune) return state
  const young = <A>(records: HashMap.HashMap<string, Recorded<A>>) =>
    HashMap.filter(records, ({ until }) => now <= until)
  return {
    ...state,
    decisions: young(state.decisions),
    creates: young(state.creates),
    events: young(state.events),
    reservations: HashMap.filter(
      state.reservations,
      ({ endedAt }) => !Option.exists(endedAt, (at) => now > at + lifetimes.ended)
    ),
    nextPrune: now + hour
  }
}
