/**
 * What a client says only once.
 */
import * as Effect from "effect/Effect"

/**
 * Remembers what was said.
 *
 * @since 0.1.0
 * @category models
 */
export interface Notices {
  /** Runs an effect the first time that this key is met. */
  readonly once: (key: string, effect: Effect.Effect<void>) => Effect.Effect<void>
}

/**
 * The notices of one client.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<Notices> = Effect.sync(() => {
  const met = new Set<string>()
  return {
    once: (key, effect) =>
      Effect.suspend(() => {
        if (met.has(key)) return Effect.void
        met.add(key)
        return effect
      })
  }
})
