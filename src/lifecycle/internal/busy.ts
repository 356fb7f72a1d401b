/**
 * The reservations whose spend this program is settling.
 */
import * as Effect from "effect/Effect"

/** Each is settled by one fiber at a time. */
export class Busy {
  readonly #now = new Set<string>()
  #since: Set<string> | undefined

  has(id: string): boolean {
    return this.#now.has(id)
  }

  begin(id: string): void {
    this.#now.add(id)
    this.#since?.add(id)
  }

  end(id: string): void {
    this.#now.delete(id)
  }

  /** Does work as the only one on this reservation; `otherwise` while another is on it. */
  alone<A, E, R>(id: string, work: Effect.Effect<A, E, R>, otherwise: A): Effect.Effect<A, E, R> {
    return Effect.suspend(() => {
      if (this.has(id)) return Effect.succeed(otherwise)
      this.begin(id)
      return Effect.ensuring(work, Effect.sync(() => this.end(id)))
    })
  }

  /** With the reservations that were busy at any time while `look` ran: what it saw of them is out of date. One at a time. */
  during<A, E, R>(look: Effect.Effect<A, E, R>): Effect.Effect<readonly [A, ReadonlySet<string>], E, R> {
    return Effect.suspend(() => {
      const since = this.#since = new Set(this.#now)
      return Effect.map(
        Effect.ensuring(look, Effect.sync(() => this.#since = undefined)),
        (seen) => [seen, since] as const
      )
    })
  }
}
