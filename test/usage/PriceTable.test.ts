import { assert, describe, it } from "@effect/vitest"
import { illustrativePrices, Prices, PriceTable, Usage } from "effect-cycles"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Ref from "effect/Ref"
import * as TestClock from "effect/TestClock"
import { on, warnings } from "./support.js"

const table: PriceTable.PriceTable = {
  source: "list",
  effectiveFrom: "2026-01-01",
  prices: [{ model: "m", perMillion: { input: "1", output: "2" } }]
}

const accepts = (name: string, input: unknown) =>
  it(name, () => {
    assert.deepStrictEqual(Either.getOrThrowWith(PriceTable.decode(input), (error) => error), input)
  })

const refuses = (name: string, input: unknown, field: string, bound: RegExp) =>
  it(name, () => {
    const decoded = PriceTable.decode(input)
    if (Either.isRight(decoded)) return assert.fail("accepted")
    assert.strictEqual(decoded.left._tag, "InvalidInput")
    assert.strictEqual(decoded.left.field, field)
    assert.match(decoded.left.message, bound)
  })

const withPrice = (price: Record<string, unknown>) => ({ ...table, prices: [{ ...table.prices[0], ...price }] })

describe("decode", () => {
  accepts("a table", table)
  accepts("the illustrative one", illustrativePrices)
  accepts("no price at all", { ...table, prices: [] })
  accepts("one model on two days", {
    ...table,
    prices: [...table.prices, { ...table.prices[0], effectiveFrom: "2026-02-01" }]
  })

  refuses("nothing", undefined, "prices", /PriceTable/)
  refuses("no source", { ...table, source: "" }, "prices.source", /NonEmpty|non empty/)
  refuses(
    "a price as a number",
    withPrice({ perMillion: { input: 2.5 } }),
    "prices.prices.0.perMillion.input",
    /string/
  )
  for (const price of ["2,50", "-1", "$2.50", "1e3", ".5", "5.", "", " 1", "NaN"]) {
    refuses(
      `the price ${JSON.stringify(price)}`,
      withPrice({ perMillion: { input: price } }),
      "prices.prices.0.perMillion.input",
      /decimal/
    )
  }
  for (const day of ["2026-02-30", "2026-13-01", "01.02.2026", "2026-1-1", "2026-01-01T00:00:00Z"]) {
    refuses(`the day ${day}`, { ...table, effectiveFrom: day }, "prices.effectiveFrom", /date such as/)
  }
  refuses(
    "a bucket of another name",
    withPrice({ perMillion: { inputs: "1" } }),
    "prices.prices.0.perMillion.inputs",
    /unexpected/
  )
  refuses("a maximum age of nothing", { ...table, maxAgeDays: 0 }, "prices.maxAgeDays", /above 0/)
  refuses(
    "a model twice on one day",
    { ...table, prices: [...table.prices, ...table.prices] },
    "prices.1.model",
    /once for 2026-01-01/
  )
  refuses(
    "an alias that is a model",
    { ...table, prices: [...table.prices, { model: "n", aliases: ["m"], perMillion: {} }] },
    "prices.1.aliases.0",
    /must not name the model m too/
  )
  refuses(
    "a model that is an alias",
    { ...table, prices: [{ model: "n", aliases: ["m"], perMillion: {} }, ...table.prices] },
    "prices.1.model",
    /must not name the model n too/
  )
  refuses(
    "tiers that do not ascend",
    withPrice({
      tiers: [{ aboveInputTokens: 10, perMillion: {} }, { aboveInputTokens: 10, perMillion: {} }]
    }),
    "prices.0.tiers.1.aboveInputTokens",
    /above 10/
  )
  refuses(
    "a tier that is cheaper",
    withPrice({ tiers: [{ aboveInputTokens: 10, perMillion: { output: "1.9" } }] }),
    "prices.0.tiers.0.perMillion.output",
    /cheaper/
  )
  refuses("a batch that is dearer", withPrice({ batchFactor: "1.1" }), "prices.0.batchFactor", /at most 1/)
  refuses(
    "a ceiling below a price",
    { ...table, ceiling: { perMillion: { input: "1", output: "1.99" } } },
    "ceiling.perMillion.output",
    /below the price of m/
  )
  refuses(
    "a ceiling below the price of a tier",
    {
      ...withPrice({ tiers: [{ aboveInputTokens: 10, perMillion: { output: "5" } }] }),
      ceiling: { perMillion: { input: "4", output: "4" } }
    },
    "ceiling.perMillion.output",
    /below/
  )
  refuses(
    "a ceiling that lacks a bucket",
    { ...table, ceiling: { perMillion: { input: "1" } } },
    "ceiling.perMillion.output",
    /below/
  )
  refuses(
    "a ceiling below a fee",
    { ...withPrice({ perRequest: "0.1" }), ceiling: { perMillion: { input: "9", output: "9" } } },
    "ceiling.perRequest",
    /below/
  )

  it.effect("a layer refuses a bad table", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Layer.build(Prices.layer({ ...table, effectiveFrom: "soon" })))
      assert.strictEqual(error.field, "prices.effectiveFrom")
    }).pipe(Effect.scoped))
})

describe("the illustrative table", () => {
  it.effect("says what it is, and prices every model it names while it is to be believed", () =>
    Effect.gen(function*() {
      yield* on(illustrativePrices.effectiveFrom)
      assert.match(illustrativePrices.source, /illustrative/)
      assert.isNumber(illustrativePrices.maxAgeDays)
      for (const { aliases = [], model } of illustrativePrices.prices) {
        for (const name of [model, ...aliases]) {
          const { amount } = yield* Prices.cost(name, { input: 1_000_000, output: 0 })
          assert.isTrue(amount >= 2_000_000n && amount <= 10_000_000_000n, name)
        }
      }
      assert.strictEqual((yield* Prices.cost("gpt-4o", { input: 1, output: 0 })).amount, 250n)
      yield* on("2036-01-01")
      assert.strictEqual((yield* Effect.flip(Prices.price("gpt-4o")))._tag, "StalePrice")
    }).pipe(Effect.provide(Prices.layer(illustrativePrices))))

  it.effect("prices what the readers of its providers report", () =>
    Effect.gen(function*() {
      yield* on(illustrativePrices.effectiveFrom)
      const claude = yield* Prices.cost(
        "claude-sonnet-4-5",
        Usage.fromAnthropic({
          input_tokens: 10,
          cache_read_input_tokens: 1000,
          cache_creation_input_tokens: 100,
          output_tokens: 20,
          server_tool_use: { web_search_requests: 1, web_fetch_requests: 1 }
        })
      )
      assert.strictEqual(claude.amount, 10n * 300n + 1000n * 30n + 100n * 375n + 20n * 1500n + 1_000_000n)
      const gemini = yield* Prices.cost(
        "gemini-2.5-flash",
        Usage.fromGoogle({
          promptTokenCount: 110,
          candidatesTokenCount: 5,
          thoughtsTokenCount: 7,
          totalTokenCount: 122,
          promptTokensDetails: [{ modality: "AUDIO", tokenCount: 100 }]
        })
      )
      assert.strictEqual(gemini.amount, 10n * 30n + 100n * 100n + 12n * 250n)
    }).pipe(Effect.provide(Prices.layer(illustrativePrices))))
})

describe("layerRefreshed", () => {
  const priced = (input: string): PriceTable.PriceTable => ({
    ...table,
    maxAgeDays: 10,
    prices: [{ model: "m", perMillion: { input, output: "2" } }]
  })
  const cost = Effect.map(Prices.cost("m", { input: 1, output: 0 }), ({ amount }) => amount)

  it.scoped("loads again; a bad load keeps the last table, which grows old", () => {
    const { layer, messages } = warnings()
    return Effect.gen(function*() {
      yield* on("2026-01-01")
      const loads = yield* Ref.make(0)
      const next: ReadonlyArray<Effect.Effect<unknown, string>> = [
        Effect.succeed(priced("1")),
        Effect.succeed(priced("3")),
        Effect.fail("sk-secret: unreachable"),
        Effect.succeed({ ...priced("9"), source: "" }),
        Effect.die(new Error("sk-secret")),
        Effect.succeed(priced("5"))
      ]
      const load = Effect.flatMap(Ref.getAndUpdate(loads, (n) => n + 1), (n) => next[n] ?? Effect.never)
      yield* Effect.gen(function*() {
        assert.strictEqual(yield* cost, 100n)
        yield* TestClock.adjust("59 minutes")
        assert.strictEqual(yield* cost, 100n)
        yield* TestClock.adjust("1 minutes")
        assert.strictEqual(yield* cost, 300n)
        yield* TestClock.adjust("3 hours")
        assert.strictEqual(yield* cost, 300n)
        assert.lengthOf(messages, 3)
        assert.isTrue(messages.every((message) => /^WARN Prices could not be loaded again/.test(message)))
        assert.notMatch(messages.join(), /secret/)
        yield* TestClock.adjust("1 hours")
        assert.strictEqual(yield* cost, 500n)
        const { prices } = yield* Effect.flatMap(Prices, ({ table }) => table)
        assert.strictEqual(prices[0]?.perMillion.input, "5")
        yield* TestClock.adjust("10 days")
        assert.strictEqual((yield* Effect.flip(cost))._tag, "StalePrice")
      }).pipe(Effect.provide(Prices.layerRefreshed({ load })), Effect.provide(layer))
      assert.strictEqual(yield* Ref.get(loads), 7)
    })
  })

  it.scoped("the first load must give a good table", () =>
    Effect.gen(function*() {
      const build = (load: Effect.Effect<unknown, string>) => Effect.flip(Layer.build(Prices.layerRefreshed({ load })))
      assert.strictEqual(yield* build(Effect.fail("unreachable")), "unreachable")
      const bad = yield* build(Effect.succeed({ ...table, prices: [{ model: "m", perMillion: { input: 1 } }] }))
      assert.strictEqual(typeof bad === "string" ? bad : bad.field, "prices.prices.0.perMillion.input")
      const every = yield* Effect.flip(
        Layer.build(Prices.layerRefreshed({ load: Effect.succeed(table), every: "soon" as never }))
      )
      assert.strictEqual(every.field, "every")
    }))

  it.scoped("ends with its scope, also while it loads", () =>
    Effect.gen(function*() {
      const interrupted = yield* Ref.make(false)
      const calls = yield* Ref.make(0)
      const load = Effect.flatMap(Ref.getAndUpdate(calls, (n) => n + 1), (n) =>
        n === 0 ? Effect.succeed(table) : Effect.onInterrupt(Effect.never, () => Ref.set(interrupted, true)))
      yield* Effect.scoped(
        Effect.zipRight(Layer.build(Prices.layerRefreshed({ load, every: "1 second" })), TestClock.adjust("1 second"))
      )
      assert.deepStrictEqual([yield* Ref.get(interrupted), yield* Ref.get(calls)], [true, 2])
    }))
})
