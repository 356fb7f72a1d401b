/**
 * What meters show, also those that fail.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { type Metering, Reading } from "../Meter.js"
import { warn } from "./warn.js"

export const failed = (cause: Cause.Cause<unknown>): Effect.Effect<void> =>
  warn("The usage of a guarded stream could not be read from all its elements", cause)

/** Never fails: a meter that does is a reading less. */
export const readingOf = <A, R>(metering: Metering<A, R>, ended: boolean): Effect.Effect<Reading, never, R> =>
  Effect.suspend(() => {
    const reading = metering.read(ended)
    return Effect.isEffect(reading) ? reading : Effect.succeed(reading)
  }).pipe(
    Effect.catchAllCause((cause) =>
      Cause.isInterruptedOnly(cause) ? Effect.interrupt : Effect.as(failed(cause), Reading.Absent())
    )
  )
