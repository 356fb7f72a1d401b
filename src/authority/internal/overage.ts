/**
 * The arithmetic of settling: who pays for an actual that exceeds the hold.
 */
import * as Either from "effect/Either"
import type { OveragePolicy } from "../../protocol/Reservation.js"
import { type Budget, remaining } from "../Budget.js"
import { type Refusal, refuse } from "../Command.js"

const positive = (n: bigint): bigint => n > 0n ? n : 0n
const least = (a: bigint, b: bigint): bigint => a < b ? a : b

/** The part of `extra` that remaining funds pay; the rest becomes debt. */
const funded = (budget: Budget, extra: bigint): bigint =>
  extra <= 0n || remaining(budget) >= extra ? extra : positive(remaining(budget))

/** The budgets that have no other funds than what remains: they bound the charge of the whole path. */
const bounding = (budgets: ReadonlyArray<Budget>, policy: OveragePolicy): ReadonlyArray<Budget> => {
  switch (policy) {
    case "REJECT":
      return []
    case "ALLOW_IF_AVAILABLE":
      return budgets
    case "ALLOW_WITH_OVERDRAFT":
      return budgets.filter(({ overdraftLimit }) => overdraftLimit === 0n)
  }
}

/**
 * Turns a hold of `held` (0 for an event) into a charge for `actual`. Under REJECT the caller has made sure that funds suffice.
 *
 * Source: the commit and event sections of the protocol document.
 */
export const charge = (
  budgets: ReadonlyArray<Budget>,
  held: bigint,
  actual: bigint,
  policy: OveragePolicy
): Either.Either<{ readonly charged: bigint; readonly budgets: ReadonlyArray<Budget> }, Refusal> => {
  const wanted = actual - held
  const bounds = wanted > 0n ? bounding(budgets, policy) : []
  const extra = bounds.reduce((n, budget) => least(n, positive(remaining(budget))), wanted)
  const over = budgets.find((budget) =>
    budget.debt + extra - funded(budget, extra) > budget.overdraftLimit &&
    extra > funded(budget, extra)
  )
  if (over !== undefined) {
    return refuse("OVERDRAFT_LIMIT_EXCEEDED", `Overdraft limit exceeded for scope: ${over.scope}`)
  }
  return Either.right({
    charged: held + extra,
    budgets: budgets.map((budget) => ({
      ...budget,
      reserved: budget.reserved - held,
      spent: budget.spent + held + funded(budget, extra),
      debt: budget.debt + extra - funded(budget, extra),
      isOverLimit: budget.isOverLimit || (extra < wanted && bounds.includes(budget) && remaining(budget) < wanted)
    }))
  })
}
