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

type Facts = Backing["facts"]

/** What the authority, or the way to it, says against a hold. */
export type AuthorityError = CreateError | AttemptError

/** Nothing of the answer is kept but what is needed: of ten thousand open holds each object counts. Made as `Outgoing` is, and why. */
class Granted implements Facts {
  readonly id: Facts["id"]
  readonly decision: Facts["decision"]
  readonly caps: Facts["caps"]
  readonly estimate: Facts["estimate"]
  readonly reserved: Facts["reserved"]
  readonly subject: Facts["subject"]
  readonly action: Facts["action"]
  readonly scopePath: Facts["scopePath"]
  readonly affectedScopes: Facts["affectedScopes"]
  readonly balances: Facts["balances"]

  constructor({ id, reply: { value }, request }: Held) {
    this.id = id
    this.decision = value.decision === "ALLOW_WITH_CAPS" ? "ALLOW_WITH_CAPS" : "ALLOW"
    this.caps = value.caps
    this.estimate = request.estimate
    this.reserved = Option.getOrElse(value.reserved, () => request.estimate)
    this.subject = request.subject
    this.action = request.action
    this.scopePath = value.scopePath
    this.affectedScopes = value.affectedScopes
    this.balances = Option.getOrElse(value.balances, () => [])
  }
}

class AuthorityHold implements Backing {
  readonly facts: Backing["facts"]
  readonly lease: Lease.LeaseHandle
  readonly onRejected: Backing["onRejected"]
  readonly #settlements: Settlements

  constructor(
    settlements: Settlements,
    held: Held,
    lease: Lease.LeaseHandle,
    onRejected: Backing["onRejected"]
  ) {
    this.facts = new Granted(held)
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
