/**
 * The pace of background attempts.
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type { CyclesConfig } from "../../client/CyclesConfig.js"
import type { Meta } from "../../protocol/Meta.js"

const longestWait = Duration.hours(1)

/** An error that may carry what came with an answer. */
export interface Failure {
  readonly _tag: string
}

const metaOf = (error: Failure): Option.Option<Meta> =>
  "meta" in error ? Option.some(error.meta as Meta) : Option.none()

/** How long the authority asks to wait, at most an hour. */
export const retryAfter = (error: Failure): Duration.Duration =>
  Option.match(Option.flatMap(metaOf(error), (meta) => meta.retryAfter), {
    onNone: () => Duration.zero,
    onSome: (wait) => Duration.min(wait, longestWait)
  })

/** Exponential with jitter, as configured, never sooner than the authority asks. */
export const backoff = ({ retry }: CyclesConfig, attempts: number): Schedule.Schedule<unknown, Failure> =>
  Schedule.exponential(retry.initialDelay, retry.multiplier).pipe(
    Schedule.modifyDelay((_, delay) => Duration.min(delay, retry.maxDelay)),
    Schedule.jittered,
    Schedule.whileInput((_: Failure) => true),
    Schedule.passthrough,
    Schedule.modifyDelay((error, delay) =>
      Duration.millis(Math.ceil(Duration.toMillis(Duration.max(delay, retryAfter(error)))))
    ),
    Schedule.intersect(Schedule.recurs(retry.enabled ? attempts : 0))
  )
