/**
 * The monotonic time of the program's clock.
 */
import * as Effect from "effect/Effect"

/**
 * Nanoseconds since a fixed origin. The `currentTimeNanos` of a `TestClock` throws at a fraction of a millisecond, to which any delay of a
 * caller may bring it; its unsafe twin rounds down.
 */
export const monotonicNanos: Effect.Effect<bigint> = Effect.clockWith((clock) =>
  Effect.sync(() => clock.unsafeCurrentTimeNanos())
)
