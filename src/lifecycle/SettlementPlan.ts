/**
 * What every answer to a commit or an event asks for. Pure.
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import { type CommitError, type EventError, isAmbiguous } from "../protocol/CyclesError.js"

/**
 * What to do after an unsuccessful attempt to record spend:
 *
 * - `Retry`: the outcome is open. Again with the same key, not before `notBefore` when the authority asks to wait.
 * - `SwitchToEvent`: the reservation has expired. Record an event with the same key instead.
 * - `Keep`: this program cannot settle it (its key is refused, the answer is not from the protocol). Keep the record for another start.
 * - `DeadLetter`: the authority understood and refused. It will not change its mind: keep the spend where people see it.
 *
 * @since 0.1.0
 * @category models
 */
export type Next =
  | { readonly _tag: "Retry"; readonly notBefore: Option.Option<Duration.Duration> }
  | { readonly _tag: "SwitchToEvent" }
  | { readonly _tag: "Keep" }
  | { readonly _tag: "DeadLetter" }

/**
 * What is being sent.
 *
 * @since 0.1.0
 * @category models
 */
export type Mode = "commit" | "event"

const longestWait = Duration.hours(1)

const retry = (error: CommitError | EventError): Next => ({
  _tag: "Retry",
  notBefore: "meta" in error
    ? Option.map(error.meta.retryAfter, (wait) => Duration.min(wait, longestWait))
    : Option.none()
})

/**
 * Classifies an error by the mode and by whether it is the first attempt, the one in the caller's path: that one leaves a refused key
 * and an answer without a known code to one more attempt in the background.
 *
 * Source: the recovery profile 0.3 and the settlement tables of the published clients.
 *
 * @since 0.1.0
 * @category combinators
 */
export const next = (mode: Mode, isFirst: boolean, error: CommitError | EventError): Next => {
  const otherwise: Next = isFirst ? retry(error) : { _tag: "Keep" }
  switch (error._tag) {
    case "Transport":
    case "Ambiguous":
    case "LimitExceeded":
    case "InternalError":
      return retry(error)
    case "ReservationExpired":
      return mode === "commit" ? { _tag: "SwitchToEvent" } : error.fromStatus ? otherwise : { _tag: "DeadLetter" }
    case "Unauthorized":
    case "Forbidden":
      return otherwise
    case "Refused":
      return isAmbiguous(error) ? retry(error) : otherwise
    case "InvalidInput":
      return { _tag: "DeadLetter" }
    default:
      return error.fromStatus ? otherwise : { _tag: "DeadLetter" }
  }
}
