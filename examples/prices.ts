/**
 * What a call costs: the usage that the provider reports, times your prices, exact to 1e-8 dollars.
 */
import { Console, Effect, Layer } from "effect"
import { Amount, guarded, Prices, type PriceTable, Usage } from "effect-cycles"
import { Authority } from "effect-cycles/authority"

/** As JSON has it: dollars for a million tokens, as text. `illustrativePrices` is a table to begin with. */
const contract: PriceTable.PriceTable = {
  source: "our contract",
  effectiveFrom: "2026-01-01",
  prices: [{
    model: "gpt-4o",
    aliases: ["gpt-4o-2024-08-06"],
    perMillion: { input: "2.50", cacheRead: "1.25", output: "10.00", reasoning: "10.00" },
    batchFactor: "0.5"
  }]
}

/** Stands in for a chat completion: 1024 of the 1200 prompt tokens came from the provider's cache. */
const usage = {
  prompt_tokens: 1200,
  completion_tokens: 300,
  total_tokens: 1500,
  prompt_tokens_details: { cached_tokens: 1024 }
}

const ask = (model: string, usage: Usage.OpenAIChatUsage | undefined) =>
  Effect.succeed({ model, usage }).pipe(
    guarded({
      action: { kind: "llm.completion", name: model },
      estimate: Prices.estimate({ model, input: 1500, maxOutput: 800 }),
      actual: (reply) => Prices.cost(reply.model, Usage.fromOpenAIChat(reply.usage)),
      onSettled: (settlement, { estimate }) =>
        settlement._tag === "Committed"
          ? Console.log(`${model}: held ${estimate}, charged ${settlement.charged} (${settlement.source})`)
          : Effect.void
    })
  )

const program = Effect.gen(function*() {
  yield* ask("gpt-4o", usage) // $0.00472: 176 x $2.50, 1024 x $1.25 and 300 x $10.00 for a million
  yield* ask("gpt-4o", undefined) // a reply without usage is not free: the estimate is charged

  // No guessing by prefix: a model without a price, or an alias, is not run.
  const { message } = yield* Effect.flip(ask("gpt-4o-mini", usage))
  yield* Console.log(message)

  const batch = yield* Prices.cost("gpt-4o", Usage.fromOpenAIChat(usage), { batch: true })
  yield* Console.log(`in a batch it costs ${batch}`)
})

const budgets = Authority.layer({ budgets: [{ scope: "tenant:acme", allocated: Amount.usd("1") }] })

Effect.runPromise(program.pipe(Effect.provide(Layer.merge(budgets, Prices.layer(contract)))))
