/**
 * One record of the journal as text: the shape that every client of the protocol reads and writes.
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { decodeUnknownEither, derivedOf, unfit } from "../../protocol/internal/codec.js"
import { declare } from "../../protocol/internal/plain.js"
import { Count, optional, required } from "../../protocol/internal/wire.js"
import { sanitize } from "../../protocol/InvalidInput.js"
import * as Json from "../../protocol/Json.js"
import { ReservationId } from "../../protocol/Reservation.js"
import type { Body, DeadLetter, Entry, Identity } from "../Journal.js"
import { JournalError } from "./journalError.js"

/** Whose records they are: the tenant when one is configured, so that a new key finds them, otherwise the key. */
export const principalOf = ({ apiKey, tenant }: Identity) =>
  tenant !== undefined && tenant.trim() !== "" ? { tenant } : { apiKey }

/** Whether a path of a URL can hold the id, and a file name can tell it from every other. */
export const isUsable = (id: string): id is ReservationId => isId(id) && !unpathable.test(id)

const isId = Schema.is(ReservationId)

const unpathable = /^\.{1,2}$|\p{Surrogate}/u

const WireBody = Schema.NullOr(
  // One that says itself how it is written may be anything there.
  declare((u: unknown): u is Body => Predicate.isRecord(u) && typeof u["toJSON"] !== "function", {
    description: "an object"
  })
)

const absent = <const K extends string, A, I>(key: K, schema: Schema.Schema<A, I>, value: NoInfer<A>) =>
  Schema.optionalWith(schema, { default: () => value }).pipe(Schema.fromKey(key))

const Record = Schema.Struct({
  version: Schema.Literal(1),
  reservationId: required("reservation_id", Schema.NonEmptyString),
  baseUrl: absent("base_url", Schema.String, ""),
  mode: absent("mode", Schema.Literal("commit", "event"), "commit"),
  commitBody: absent("commit_body", WireBody, null),
  eventFallbackBody: absent("event_fallback_body", WireBody, null),
  recordedAtMs: absent("recorded_at_ms", Count, 0),
  notBeforeMs: absent("not_before_ms", Schema.NullOr(Count), null),
  own: Schema.optional(Schema.Unknown).pipe(Schema.fromKey("x_effect_cycles"))
}).pipe(
  Schema.filter(({ commitBody, eventFallbackBody, mode }) =>
    (mode === "commit" ? commitBody : eventFallbackBody) !== null || `the body of mode ${mode} is missing`
  )
)

const Own = Schema.Struct({
  attempts: optional("attempts", Count),
  onRejected: optional("on_rejected", Schema.Literal("event")),
  deadLetter: optional(
    "dead_letter",
    Schema.Struct({
      code: Schema.String,
      status: Schema.NullOr(Count),
      message: Schema.String,
      atMs: required("at_ms", Count)
    })
  )
})

const fits = derivedOf(Schema.typeSchema(Record))?.decode
const is = Schema.is(Record)
const isRecord = (input: unknown): boolean => fits === undefined || fits(input) === unfit ? is(input) : true
const decodeRecord = decodeUnknownEither(Record)
const decodeOwn = Schema.decodeUnknownOption(Own)

/** A record of the disk: its id may be one that we would not send. */
export interface Stored extends Omit<Entry, "reservationId"> {
  readonly reservationId: string
}

/** Reads a record, or says in words without content why it is none. Our own facts never make a record unreadable. */
export const decode = (bytes: Uint8Array): Either.Either<Stored, string> => Either.gen(() => reading(bytes))

const reading = function*(bytes: Uint8Array) {
  const text = yield* Either.try({
    try: () => new TextDecoder("utf-8", { fatal: true }).decode(bytes),
    catch: () => "not UTF-8"
  })
  const json = yield* Either.mapLeft(Json.parse(text), () => "not JSON")
  if (Predicate.isRecord(json) && json["version"] !== 1) return yield* Either.left("a version that is not supported")
  const { own, version: _, ...record } = yield* Either.mapLeft(decodeRecord(json), () => "not a journal record")
  return { ...record, ...Option.getOrElse(decodeOwn(own), () => ({})) }
}

const ownFacts = ({ attempts, deadLetter: dead, onRejected }: Entry): Body | undefined =>
  attempts === undefined && dead === undefined && onRejected === undefined
    ? undefined
    : {
      attempts,
      on_rejected: onRejected,
      dead_letter: dead && { code: dead.code, status: dead.status, message: dead.message, at_ms: dead.atMs }
    }

const invalid = (detail: string): JournalError => new JournalError({ reason: "invalid", detail })

/**
 * Writes a record of `baseUrl` with its keys in the order of the other clients. What is written can be read and sent by all of them.
 */
export const encode = (baseUrl: string, entry: Entry): Either.Either<string, JournalError> => {
  if (entry.baseUrl !== baseUrl) return Either.left(invalid("the record belongs to another base URL"))
  if (!isUsable(entry.reservationId)) {
    return Either.left(invalid("the reservation id must have 1 to 128 characters that a path can hold"))
  }
  if (!isRecord({ version: 1, ...entry })) return Either.left(invalid("the record is not a journal record"))
  const text = Json.stringify({
    version: 1,
    reservation_id: entry.reservationId,
    base_url: entry.baseUrl,
    mode: entry.mode,
    commit_body: entry.commitBody,
    event_fallback_body: entry.eventFallbackBody,
    recorded_at_ms: entry.recordedAtMs,
    not_before_ms: entry.notBeforeMs,
    x_effect_cycles: ownFacts(entry)
  })
  return Either.mapLeft(text, ({ reason }) => invalid(`the record is ${reason}`))
}

/** The record as one that we may send: of our base URL, with an id that a request can carry. */
export const entryOf = (baseUrl: string) => ({ reservationId, ...record }: Stored): Option.Option<Entry> =>
  record.baseUrl === baseUrl && isUsable(reservationId) ? Option.some({ reservationId, ...record }) : Option.none()

/** A record that waits has no reason for which it was refused. */
export const alive = ({ deadLetter: _, ...entry }: Entry): Entry => entry

/** A refused record, with a reason that can be shown anywhere. */
export const dead = (entry: Entry, { code, message, ...why }: DeadLetter): Entry => ({
  ...entry,
  deadLetter: { ...why, code: sanitize(code, 128), message: sanitize(message) }
})
