/**
 * A value that comes once, for any number of fibers that wait.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

/** Each open hold has two, so that it takes no more than what it needs. */
export class Outcome<A> {
  #exit: Exit.Exit<A> | undefined
  #waiting: ReadonlyArray<(exit: Exit.Exit<A>) => void> | undefined

  /** The first one stays. */
  set(exit: Exit.Exit<A>): void {
    if (this.#exit !== undefined) return
    const waiting = this.#waiting ?? []
    this.#exit = exit
    this.#waiting = undefined
    for (const resume of waiting) resume(exit)
  }

  /** Sets a value, and gives it. */
  succeed(value: A): Effect.Effect<A> {
    return Effect.sync(() => {
      this.set(Exit.succeed(value))
      return value
    })
  }

  get await(): Effect.Effect<A> {
    return Effect.async((resume) => {
      if (this.#exit !== undefined) return resume(this.#exit)
      this.#waiting = [...this.#waiting ?? [], resume]
      return Effect.sync(() => {
        this.#waiting = this.#waiting?.filter((other) => other !== resume)
      })
    })
  }
}
