/**
 * What becomes of an exchange whose caller goes away.
 */
import * as Effect from "effect/Effect"

/**
 * An exchange with this is not cut off when its caller is interrupted: it goes on to its end, and whoever holds this can wait for the rest
 * of it.
 */
export class Handover<A, E> {
  #hasBegun = false
  #answer: Effect.Effect<A, E> | undefined
  #change: ((answer: Effect.Effect<A, E>) => Effect.Effect<A, E>) | undefined
  #resume: ((answer: Effect.Effect<A, E>) => void) | undefined

  /** Changes the answer, whoever gets it. */
  change(f: (answer: Effect.Effect<A, E>) => Effect.Effect<A, E>): void {
    this.#change = f
  }

  /** For the exchange: from now on there will be an answer. */
  begin(): void {
    this.#hasBegun = true
  }

  /** For the exchange: the answer, as its caller gets it. */
  answered(answer: Effect.Effect<A, E>): Effect.Effect<A, E> {
    const changed = this.#change?.(answer) ?? answer
    this.#hasBegun = true
    this.#answer = changed
    this.#resume?.(changed)
    return changed
  }

  /** The rest of an exchange that its caller has left, for one who waits; nothing when it had not begun. */
  get rest(): Effect.Effect<A, E> | undefined {
    return this.#hasBegun
      ? Effect.async((resume) => {
        if (this.#answer === undefined) this.#resume = resume
        else resume(this.#answer)
      })
      : undefined
  }
}
