/**
 * Budget inside budget: how a reservation that is made inside another one gets what it needs, and what may stand against it.
 */
import * as Schema from "effect/Schema"
import { Amount } from "../protocol/Amount.js"
import { ReservationId } from "../protocol/Reservation.js"

/**
 * Where a reservation inside the work of another one takes its budget from.
 *
 * - `independent`: from the authority, besides the outer hold. Without a word about it this is so, with one warning, for the budget is held
 *   twice when the outer estimate covers the inner work too.
 * - `split`: from the outer hold, of which its estimate is set aside. What is not used returns there, what is used is part of what the outer
 *   reservation commits. `AllocationExceeded` when less is left.
 * - `join`: from the outer hold, as it goes: the estimate is not looked at.
 * - `forbid`: from nowhere. Fails with `NestedForbidden`.
 *
 * Inside a run or a sub-budget every reservation draws from that, whatever this says.
 *
 * @since 0.1.0
 * @category models
 */
export type Nested = "independent" | "split" | "join" | "forbid"

/**
 * The sign of an `Allocation`.
 *
 * @since 0.1.0
 * @category type ids
 */
export const AllocationTypeId: unique symbol = Symbol.for("effect-cycles/lifecycle/Allocation")

/**
 * A hold as what reservations inside its work draw from: `subBudget`, `runBudget`, and guards nested as `split` or `join`. Only they read
 * it; `remaining` and `cost` of the reservation tell how it stands.
 *
 * @since 0.1.0
 * @category models
 */
export interface Allocation {
  readonly [AllocationTypeId]: typeof AllocationTypeId
}

/**
 * Less is left of a hold, a sub-budget or a run than was asked for. Nothing was run or sent.
 *
 * `reservationId` is whose hold it is; `available` what was free when it was asked for, zero when it has ended.
 *
 * @since 0.1.0
 * @category errors
 */
export class AllocationExceeded
  extends Schema.TaggedError<AllocationExceeded>("effect-cycles/AllocationExceeded")("AllocationExceeded", {
    reservationId: ReservationId,
    requested: Amount,
    available: Amount
  })
{
  override get message(): string {
    return `${this.requested} was asked for, but ${this.available} is left of the hold ${this.reservationId}`
  }
}

/**
 * A guard with `nested: "forbid"` was met inside the work of another one. Nothing was run or sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class NestedForbidden
  extends Schema.TaggedError<NestedForbidden>("effect-cycles/NestedForbidden")("NestedForbidden", {
    /** The reservation around it. */
    reservationId: ReservationId
  })
{
  override get message(): string {
    return `This guard may not be nested, but runs inside the work of ${this.reservationId}`
  }
}

/**
 * A run has made as many steps, or lasted as long, as it may. Nothing was run or sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class RunExhausted extends Schema.TaggedError<RunExhausted>("effect-cycles/RunExhausted")("RunExhausted", {
  limit: Schema.Literal("steps", "wallClock"),
  /** The number of steps, or the milliseconds, that the run may have. */
  bound: Schema.Number
}) {
  override get message(): string {
    return this.limit === "steps"
      ? `The run has made the ${this.bound} steps that it may`
      : `The run has lasted the ${this.bound} ms that it may`
  }
}

/**
 * Why a hold around a reservation stands against it.
 *
 * @since 0.1.0
 * @category errors
 */
export type NestedError = AllocationExceeded | NestedForbidden | RunExhausted
