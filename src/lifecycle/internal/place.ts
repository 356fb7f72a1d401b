/**
 * Where a new reservation stands among those around it, and what it draws from them.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { Amount } from "../../protocol/Amount.js"
import { type InvalidInput, invalidInput } from "../../protocol/InvalidInput.js"
import { CurrentReservation } from "../CurrentReservation.js"
import type { Service } from "../Cycles.js"
import { AllocationExceeded, type Nested, type NestedError, NestedForbidden } from "../Nested.js"
import { Allocation, allocationOf, type Gate, type Holder, type Role } from "./allocation.js"
import { logs } from "./held.js"

/** `within`: who holds its budget already. Without one it needs a hold of its own. */
export interface Place {
  readonly allocation: Allocation
  readonly within: Holder | undefined
  /** What is set aside for it: nothing when it takes as it goes. */
  readonly reserved: Amount
}

const refuseUnit = (limit: Amount, estimate: Amount) =>
  invalidInput("estimate.unit", `must be ${limit.unit}, which the hold around it counts`, estimate.unit)

/** A part of an allocation, or the error that says how much there is. */
export const draw = (
  from: Allocation,
  part: Amount,
  role?: Role
): Effect.Effect<Allocation, AllocationExceeded | InvalidInput> =>
  Effect.suspend((): Effect.Effect<Allocation, AllocationExceeded | InvalidInput> => {
    const { free, holder, limit } = from
    if (part.unit !== limit.unit) return refuseUnit(limit, part)
    const child = from.draw(part, role)
    return child === undefined
      ? new AllocationExceeded({
        reservationId: holder!.facts.id,
        requested: part,
        available: new Amount({ unit: limit.unit, amount: free })
      })
      : Effect.succeed(child)
  })

const warnOnce = (cycles: Service) =>
  cycles.notices.once(
    "nested",
    Effect.logWarning(
      "A reservation is made inside the work of another one: the budget is held twice when the outer estimate covers it too. " +
        "`nested` says what is meant: independent, split, join or forbid"
    ).pipe(Effect.annotateLogs(logs))
  )

const alone = (outer: Allocation | undefined, estimate: Amount, role?: Role): Place => ({
  allocation: new Allocation(estimate, { gate: outer?.gate, ...role }),
  within: undefined,
  reserved: estimate
})

/** Draws from the nearest cap. One that the authority holds already is also where the budget comes from. */
const underCap = (
  outer: Allocation | undefined,
  estimate: Amount,
  role?: Role
): Effect.Effect<Place, AllocationExceeded | InvalidInput> => {
  const cap = outer?.cap
  return cap === undefined
    ? Effect.succeed(alone(outer, estimate, role))
    : Effect.map(draw(cap, estimate, role), (allocation) => ({
      allocation,
      within: cap.kind === "backed" ? cap.holder : undefined,
      reserved: estimate
    }))
}

const joined = (from: Allocation, estimate: Amount) =>
  Effect.suspend((): Effect.Effect<Place, NestedError | InvalidInput> => {
    if (estimate.unit !== from.limit.unit) return refuseUnit(from.limit, estimate)
    const allocation = from.join()
    return allocation === undefined
      ? new AllocationExceeded({
        reservationId: from.holder!.facts.id,
        requested: estimate,
        available: Amount.zero(estimate.unit)
      })
      : Effect.succeed({ allocation, within: from.holder, reserved: Amount.zero(estimate.unit) })
  })

/** A place, and how to leave it when there is no hold for it after all. */
const taken = ({ allocation, reserved, within }: Place, entered?: Gate) => ({
  allocation,
  reserved,
  within,
  leave: (): void => {
    allocation.end(undefined)
    entered?.leave()
  }
})

/** A place inside the work or the cap of another reservation. */
const inside: (
  cycles: Service,
  around: Allocation,
  estimate: Amount,
  nested: Nested | undefined
) => Effect.Effect<ReturnType<typeof taken>, NestedError | InvalidInput> = Effect.fnUntraced(
  function*(cycles, around, estimate, nested) {
    const isInWork = around.kind === "guard"
    if (isInWork && nested === "forbid") {
      return yield* new NestedForbidden({ reservationId: around.holder!.facts.id })
    }
    if (isInWork && nested === undefined) yield* warnOnce(cycles)
    const place = yield* isInWork && nested === "join"
      ? joined(around, estimate)
      : isInWork && nested === "split"
      ? Effect.map(draw(around, estimate), (allocation) => ({ allocation, within: around.holder, reserved: estimate }))
      : underCap(around, estimate)
    if (around.gate !== undefined) {
      yield* Effect.onError(around.gate.enter, () => Effect.sync(() => place.allocation.end(undefined)))
    }
    return taken(place, around.gate)
  }
)

/** To be called in an uninterruptible region: whoever gets a place ends its allocation. A role makes it no step, and no nested guard. */
export const takePlace = (
  cycles: Service,
  estimate: Amount,
  nested: Nested | undefined,
  role?: Role
): Effect.Effect<ReturnType<typeof taken>, NestedError | InvalidInput> =>
  Effect.withFiberRuntime(({ currentContext }) => {
    const outer = Context.getOrElse(currentContext, CurrentReservation, () => undefined)
    const around = outer && allocationOf(outer).ground
    if (around === undefined) return Effect.succeed(taken(alone(undefined, estimate, role)))
    return role === undefined
      ? inside(cycles, around, estimate, nested)
      : Effect.map(underCap(around, estimate, role), (place) => taken(place))
  })
