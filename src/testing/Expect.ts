/**
 * What a test expects of the ledger. A failed expectation says what was expected, what was found, and shows the rows that tell why.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { Authority } from "../authority/Authority.js"
import type { BudgetView } from "../authority/Budget.js"
import { Cycles } from "../lifecycle/Cycles.js"
import { Amount } from "../protocol/Amount.js"
import type { ReservationDetail } from "../protocol/ReservationQuery.js"
import { budgetRows, callRows, exchangeRows, reservationRows } from "./internal/tables.js"
import { ProviderCalls } from "./ProviderCalls.js"
import { type Exchange, Traffic } from "./Traffic.js"

/**
 * An expectation that does not hold, with what was found and the rows of the ledger, as a table.
 *
 * @since 0.1.0
 * @category errors
 */
export class ExpectationFailed
  extends Schema.TaggedError<ExpectationFailed>("effect-cycles/ExpectationFailed")("ExpectationFailed", {
    expected: Schema.String,
    found: Schema.String,
    rows: Schema.String
  })
{
  override get message(): string {
    return `expected ${this.expected}\n   found ${this.found}\n\n${this.rows}`
  }
}

interface Books {
  readonly budgets: ReadonlyArray<BudgetView>
  readonly reservations: ReadonlyArray<ReservationDetail>
}

const books: Effect.Effect<Books, never, Authority> = Effect.flatMap(
  Authority,
  ({ budgets, reservations }) => Effect.all({ budgets, reservations })
)

const plural = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`

const fail = (expected: string, found: string, ...rows: ReadonlyArray<string>) =>
  new ExpectationFailed({ expected, found, rows: rows.join("\n\n") })

const isActive = ({ status }: ReservationDetail): boolean => status === "ACTIVE"

/** What is under way and may still change the ledger, where there is a client to ask. */
const pending: Effect.Effect<number> = Effect.flatMap(
  Effect.serviceOption(Cycles),
  (cycles) => Option.match(cycles, { onNone: () => Effect.succeed(0), onSome: ({ settler }) => settler.pending })
)

/** The exchanges with a fault, where a script is between client and authority. */
const struck: Effect.Effect<ReadonlyArray<Exchange>> = Effect.flatMap(
  Effect.serviceOption(Traffic),
  (traffic) =>
    Option.match(traffic, {
      onNone: () => Effect.succeed<ReadonlyArray<Exchange>>([]),
      onSome: ({ exchanges }) => Effect.map(exchanges, (all) => all.filter(({ fault }) => fault !== undefined))
    })
)

const underWay = (n: number): string =>
  n === 0 ? "" : `; ${plural(n, "settlement")} under way: let time pass, or run Cycles.flush`

/**
 * No budget holds anything, and no reservation is ACTIVE.
 *
 * @since 0.1.0
 * @category combinators
 */
export const expectNothingReserved: Effect.Effect<void, ExpectationFailed, Authority> = Effect.gen(function*() {
  const { budgets, reservations } = yield* books
  const active = reservations.filter(isActive)
  const holding = budgets.filter(({ reserved }) => reserved.amount > 0n)
  if (active.length === 0 && holding.length === 0) return
  const faults = yield* struck
  return yield* fail(
    "nothing reserved",
    `${plural(active.length, "active reservation")}, ${plural(holding.length, "budget")} with a hold` +
      underWay(yield* pending),
    budgetRows(holding),
    reservationRows(active),
    ...(faults.length === 0 ? [] : [exchangeRows(faults)])
  )
})

/** What ACTIVE reservations hold on a budget. */
const heldOn = ({ scope, unit }: BudgetView, reservations: ReadonlyArray<ReservationDetail>): bigint =>
  reservations.filter((row) => isActive(row) && row.reserved.unit === unit && row.affectedScopes.includes(scope))
    .reduce((sum, { reserved }) => sum + reserved.amount, 0n)

const unbalanced = (budget: BudgetView, reservations: ReadonlyArray<ReservationDetail>): string | undefined => {
  const { allocated, debt, remaining, reserved, scope, spent } = budget
  if (remaining.amount !== allocated.amount - spent.amount - reserved.amount - debt.amount) {
    return `${scope} has ${remaining}, which is not allocated - spent - reserved - debt`
  }
  const held = heldOn(budget, reservations)
  return reserved.amount > held
    ? `${scope} has ${reserved} reserved, and its active reservations hold ${new Amount({
      unit: budget.unit,
      amount: held
    })}`
    : undefined
}

/**
 * Nothing is lost and nothing is made up: every budget's figures add up, what is reserved is held by ACTIVE reservations, and all spend that
 * the client knows of is in the ledger: no settlement is under way, and none ended as a dead letter.
 *
 * @since 0.1.0
 * @category combinators
 */
export const expectConserved: Effect.Effect<void, ExpectationFailed, Authority | Cycles> = Effect.gen(function*() {
  const { budgets, reservations } = yield* books
  const { settlements, settler } = yield* Cycles
  const expected = "every amount in exactly one place of the ledger"
  for (const budget of budgets) {
    const why = unbalanced(budget, reservations)
    if (why !== undefined) {
      const own = reservations.filter(({ affectedScopes }) => affectedScopes.includes(budget.scope))
      return yield* fail(expected, why, budgetRows([budget]), reservationRows(own))
    }
  }
  const dead = yield* settlements.deadLetters
  const waiting = yield* settler.pending
  if (dead.length === 0 && waiting === 0) return
  const ids = new Set<string>(dead.map(({ reservationId }) => reservationId))
  return yield* fail(
    expected,
    [
      ...(dead.length === 0 ? [] : [`${plural(dead.length, "dead letter")}: spend that the authority refused`]),
      ...(waiting === 0 ? [] : [`${plural(waiting, "settlement")} under way: let time pass, or run Cycles.flush`])
    ].join("; "),
    budgetRows(budgets),
    reservationRows(reservations.filter((row) => ids.has(row.reservationId) || isActive(row))),
    ...dead.map(({ deadLetter, reservationId }) =>
      `  dead letter of ${reservationId}: ${deadLetter === undefined ? "unknown" : JSON.stringify(deadLetter)}`
    ),
    exchangeRows(yield* struck)
  )
})

/**
 * A budget has spent exactly so much. The unit of `amount` says which budget of the scope.
 *
 * @since 0.1.0
 * @category combinators
 */
export const expectSpent = (scope: string, amount: Amount): Effect.Effect<void, ExpectationFailed, Authority> =>
  Effect.gen(function*() {
    const { budgets, reservations } = yield* books
    const path = scope.toLowerCase()
    const here = budgets.filter((budget) => budget.scope === path)
    const budget = here.find(({ unit }) => unit === amount.unit)
    if (budget?.spent.amount === amount.amount) return
    return yield* fail(
      `${amount} spent on ${path}`,
      budget === undefined
        ? `no budget of ${path} in ${amount.unit}`
        : `${budget.spent} spent${underWay(yield* pending)}`,
      budgetRows(budget === undefined ? budgets : [budget]),
      reservationRows(reservations.filter(({ affectedScopes }) => affectedScopes.includes(path)))
    )
  })

const keyIn = ({ body }: Exchange): string | undefined => /"idempotency_key":"([^"]*)"/.exec(body)?.[1]

/** The events that recorded what a commit of the reservation had sent. */
const alsoAsEvent = (id: string, exchanges: ReadonlyArray<Exchange>): ReadonlyArray<Exchange> => {
  const keys = exchanges.filter(({ path }) => path.endsWith(`/${id}/commit`)).map(keyIn)
  return exchanges.filter((exchange) =>
    exchange.operation === "createEvent" && exchange.answered?.status === 201 && keys.includes(keyIn(exchange))
  )
}

/**
 * Exactly one reservation has this idempotency key (or this id), it is COMMITTED, and its spend is not in the ledger a second time as an
 * event.
 *
 * @since 0.1.0
 * @category combinators
 */
export const expectCommittedOnce = (key: string): Effect.Effect<void, ExpectationFailed, Authority> =>
  Effect.gen(function*() {
    const { reservations } = yield* books
    const traffic = yield* Effect.serviceOption(Traffic)
    const exchanges = Option.isSome(traffic) ? yield* traffic.value.exchanges : []
    const rows = reservations.filter(({ idempotencyKey, reservationId }) =>
      reservationId === key || Option.contains(idempotencyKey, key)
    )
    const [row] = rows
    const events = row === undefined ? [] : alsoAsEvent(row.reservationId, exchanges)
    if (rows.length === 1 && row?.status === "COMMITTED" && events.length === 0) return
    const found = rows.length !== 1
      ? plural(rows.length, "reservation")
      : events.length === 0
      ? `one that is ${row?.status}${underWay(yield* pending)}`
      : `one that is ${row?.status}, and its spend in ${plural(events.length, "event")} as well`
    return yield* fail(
      `exactly one commit of ${key}`,
      found,
      reservationRows(rows.length === 0 ? reservations : rows),
      ...(row === undefined
        ? []
        : [exchangeRows([...exchanges.filter(({ path }) => path.includes(`/${row.reservationId}/`)), ...events])])
    )
  })

/**
 * Providers were called, and each time inside a guard. Mark the calls with `watched`, `layerHttp` or `providerCall`; without a marked call
 * the expectation fails, since it would prove nothing.
 *
 * @since 0.1.0
 * @category combinators
 */
export const expectNoUnguardedCall: Effect.Effect<void, ExpectationFailed, ProviderCalls> = Effect.gen(function*() {
  const calls = yield* Effect.flatMap(ProviderCalls, ({ calls }) => calls)
  const unguarded = calls.filter(({ reservationId }) => Option.isNone(reservationId))
  if (calls.length > 0 && unguarded.length === 0) return
  return yield* fail(
    "every provider call inside a guard",
    calls.length === 0
      ? "no provider call at all: is the provider marked with watched, layerHttp or providerCall?"
      : `${unguarded.length} of ${plural(calls.length, "call")} without a reservation`,
    callRows(calls)
  )
})
