/**
 * A dry run: what a reservation would be answered, without holding anything and without running any work.
 */
import { Console, Effect, Option } from "effect"
import { Amount, Cycles, evaluate, Evaluation } from "effect-cycles"
import { Authority } from "effect-cycles/authority"

const ask = (dollars: string) =>
  evaluate({ action: { kind: "llm.completion", name: "gpt-4o" }, estimate: Amount.usd(dollars) }).pipe(
    Effect.map(Evaluation.$match({
      Allowed: ({ balances, caps, estimate }) =>
        `${estimate} would be allowed${Option.isSome(caps) ? " with caps" : ""}; ` +
        balances.map(({ remaining, scopePath }) => `${scopePath} has ${remaining}`).join(", "),
      // A denial is a value here. The work is not run, and no error is to be caught.
      Denied: ({ error }) => `$${dollars} would be denied: ${error._tag} by ${Option.getOrElse(error.scope, () => "?")}`
    })),
    Effect.flatMap(Console.log)
  )

const program = Effect.gen(function*() {
  yield* ask("0.40")
  yield* ask("0.60")
  const { value } = yield* Effect.flatMap(Cycles, ({ getBalances }) => getBalances({ tenant: "acme" }))
  for (const { remaining } of value.balances) yield* Console.log(`afterwards: ${remaining}, nothing is held`)
})

Effect.runPromise(program.pipe(
  Effect.provide(Authority.layer({
    budgets: [{ scope: "tenant:acme", allocated: Amount.usd("0.50"), caps: { maxTokens: 512 } }]
  }))
))
