/**
 * What the page shows, in words: budgets, live reservations, and what was decided of late. No key, no metadata, no idempotency key.
 */
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Service } from "../../authority/Authority.js"
import type { BudgetView } from "../../authority/Budget.js"
import * as Json from "../../protocol/Json.js"
import type { ReservationDetail } from "../../protocol/ReservationQuery.js"
import { latest } from "./decisions.js"

/** The page stays quick with any ledger: what is beyond is counted. */
const most = 200

/** How often the page may change. */
const every = "400 millis"

/** Tenths of a percent of what a bar stands for: all that was allocated, or used when that is more. */
const share = (part: bigint, whole: bigint): number => whole <= 0n ? 0 : Number(part * 1000n / whole)

const percent = (tenths: number): string => `${(tenths / 10).toFixed(tenths % 10 === 0 ? 0 : 1)}%`

const chipsOf = ({ caps, isOverLimit, status }: BudgetView): ReadonlyArray<readonly [tone: string, text: string]> => [
  ...(status === "ACTIVE" ? [] : [[status === "CLOSED" ? "" : "warn", status.toLowerCase()]] as const),
  ...(isOverLimit ? [["bad", "over limit"]] as const : []),
  ...(Option.isSome(caps) ? [["", "caps"]] as const : [])
]

const budgetOf = (budget: BudgetView) => {
  const { allocated, debt, overdraftLimit, remaining, reserved, scope, spent } = budget
  const used = spent.amount + reserved.amount + debt.amount
  const whole = used > allocated.amount ? used : allocated.amount
  const parts = {
    spent: share(spent.amount, whole),
    held: share(reserved.amount, whole),
    debt: share(debt.amount, whole)
  }
  return {
    scope,
    remaining: String(remaining),
    below: remaining.amount < 0n,
    allocated: String(allocated),
    chips: chipsOf(budget),
    facts: [
      ["spent", String(spent)],
      ["held", String(reserved)],
      ...(debt.amount > 0n ? [["debt", String(debt)]] : []),
      ...(overdraftLimit.amount > 0n ? [["overdraft limit", String(overdraftLimit)]] : [])
    ],
    parts,
    spoken: `${percent(parts.spent)} spent, ${percent(parts.held)} held` +
      (debt.amount > 0n ? `, ${percent(parts.debt)} debt` : "")
  }
}

const liveOf = ({ action, expiresAt, reservationId, reserved, scopePath }: ReservationDetail) => ({
  id: reservationId,
  scope: scopePath,
  action: `${action.kind} ${action.name}`,
  held: String(reserved),
  endsAt: DateTime.toEpochMillis(expiresAt)
})

/**
 * `events` are server-sent events for one page: the whole picture at once, and again whenever it changes, until `end`.
 */
export interface Feed {
  readonly events: Stream.Stream<string>
  readonly end: Effect.Effect<void>
}

/** What an authority shows. */
export const make = (
  authority: Service
): Effect.Effect<Feed, never, Scope.Scope> =>
  Effect.gen(function*() {
    const decisions = yield* latest(authority)
    const ended = yield* Deferred.make<void>()
    const picture = Effect.gen(function*() {
      const budgets = yield* authority.budgets
      const live = yield* authority.active
      return yield* Effect.orDie(Json.stringify({
        budgets: budgets.slice(0, most).map(budgetOf),
        moreBudgets: Math.max(0, budgets.length - most),
        live: live.slice(0, most).map(liveOf),
        moreLive: Math.max(0, live.length - most),
        decisions: decisions()
      }))
    })
    // Any number of pages costs as much as one.
    const shared = yield* Effect.cachedWithTTL(picture, every)
    return {
      events: Stream.repeatEffectWithSchedule(shared, Schedule.spaced(every)).pipe(
        Stream.changes,
        Stream.mapEffect((text) =>
          Effect.map(Clock.currentTimeMillis, (now) => `retry: 1000\ndata: {"now":${now},${text.slice(1)}\n\n`)
        ),
        Stream.interruptWhenDeferred(ended)
      ),
      end: Deferred.succeed(ended, undefined)
    }
  })
