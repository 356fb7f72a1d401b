/**
 * Answers to create and extend as the plan of a lease sees them.
 */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import type { Reply } from "../../client/Client.js"
import { type ExtendError, isAmbiguous } from "../../protocol/CyclesError.js"
import type { CreateResponse, ExtendResponse } from "../../protocol/Reservation.js"
import { Failure, type StopReason, type Success } from "../LeasePlan.js"

/** The expiry on the authority's clock. */
export const expiryOf = ({ expiresAt }: CreateResponse | ExtendResponse): Option.Option<DateTime.Utc> =>
  Option.isOption(expiresAt) ? expiresAt : Option.some(expiresAt)

export const successOf = ({ meta, value }: Reply<CreateResponse | ExtendResponse>, atMs: number): Success => ({
  atMs,
  rttMs: meta.rttMs,
  remainingMs: Option.map(value.remainingTtl, Duration.toMillis),
  expiresAtMs: Option.map(
    Option.isOption(value.expiresAt) ? value.expiresAt : Option.some(value.expiresAt),
    DateTime.toEpochMillis
  )
})

/** A status without the body of the protocol may come from anything on the way: it does not say what became of the hold. */
const reasonOf = (error: Exclude<ExtendError, { _tag: "Transport" }>): StopReason => {
  switch (error._tag) {
    case "ReservationExpired":
      return "expired"
    case "ReservationFinalized":
      return "finalized"
    case "MaxExtensionsExceeded":
      return "maxExtensions"
    case "TenantClosed":
      return "tenantClosed"
    case "NotFound":
      return error.fromStatus ? "refused" : "notFound"
    default:
      return "refused"
  }
}

const isRefusedStatus = (status: number): boolean => status >= 400 && status < 500

export const failureOf = (error: ExtendError, atMs: number): Failure => {
  if (error._tag === "Transport") return Failure.Transient({ atMs })
  if (error._tag !== "InvalidInput" && (error._tag === "LimitExceeded" || error.meta.status === 429)) {
    return Failure.Throttled({
      atMs,
      retryAfterMs: Option.map(error.meta.retryAfter, (wait) => Math.ceil(Duration.toMillis(wait)))
    })
  }
  return isAmbiguous(error) && !(error._tag === "Ambiguous" && isRefusedStatus(error.meta.status))
    ? Failure.Transient({ atMs })
    : Failure.Permanent({ atMs, reason: reasonOf(error) })
}
