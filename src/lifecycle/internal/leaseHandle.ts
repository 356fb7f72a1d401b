/**
 * The handle of a lease that is kept.
 */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { LeaseHandle } from "../Lease.js"
import type { Lease, LeaseLost } from "../LeaseEvent.js"
import type { State } from "../LeasePlan.js"
import type { Entry, Keeper } from "./leaseKeeper.js"

const leaseIn = ({ expiresAtMs, leadMs, mode }: State): Lease => ({
  expiresAt: Option.map(Option.fromNullable(expiresAtMs), DateTime.unsafeMake),
  lead: mode === "primary" ? Option.some(Duration.millis(leadMs)) : Option.none()
})

const lossOf = (entry: Entry): Effect.Effect<never, LeaseLost> =>
  Effect.async((resume) => {
    if (entry.lost !== undefined) return resume(Effect.fail(entry.lost))
    entry.waiting = [...entry.waiting, resume]
    return Effect.sync(() => {
      entry.waiting = entry.waiting.filter((other) => other !== resume)
    })
  })

/** Its effects are made when they are asked for: of ten thousand handles, each one counts. */
export class Handle implements LeaseHandle {
  readonly #entry: Entry
  readonly #keeper: Keeper

  constructor(entry: Entry, keeper: Keeper) {
    this.#entry = entry
    this.#keeper = keeper
  }

  get current() {
    return Effect.sync(() => leaseIn(this.#entry.plan))
  }

  get extend(): LeaseHandle["extend"] {
    return (by) => this.#keeper.extend(this.#entry, by)
  }

  get awaitLost() {
    return lossOf(this.#entry)
  }

  get lost() {
    return Effect.sync(() => Option.fromNullable(this.#entry.lost))
  }

  get end() {
    return this.#keeper.end(this.#entry)
  }
}
