/**
 * What guarded effects and guarded streams share: how to reserve, what a lost lease does, how the end is seen.
 */
import type * as Effect from "effect/Effect"
import type { ActualUnknown } from "../lifecycle/ActualUnknown.js"
import type { LeaseLost, LeasePolicy } from "../lifecycle/Lease.js"
import type { Reservation, ReserveError } from "../lifecycle/Reservation.js"
import type { ReserveOptions } from "../lifecycle/ReserveOptions.js"
import type { Settlement } from "../lifecycle/Settlement.js"
import type { CircuitOpen } from "./CircuitBreaker.js"
import type { OnDenied } from "./OnDenied.js"
import type { OnUnavailable } from "./OnUnavailable.js"

/**
 * Every reason why a guard has no hold: nothing was run.
 *
 * @since 0.1.0
 * @category errors
 */
export type HoldError = ReserveError | CircuitOpen

/**
 * Every error that a guard adds to those of the work: nothing was run when one of them occurs, except for `LeaseLost`, which only the lease
 * policies `interrupt` and `failOnFinalize` produce, and `ActualUnknown`, which only `whenActualUnknown: "fail"` does.
 *
 * @since 0.1.0
 * @category errors
 */
export type GuardError = HoldError | LeaseLost | ActualUnknown

/**
 * The options of every guard.
 *
 * @since 0.1.0
 * @category models
 */
export interface CommonGuardOptions<E = never, R = never> extends ReserveOptions<E, R> {
  /** When the authority cannot be asked. Default: the guard fails with what happened (`OnUnavailable.fail`). */
  readonly onUnavailable?: OnUnavailable | undefined
  /**
   * When the budget says no. Default: the guard fails with the denial. Of several, each gets what those before it could not solve: a ladder
   * and then a retry goes down the ladder on each try.
   */
  readonly onDenied?: OnDenied<E, R> | ReadonlyArray<OnDenied<E, R>> | undefined
  /**
   * After a success of which neither an actual nor usage is known: the estimate is recorded (`estimate`, the default), or nothing is sent
   * at all and the guard fails with `ActualUnknown` (`fail`). With `fail` the estimate is never recorded: usage that was recorded on the
   * way is taken as it is.
   */
  readonly whenActualUnknown?: "estimate" | "fail" | undefined
  /**
   * What happens to the work when its hold is lost while it runs: a warning (`warn`, the default), `LeaseLost` once it is done and settled
   * (`failOnFinalize`), or its end at once with `LeaseLost` (`interrupt`).
   */
  readonly onLeaseLost?: LeasePolicy | undefined
  /**
   * `await` (the default): the guard returns after the first attempt to settle. `background`: it returns when the work is done, and the
   * settler settles.
   */
  readonly settle?: "await" | "background" | undefined
  /**
   * Sees how the reservation ended, before the guard returns; `reservation.settlement` waits for the end of a `Pending` one. It runs
   * uninterruptibly: keep it short.
   */
  readonly onSettled?:
    | ((settlement: Settlement, reservation: Reservation) => Effect.Effect<void, never, R>)
    | undefined
}
