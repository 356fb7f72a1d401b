/**
 * The monotonic time of the program's clock.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"

/** The clock that a fiber has. */
export const clockOf = ({ currentDefaultServices }: Fiber.RuntimeFiber<unknown, unknown>): Clock.Clock =>
  Context.get(currentDefaultServices, Clock.Clock)

/**
 * Nanoseconds since a fixed origin. The `currentTimeNanos` of a `TestClock` throws at a fraction of a millisecond, to which any delay of a
 * caller may bring it; its unsafe twin rounds down.
 */
export const monotonicNanos: Effect.Effect<bigint> = Effect.withFiberRuntime((fiber) =>
  Effect.succeed(clockOf(fiber).unsafeCurrentTimeNanos())
)
