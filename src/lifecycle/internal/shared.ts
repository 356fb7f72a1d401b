/**
 * One run for everybody who asked before it began.
 */
import * as Effect from "effect/Effect"

/**
 * Whoever asks while it runs waits for the run after it, so what each asker did before is always covered. All askers of a run get its exit.
 * Not interrupted: one of the askers runs it, and hands the next run over to one of those who wait.
 */
export const shared = <A, E>(run: Effect.Effect<A, E>): Effect.Effect<A, E> => {
  let running = false
  let waiting: Array<(next: Effect.Effect<A, E>) => void> = []
  const lead: Effect.Effect<A, E> = Effect.suspend(() => {
    const group = waiting
    waiting = []
    return Effect.flatMap(Effect.exit(run), (exit) => {
      for (const resume of group) resume(exit)
      const next = waiting.shift()
      if (next === undefined) running = false
      else next(lead)
      return exit
    })
  })
  return Effect.uninterruptible(Effect.suspend(() => {
    if (running) return Effect.async<A, E>((resume) => void waiting.push(resume))
    running = true
    return lead
  }))
}
