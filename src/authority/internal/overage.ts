/**
 * The arithmetic of settling: who pays for an actual that exceeds the hold.
 */
import type { OveragePolicy } from "../../protocol/Reservation.js"
import { type Budget, moved, remaining } from "../Budget.js"
import { type Refusal, refusalOf } from "../Command.js"

const positive = (n: bigint): bigint => n > 0n ? n : 0n

/** The part of `extra` that remaining funds pay; the rest becomes debt. */
const funded = (budget: Budget, extra: bigint): bigint => {
  if (extra <= 0n) return extra
  const left = remaining(budget)
  return left >= extra ? extra : positive(left)
}

/** Whether a budget has no other funds than what remains, so that it bounds the charge of the whole path. */
const isBound = ({ overdraftLimit }: Budget, policy: OveragePolicy): boolean =>
  policy === "ALLOW_IF_AVAILABLE" || (policy === "ALLOW_WITH_OVERDRAFT" && overdraftLimit === 0n)

/**
 * Turns a hold of `held` (0 for an event) into a charge for `actual`: what is charged, with `budgets` replaced in their list by those
 * afterwards. Under REJECT the caller has made sure that funds suffice.
 *
 * Source: the commit and event sections of the protocol document.
 */
export const charge = (
  budgets: Array<Budget>,
  held: bigint,
  actual: bigint,
  policy: OveragePolicy
): bigint | Refusal => {
  const wanted = actual - held
  let extra = wanted
  if (wanted > 0n) {
    for (const budget of budgets) {
      const left = positive(remaining(budget))
      if (left < extra && isBound(budget, policy)) extra = left
    }
    for (const budget of budgets) {
      const debt = extra - funded(budget, extra)
      if (debt > 0n && budget.debt + debt > budget.overdraftLimit) {
        return refusalOf(budget, "OVERDRAFT_LIMIT_EXCEEDED", `Overdraft limit exceeded for scope: ${budget.scope}`)
      }
    }
  }
  for (let i = 0; i < budgets.length; i++) {
    const budget = budgets[i] as Budget
    const paid = funded(budget, extra)
    budgets[i] = moved(
      budget,
      budget.reserved - held,
      budget.spent + held + paid,
      budget.debt + extra - paid,
      budget.isOverLimit || (extra < wanted && isBound(budget, policy) && remaining(budget) < wanted)
    )
  }
  return held + extra
}
