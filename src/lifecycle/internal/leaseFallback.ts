/**
 * When a lease is extended while the authority does not say what remains of it: by what the extends so far have granted. A best effort.
 *
 * Source: extendReservation, HEARTBEAT GUIDANCE, FALLBACK.
 */
import * as Option from "effect/Option"
import type { Failure, State, Success } from "../LeasePlan.js"

const shortestMs = 500
const longestMs = 30_000

/** The pace while nothing better is known. */
const heldMs = (ttlMs: number): number => Math.min(Math.floor(ttlMs / 2), longestMs)

/** How far the expiry moved, on the authority's own clock; the ttl that was asked for when it cannot be measured. */
const grantOf = ({ expiresAtMs, settings }: State, success: Success): number =>
  expiresAtMs !== undefined && Option.isSome(success.expiresAtMs)
    ? success.expiresAtMs.value - expiresAtMs
    : settings.ttlMs

/** A grant that only echoes the time between two extends: the authority bounds how far ahead a hold may end. */
const isEcho = (grantMs: number, elapsedMs: number, ttlMs: number): boolean =>
  grantMs <= 0 || (grantMs < 0.9 * ttlMs && grantMs >= 0.75 * elapsedMs && grantMs <= 1.25 * elapsedMs)

/** A new reservation: nothing is certain, so it is extended at once. */
export const begin = (state: State): readonly [State, number] => [{ ...state, leadMs: 0, cadenceMs: 0 }, 0]

/** The state after an extend, and the delay until the next: one pace, or as many as the granted time makes needless. */
export const next = (state: State, success: Success): readonly [State, number] => {
  const { ttlMs } = state.settings
  const elapsedMs = Math.max(0, success.atMs - state.atMs)
  const grantMs = grantOf(state, success)
  const leadMs = Math.floor(state.leadMs - elapsedMs + grantMs)
  const bounded = isEcho(grantMs, elapsedMs, ttlMs)
  const cadenceMs = bounded
    ? heldMs(ttlMs)
    : Math.floor(Math.max(shortestMs, Math.min(grantMs / 2, ttlMs / 2)))
  const paces = bounded ? 1 : Math.max(1, Math.floor((leadMs - 1.5 * grantMs) / cadenceMs) + 1)
  return [{ ...state, leadMs, cadenceMs, bounded: state.bounded || bounded }, paces * cadenceMs]
}

/** Soon after a failure: half a pace, before the first success a whole one. Never sooner than a throttle asks. */
export const retryDelay = (
  { cadenceMs, settings }: State,
  failure: Exclude<Failure, { _tag: "Permanent" }>
): number => {
  const paceMs = cadenceMs === 0 ? heldMs(settings.ttlMs) : Math.max(shortestMs, Math.floor(cadenceMs / 2))
  return failure._tag === "Transient"
    ? paceMs
    : Math.max(paceMs, Option.getOrElse(failure.retryAfterMs, () => heldMs(settings.ttlMs)))
}
