/**
 * A part of the hold around it, for work that makes reservations of its own.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { CurrentReservation } from "../lifecycle/CurrentReservation.js"
import { Cycles } from "../lifecycle/Cycles.js"
import { Allocation, allocationOf, type Kind } from "../lifecycle/internal/allocation.js"
import { openPart } from "../lifecycle/internal/part.js"
import { draw } from "../lifecycle/internal/place.js"
import type { AllocationExceeded } from "../lifecycle/Nested.js"
import type { Amount } from "../protocol/Amount.js"
import type { InvalidInput } from "../protocol/InvalidInput.js"

/** A part of what the authority does not hold is itself a cap. */
const kindOf = (outer: Allocation | undefined): Kind => outer === undefined || outer.kind === "cap" ? "cap" : "backed"

const open = Effect.fnUntraced(function*(amount: Amount) {
  const cycles = yield* Cycles
  const reservation = yield* CurrentReservation
  const { action, subject } = reservation
  const current = allocationOf(reservation)
  const outer = current.ground
  const kind = kindOf(outer)
  // Work that is only watched has nothing to draw from, and is not stopped for that.
  const allocation = outer === undefined ? new Allocation(amount, { kind }) : yield* draw(outer, amount, { kind })
  const part = yield* openPart(
    cycles,
    { estimate: amount, reserved: amount, subject, action },
    (outer ?? current).holder!,
    allocation,
    kind === "backed"
  )
  yield* Effect.addFinalizer(() => part.fail("sub_budget_ended"))
  return part.reservation
})

/**
 * Sets a part of the current hold aside, at once and in this process. Guards and reservations in the work that it is provided to draw from
 * it instead of asking the authority, also side by side, and together never get more. What they do not use returns to the hold around it.
 *
 * Fails with `AllocationExceeded`, before anything runs, when less is left than `amount`; so do guards inside it. `InvalidInput`: the hold
 * counts another unit.
 *
 * @example
 * ```ts
 * import { Amount, guarded, subBudget } from "effect-cycles"
 * import * as Effect from "effect/Effect"
 *
 * const search = Effect.succeed("found").pipe(guarded({ estimate: Amount.usd("0.02"), actual: Amount.usd("0.01") }))
 *
 * const agent = Effect.provide(Effect.all([search, search]), subBudget(Amount.usd("0.05"))).pipe(
 *   guarded({ action: { kind: "agent.run" }, estimate: Amount.usd("0.10") })
 * )
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const subBudget = (
  amount: Amount
): Layer.Layer<CurrentReservation, AllocationExceeded | InvalidInput, CurrentReservation | Cycles> =>
  Layer.scoped(CurrentReservation, Effect.uninterruptible(open(amount)))
