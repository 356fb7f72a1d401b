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

const free: Grant = { spend: () => {}, recorded: () => {} }

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

  get amount(): bigint {
    return this.#amount
  }

  /** Takes an estimate on. */
  take(estimate: bigint): Grant {
    let mine = estimate
    this.#amount += mine
    const set = (n: bigint) => {
      this.#amount += n - mine
      mine = n
    }
    return { spend: (actual) => set(actual?.amount ?? 0n), recorded: () => set(0n) }
  }
}

/**
 * Work runs as long as what the ledger does not know yet, estimates of what runs and spend that is not recorded, stays within `limit`.
 * Spend that the ledger has got makes room again. An estimate in another unit than that of the limit is not allowed.
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
        Effect.sync(() =>
          estimate.unit === limit.unit && exposure.amount + estimate.amount <= limit.amount
            ? Option.some(exposure.take(estimate.amount))
            : Option.none()
        )
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

/**
 * Work runs as long as every budget on its path that was seen, with the answers to guards of this policy, would still cover it: what
 * remained then, less what was allowed without the authority since. Nothing runs where none was seen, or longer ago than `maxAge`
 * (5 minutes when absent).
 *
 * @since 0.1.0
 * @category constructors
 */
export const allowLastKnown = (
  options: { readonly maxAge?: Duration.DurationInput | undefined } = {}
): Effect.Effect<OnUnavailable, InvalidInput> =>
  Effect.map(durationOf("maxAge", options.maxAge ?? "5 minutes"), (maxAge) => {
    const budgets = new Map<string, Known>()
    return {
      name: "allowLastKnown",
      breaker: undefined,
      observe: (balances) =>
        Effect.map(Clock.currentTimeNanos, (atNanos) => {
          for (const { remaining: { amount: remaining, unit }, scopePath } of balances) {
            const key = `${unit} ${scopePath}`
            const known = budgets.get(key)
            if (known === undefined) {
              budgets.set(key, { scopePath, unit, exposure: new Exposure(), remaining, atNanos })
            } else {
              known.remaining = remaining
              known.atNanos = atNanos
            }
          }
        }),
      grant: ({ estimate, subject }) =>
        Effect.map(Clock.currentTimeNanos, (now) => {
          const onPath = isOnPath(subject)
          const seen = [...budgets.values()].filter((known) => known.unit === estimate.unit && onPath(known))
          const covers = ({ atNanos, exposure, remaining }: Known) =>
            Duration.lessThanOrEqualTo(Duration.nanos(now - atNanos), maxAge) &&
            remaining - exposure.amount >= estimate.amount
          if (seen.length === 0 || !seen.every(covers)) return Option.none()
          const grants = seen.map(({ exposure }) => exposure.take(estimate.amount))
          return Option.some({
            spend: (actual) => grants.forEach((grant) => grant.spend(actual)),
            recorded: () => grants.forEach((grant) => grant.recorded())
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
