/**
 * Idempotency: what makes two requests the same, and what is remembered of the first.
 */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import type { DecisionRequest } from "../../protocol/Decision.js"
import type { EventRequest } from "../../protocol/Event.js"
import { canonical } from "../../protocol/Json.js"
import type { CommitRequest, CreateRequest, ExtendRequest, ReleaseRequest } from "../../protocol/Reservation.js"
import { type Refusal, refusal } from "../Command.js"
import type { Receipt, Recorded } from "../Rows.js"
import type { State } from "../State.js"
import * as Generations from "./generations.js"

/** Grace of a reservation that asks for none. */
export const defaultGraceMs = 5000

const millis = (duration: Duration.Duration | undefined) => duration === undefined ? null : Duration.toMillis(duration)

/** Maps have no order of their own; the rest of a request is written in one order. */
const free = (map: object | undefined) => map === undefined ? null : canonical(map)

const who = ({ action, subject }: Pick<CreateRequest, "action" | "subject">) =>
  [
    subject.tenant,
    subject.workspace,
    subject.app,
    subject.workflow,
    subject.agent,
    subject.toolset,
    free(subject.dimensions),
    action.kind,
    action.name,
    action.tags ?? null
  ] as const

/** Quick, exact, and the same for the same request: the text of a flat list. */
const print = (...parts: ReadonlyArray<unknown>): string => JSON.stringify(parts)

export const decidePrint = (request: DecisionRequest): string => {
  const { estimate, metadata } = request
  return print(estimate.unit, estimate.amount.toString(), free(metadata), ...who(request))
}

/** Spelling out the default grace or `dry_run: false` changes nothing; any other default does. */
export const createPrint = (request: CreateRequest): string => {
  const { dryRun, estimate, gracePeriod, metadata, overagePolicy, ttl } = request
  return print(
    estimate.unit,
    estimate.amount.toString(),
    millis(ttl),
    millis(gracePeriod) ?? defaultGraceMs,
    overagePolicy,
    dryRun ?? false,
    free(metadata),
    ...who(request)
  )
}

export const commitPrint = ({ actual, metadata, metrics }: CommitRequest): string =>
  print(actual.unit, actual.amount.toString(), free(metrics), free(metadata))

export const releasePrint = ({ reason }: ReleaseRequest): string => print(reason)

export const extendPrint = ({ extendBy, metadata }: ExtendRequest): string => print(millis(extendBy), free(metadata))

export const eventPrint = (request: EventRequest): string => {
  const { actual, clientTime, metadata, metrics, overagePolicy } = request
  return print(
    actual.unit,
    actual.amount.toString(),
    overagePolicy,
    free(metrics),
    clientTime === undefined ? null : DateTime.toEpochMillis(clientTime),
    free(metadata),
    ...who(request)
  )
}

/** One key space per owner. The length keeps `a` + `bc` apart from `ab` + `c`. */
export const recordKey = (owner: string, key: string): string => `${owner.length}:${owner}${key}`

export const mismatch: Refusal = refusal(
  "IDEMPOTENCY_MISMATCH",
  "The idempotency key was used with another request"
)

/** What was answered to the key, unless its time is over; a mismatch when the request was another one. */
export const recall = (
  { records, settings }: State,
  operation: Recorded["operation"],
  owner: string,
  key: string,
  print: string,
  now: number
): Receipt | Refusal | undefined => {
  if (settings.idempotency === false) return undefined
  const record = Generations.get(records[operation], recordKey(owner, key))
  if (record === undefined || now > record.until) return undefined
  return record.print === print ? record.receipt : mismatch
}
