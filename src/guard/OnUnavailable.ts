/**
 * What a guard does when the authority cannot be asked: a value, the same for every guard that it is given to.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Option from "effect/Option"
import { durationOf } from "../lifecycle/ReserveOptions.js"
import type { Amount } from "../protocol/Amount.js"
import type { Balance } from "../protocol/Balance.js"
import type { InvalidInput } from "../protocol/InvalidInput.js"
import type { CreateRequest } from "../protocol/Reservation.js"
import { levels, type Subject } from "../protocol/Subject.js"
import type { CircuitBreaker } from "./CircuitBreaker.js"

/** Consent to run once without the authority. Whoever gets it tells how it goes on. */
export interface Grant {
  /** What the work turned out to spend; nothing when it spent nothing. */
  readonly spend: (actual: Amount | undefined) => void
  /** The ledger has the spend. */
  readonly recorded: () => void
  /** Nobody will ever know the spend: the estimate counts until then, as a hold of the authority would. */
  readonly abandon: (untilNanos: bigint) => void
}

/**
 * Whether work may run although the authority does not answer: nothing, or nothing that proves anything, came back, it failed, or the
 * circuit breaker is open. Never for an answer that refuses, also not for a throttle or a refused key.
 *
 * Work that runs so is logged and counted (`cycles.guard.opened`), and what it spends is recorded afterwards as an event: written to the
 * journal first, repeated with one key until the ledger has it.
 *
 * @since 0.1.0
 * @category models
 */
export interface OnUnavailable {
  readonly name: "fail" | "allow" | "allowLastKnown" | "allowUnlimited"
  readonly breaker: CircuitBreaker | undefined
  /** Consent for one request, when there is any. */
  readonly grant: (request: Pick<CreateRequest, "estimate" | "subject">) => Effect.Effect<Option.Option<Grant>>
  /** Looks at the balances that came with an answer. */
  readonly observe: (balances: ReadonlyArray<Balance>) => Effect.Effect<void>
}

const ungranted = Effect.succeedNone
const unobserved = () => Effect.void

/**
 * Nothing runs: the guard fails with what happened. What is done without any policy.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fail: OnUnavailable = { name: "fail", breaker: undefined, grant: () => ungranted, observe: unobserved }

const free: Grant = { spend: () => {}, recorded: () => {}, abandon: () => {} }

/**
 * Everything runs, however much it spends. The whole spend is recorded once the authority is back, but nothing bounds it until then.
 *
 * @since 0.1.0
 * @category constructors
 */
export const allowUnlimited: OnUnavailable = {
  name: "allowUnlimited",
  breaker: undefined,
  grant: () => Effect.succeedSome(free),
  observe: unobserved
}

/** What the ledger does not know yet of one budget: estimates of work that runs, then what it spent. */
class Exposure {
  #amount = 0n
  #abandoned: ReadonlyArray<{ readonly amount: bigint; readonly untilNanos: bigint }> = []

  at(nowNanos: bigint): bigint {
    this.#abandoned = this.#abandoned.filter(({ untilNanos }) => untilNanos > nowNanos)
    return this.#abandoned.reduce((sum, { amount }) => sum + amount, this.#amount)
  }

  /** Takes an estimate on. What is spent in another unit leaves it as it is. */
  take({ amount, unit }: Amount, onRecorded: (spent: bigint) => void = () => {}): Grant {
    let mine = amount
    this.#amount += mine
    const set = (n: bigint) => {
      this.#amount += n - mine
      mine = n
    }
    return {
      spend: (actual) => {
        if (actual === undefined || actual.unit === unit) set(actual?.amount ?? 0n)
      },
      recorded: () => {
        onRecorded(mine)
        set(0n)
      },
      abandon: (untilNanos) => {
        this.#abandoned = [...this.#abandoned, { amount: mine, untilNanos }]
        set(0n)
      }
    }
  }
}

/**
 * Work runs as long as what the ledger does not know yet, estimates of what runs and spend that is not recorded, stays within `limit`.
 * Spend that the ledger has got makes room again. Of work whose actual stays unknown (`whenActualUnknown: "fail"`) the estimate counts for
 * another `ttl`. An estimate in another unit than that of the limit is not allowed.
 *
 * @example
 * ```ts
 * import { Amount, guarded, OnUnavailable } from "effect-cycles"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function*() {
 *   const onUnavailable = yield* OnUnavailable.allow(Amount.usd("0.50")) // once, for all guards of the program
 *   return yield* Effect.succeed("42").pipe(guarded({ estimate: Amount.usd("0.05"), onUnavailable }))
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const allow = (limit: Amount): Effect.Effect<OnUnavailable> =>
  Effect.sync(() => {
    const exposure = new Exposure()
    return {
      name: "allow",
      breaker: undefined,
      observe: unobserved,
      grant: ({ estimate }) =>
        Effect.map(Clock.currentTimeNanos, (now) =>
          estimate.unit === limit.unit && exposure.at(now) + estimate.amount <= limit.amount
            ? Option.some(exposure.take(estimate))
            : Option.none())
    }
  })

/** The scopes of a subject, as authorities name them: every prefix of its levels. Case does not matter. */
const segmentsOf = (subject: Subject): ReadonlySet<string> =>
  new Set(levels.flatMap((level) => subject[level] === undefined ? [] : [`${level}:${subject[level].toLowerCase()}`]))

/** Whether a budget stands on the path of a subject. */
export const isOnPath = (subject: Subject): (balance: Pick<Balance, "scopePath">) => boolean => {
  const segments = segmentsOf(subject)
  return ({ scopePath }) => scopePath.toLowerCase().split("/").every((segment) => segments.has(segment))
}

interface Known {
  readonly scopePath: string
  readonly unit: string
  readonly exposure: Exposure
  remaining: bigint
  atNanos: bigint
}

/** So many budgets are remembered, and more while they are in use. */
const mostKnown = 10_000

/**
 * Work runs as long as every budget on its path that was seen, with the answers to guards of this policy, would still cover it: what
 * remained then, less what was allowed without the authority since. Nothing runs where none was seen, or longer ago than `maxAge`
 * (5 minutes when absent). Of more than 10 000 budgets, those that were not seen for that long are forgotten.
 *
 * @since 0.1.0
 * @category constructors
 */
export const allowLastKnown = (
  options: { readonly maxAge?: Duration.DurationInput | undefined } = {}
): Effect.Effect<OnUnavailable, InvalidInput> =>
  Effect.map(durationOf("maxAge", options.maxAge ?? "5 minutes"), (maxAge) => {
    /** The one that was seen last is the last one. */
    const budgets = new Map<string, Known>()
    const isOld = ({ atNanos }: Known, now: bigint) => Duration.greaterThan(Duration.nanos(now - atNanos), maxAge)
    const forget = (now: bigint) => {
      for (const [key, known] of budgets) {
        if (budgets.size <= mostKnown || !isOld(known, now)) return
        if (known.exposure.at(now) === 0n) budgets.delete(key)
      }
    }
    return {
      name: "allowLastKnown",
      breaker: undefined,
      observe: (balances) =>
        Effect.map(Clock.currentTimeNanos, (atNanos) => {
          for (const { remaining: { amount: remaining, unit }, scopePath } of balances) {
            const key = `${unit} ${scopePath}`
            const known = budgets.get(key) ?? { scopePath, unit, exposure: new Exposure(), remaining, atNanos }
            known.remaining = remaining
            known.atNanos = atNanos
            budgets.delete(key)
            budgets.set(key, known)
          }
          forget(atNanos)
        }),
      grant: ({ estimate, subject }) =>
        Effect.map(Clock.currentTimeNanos, (now) => {
          const onPath = isOnPath(subject)
          const seen = [...budgets.values()].filter((known) => known.unit === estimate.unit && onPath(known))
          const covers = (known: Known) =>
            !isOld(known, now) && known.remaining - known.exposure.at(now) >= estimate.amount
          if (seen.length === 0 || !seen.every(covers)) return Option.none()
          const grants = seen.map((known) =>
            // What the ledger has got is no longer there, also while nobody has seen it.
            known.exposure.take(estimate, (spent) => {
              known.remaining -= spent
            })
          )
          return Option.some({
            spend: (actual) => grants.forEach((grant) => grant.spend(actual)),
            recorded: () => grants.forEach((grant) => grant.recorded()),
            abandon: (untilNanos) => grants.forEach((grant) => grant.abandon(untilNanos))
          })
        })
    }
  })

/**
 * The same, with a circuit breaker in front: an authority that did not answer is not asked again and again.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withBreaker: {
  (breaker: CircuitBreaker): (self: OnUnavailable) => OnUnavailable
  (self: OnUnavailable, breaker: CircuitBreaker): OnUnavailable
} = dual(2, (self: OnUnavailable, breaker: CircuitBreaker): OnUnavailable => ({ ...self, breaker }))
