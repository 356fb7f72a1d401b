/**
 * Attempts to record one entry: each follows the plan, and the journal follows each.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Client } from "../../client/Client.js"
import type { CommitError, EventError } from "../../protocol/CyclesError.js"
import type { CommitRequest } from "../../protocol/Reservation.js"
import type { Entry } from "../Journal.js"
import { next } from "../SettlementPlan.js"
import { type Recorded, send } from "./record.js"
import type { Records } from "./records.js"

/** Where an attempt leaves an entry. */
export type Done =
  | { readonly _tag: "Recorded"; readonly recorded: Recorded }
  | { readonly _tag: "Kept"; readonly error: CommitError | EventError }
  | { readonly _tag: "Dead"; readonly error: CommitError | EventError }

const deadLetterOf = (error: CommitError | EventError, atMs: number) => ({
  code: "code" in error ? error.code : error._tag,
  status: "meta" in error ? error.meta.status : null,
  message: error.message,
  atMs
})

/**
 * An entry on its way: each attempt leaves it recorded, kept, dead, or fails with an error that leaves it open. `known` is the request of
 * an entry that this process has just made.
 */
export const courier = (client: Client, records: Records, first: Entry, known?: CommitRequest) => {
  let entry = first
  const keep = (next: Entry) => {
    entry = next
    return records.keep(next)
  }
  const attempt = (isFirst: boolean): Effect.Effect<Done, CommitError | EventError> =>
    Effect.suspend(() => send(client, entry, known)).pipe(
      Effect.flatMap((recorded) =>
        Effect.as(records.forget(entry.reservationId), { _tag: "Recorded", recorded } as const)
      ),
      Effect.catchAll((error) => after(isFirst, error))
    )
  const toEvent = (isFirst: boolean) =>
    Effect.zipRight(keep({ ...entry, mode: "event", commitBody: null, notBeforeMs: null }), attempt(isFirst))
  const after = (isFirst: boolean, error: CommitError | EventError): Effect.Effect<Done, CommitError | EventError> =>
    Effect.flatMap(Clock.currentTimeMillis, (nowMs): Effect.Effect<Done, CommitError | EventError> => {
      const step = next(entry.mode, isFirst, error)
      const now = Math.floor(nowMs)
      switch (step._tag) {
        case "Retry":
          return Option.isNone(step.notBefore) ? Effect.fail(error) : Effect.zipRight(
            keep({ ...entry, notBeforeMs: now + Math.ceil(Duration.toMillis(step.notBefore.value)) }),
            Effect.fail(error)
          )
        case "SwitchToEvent":
          return entry.eventFallbackBody === null ? Effect.succeed({ _tag: "Kept", error }) : toEvent(isFirst)
        case "Keep":
          return Effect.succeed({ _tag: "Kept", error })
        case "DeadLetter":
          return entry.mode === "commit" && entry.onRejected === "event"
            ? toEvent(isFirst)
            : Effect.as(records.bury(entry, deadLetterOf(error, now)), { _tag: "Dead", error })
      }
    })
  return { attempt, keep }
}
