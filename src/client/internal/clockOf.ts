/**
 * The clock of the program.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Fiber from "effect/Fiber"

/**
 * The clock that a fiber has. Nanoseconds of it are to be had from `unsafeCurrentTimeNanos`: the `currentTimeNanos` of a `TestClock` throws at
 * a fraction of a millisecond, to which any delay of a caller may bring it; its unsafe twin rounds down.
 */
export const clockOf = ({ currentDefaultServices }: Fiber.RuntimeFiber<unknown, unknown>): Clock.Clock =>
  Context.get(currentDefaultServices, Clock.Clock)
