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
import type { Settlement, Spend } from "../Settlement.js"
import type { Settlements } from "../Settlements.js"
import { acquire } from "./acquire.js"
import type { Backing } from "./handle.js"
import type { Held } from "./held.js"
import { acquireKeyed } from "./keyed.js"
import type { Outcome } from "./outcome.js"
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

/** Of ten thousand open holds each object counts: nothing of the answer is kept but what is needed. */
class AuthorityHold implements Backing {
  readonly facts: Backing["facts"]
  readonly lease: Lease.LeaseHandle
  readonly onRejected: Backing["onRejected"]
  readonly #settlements: Settlements

  constructor(
    settlements: Settlements,
    { id, reply: { value }, request }: Held,
    lease: Lease.LeaseHandle,
    onRejected: Backing["onRejected"]
  ) {
    this.facts = {
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
    }
    this.lease = lease
    this.onRejected = onRejected
    this.#settlements = settlements
  }

  record(spend: Spend, final: Outcome<Settlement>): Effect.Effect<Settlement> {
    return this.#settlements.commit(this.facts, spend, final)
  }

  giveBack(reason: string, final: Outcome<Settlement>): Effect.Effect<Settlement> {
    return this.#settlements.release(this.facts.id, reason, final)
  }
}

export const authoritySource: Source<AuthorityError> = (cycles, request, options, restore) =>
  Effect.flatMap(
    obtain(cycles, request, options, restore),
    (held) =>
      Effect.map(
        leaseOf(cycles, held, options),
        (lease) => new AuthorityHold(cycles.settlements, held, lease, options.onRejected ?? "deadLetter")
      )
  )
