/**
 * Where a hold comes from.
 */
import type * as Effect from "effect/Effect"
import type { CreateRequest } from "../../protocol/Reservation.js"
import type { Service } from "../Cycles.js"
import type { ReserveOptions } from "../ReserveOptions.js"
import type { Backing } from "./handle.js"

export type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

export type HoldOptions =
  & Pick<ReserveOptions, "heartbeat" | "maxLifetime" | "onRejected" | "whenInProgress">
  & { readonly idempotencyKey?: unknown }

/** Called in an uninterruptible region, with its `restore`. */
export type Source<E, R = never> = (
  cycles: Service,
  request: CreateRequest,
  options: HoldOptions,
  restore: Restore
) => Effect.Effect<Backing, E, R>
