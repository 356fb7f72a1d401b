/**
 * What an extend must keep in reserve, in milliseconds. Budgets and margins are rounded up.
 *
 * Source: extendReservation, HEARTBEAT GUIDANCE, PRIMARY ALGORITHM.
 */
import type { Settings } from "../LeasePlan.js"

const leastMs = 1000

/**
 * The limit of one extend attempt: a sixth of the ttl, at least 1 s, at most `limitMs`. The reserve holds two attempts of at least 1 s
 * and a margin of at least 1 s, so this is what leaves a lease of more than 3 s time to wait.
 *
 * @since 0.1.0
 * @category constructors
 */
export const attemptTimeout = (ttlMs: number, limitMs: number): number =>
  Math.min(limitMs, Math.max(leastMs, Math.floor(ttlMs / 6)))

export const attemptBudget = (timeoutMs: number, maxRttMs: number): number =>
  Math.ceil(Math.max(timeoutMs, leastMs, 2 * maxRttMs))

export const safetyMargin = (maxRttMs: number): number => Math.ceil(Math.max(leastMs, 2 * maxRttMs))

export const reserve = (timeoutMs: number, maxRttMs: number): number =>
  2 * attemptBudget(timeoutMs, maxRttMs) + safetyMargin(maxRttMs)

/**
 * The limit of the next attempt. A lead that is too short for the usual one gets a shorter one, so that a lease that the authority
 * clamps can be kept too; two round trips are in the budget anyway and are always waited for.
 */
export const limitFor = ({ maxTimeoutMs, timeoutMs }: Settings, leadMs: number, maxRttMs: number): number =>
  timeoutMs === Infinity
    ? Infinity
    : Math.min(
      maxTimeoutMs,
      Math.max(
        leadMs > reserve(timeoutMs, maxRttMs) ? timeoutMs : attemptTimeout(leadMs, timeoutMs),
        Math.ceil(2 * maxRttMs)
      )
    )
