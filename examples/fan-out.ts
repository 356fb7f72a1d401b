/**
 * Many tools at once under one hold: a sub-budget bounds them all together, and asks the authority for nothing.
 */
import { Console, Effect } from "effect"
import { Amount, CurrentReservation, Cycles, guarded, subBudget } from "effect-cycles"
import { Authority } from "effect-cycles/authority"

const pages = ["rates", "weather", "news", "prices", "maps"]

const fetchPage = (page: string) =>
  Effect.succeed(`${page} are read`).pipe(
    Effect.delay("10 millis"),
    guarded({
      action: { kind: "tool.call", name: page },
      estimate: Amount.usd("0.03"), // set aside at once, so that those beside it cannot have it
      actual: Amount.usd("0.01") // the rest returns
    }),
    // Refused before it ran: less than its estimate is left.
    Effect.catchTag("AllocationExceeded", ({ available }) => Effect.succeed(`${page} must wait, ${available} is left`))
  )

const agent = Effect.gen(function*() {
  const lines = yield* Effect.forEach(pages, fetchPage, { concurrency: "unbounded" }).pipe(
    Effect.provide(subBudget(Amount.usd("0.10")))
  )
  yield* Effect.forEach(lines, (line) => Console.log(line))
  const { remaining } = yield* CurrentReservation
  yield* Console.log(`the hold has ${yield* remaining} left`)
}).pipe(guarded({ action: { kind: "agent.run", name: "reader" }, estimate: Amount.usd("0.50") }))

const program = Effect.gen(function*() {
  yield* agent
  const { value } = yield* Effect.flatMap(Cycles, ({ getBalances }) => getBalances({ tenant: "acme" }))
  for (const { remaining, spent } of value.balances) {
    yield* Console.log(`the ledger: ${spent._tag === "Some" ? spent.value : "-"} spent, ${remaining} left`)
  }
})

Effect.runPromise(program.pipe(
  Effect.provide(Authority.layer({ budgets: [{ scope: "tenant:acme", allocated: Amount.usd("1") }] }))
))
