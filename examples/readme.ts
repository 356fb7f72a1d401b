import { Console, Effect } from "effect"
import { Amount, Cycles, guarded } from "effect-cycles"
import { Authority } from "effect-cycles/authority"

// Stands in for a call of a model, which says what it cost.
const callModel = (model: string, cost: string) => Effect.succeed({ text: `${model} answers`, cost: Amount.usd(cost) })

const ask = callModel("gpt-4o", "0.0301").pipe(
  guarded({
    action: { kind: "llm.completion", name: "gpt-4o" },
    estimate: Amount.usd("0.05"), // held while the model works
    actual: (reply) => reply.cost // charged afterwards; the rest of the hold is released
  }),
  Effect.map((reply) => reply.text),
  Effect.catchTag("BudgetExceeded", () => Effect.succeed("gpt-4o was not asked: too little budget is left"))
)

const program = Effect.gen(function*() {
  yield* Effect.flatMap(ask, Console.log) // gpt-4o answers
  yield* Effect.flatMap(ask, Console.log) // gpt-4o was not asked: too little budget is left
  const cycles = yield* Cycles
  const { value } = yield* cycles.getBalances({ tenant: "acme" })
  for (const { remaining, scopePath } of value.balances) {
    yield* Console.log(`${scopePath} has ${remaining} left`) // tenant:acme has $0.0499 left
  }
})

// A budget authority in this process. CyclesLive takes its place when there is a server.
const budgets = Authority.layer({ budgets: [{ scope: "tenant:acme", allocated: Amount.usd("0.08") }] })

Effect.runPromise(program.pipe(Effect.provide(budgets)))
