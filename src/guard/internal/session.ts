/**
 * One reservation of a guard, from the answer of the authority to the settlement: what guarded effects and guarded streams have in common.
 */
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

export interface Session<R> extends Open {
  readonly policy: LeasePolicy
  readonly settler: Settler
  /** Runs a settlement and shows it to `onSettled`; in the background where the options say so. Never fails. */
  readonly settle: (settlement: Effect.Effect<Settlement>) => Effect.Effect<void, never, R>
  /** After the settlement: fails with the loss of the lease where the policy says so. */
  readonly finalize: Effect.Effect<void, LeaseLost>
}

/** How a guard comes to its hold. */
export type Obtain = <E, R>(
  options: CommonGuardOptions<E, R>,
  restore: Restore
) => Effect.Effect<Open, E | HoldError, R | Cycles>

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

/** Reserves. To be called in an uninterruptible region, with its `restore`; whoever calls this settles. */
export const begin = <E, R>(
  options: CommonGuardOptions<E, R>,
  restore: Restore,
  by: Obtain = obtain
): Effect.Effect<Session<R>, E | HoldError, R | Cycles> =>
  Effect.gen(function*() {
    const { settler } = yield* Cycles
    const open = yield* by(options, restore)
    const { lease, reservation } = open
    yield* Telemetry.annotate(() => ({
      [Telemetry.attributes.reservation]: reservation.id,
      [Telemetry.attributes.decision]: reservation.decision,
      [Telemetry.attributes.unit]: reservation.estimate.unit,
      [Telemetry.attributes.estimated]: reservation.estimate.amount.toString()
    }))
    const policy = options.onLeaseLost ?? "warn"
    return {
      ...open,
      policy,
      settler,
      settle: (settlement) => {
        const seen = shown(settlement, reservation, options)
        return options.settle === "background"
          ? Effect.flatMap(Effect.context<R>(), (context) => settler.submit(Effect.provide(seen, context)))
          : seen
      },
      finalize: policy === "failOnFinalize"
        ? Effect.flatMap(lease.lost, Option.getOrElse(() => Effect.void))
        : Effect.void
    }
  })
