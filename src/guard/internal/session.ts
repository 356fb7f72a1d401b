/**
 * One reservation of a guard, from the answer of the authority to the settlement: what guarded effects and guarded streams have in common.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { Cycles } from "../../lifecycle/Cycles.js"
import type { Open } from "../../lifecycle/internal/handle.js"
import type { Restore } from "../../lifecycle/internal/source.js"
import type { LeaseLost, LeasePolicy } from "../../lifecycle/Lease.js"
import type { Reservation } from "../../lifecycle/Reservation.js"
import type { Settlement } from "../../lifecycle/Settlement.js"
import type { Settler } from "../../lifecycle/Settler.js"
import * as Telemetry from "../../protocol/Telemetry.js"
import type { CommonGuardOptions, HoldError } from "../GuardOptions.js"
import { obtain } from "./obtain.js"
import { warn } from "./warn.js"

/** The work is done, its settlement is not: an `onSettled` that fails changes nothing. */
const shown = <E, R>(
  settlement: Effect.Effect<Settlement>,
  reservation: Reservation,
  { onSettled }: CommonGuardOptions<E, R>
): Effect.Effect<void, never, R> =>
  settlement.pipe(
    Effect.flatMap((settlement) =>
      Effect.withFiberRuntime<void, never, R>((fiber) => {
        Telemetry.mark(fiber, () => ({ [Telemetry.attributes.settlement]: settlement._tag }))
        return onSettled?.(settlement, reservation) ?? Effect.void
      })
    ),
    Effect.catchAllCause((cause) => warn("onSettled failed", cause))
  )

/** A reservation of a guard. Of ten thousand open ones each object counts. */
export class Session<R> {
  readonly open: Open
  readonly settler: Settler
  readonly #options: CommonGuardOptions<unknown, R>

  constructor(open: Open, settler: Settler, options: CommonGuardOptions<unknown, R>) {
    this.open = open
    this.settler = settler
    this.#options = options
  }

  get policy(): LeasePolicy {
    return this.#options.onLeaseLost ?? "warn"
  }

  /** Runs a settlement and shows it to `onSettled`; in the background where the options say so. Never fails. */
  settle(settlement: Effect.Effect<Settlement>): Effect.Effect<void, never, R> {
    const seen = shown(settlement, this.open.reservation, this.#options)
    return this.#options.settle === "background"
      ? Effect.flatMap(Effect.context<R>(), (context) => this.settler.submit(Effect.provide(seen, context)))
      : seen
  }

  /** After the settlement: fails with the loss of the lease where the policy says so. */
  get finalize(): Effect.Effect<void, LeaseLost> {
    return this.policy === "failOnFinalize"
      ? Effect.flatMap(this.open.lease.lost, Option.getOrElse(() => Effect.void))
      : Effect.void
  }
}

/** How a guard comes to its hold. */
export type Obtain = <E, R>(
  options: CommonGuardOptions<E, R>,
  restore: Restore
) => Effect.Effect<Open, E | HoldError, R | Cycles>

/** Reserves. To be called in an uninterruptible region, with its `restore`; whoever calls this settles. */
export const begin = <E, R>(
  options: CommonGuardOptions<E, R>,
  restore: Restore,
  by: Obtain = obtain
): Effect.Effect<Session<R>, E | HoldError, R | Cycles> =>
  Effect.flatMap(by(options, restore), (open) =>
    Effect.withFiberRuntime<Session<R>, never, Cycles>((fiber) => {
      const { reservation } = open
      Telemetry.mark(fiber, () => ({
        [Telemetry.attributes.reservation]: reservation.id,
        [Telemetry.attributes.decision]: reservation.decision,
        [Telemetry.attributes.unit]: reservation.estimate.unit,
        [Telemetry.attributes.estimated]: reservation.estimate.amount.toString()
      }))
      const { settler } = Context.unsafeGet(fiber.currentContext, Cycles)
      return Effect.succeed(new Session(open, settler, options))
    }))
