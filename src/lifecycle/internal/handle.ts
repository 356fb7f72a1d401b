/**
 * The handle of a hold, whoever holds it: the authority, the hold around it, or nobody. It is settled once.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import { monotonicNanos } from "../../client/internal/monotonic.js"
import { Amount } from "../../protocol/Amount.js"
import { ActualUnknown } from "../ActualUnknown.js"
import type { LeaseHandle } from "../Lease.js"
import type { Reservation } from "../Reservation.js"
import { resolve } from "../ReserveOptions.js"
import * as Settlement from "../Settlement.js"
import { UsageError } from "../UsageError.js"
import type { Allocation } from "./allocation.js"
import { type CommitOptions, completed, type Draft, empty, type Known, spentBy } from "./draft.js"
import { logs } from "./held.js"

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
  readonly record: (
    spend: Settlement.Spend,
    final: Deferred.Deferred<Settlement.Settlement>,
    isCounted: boolean
  ) => Effect.Effect<Settlement.Settlement>
  readonly giveBack: (
    reason: string,
    final: Deferred.Deferred<Settlement.Settlement>
  ) => Effect.Effect<Settlement.Settlement>
}

/** A handle, and the settlement by the end of the work, for the guard. */
export interface Open {
  readonly reservation: Reservation
  readonly lease: LeaseHandle
  /** Ends the work with a given actual, else the recorded usage, else the estimate. */
  readonly succeed: (actual: Option.Option<Amount>, usageMayBePart: boolean) => Effect.Effect<Settlement.Settlement>
  /** Ends work of which nothing is known without sending anything. `None`: usage was recorded, or it is settled already. */
  readonly abandon: Effect.Effect<Option.Option<ActualUnknown>>
  /** What the guard found out by itself: the usage takes the place of what was recorded, the rest completes it. */
  readonly measured: (usage: Option.Option<Known>, more: CommitOptions) => Effect.Effect<void>
  /** Ends the work with the recorded usage, or what is spent at least once the request is out, else by giving the hold back. */
  readonly fail: (reason: string) => Effect.Effect<Settlement.Settlement>
}

/** Amounts beyond an int64 are none: the sum stays at the bound. */
const plus = (self: Amount, n: bigint): Amount =>
  Either.getOrElse(Amount.add(self, new Amount({ unit: self.unit, amount: n })), () => self)

export const openOn = (backing: Backing, allocation: Allocation): Effect.Effect<Open> =>
  Effect.gen(function*() {
    const { facts, lease } = backing
    const { unit } = facts.estimate
    allocation.holder = backing
    const opened = yield* monotonicNanos
    const draft = yield* Ref.make(empty)
    const remember = (change: Partial<Draft>) => Ref.update(draft, (draft) => ({ ...draft, ...change }))
    const first = yield* Deferred.make<Settlement.Settlement>()
    const final = yield* Deferred.make<Settlement.Settlement>()
    const claimed = yield* Ref.make(false)

    const once = (run: Effect.Effect<Settlement.Settlement>) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(Ref.getAndSet(claimed, true), (late) =>
          late
            ? restore(Deferred.await(first))
            : Effect.onExit(Effect.zipRight(lease.end, run), (exit) => Deferred.done(first, exit)))
      )

    const amount = (n: bigint): Amount => new Amount({ unit, amount: n })

    const use = (own: Amount) =>
      Effect.sync(() => {
        if (own.unit === unit) allocation.use(own.amount)
      })

    const setUsage = (known: Known) => Effect.zipRight(use(known.amount), remember({ usage: Option.some(known) }))

    /** Records what the work itself used, and what its children did. */
    const record = (own: Amount, source: Settlement.ActualSource, more: CommitOptions = {}) =>
      Effect.gen(function*() {
        yield* use(own)
        const { measured, metadata, metrics } = yield* Ref.get(draft)
        const elapsed = (yield* monotonicNanos) - opened
        const latencyMs = Number((elapsed + 500_000n) / 1_000_000n)
        const { spenders, used } = allocation.children
        const actual = own.unit === unit ? plus(own, used) : own
        const isCounted = allocation.end(own.unit === unit ? actual.amount : undefined)
        const spend: Settlement.Spend = {
          actual,
          source,
          onRejected: backing.onRejected,
          metrics: [measured.metrics, metrics, more.metrics].reduce(completed, { latencyMs }),
          metadata: {
            ...measured.metadata,
            ...metadata,
            ...more.metadata,
            ...(source === "estimate" && { actual_source: "estimate" }),
            ...(spenders > 0 && { own: own.toJSON().amount, children: amount(used).toJSON().amount })
          }
        }
        return yield* backing.record(spend, final, isCounted && own.unit === unit)
      })

    /** What the work and its children are known to have used, as what the work itself did. */
    const metered = ({ usage }: Draft): Option.Option<Known> =>
      Option.orElse(usage, () =>
        allocation.isMetered ? Option.some<Known>({ amount: amount(allocation.own), source: "usage" }) : Option.none())

    /** The hold less what children used: what is recorded of work that does not say. */
    const rest = () => {
      const rest = facts.estimate.amount - allocation.children.used
      return amount(rest > 0n ? rest : 0n)
    }

    const abandoned = (error: ActualUnknown): Settlement.Settlement =>
      Settlement.Settlement.Unreleased({ reservationId: facts.id, reason: "actual_unknown", error })

    const abandon = Effect.gen(function*() {
      if (Option.isSome(metered(yield* Ref.get(draft)))) {
        return Option.none()
      }
      const error = new ActualUnknown({ reservationId: facts.id })
      const end = Effect.suspend(() => {
        allocation.end(undefined)
        return Effect.tap(Effect.succeed(abandoned(error)), (settlement) =>
          Deferred.succeed(final, settlement))
      })
      const settlement = yield* once(end)
      return Option.liftPredicate(error, () =>
        settlement._tag === "Unreleased" && settlement.error === error)
    })

    const giveBack = (reason: string) =>
      Effect.suspend(() => {
        allocation.end(undefined)
        return backing.giveBack(reason, final)
      })

    const reservation: Reservation = {
      ...facts,
      lease: lease.current,
      leaseLost: lease.awaitLost,
      extend: lease.extend,
      setUsage: (amount) => setUsage({ amount, source: "usage" }),
      markDispatched: (atLeast) => remember({ dispatched: true, ...(atLeast && { atLeast }) }),
      setMetrics: (metrics) => Ref.update(draft, (draft) => ({ ...draft, metrics: completed(draft.metrics, metrics) })),
      setMetadata: (metadata) =>
        Ref.update(draft, (draft) => ({ ...draft, metadata: { ...draft.metadata, ...metadata } })),
      commit: (actual, options) =>
        once(
          resolve("actual", actual).pipe(
            Effect.filterOrFail((actual) => actual instanceof Amount, () => new UsageError({ field: "actual" })),
            Effect.matchEffect({
              onFailure: () =>
                Effect.logWarning("The actual is no amount: the estimate is recorded").pipe(
                  Effect.annotateLogs({ ...logs, reservation: facts.id }),
                  Effect.zipRight(record(facts.estimate, "estimate", options))
                ),
              onSuccess: (actual) => record(actual, "actual", options)
            })
          )
        ),
      release: (reason = "stream_aborted") => once(giveBack(reason.slice(0, 256))),
      settlement: Deferred.await(final),
      remaining: Effect.sync(() => amount(allocation.free)),
      cost: Effect.sync(() => {
        const { own, spent } = allocation
        return { own: amount(own), children: amount(spent - own), inclusive: amount(spent) }
      }),
      allocation
    }

    return {
      reservation,
      lease,
      succeed: (actual, usageMayBePart) =>
        once(Effect.flatMap(Ref.get(draft), (draft) => {
          if (Option.isSome(actual)) return record(actual.value, "actual")
          const known = metered(draft)
          return Option.isSome(known) && !(usageMayBePart && known.value.amount.amount < rest().amount)
            ? record(known.value.amount, known.value.source)
            : record(rest(), "estimate")
        })),
      measured: (usage, measured) =>
        Effect.zipRight(
          remember({ measured }),
          Option.match(usage, { onNone: () => Effect.void, onSome: setUsage })
        ),
      abandon,
      fail: (reason) =>
        once(Effect.flatMap(Ref.get(draft), (draft) =>
          Option.match(
            Option.orElse(spentBy(draft, rest()), () => metered(draft)),
            {
              onNone: () => giveBack(reason),
              onSome: ({ amount, source }) => record(amount, source)
            }
          )))
    }
  })
