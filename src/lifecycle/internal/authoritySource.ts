/**
 * Holds of the authority.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import type { CreateError } from "../../protocol/CyclesError.js"
import type { CreateRequest } from "../../protocol/Reservation.js"
import type { AttemptError } from "../Attempt.js"
import type { Service } from "../Cycles.js"
import * as Lease from "../Lease.js"
import { acquire } from "./acquire.js"
import type { Held } from "./held.js"
import { acquireKeyed } from "./keyed.js"
import type { HoldOptions, Restore, Source } from "./source.js"

/** A lease that is extended by hand only. */
const unattended = (cycles: Service, held: Held): Effect.Effect<Lease.LeaseHandle> =>
  Effect.map(Ref.make(Lease.granted(held.reply)), (lease) => ({
    current: Ref.get(lease),
    extend: (by) => Lease.extend(cycles, held.id, lease, by),
    awaitLost: Effect.never,
    lost: Effect.succeedNone,
    end: Effect.void
  }))

const leaseOf = (
  cycles: Service,
  held: Held,
  { heartbeat, maxLifetime }: HoldOptions
): Effect.Effect<Lease.LeaseHandle> =>
  heartbeat === false ? unattended(cycles, held) : cycles.leases.start(
    {
      id: held.id,
      ttl: held.request.ttl ?? Duration.minutes(1),
      created: held.reply,
      receivedAtNanos: held.receivedAtNanos
    },
    maxLifetime === undefined ? Lease.defaultMaxLifetime : Duration.decode(maxLifetime)
  )

const obtain = (
  cycles: Service,
  request: CreateRequest,
  { idempotencyKey, whenInProgress }: HoldOptions,
  restore: Restore
) =>
  idempotencyKey === undefined
    ? acquire(cycles, request, restore)
    : acquireKeyed(cycles, request, whenInProgress ?? "fail", restore)

/** What the authority, or the way to it, says against a hold. */
export type AuthorityError = CreateError | AttemptError

export const authoritySource: Source<AuthorityError> = (cycles, request, options, restore) =>
  Effect.flatMap(
    obtain(cycles, request, options, restore),
    (held) =>
      Effect.map(leaseOf(cycles, held, options), (lease) => {
        const { id, reply: { value } } = held
        return {
          facts: {
            id,
            decision: value.decision === "ALLOW_WITH_CAPS" ? "ALLOW_WITH_CAPS" : "ALLOW",
            caps: value.caps,
            estimate: request.estimate,
            reserved: Option.getOrElse(value.reserved, () => request.estimate),
            subject: request.subject,
            action: request.action,
            scopePath: value.scopePath,
            affectedScopes: value.affectedScopes,
            balances: Option.getOrElse(value.balances, () => [])
          },
          lease,
          onRejected: options.onRejected ?? "deadLetter",
          record: (spend, final) => cycles.settlements.commit(held, spend, final),
          giveBack: (reason, final) => cycles.settlements.release(id, reason, final)
        }
      })
  )
