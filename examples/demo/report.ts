/**
 * The end: what the ledger says, and whether it agrees with the demo's own books.
 */
import { type Amount, type Balance, Cycles } from "effect-cycles"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { type Agent, Book, type Entry, type Verdict, verdicts } from "./book.js"
import { scopes, tenant } from "./budgets.js"
import { dollars } from "./prices.js"
import { paint, print } from "./screen.js"

/** Whose spend a scope counts. */
const agentsOf: Readonly<Record<string, ReadonlyArray<Agent>>> = {
  [scopes.tenant]: ["researcher", "writer"],
  [scopes.researcher]: ["researcher"]
}

const amountIn = (amount: Option.Option<Amount>): bigint =>
  Option.match(amount, { onNone: () => 0n, onSome: (a) => a.amount })

interface Figures {
  readonly balance: Balance
  readonly calls: number
  readonly charged: bigint
  readonly estimated: bigint
}

const figuresOf = (entries: ReadonlyArray<Entry>) => (balance: Balance): Figures => {
  const committed = entries.flatMap(({ agent, estimate, settlement }) =>
    settlement._tag === "Committed" && agentsOf[balance.scopePath]?.includes(agent) === true
      ? [{ estimated: estimate.amount, charged: settlement.charged.amount }]
      : []
  )
  return {
    balance,
    calls: committed.length,
    charged: committed.reduce((n, { charged }) => n + charged, 0n),
    estimated: committed.reduce((n, { estimated }) => n + estimated, 0n)
  }
}

/** One column for each scope. */
const table = (figures: ReadonlyArray<Figures>): ReadonlyArray<string> => {
  const row = (name: string, cell: (figures: Figures) => string): string =>
    name.padEnd(12) + figures.map((figure) => cell(figure).padStart(figure.balance.scopePath.length + 3)).join("")
  return [
    row("", ({ balance }) => balance.scopePath),
    row("allocated", ({ balance }) => dollars(amountIn(balance.allocated))),
    row("spent", ({ balance }) => dollars(amountIn(balance.spent))),
    row("reserved", ({ balance }) => dollars(amountIn(balance.reserved))),
    row("remaining", ({ balance }) => dollars(balance.remaining.amount)),
    row("calls", ({ calls }) => String(calls)),
    row("estimated", ({ estimated }) => dollars(estimated)),
    row("charged", ({ charged }) => dollars(charged))
  ]
}

/** Prints whether something holds, and gives it back. */
const check = (claim: string, holds: boolean): boolean => {
  print(`${claim}: ${holds ? paint("green", "ok") : paint("red", "NOT OK")}`)
  return holds
}

const checkScope = ({ balance, calls, charged }: Figures): ReadonlyArray<boolean> => {
  const { allocated, debt, remaining, reserved, scopePath, spent } = balance
  return [
    check(
      `sum of the ${calls} ${calls === 1 ? "charge" : "charges"} = spent of ${scopePath}`,
      charged === amountIn(spent)
    ),
    check(
      `allocated = spent + reserved + remaining + debt of ${scopePath}`,
      amountIn(allocated) === amountIn(spent) + amountIn(reserved) + remaining.amount + amountIn(debt)
    )
  ]
}

/** How many questions ended in which way. */
const counts = (verdictsOf: ReadonlyMap<Verdict, number>, questions: number): string => {
  const asked = Array.from(verdictsOf.values()).reduce((n, count) => n + count, 0)
  return [
    ...verdicts.flatMap((verdict) => verdictsOf.has(verdict) ? [`${verdictsOf.get(verdict)} ${verdict}`] : []),
    ...(asked < questions ? [`${questions - asked} not asked`] : [])
  ].join(", ")
}

/** Prints the table and the checks; says whether all of them hold. */
export const report = (questions: number): Effect.Effect<boolean, never, Book | Cycles> =>
  Effect.gen(function*() {
    const book = yield* Book
    const cycles = yield* Cycles
    // Whoever was interrupted while waiting for a reservation did not wait for its release.
    const settled = yield* Cycles.flush
    const { value: { balances } } = yield* cycles.getBalances({ tenant, includeChildren: true })
    const held = yield* Stream.runCount(Cycles.reservations({ tenant, status: "ACTIVE" }))
    const figures = balances.map(figuresOf(book.entries))
    const failed = book.verdicts.get("failed") ?? 0
    print()
    print(counts(book.verdicts, questions))
    print()
    for (const line of table(figures)) print(line)
    print()
    return [
      check("budgets in the ledger = 2", figures.length === 2),
      ...figures.flatMap(checkScope),
      check(`held reservations left = ${held}`, held === 0),
      ...(settled ? [] : [check("settlements under way = 0", false)]),
      ...(failed === 0 ? [] : [check(`failed questions = ${failed}`, false)])
    ].every((holds) => holds)
  }).pipe(
    Effect.catchAll((error) => Effect.sync(() => check(`the ledger can be read (${error.message})`, false)))
  )
