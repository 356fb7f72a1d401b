/**
 * A lease that is kept.
 */
import type * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { IdempotencyKey } from "../../protocol/Idempotency.js"
import type { ReservationId } from "../../protocol/Reservation.js"
import type { LeaseHandle } from "../Lease.js"
import type { Lease, LeaseLost } from "../LeaseEvent.js"
import type { State } from "../LeasePlan.js"
import type { Keeper } from "./leaseKeeper.js"
import type { Timed } from "./leaseWheel.js"

/** An extend that is under way. */
export interface Attempt {
  fiber: Fiber.RuntimeFiber<void> | undefined
}

const nobody: KeptLease["waiting"] = []

const leaseIn = ({ expiresAtMs, leadMs, mode }: State): Lease => ({
  expiresAt: Option.map(Option.fromNullable(expiresAtMs), DateTime.unsafeMake),
  lead: mode === "primary" ? Option.some(Duration.millis(leadMs)) : Option.none()
})

/**
 * A lease that is kept, and its handle. It is changed in place, by one fiber at a time, and the effects of the handle are made when they are
 * asked for: of ten thousand of them, each object and each field counts. The fibers of a lease have the context of `caller` at the start, and
 * its loggers: the fiber is there anyway, a copy of its state is not.
 */
export class KeptLease implements LeaseHandle, Timed {
  readonly id: ReservationId
  readonly caller: Fiber.RuntimeFiber<unknown, unknown>
  readonly context: Context.Context<never>
  plan: State
  /** Of an extend that has not succeeded yet. */
  key: IdempotencyKey | undefined = undefined
  /** The attempt that is under way. */
  attempt: Attempt | undefined = undefined
  ended = false
  loss: LeaseLost | undefined = undefined
  waiting: ReadonlyArray<(loss: Effect.Effect<never, LeaseLost>) => void> = nobody
  dueMs = 0
  slot = -1
  readonly #keeper: Keeper

  constructor(keeper: Keeper, id: ReservationId, caller: Fiber.RuntimeFiber<unknown, unknown>, plan: State) {
    this.#keeper = keeper
    this.id = id
    this.caller = caller
    this.context = caller.currentContext
    this.plan = plan
  }

  get current() {
    return Effect.sync(() => leaseIn(this.plan))
  }

  get extend(): LeaseHandle["extend"] {
    return (by) => this.#keeper.extend(this, by)
  }

  get awaitLost() {
    return Effect.async<never, LeaseLost>((resume) => {
      if (this.loss !== undefined) return resume(Effect.fail(this.loss))
      this.waiting = [...this.waiting, resume]
      return Effect.sync(() => {
        this.waiting = this.waiting.filter((other) => other !== resume)
      })
    })
  }

  get lost() {
    return Effect.sync(() => Option.fromNullable(this.loss))
  }

  get end() {
    return this.#keeper.end(this)
  }
}
