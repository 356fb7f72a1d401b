/**
 * When a lease is extended: the heartbeat of the protocol as a pure function from observations to sleep, retry or stop.
 *
 * All times are milliseconds of one monotonic clock. Margins and budgets are rounded up, leads and delays down. Delays count from
 * the observation that they answer.
 *
 * Source: extendReservation, HEARTBEAT GUIDANCE.
 */
import * as Data from "effect/Data"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { attemptBudget, limitFor, reserve, safetyMargin } from "./internal/leaseBudget.js"
import * as Fallback from "./internal/leaseFallback.js"

export { attemptTimeout } from "./internal/leaseBudget.js"
export { check } from "./internal/leaseCheck.js"

/**
 * What a plan works with: `ttlMs` is what the reservation and every extend ask for; `timeoutMs` the enforced limit of one extend attempt
 * (`Infinity` when there is none), which slow answers raise to `maxTimeoutMs` at most; `maxLifetimeMs` how long after the reservation a
 * last extend may begin.
 *
 * @since 0.1.0
 * @category models
 */
export interface Settings {
  readonly ttlMs: number
  readonly timeoutMs: number
  readonly maxTimeoutMs: number
  readonly maxLifetimeMs: number
}

/**
 * A valid answer to create or extend, received at `atMs`. `rttMs` is the round trip of the one attempt that it answers; `expiresAtMs`
 * is on the clock of the authority and is only compared with its own kind.
 *
 * @since 0.1.0
 * @category models
 */
export interface Success {
  readonly atMs: number
  readonly rttMs: number
  readonly remainingMs: Option.Option<number>
  readonly expiresAtMs: Option.Option<number>
}

/**
 * Why a lease is not extended any more:
 *
 * - `expired`, `finalized`, `notFound`, `tenantClosed`: the authority says that there is nothing to extend.
 * - `maxExtensions`, `refused`: it refuses to extend, for this reservation or this caller.
 * - `throttled`: it asks for a wait that is unknown or leaves no time for a safe attempt.
 * - `noSafeRetry`: after failures, no complete attempt fits into the time that is left for certain.
 * - `noProgress`: time stood still between two failures.
 * - `tooShort`: twice in succession an answer left no time to wait before the next extend.
 * - `maxLifetime`: the configured bound.
 *
 * @since 0.1.0
 * @category schemas
 */
export const StopReason = Schema.Literal(
  "expired",
  "finalized",
  "notFound",
  "tenantClosed",
  "maxExtensions",
  "refused",
  "throttled",
  "noSafeRetry",
  "noProgress",
  "tooShort",
  "maxLifetime"
)

/**
 * @since 0.1.0
 * @category models
 */
export type StopReason = typeof StopReason.Type

/**
 * What becomes of the hold: `kept` and extended in time, `ending` when its time runs out, or `over` already.
 *
 * @since 0.1.0
 * @category models
 */
export type Disposition = "kept" | "ending" | "over"

/**
 * An unsuccessful attempt: one that proves nothing, one that was throttled, or one that was refused for good.
 *
 * @since 0.1.0
 * @category models
 */
export type Failure = Data.TaggedEnum<{
  Transient: { readonly atMs: number }
  Throttled: { readonly atMs: number; readonly retryAfterMs: Option.Option<number> }
  Permanent: { readonly atMs: number; readonly reason: StopReason }
}>

/**
 * Constructors, `$is` and `$match`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const Failure = Data.taggedEnum<Failure>()

/**
 * What to do: sleep, then extend with a fresh key; wait, then try again with the same key; or never extend again.
 *
 * @since 0.1.0
 * @category models
 */
export type Decision = Data.TaggedEnum<{
  Sleep: { readonly delayMs: number }
  Retry: { readonly delayMs: number }
  Stop: { readonly reason: StopReason; readonly disposition: Disposition }
}>

/**
 * The decision to extend no more.
 *
 * @since 0.1.0
 * @category models
 */
export type Stop = Extract<Decision, { readonly _tag: "Stop" }>

/**
 * Constructors, `$is` and `$match`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const Decision = Data.taggedEnum<Decision>()

/**
 * What a plan remembers. `leadMs` is a lower bound of the time that was left at `atMs`, the receipt of the last valid answer;
 * `timeoutMs` is the limit of the next attempt.
 *
 * @since 0.1.0
 * @category models
 */
export interface State {
  readonly settings: Settings
  readonly startedAtMs: number
  readonly atMs: number
  readonly leadMs: number
  readonly timeoutMs: number
  readonly maxRttMs: number
  readonly expiresAtMs: number | undefined
  /** `primary` when the last valid answer said how much time remains. */
  readonly mode: "primary" | "fallback"
  /** Successes in succession that left no time to wait. */
  readonly zeroDelays: number
  /** The last failure after that success. */
  readonly failure: Option.Option<{ readonly atMs: number; readonly windowMs: number }>
  /** The pace of the fallback; 0 before its first extend. */
  readonly cadenceMs: number
  /** Whether the authority seems to bound how far ahead a hold may end, as far as the fallback can tell. */
  readonly bounded: boolean
  readonly stop: Option.Option<Stop>
}

const longestRetryMs = 30_000

const over: ReadonlySet<StopReason> = new Set(["expired", "finalized", "notFound", "tenantClosed"])

/**
 * A lower bound of the time that is left, in milliseconds; 0 when nothing is certain.
 *
 * @since 0.1.0
 * @category getters
 */
export const leadAt = ({ atMs, leadMs }: State, nowMs: number): number =>
  nowMs >= atMs ? Math.floor(Math.max(0, leadMs - (nowMs - atMs))) : 0

const stopped = (state: State, reason: StopReason): readonly [State, Decision] => {
  const ended = over.has(reason)
  const stop = Decision.Stop({ reason, disposition: ended ? "over" : "ending" })
  return [{ ...state, ...(ended && { leadMs: 0 }), stop: Option.some(stop) }, stop]
}

/** No attempt begins after the longest lifetime. */
const within = (
  state: State,
  fromMs: number,
  decision: Exclude<Decision, Stop>
): readonly [State, Decision] =>
  fromMs + decision.delayMs > state.startedAtMs + state.settings.maxLifetimeMs
    ? stopped(state, "maxLifetime")
    : [state, decision]

/** The schedule after an answer that says what remains: from that answer alone. */
const primary = (state: State, { atMs, rttMs }: Success, remainingMs: number): readonly [State, number] => {
  const usable = rttMs >= 0 && rttMs < Infinity && atMs >= state.atMs
  const maxRttMs = usable ? Math.max(state.maxRttMs, rttMs) : state.maxRttMs
  const leadMs = usable ? Math.max(0, Math.floor(remainingMs - rttMs)) : 0
  const timeoutMs = limitFor(state.settings, leadMs, maxRttMs)
  const reserveMs = reserve(timeoutMs, maxRttMs)
  const delayMs = reserveMs === Infinity ? 0 : Math.max(0, leadMs - reserveMs)
  return [{ ...state, leadMs, timeoutMs, maxRttMs, mode: "primary", cadenceMs: 0, bounded: false }, delayMs]
}

const follow = (before: State, success: Success, fallback: typeof Fallback.next): readonly [State, Decision] => {
  const [state, delayMs] = Option.match(success.remainingMs, {
    onNone: () =>
      fallback(
        { ...before, mode: "fallback", timeoutMs: limitFor(before.settings, Infinity, before.maxRttMs) },
        success
      ),
    onSome: (remainingMs) => primary(before, success, remainingMs)
  })
  const after: State = {
    ...state,
    atMs: success.atMs,
    expiresAtMs: Option.getOrUndefined(success.expiresAtMs),
    zeroDelays: delayMs === 0 ? state.zeroDelays + 1 : 0,
    failure: Option.none()
  }
  return Option.isSome(after.stop)
    ? [after, after.stop.value]
    : after.zeroDelays > 1
    ? stopped(after, "tooShort")
    : within(after, success.atMs, Decision.Sleep({ delayMs }))
}

/**
 * The plan of a new reservation.
 *
 * @since 0.1.0
 * @category constructors
 */
export const initial = (settings: Settings, created: Success): readonly [State, Decision] =>
  follow(
    {
      settings,
      startedAtMs: created.atMs,
      atMs: created.atMs,
      leadMs: 0,
      timeoutMs: settings.timeoutMs,
      maxRttMs: 0,
      expiresAtMs: undefined,
      mode: "primary",
      zeroDelays: 0,
      failure: Option.none(),
      cadenceMs: 0,
      bounded: false,
      stop: Option.none()
    },
    created,
    Fallback.begin
  )

/**
 * After a valid answer to an extend. It renews a plan that has stopped too, but does not start it again.
 *
 * @since 0.1.0
 * @category combinators
 */
export const onSuccess = (state: State, extended: Success): readonly [State, Decision] =>
  follow(state, extended, Fallback.next)

/** Whether a complete attempt and the margin still fit, and whether anything has changed since the failure before. */
const recover = (state: State, failure: Exclude<Failure, { _tag: "Permanent" }>): readonly [State, Decision] => {
  const { atMs } = failure
  const { maxRttMs, timeoutMs } = state
  const leadMs = leadAt(state, atMs)
  const windowMs = leadMs - attemptBudget(timeoutMs, maxRttMs) - safetyMargin(maxRttMs)
  const next = { ...state, failure: Option.some({ atMs, windowMs }) }
  if (windowMs < 0) return stopped(next, "noSafeRetry")
  if (Option.isSome(state.failure)) {
    const last = state.failure.value
    if (last.windowMs === 0) return stopped(next, "noSafeRetry")
    if (atMs <= last.atMs && windowMs >= last.windowMs) return stopped(next, "noProgress")
  }
  const delayMs = failure._tag === "Transient"
    ? Math.floor(Math.min(longestRetryMs, leadMs / 4, windowMs))
    : Option.getOrElse(failure.retryAfterMs, () => Infinity)
  return delayMs <= windowMs ? within(next, atMs, Decision.Retry({ delayMs })) : stopped(next, "throttled")
}

/**
 * After an unsuccessful attempt.
 *
 * @since 0.1.0
 * @category combinators
 */
export const onFailure = (state: State, failure: Failure): readonly [State, Decision] => {
  if (Option.isSome(state.stop)) return [state, state.stop.value]
  if (failure._tag === "Permanent") return stopped(state, failure.reason)
  return state.mode === "primary"
    ? recover(state, failure)
    : within(state, failure.atMs, Decision.Retry({ delayMs: Fallback.retryDelay(state, failure) }))
}
