/** Usage, prices and estimates as a guard takes them, over the embedded authority. */
import { assert, describe, it } from "@effect/vitest"
import {
  Amount,
  CurrentReservation,
  Estimate,
  guarded,
  Prices,
  type PriceTable,
  type Settlement,
  Tokenizer,
  Usage
} from "effect-cycles"
import { Authority } from "effect-cycles/authority"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { warnings } from "./support.js"

const table: PriceTable.PriceTable = {
  source: "the contract",
  effectiveFrom: "1970-01-01",
  prices: [{ model: "gpt-4o", perMillion: { input: "2.50", cacheRead: "1.25", output: "10.00" } }]
}
const { layer: quiet } = warnings()
const live = Layer.mergeAll(
  Authority.layer({
    budgets: [
      { scope: "tenant:acme", allocated: Amount.usd("10") },
      { scope: "tenant:acme", allocated: Amount.tokens(10_000) }
    ]
  }),
  Prices.layer(table),
  Tokenizer.layerCharacters,
  quiet
)
const action = { kind: "llm.completion", name: "gpt-4o" }
const text = "Why is the sky blue?"
const reply = (usage: Usage.OpenAIChatUsage | undefined) => ({ text: "Rayleigh", usage })

const collect = () => {
  const settlements: Array<Settlement> = []
  const onSettled = (settlement: Settlement) =>
    Effect.sync(() => {
      settlements.push(settlement)
    })
  return { settlements, onSettled }
}

describe("guarded", () => {
  it.effect("holds an estimate by text and charges the price of what was used", () =>
    Effect.gen(function*() {
      const { onSettled, settlements } = collect()
      yield* Effect.succeed(reply({ prompt_tokens: 1200, completion_tokens: 300, total_tokens: 1500 })).pipe(
        guarded({
          action,
          estimate: Estimate.text({ model: "gpt-4o", text, maxOutput: 800 }),
          actual: (reply) => Prices.cost("gpt-4o", Usage.fromOpenAIChat(reply.usage)),
          onSettled
        })
      )
      const [settlement] = settlements
      assert.deepInclude({ ...settlement }, { _tag: "Committed", charged: Amount.usd("0.006"), source: "actual" })
    }).pipe(Effect.provide(live)))

  for (
    const [name, usage] of [
      ["absent", undefined],
      ["malformed", { prompt_tokens: -1 }],
      ["without its output", { prompt_tokens: 1200 }],
      ["of a bucket without a price", {
        prompt_tokens: 1,
        completion_tokens: 1,
        completion_tokens_details: { reasoning_tokens: 1 }
      }]
    ] as const
  ) {
    it.effect(`usage that is ${name} charges the estimate, never zero`, () =>
      Effect.gen(function*() {
        const { onSettled, settlements } = collect()
        yield* Effect.succeed(reply(usage)).pipe(
          guarded({
            action,
            estimate: Prices.estimate({ model: "gpt-4o", input: 12, maxOutput: 100 }),
            actual: (reply) => Prices.cost("gpt-4o", Usage.fromOpenAIChat(reply.usage)),
            onSettled
          })
        )
        assert.deepInclude({ ...settlements[0] }, { charged: Amount.usdMicrocents(103_000), source: "estimate" })
      }).pipe(Effect.provide(live)))
  }

  it.effect("an explicit zero charges nothing", () =>
    Effect.gen(function*() {
      const { onSettled, settlements } = collect()
      yield* Effect.succeed(reply({ prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 })).pipe(
        guarded({
          estimate: Prices.estimate({ model: "gpt-4o", input: 12, maxOutput: 100 }),
          actual: (reply) => Prices.cost("gpt-4o", Usage.fromOpenAIChat(reply.usage)),
          onSettled
        })
      )
      assert.deepInclude({ ...settlements[0] }, { charged: Amount.usdMicrocents(0), source: "actual" })
    }).pipe(Effect.provide(live)))

  it.effect("without a price nothing is run", () =>
    Effect.gen(function*() {
      const error = yield* Effect.die("must not run").pipe(
        guarded({ estimate: Prices.estimate({ model: "gpt-5", input: 12, maxOutput: 100 }) }),
        Effect.flip
      )
      assert.strictEqual(error._tag, "UnknownModel")
    }).pipe(Effect.provide(live)))

  it.effect("work that is cut off charges what it said so far", () =>
    Effect.gen(function*() {
      const { onSettled, settlements } = collect()
      yield* Effect.flatMap(CurrentReservation, (reservation) =>
        Effect.flatMap(Prices.costSoFar("gpt-4o", { input: 12 }), reservation.setUsage)).pipe(
          Effect.zipRight(Effect.fail("cut off")),
          guarded({ estimate: Estimate.text({ model: "gpt-4o", text, maxOutput: 800 }), onSettled }),
          Effect.flip
        )
      assert.deepInclude({ ...settlements[0] }, { charged: Amount.usdMicrocents(3000), source: "usage" })
    }).pipe(Effect.provide(live)))

  it.effect("tokens are counted for a budget in tokens", () =>
    Effect.gen(function*() {
      const { onSettled, settlements } = collect()
      yield* Effect.succeed(reply({ prompt_tokens: 12, completion_tokens: 30 })).pipe(
        guarded({
          estimate: Estimate.tokens({ text, maxOutput: 100 }),
          actual: (reply) => Usage.tokens(Usage.fromOpenAIChat(reply.usage)),
          onSettled
        })
      )
      assert.deepInclude({ ...settlements[0] }, { charged: Amount.tokens(42), source: "actual" })
    }).pipe(Effect.provide(live)))

  it.effect("learned estimates follow the actuals, and a failed call teaches nothing", () =>
    Effect.gen(function*() {
      const learned = yield* Estimate.learned({
        floor: Amount.usdMicrocents(1),
        ceiling: Amount.usd("1"),
        coldStart: 3
      })
      const held: Array<string> = []
      const ask = (cost: Amount | undefined) =>
        Effect.flatMap(CurrentReservation, ({ estimate }) => {
          held.push(String(estimate))
          return cost === undefined ? Effect.fail("down") : Effect.succeed(cost)
        }).pipe(
          guarded({ ...learned.options(action, Amount.usd("0.50")), actual: (cost) => cost }),
          Effect.ignore
        )
      for (const cost of ["0.02", undefined, "0.03", "0.01", undefined, "0.01"]) {
        yield* ask(cost && Amount.usd(cost) || undefined)
      }
      assert.deepStrictEqual(held, ["$0.50", "$0.50", "$0.50", "$0.50", "$0.03", "$0.03"])
    }).pipe(Effect.provide(live)))
})
