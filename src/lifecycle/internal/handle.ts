/**
 * A hold, whoever holds it: the authority, the hold around it, or nobody. It is settled once.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { clockOf } from "../../client/internal/clockOf.js"
import { Amount } from "../../protocol/Amount.js"
import { merged } from "../../protocol/internal/merged.js"
import { ActualUnknown } from "../ActualUnknown.js"
import type { LeaseHandle } from "../Lease.js"
import type { Reservation } from "../Reservation.js"
import { type Resolvable, resolve } from "../ReserveOptions.js"
import * as Settlement from "../Settlement.js"
import { UsageError } from "../UsageError.js"
import type { Allocation } from "./allocation.js"
import { type CommitOptions, completed, type Draft, empty, type Known, spentBy } from "./draft.js"
import { logs } from "./held.js"
import { Outcome } from "./outcome.js"
import { Handle } from "./userHandle.js"

/** What stands behind a handle. */
export interface Backing {
  readonly facts: Pick<
    Reservation,
    | "id"
    | "decision"
    | "caps"
    | "estimate"
    | "reserved"
    | "subject"
    | "action"
    | "scopePath"
    | "affectedScopes"
    | "balances"
  >
  readonly lease: LeaseHandle
  readonly onRejected: "deadLetter" | "event"
  /** Records spend. `isCounted`: a hold around this one has counted it already. */
  record(
    spend: Settlement.Spend,
    final: Outcome<Settlement.Settlement>,
    isCounted: boolean
  ): Effect.Effect<Settlement.Settlement>
  giveBack(reason: string, final: Outcome<Settlement.Settlement>): Effect.Effect<Settlement.Settlement>
  /** Hears that nothing will be said of the spend, for whoever does not see that by its time. */
  readonly abandon?: Effect.Effect<void>
}

/** A handle, and the settlement by the end of the work, for the guard. */
export interface Open {
  readonly reservation: Reservation
  readonly lease: LeaseHandle
  /** Ends the work with a given actual, else the recorded usage, else the estimate. */
  succeed(actual: Option.Option<Amount>, usageMayBePart: boolean): Effect.Effect<Settlement.Settlement>
  /** Ends work of which nothing is known without sending anything. `None`: usage was recorded, or it is settled already. */
  readonly abandon: Effect.Effect<Option.Option<ActualUnknown>>
  /** What the guard found out by itself: the usage takes the place of what was recorded, the rest completes it. */
  measured(usage: Option.Option<Known>, more: CommitOptions): Effect.Effect<void>
  /** Ends the work with the recorded usage, or what is spent at least once the request is out, else by giving the hold back. */
  fail(reason: string): Effect.Effect<Settlement.Settlement>
}

/** Amounts beyond an int64 are none: the sum stays at the bound. */
const plus = (self: Amount, n: bigint): Amount =>
  Either.getOrElse(Amount.add(self, new Amount({ unit: self.unit, amount: n })), () => self)

/** What the authority is told of the end, and the arithmetic of it. It is changed in place: of ten thousand open holds, each object counts. */
export class Hold implements Open {
  draft: Draft = empty
  #claimed = false
  #first: Outcome<Settlement.Settlement> | undefined
  #final: Outcome<Settlement.Settlement> | undefined
  readonly backing: Backing
  readonly allocation: Allocation
  readonly opened: bigint
  readonly reservation: Reservation

  constructor(backing: Backing, allocation: Allocation, opened: bigint) {
    this.backing = backing
    this.allocation = allocation
    this.opened = opened
    this.reservation = new Handle(this)
  }

  get lease(): LeaseHandle {
    return this.backing.lease
  }

  /** Gets the settlement of the first end. */
  get first() {
    return this.#first ??= new Outcome<Settlement.Settlement>()
  }

  /** Gets the settlement that stays. */
  get final() {
    return this.#final ??= new Outcome<Settlement.Settlement>()
  }

  once(run: Effect.Effect<Settlement.Settlement>): Effect.Effect<Settlement.Settlement> {
    return Effect.uninterruptibleMask((restore) => {
      if (this.#claimed) return restore(this.first.await)
      this.#claimed = true
      return Effect.matchCauseEffect(Effect.zipRight(this.backing.lease.end, run), {
        onFailure: (cause) => this.#end(Exit.failCause(cause)),
        onSuccess: (settlement) => this.#end(Exit.succeed(settlement))
      })
    })
  }

  #end(exit: Exit.Exit<Settlement.Settlement>): Exit.Exit<Settlement.Settlement> {
    this.first.set(exit)
    return exit
  }

  amount(n: bigint): Amount {
    return new Amount({ unit: this.backing.facts.estimate.unit, amount: n })
  }

  use(own: Amount): void {
    if (own.unit === this.backing.facts.estimate.unit) this.allocation.use(own.amount)
  }

  remember(change: Partial<Draft>): Effect.Effect<void> {
    return Effect.sync(() => {
      this.draft = { ...this.draft, ...change }
    })
  }

  setUsage(known: Known): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.use(known.amount)
      return this.remember({ usage: Option.some(known) })
    })
  }

  /** Records what the work itself used, and what its children did. */
  record(own: Amount, source: Settlement.ActualSource, more: CommitOptions = {}): Effect.Effect<Settlement.Settlement> {
    return Effect.withFiberRuntime((fiber) => {
      const now = clockOf(fiber).unsafeCurrentTimeNanos()
      const { allocation, backing, draft: { measured, metadata, metrics } } = this
      const { unit } = backing.facts.estimate
      this.use(own)
      const latencyMs = Number((now - this.opened + 500_000n) / 1_000_000n)
      const { spenders, used } = allocation.children
      const actual = own.unit === unit ? plus(own, used) : own
      const isCounted = allocation.end(own.unit === unit ? actual.amount : spenders > 0 ? used : undefined)
      const spend: Settlement.Spend = {
        actual,
        source,
        onRejected: backing.onRejected,
        metrics: [measured.metrics, metrics, more.metrics].reduce(completed, { latencyMs }),
        metadata: merged(
          measured.metadata,
          metadata,
          more.metadata,
          source === "estimate" ? { actual_source: "estimate" } : undefined,
          spenders > 0 ? { own: own.toJSON().amount, children: this.amount(used).toJSON().amount } : undefined
        )
      }
      return backing.record(spend, this.final, isCounted && own.unit === unit)
    })
  }

  /** What the work and its children are known to have used, as what the work itself did. */
  get metered(): Option.Option<Known> {
    return Option.orElse(this.draft.usage, () =>
      this.allocation.isMetered
        ? Option.some<Known>({ amount: this.amount(this.allocation.own), source: "usage" })
        : Option.none())
  }

  /** The hold less what children used: what is recorded of work that does not say. */
  get rest(): Amount {
    const rest = this.backing.facts.estimate.amount - this.allocation.children.used
    return this.amount(rest > 0n ? rest : 0n)
  }

  get abandon(): Effect.Effect<Option.Option<ActualUnknown>> {
    return Effect.suspend(() => {
      if (Option.isSome(this.metered)) return Effect.succeedNone
      const error = new ActualUnknown({ reservationId: this.backing.facts.id })
      const settlement = Settlement.Settlement.Unreleased({
        reservationId: this.backing.facts.id,
        reason: "actual_unknown",
        error
      })
      const end = Effect.suspend(() => {
        this.allocation.end(undefined)
        return Effect.zipRight(this.backing.abandon ?? Effect.void, this.final.succeed(settlement))
      })
      return Effect.map(this.once(end), (first) => Option.liftPredicate(error, () => first === settlement))
    })
  }

  /** What children have spent is spent, also where the rest is given back. */
  giveBack(reason: string): Effect.Effect<Settlement.Settlement> {
    return Effect.suspend(() => {
      if (this.allocation.children.used > 0n) return this.record(this.amount(0n), "usage")
      this.allocation.end(undefined)
      return this.backing.giveBack(reason, this.final)
    })
  }

  commit(actual: Resolvable<Amount>, options?: CommitOptions): Effect.Effect<Settlement.Settlement> {
    const { estimate, id } = this.backing.facts
    return this.once(
      resolve("actual", actual).pipe(
        Effect.filterOrFail((actual) => actual instanceof Amount, () => new UsageError({ field: "actual" })),
        Effect.matchCauseEffect({
          onFailure: () =>
            Effect.logWarning("The actual is no amount: the estimate is recorded").pipe(
              Effect.annotateLogs({ ...logs, reservation: id }),
              Effect.zipRight(this.record(estimate, "estimate", options))
            ),
          onSuccess: (actual) => this.record(actual, "actual", options)
        })
      )
    )
  }

  measured(usage: Option.Option<Known>, measured: CommitOptions): Effect.Effect<void> {
    return Effect.zipRight(
      this.remember({ measured }),
      Option.match(usage, { onNone: () => Effect.void, onSome: (known) => this.setUsage(known) })
    )
  }

  succeed(actual: Option.Option<Amount>, usageMayBePart: boolean): Effect.Effect<Settlement.Settlement> {
    return this.once(Effect.suspend(() => {
      if (Option.isSome(actual)) return this.record(actual.value, "actual")
      const known = this.metered
      return Option.isSome(known) && !(usageMayBePart && known.value.amount.amount < this.rest.amount)
        ? this.record(known.value.amount, known.value.source)
        : this.record(this.rest, "estimate")
    }))
  }

  fail(reason: string): Effect.Effect<Settlement.Settlement> {
    return this.once(
      Effect.suspend(() =>
        Option.match(Option.orElse(spentBy(this.draft, this.rest), () => this.metered), {
          onNone: () => this.giveBack(reason),
          onSome: ({ amount, source }) => this.record(amount, source)
        })
      )
    )
  }
}

export const openOn = (backing: Backing, allocation: Allocation): Effect.Effect<Open> =>
  Effect.withFiberRuntime((fiber) => {
    allocation.holder = backing
    return Effect.succeed(new Hold(backing, allocation, clockOf(fiber).unsafeCurrentTimeNanos()))
  })
