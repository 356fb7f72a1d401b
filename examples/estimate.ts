/**
 * How much to hold: from the text of the prompt by a tokenizer, then from what such calls cost before.
 */
import { Console, Effect, Layer } from "effect"
import { Amount, Estimate, guarded, Prices, type PriceTable, Tokenizer, Usage } from "effect-cycles"
import { Authority } from "effect-cycles/authority"
import { GptTokenizer } from "effect-cycles/tokenizer"

const contract: PriceTable.PriceTable = {
  source: "our contract",
  effectiveFrom: "2026-01-01",
  prices: [{ model: "gpt-4o", perMillion: { input: "2.50", output: "10.00" } }]
}

const action = { kind: "llm.completion", name: "gpt-4o" }
const text = "Why is the sky blue?"

/** Stands in for the model: its answers have some 100 tokens. */
const chat = (n: number) => Effect.succeed({ prompt_tokens: 13, completion_tokens: 90 + n, total_tokens: 103 + n })

const program = Effect.gen(function*() {
  // The most that the call can cost: the whole answer, and the prompt as counted.
  const most = Estimate.text({ model: "gpt-4o", text, maxOutput: 800 })
  yield* Console.log(`by o200k_base: ${yield* most}`)
  const cheap = yield* Effect.provide(most, Tokenizer.layerCharacters)
  yield* Console.log(`by characters/4: ${cheap}`)

  // After 20 calls, 95 of a hundred answers would have fitted in what is held.
  const learned = yield* Estimate.learned({ floor: Amount.usd("0.0005"), ceiling: Amount.usd("0.05") })
  for (let n = 1; n <= 21; n++) {
    yield* chat(n).pipe(
      guarded({
        ...learned.options(action, most),
        actual: (usage) => Prices.cost("gpt-4o", Usage.fromOpenAIChat(usage)),
        onSettled: (settlement, reservation) =>
          Effect.zipRight(
            learned.onSettled(settlement, reservation),
            n === 1 || n === 21 ? Console.log(`call ${n} holds ${reservation.estimate}`) : Effect.void
          )
      })
    )
  }
})

const live = Layer.mergeAll(
  Authority.layer({ budgets: [{ scope: "tenant:acme", allocated: Amount.usd("1") }] }),
  Prices.layer(contract),
  GptTokenizer.layer()
)

Effect.runPromise(program.pipe(Effect.provide(live)))
