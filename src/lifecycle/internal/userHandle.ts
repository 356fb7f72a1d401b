/**
 * The handle of a hold, as the work that has it sees it.
 */
import * as Effect from "effect/Effect"
import * as Inspectable from "effect/Inspectable"
import { merged } from "../../protocol/internal/merged.js"
import type { Reservation } from "../Reservation.js"
import { completed } from "./draft.js"
import type { Backing, Hold } from "./handle.js"

type Facts = Backing["facts"]

/** What the user holds. Its functions need no `this`, and like its effects are made when they are asked for. */
export class Handle extends Inspectable.Class implements Reservation {
  readonly #hold: Hold

  constructor(hold: Hold) {
    super()
    this.#hold = hold
  }

  get id(): Facts["id"] {
    return this.#hold.backing.facts.id
  }

  get decision(): Facts["decision"] {
    return this.#hold.backing.facts.decision
  }

  get caps(): Facts["caps"] {
    return this.#hold.backing.facts.caps
  }

  get estimate(): Facts["estimate"] {
    return this.#hold.backing.facts.estimate
  }

  get reserved(): Facts["reserved"] {
    return this.#hold.backing.facts.reserved
  }

  get subject(): Facts["subject"] {
    return this.#hold.backing.facts.subject
  }

  get action(): Facts["action"] {
    return this.#hold.backing.facts.action
  }

  get scopePath(): Facts["scopePath"] {
    return this.#hold.backing.facts.scopePath
  }

  get affectedScopes(): Facts["affectedScopes"] {
    return this.#hold.backing.facts.affectedScopes
  }

  get balances(): Facts["balances"] {
    return this.#hold.backing.facts.balances
  }

  toJSON(): unknown {
    return { _id: "effect-cycles/Reservation", ...this.#hold.backing.facts }
  }

  get lease() {
    return this.#hold.backing.lease.current
  }

  get leaseLost() {
    return this.#hold.backing.lease.awaitLost
  }

  get extend() {
    return this.#hold.backing.lease.extend
  }

  get setUsage(): Reservation["setUsage"] {
    return (amount) => this.#hold.setUsage({ amount, source: "usage" })
  }

  get markDispatched(): Reservation["markDispatched"] {
    return (atLeast) => this.#hold.remember({ dispatched: true, ...(atLeast && { atLeast }) })
  }

  get setMetrics(): Reservation["setMetrics"] {
    return (metrics) =>
      Effect.suspend(() => this.#hold.remember({ metrics: completed(this.#hold.draft.metrics, metrics) }))
  }

  get setMetadata(): Reservation["setMetadata"] {
    return (metadata) =>
      Effect.suspend(() => this.#hold.remember({ metadata: merged(this.#hold.draft.metadata, metadata) }))
  }

  get commit(): Reservation["commit"] {
    return (actual, options) => this.#hold.commit(actual, options)
  }

  get release(): Reservation["release"] {
    return (reason = "stream_aborted") => this.#hold.once(this.#hold.giveBack(reason.slice(0, 256)))
  }

  get settlement(): Reservation["settlement"] {
    return Effect.suspend(() => this.#hold.final.await)
  }

  get remaining(): Reservation["remaining"] {
    return Effect.sync(() => this.#hold.amount(this.#hold.allocation.free))
  }

  get cost(): Reservation["cost"] {
    return Effect.sync(() => {
      const { own, spent } = this.#hold.allocation
      const amount = (n: bigint) => this.#hold.amount(n)
      return { own: amount(own), children: amount(spent - own), inclusive: amount(spent) }
    })
  }

  get allocation(): Reservation["allocation"] {
    return this.#hold.allocation
  }
}
