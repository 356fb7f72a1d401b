/** Priced usage of streamed replies, over the embedded authority. */
import { assert, describe, it } from "@effect/vitest"
import { Amount, guardedStream, Prices, type PriceTable, type Settlement, UsageFold, UsageMeter } from "effect-cycles"
import { Authority } from "effect-cycles/authority"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"

const table: PriceTable.PriceTable = {
  source: "the contract",
  effectiveFrom: "1970-01-01",
  prices: [{ model: "m", perMillion: { input: "1", output: "10" } }]
}
const live = Layer.merge(
  Authority.layer({ budgets: [{ scope: "tenant:acme", allocated: Amount.usd("10") }] }),
  Prices.layer(table)
)

interface Chunk {
  readonly choices: ReadonlyArray<
    { readonly delta: { readonly content: string }; readonly finish_reason: string | null }
  >
  readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number } | null
}

const delta = (content: string): Chunk => ({ choices: [{ delta: { content }, finish_reason: null }], usage: null })
const chunks = Stream.make(delta("Rayleigh"), delta(" scatters"), {
  choices: [],
  usage: { prompt_tokens: 12, completion_tokens: 3 }
})

/** What the provider says at its end; until then what can be counted here. */
const usage = UsageMeter.orElse(
  UsageMeter.make(Prices.meter("m", UsageFold.openAIChat())),
  UsageMeter.estimated(UsageMeter.make(Prices.meter(
    "m",
    UsageFold.characters({ inputTokens: 12, textOf: (chunk: Chunk) => chunk.choices[0]?.delta.content })
  )))
)

const charged = (take: (stream: Stream.Stream<Chunk>) => Stream.Stream<Chunk>) =>
  Effect.gen(function*() {
    const settlements: Array<Settlement> = []
    yield* take(chunks).pipe(
      guardedStream({
        estimate: Prices.estimate({ model: "m", input: 12, maxOutput: 100 }),
        usage,
        onSettled: (settlement) =>
          Effect.sync(() => {
            settlements.push(settlement)
          })
      }),
      Stream.runDrain,
      Effect.exit
    )
    const [settlement] = settlements
    return settlement?._tag === "Committed" ? [settlement.charged.amount, settlement.source] : settlement?._tag
  }).pipe(Effect.provide(live))

describe("guardedStream", () => {
  it.effect("charges what the provider says", () =>
    Effect.map(
      charged((stream) => stream),
      (charge) => assert.deepStrictEqual(charge, [12n * 100n + 3n * 1000n, "usage"])
    ))

  it.effect("a stream that fails before charges what was counted", () =>
    Effect.map(
      charged((stream) => Stream.concat(Stream.take(stream, 2), Stream.fail("cut off") as Stream.Stream<never>)),
      (charge) => assert.deepStrictEqual(charge, [12n * 100n + 5n * 1000n, "estimate"])
    ))
})
