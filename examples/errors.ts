/**
 * Every denial has a tag of its own and says what it was about. Nothing was run when a guard fails with one of them.
 */
import { FetchHttpClient } from "@effect/platform"
import { Console, Effect, Layer, Option } from "effect"
import { Amount, Cycles, type CyclesError, guarded, Journal } from "effect-cycles"
import { Authority } from "effect-cycles/authority"

const tell = (error: CyclesError.Refusal) =>
  Console.log(
    `${error._tag}: scope ${Option.getOrElse(error.scope, () => "-")}, requested ${
      Option.match(error.requested, { onNone: () => "-", onSome: String })
    }, HTTP ${error.meta.status}`
  )

const spend = (agent: string, estimate: Amount) =>
  Console.log("never printed").pipe(
    guarded({ subject: { agent }, estimate }),
    Effect.catchTag("BudgetExceeded", tell), // not enough left: ask for less, or use something cheaper
    Effect.catchTag("OverdraftLimitExceeded", tell), // over the limit: somebody has to fund it
    Effect.catchTag("DebtOutstanding", tell), // the same, without an overdraft
    Effect.catchTag("BudgetFrozen", tell), // an operator stopped it for now
    Effect.catchTag("BudgetClosed", tell), // an operator closed it
    Effect.catchTag("UnitMismatch", tell), // the budget counts something else
    // What is no denial, for example when nobody answers: the message says what happened.
    Effect.catchAll((error) => Console.log(`${error._tag}: ${error.message}`))
  )

const usd = Amount.usd("0.05")
const program = Effect.gen(function*() {
  for (const agent of ["poor", "over", "indebted", "frozen", "closed"]) yield* spend(agent, usd)
  yield* spend("poor", Amount.tokens(100))
})

const allocated = Amount.usd("1")
const embedded = Authority.layer({
  budgets: [
    { scope: "tenant:acme/agent:poor", allocated: Amount.usd("0.01") },
    { scope: "tenant:acme/agent:over", allocated, overdraftLimit: usd, isOverLimit: true },
    { scope: "tenant:acme/agent:indebted", allocated, debt: usd },
    { scope: "tenant:acme/agent:frozen", allocated, status: "FROZEN" },
    { scope: "tenant:acme/agent:closed", allocated, status: "CLOSED" }
  ]
})

// Nobody listens there.
const nobody = Cycles.layer({ baseUrl: "http://127.0.0.1:65535", apiKey: "none", subject: { tenant: "acme" } })

Effect.runPromise(Effect.gen(function*() {
  yield* Effect.provide(program, embedded)
  yield* Effect.provide(spend("anyone", usd), Layer.provide(nobody, [FetchHttpClient.layer, Journal.layerMemory()]))
}))
