import { assert, describe, it } from "@effect/vitest"
import {
  Amount,
  type CallOptions,
  illustrativePrices,
  type InvalidInput,
  type PriceError,
  Prices,
  PriceTable,
  Usage
} from "effect-cycles"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import type * as Layer from "effect/Layer"
import { on, price, warnings, wholeUsage } from "./support.js"

const table: PriceTable.PriceTable = {
  source: "the contract",
  effectiveFrom: "2026-01-01",
  prices: [
    {
      model: "gpt-4o",
      aliases: ["gpt-4o-2024-08-06"],
      perMillion: { input: "2.50", cacheRead: "1.25", output: "10.00", reasoning: "10.00" },
      batchFactor: "0.5"
    },
    { model: "gpt-4o-mini", perMillion: { input: "0.15", output: "0.60" } },
    {
      model: "long",
      perMillion: { input: "3", cacheRead: "0.3", cacheWrite5m: "3.75", cacheWrite1h: "6", output: "15" },
      tiers: [
        { aboveInputTokens: 1000, perMillion: { input: "6", output: "22.5" } },
        { aboveInputTokens: 2000, perMillion: { input: "7" } }
      ],
      perRequest: "0.01"
    },
    { model: "search", perMillion: { input: "1", output: "1", other: { webSearchRequests: "10000" } } },
    { model: "embed", perMillion: { input: "0.02" } },
    { model: "thinker", perMillion: { input: "1", output: "2", reasoning: "5" } }
  ]
}

const run = <A, E>(
  effect: Effect.Effect<A, E, Prices>,
  layer: Layer.Layer<Prices, InvalidInput> = Prices.layer(table)
) => Effect.zipRight(on("2026-06-01"), Effect.provide(effect, layer))

const costs = (name: string, model: string, usage: Usage.Usage, microcents: bigint, options?: CallOptions) =>
  it.effect(name, () =>
    run(Effect.map(Prices.cost(model, usage, options), (amount) => {
      assert.deepStrictEqual(amount, Amount.usdMicrocents(microcents))
    })))

const refuses = <A>(
  name: string,
  effect: Effect.Effect<A, PriceError | Usage.UsageReadError, Prices>,
  tag: string,
  fields: Record<string, unknown>,
  message: RegExp
) =>
  it.effect(name, () =>
    run(Effect.map(Effect.flip(effect), (error) => {
      assert.strictEqual(error._tag, tag)
      assert.deepInclude({ ...error }, fields)
      assert.match(error.message, message)
    })))

describe("golden vectors", () => {
  it("1 USD is 100 000 000 microcents and 1 cent 1 000 000", () => {
    assert.strictEqual(Amount.usd("1").amount, 100_000_000n)
    assert.strictEqual(Amount.usd("0.01").amount, 1_000_000n)
  })
  costs("$2.50 for a million tokens is 250 microcents for one", "gpt-4o", { input: 1, output: 0 }, 250n)
  costs("$10.00 for a million tokens is 1000 microcents for one", "gpt-4o", { input: 0, output: 1 }, 1000n)
  costs("a million of each is $12.50", "gpt-4o", { input: 1_000_000, output: 1_000_000 }, 1_250_000_000n)
  costs("the streaming guide's 1200 and 800 tokens", "gpt-4o", { input: 1200, output: 800 }, 1_100_000n)
  // A published helper has a hundredth of these for gpt-4o, by 10 000 microcents to the cent, and for gpt-4o-mini a tenth of that again.
  costs("gpt-4o, by a guide's helper with its error corrected", "gpt-4o", { input: 1200, output: 300 }, 600_000n)
  costs("gpt-4o-mini, likewise", "gpt-4o-mini", { input: 1200, output: 300 }, 36_000n)

  it.effect("a prompt of 40 tokens and 1024 tokens of output are held as $0.01034", () =>
    run(Effect.map(Prices.estimate({ model: "gpt-4o", input: 40, maxOutput: 1024 }), (amount) => {
      assert.deepStrictEqual(amount, Amount.usdMicrocents(40n * 250n + 1024n * 1000n))
    })))
})

describe("cost", () => {
  costs(
    "sums the buckets, each at its price",
    "gpt-4o",
    { input: 176, cacheRead: 1024, output: 172, reasoning: 128 },
    176n * 250n + 1024n * 125n + 300n * 1000n
  )
  costs("by a declared alias", "gpt-4o-2024-08-06", { input: 1, output: 0 }, 250n)
  costs("half of it in a batch", "gpt-4o", { input: 3, output: 0 }, 375n, { batch: true })
  costs("with a fee per request", "long", { input: 1, output: 0 }, 1_000_300n)
  costs("with the fees of several requests", "long", { input: 3, output: 0 }, 3_000_900n, { requests: 3 })
  costs(
    "at the limit of a tier, below it",
    "long",
    { input: 500, cacheRead: 500, output: 1 },
    1_000_000n + 500n * 300n + 500n * 30n + 1500n
  )
  costs(
    "above it, at its prices, and the others as they were",
    "long",
    { input: 501, cacheRead: 500, output: 1 },
    1_000_000n + 501n * 600n + 500n * 30n + 2250n
  )
  costs(
    "above the next, whose output costs as in the one below",
    "long",
    { input: 2001, output: 1 },
    1_000_000n + 2001n * 700n + 2250n
  )
  costs("counters that are no tokens", "search", { input: 0, output: 0, other: { webSearchRequests: 3 } }, 3_000_000n)
  costs("zero of something without a price costs nothing", "gpt-4o", {
    input: 1,
    output: 0,
    cacheWrite1h: 0,
    other: { x: 0 }
  }, 250n)
  costs("an explicit zero is zero", "gpt-4o", { input: 0, output: 0 }, 0n)
  costs("no output where none has a price", "embed", { input: 1_000_000 }, 2_000_000n)

  it.effect("rounds once, half-even", () => {
    const halves: PriceTable.PriceTable = {
      ...table,
      prices: [{ model: "half", perMillion: { input: "0.005", cacheRead: "0.003", output: "0" } }]
    }
    return run(
      Effect.gen(function*() {
        const cost = (usage: Usage.Usage) => Effect.map(Prices.cost("half", usage), ({ amount }) => amount)
        assert.deepStrictEqual(
          yield* Effect.forEach([1, 2, 3, 4, 5, 7], (input) => cost({ input, output: 0 })),
          [0n, 1n, 2n, 2n, 2n, 4n]
        )
        // 0.5 + 0.3 + ... each rounded alone would be 0.
        assert.strictEqual(yield* cost({ input: 1, cacheRead: 1, output: 0 }), 1n)
      }),
      Prices.layer(halves)
    )
  })

  it.effect("takes what a reader gave", () =>
    run(Effect.map(
      Prices.cost("gpt-4o", Usage.fromOpenAIChat({ prompt_tokens: 1200, completion_tokens: 300, total_tokens: 1500 })),
      (amount) => assert.strictEqual(String(amount), "$0.006")
    )))

  refuses("a reader's error comes out", Prices.cost("gpt-4o", Usage.fromOpenAIChat(undefined)), "UsageAbsent", {
    source: "openai.chat"
  }, /usage is absent, which is not zero/)
  refuses("an unknown model", Prices.cost("gpt-4o-mini-2024-07-18", { input: 1, output: 1 }), "UnknownModel", {
    model: "gpt-4o-mini-2024-07-18",
    source: "the contract"
  }, /add it there, or as an alias/)
  refuses(
    "a name that only begins like a model",
    Prices.cost("gpt-4", { input: 1, output: 1 }),
    "UnknownModel",
    {},
    /"gpt-4"/
  )
  refuses("a name of another case", Prices.cost("GPT-4o", { input: 1, output: 1 }), "UnknownModel", {}, /GPT-4o/)
  refuses(
    "a name of Object.prototype",
    Prices.cost("constructor", { input: 1, output: 1 }),
    "UnknownModel",
    {},
    /constructor/
  )
  refuses("a bucket without a price", Prices.cost("gpt-4o", { input: 1, output: 1, cacheWrite5m: 1 }), "MissingPrice", {
    bucket: "cacheWrite5m"
  }, /no price for cacheWrite5m of the model "gpt-4o"/)
  refuses(
    "a counter without a price",
    Prices.cost("gpt-4o", { input: 1, output: 1, other: { outputAudioTokens: 1 } }),
    "MissingPrice",
    {
      bucket: "other.outputAudioTokens"
    },
    /outputAudioTokens/
  )
  refuses(
    "a batch without a price",
    Prices.cost("gpt-4o-mini", { input: 1, output: 1 }, { batch: true }),
    "MissingPrice",
    {
      bucket: "batch"
    },
    /batch/
  )
  refuses(
    "unknown output that has a price",
    Prices.cost("gpt-4o", { input: 1 }),
    "UsageAbsent",
    { field: "output" },
    /not zero/
  )
  refuses(
    "unknown input that has a price",
    Prices.cost("gpt-4o", { output: 1 }),
    "UsageAbsent",
    { field: "input" },
    /not zero/
  )
  refuses("nothing known", Prices.cost("embed", {}), "UsageAbsent", { field: "input and output" }, /not zero/)
  for (const n of [-1, 0.5, NaN, Infinity, 2 ** 53]) {
    refuses(
      `${n} tokens`,
      Prices.cost("gpt-4o", { input: n, output: 1 }),
      "InvalidInput",
      { field: "usage.input" },
      /whole number/
    )
  }
  refuses("half a request", Prices.cost("long", { input: 1, output: 1 }, { requests: 0.5 }), "InvalidInput", {
    field: "requests"
  }, /whole number/)
  refuses(
    "a sum beyond what a double counts",
    Prices.cost("gpt-4o", Usage.add({ input: 2 ** 53 - 1, output: 1 }, { input: 1 })),
    "InvalidInput",
    {
      field: "usage.input"
    },
    /9007199254740991/
  )

  it.effect("more than an int64 holds", () =>
    run(
      Effect.map(Effect.flip(Prices.cost("dear", { input: Number.MAX_SAFE_INTEGER, output: 0 })), (error) => {
        assert.strictEqual(error._tag, "InvalidInput")
        assert.match(error.message, /9223372036854775807/)
      }),
      Prices.layer({ ...table, prices: [{ model: "dear", perMillion: { input: "1000000", output: "1" } }] })
    ))
})

describe("costSoFar", () => {
  it.effect("is the cost of what is known", () =>
    run(Effect.map(Prices.costSoFar("gpt-4o", { input: 10 }), (amount) => assert.strictEqual(amount.amount, 2500n))))
  refuses("nothing is known", Prices.costSoFar("gpt-4o", {}), "UsageAbsent", { field: "input and output" }, /not zero/)
})

describe("estimate", () => {
  const estimates = (name: string, options: Parameters<typeof Prices.estimate>[0], microcents: bigint) =>
    it.effect(
      name,
      () => run(Effect.map(Prices.estimate(options), (amount) => assert.strictEqual(amount.amount, microcents)))
    )

  estimates("caps cut the output", { model: "gpt-4o", input: 1, maxOutput: 800, caps: { maxTokens: 100 } }, 100_250n)
  estimates("caps above it do not", { model: "gpt-4o", input: 1, maxOutput: 8, caps: { maxTokens: 100 } }, 8250n)
  estimates("caps of zero tokens", { model: "gpt-4o", input: 1, maxOutput: 8, caps: { maxTokens: 0 } }, 250n)
  estimates("output at the price of reasoning when that is more", { model: "thinker", input: 0, maxOutput: 2 }, 1000n)
  estimates(
    "input that is written to a cache",
    { model: "long", input: { input: 1, cacheWrite1h: 2 }, maxOutput: 0 },
    1_000_000n + 300n + 1200n
  )
  estimates("the tier of the input", { model: "long", input: 1001, maxOutput: 1 }, 1_000_000n + 1001n * 600n + 2250n)
  estimates("in a batch", { model: "gpt-4o", input: 4, maxOutput: 0, batch: true }, 500n)
  estimates("no output for an embedding", { model: "embed", input: 3, maxOutput: 0 }, 6n)
  refuses("output of an embedding", Prices.estimate({ model: "embed", input: 3, maxOutput: 1 }), "MissingPrice", {
    bucket: "output"
  }, /output/)
  refuses("no output limit", Prices.estimate({ model: "gpt-4o", input: 3, maxOutput: NaN }), "InvalidInput", {
    field: "usage.output"
  }, /whole/)
  refuses("negative input", Prices.estimate({ model: "gpt-4o", input: -3, maxOutput: 1 }), "InvalidInput", {
    field: "usage.input"
  }, /whole/)

  it.effect("rounds up", () =>
    run(
      Effect.map(Prices.estimate({ model: "cheap", input: 1, maxOutput: 0 }), ({ amount }) =>
        assert.strictEqual(amount, 1n)),
      Prices.layer({ ...table, prices: [{ model: "cheap", perMillion: { input: "0.000001" } }] })
    ))

  it.effect("says once when it is implausible", () => {
    const { layer, messages } = warnings()
    return run(
      Effect.gen(function*() {
        yield* Prices.estimate({ model: "gpt-4o", input: 1000, maxOutput: 1000 })
        assert.deepStrictEqual(messages, [])
        for (let n = 0; n < 3; n++) yield* Prices.estimate({ model: "low", input: 1000 + n, maxOutput: 1000 })
        yield* Prices.estimate({ model: "high", input: 1000, maxOutput: 1000 })
        assert.lengthOf(messages, 2)
        assert.match(
          messages[0] ?? "",
          /^WARN .*\$0.00000002 for 2000 tokens, under a microcent each: is the price in dollars/
        )
        assert.match(messages[1] ?? "", /^WARN .*\$200.00, above \$100.00: is the price in dollars/)
      }).pipe(Effect.provide(layer)),
      Prices.layer({
        ...table,
        prices: [
          ...table.prices,
          { model: "low", perMillion: { input: "0.00001", output: "0.00001" } },
          { model: "high", perMillion: { input: "100000", output: "100000" } }
        ]
      })
    )
  })

  it.effect("warnAbove is configurable", () => {
    const { layer, messages } = warnings()
    return run(
      Effect.gen(function*() {
        yield* Prices.estimate({ model: "gpt-4o", input: 1000, maxOutput: 1000 })
        assert.match(messages[0] ?? "", /above \$0.01/)
      }).pipe(Effect.provide(layer)),
      Prices.layer(table, { warnAbove: Amount.usd("0.01") })
    )
  })
})

describe("other units", () => {
  for (const unit of ["TOKENS", "CREDITS", "RISK_POINTS"] as const) {
    it.effect(`${unit} are counted in whole units, rounded as said`, () =>
      run(
        Effect.gen(function*() {
          const cost = yield* Prices.cost("m", { input: 2500, output: 0 })
          const estimate = yield* Prices.estimate({ model: "m", input: 2500, maxOutput: 0 })
          assert.deepStrictEqual([cost, estimate].map((amount) => ({ ...amount })), [{ unit, amount: 2n }, {
            unit,
            amount: 3n
          }])
        }),
        Prices.layer({
          ...table,
          pricedIn: unit,
          prices: [{ model: "m", perMillion: { input: "1000", output: "1000" } }]
        })
      ))
  }
})

describe("age", () => {
  const dated: PriceTable.PriceTable = {
    source: "list",
    effectiveFrom: "2026-01-01",
    verifiedOn: "2026-02-01",
    maxAgeDays: 30,
    prices: [
      { model: "m", perMillion: { input: "1", output: "1" } },
      { model: "m", effectiveFrom: "2026-02-20", perMillion: { input: "2", output: "2" } },
      { model: "old", verifiedOn: "2025-12-01", perMillion: { input: "1", output: "1" } },
      { model: "new", effectiveFrom: "2027-01-01", perMillion: { input: "1", output: "1" } }
    ]
  }
  const cost = (model: string) => Effect.map(Prices.cost(model, { input: 1, output: 0 }), ({ amount }) => amount)

  it.effect("the latest price that is in force counts, until it is stale", () =>
    Effect.gen(function*() {
      yield* on("2026-02-19")
      assert.strictEqual(yield* cost("m"), 100n)
      yield* on("2026-02-20")
      assert.strictEqual(yield* cost("m"), 200n)
      yield* on("2026-03-02")
      assert.strictEqual(yield* cost("m"), 200n)
      yield* on("2026-03-03")
      const error = yield* Effect.flip(cost("m"))
      assert.deepInclude({ ...error }, {
        _tag: "StalePrice",
        model: "m",
        verifiedOn: "2026-02-01",
        maxAgeDays: 30,
        ageDays: 30
      })
      assert.match(error.message, /verified on 2026-02-01, 30 days ago; it is to be believed for 30/)
    }).pipe(Effect.provide(Prices.layer(dated))))

  it.effect("an entry may have days of its own", () =>
    Effect.gen(function*() {
      yield* on("2026-02-02")
      assert.strictEqual((yield* Effect.flip(cost("old")))._tag, "StalePrice")
      const error = yield* Effect.flip(cost("new"))
      assert.match(error.message, /in force from 2027-01-01 only/)
    }).pipe(Effect.provide(Prices.layer(dated))))

  it.effect("says in the last tenth of its time that it will be stale, once a day", () => {
    const { layer, messages } = warnings()
    return Effect.gen(function*() {
      yield* on("2026-02-27")
      yield* cost("m")
      assert.deepStrictEqual(messages, [])
      yield* on("2026-03-01")
      yield* cost("m")
      yield* cost("m")
      yield* on("2026-03-02")
      yield* cost("m")
      assert.deepStrictEqual(messages, [
        "WARN The price of \"m\" in \"list\" will be stale within 2 days: verify it",
        "WARN The price of \"m\" in \"list\" will be stale within a day: verify it"
      ])
    }).pipe(Effect.provide([Prices.layer(dated), layer]))
  })

  it.effect("onStale: warn uses it, and says so once", () => {
    const { layer, messages } = warnings()
    return Effect.gen(function*() {
      yield* on("2026-12-01")
      assert.deepStrictEqual([yield* cost("m"), yield* cost("m"), yield* cost("new")], [200n, 200n, 100n])
      assert.lengthOf(messages, 2)
      assert.match(messages[0] ?? "", /^WARN .*303 days ago.*: it is used/)
      assert.strictEqual((yield* Effect.flip(cost("other")))._tag, "UnknownModel")
    }).pipe(Effect.provide([Prices.layer(dated, { onStale: "warn" }), layer]))
  })

  it.effect("a ceiling prices what is stale or unknown, and says so once", () => {
    const { layer, messages } = warnings()
    return Effect.gen(function*() {
      yield* on("2026-12-01")
      assert.deepStrictEqual([yield* cost("m"), yield* cost("other"), yield* cost("other")], [1000n, 1000n, 1000n])
      const { ceiling, model } = yield* Prices.price("other")
      assert.deepStrictEqual({ ceiling, model }, { ceiling: true, model: "other" })
      const batch = yield* Prices.cost("other", { input: 1, output: 0 }, { batch: true })
      assert.strictEqual(batch.amount, 1000n)
      assert.strictEqual(
        (yield* Effect.flip(Prices.cost("other", { input: 1, output: 0, cacheRead: 1 })))._tag,
        "MissingPrice"
      )
      assert.lengthOf(messages, 2)
      assert.match(messages[0] ?? "", /days ago.*: the ceiling is used/)
      assert.match(messages[1] ?? "", /No price for the model "other".*: the ceiling is used/)
    }).pipe(Effect.provide([
      Prices.layer({ ...dated, ceiling: { perMillion: { input: "10", output: "10" } } }),
      layer
    ]))
  })
})

describe("laws", () => {
  const rates = FastCheck.record({
    input: price,
    cacheRead: price,
    cacheWrite5m: price,
    cacheWrite1h: price,
    output: price,
    reasoning: price
  })
  const priced = FastCheck.tuple(rates, FastCheck.array(FastCheck.nat(300), { maxLength: 2 }), price).map(
    ([perMillion, limits, perRequest]): PriceTable.ModelPrice => ({
      model: "m",
      perMillion,
      tiers: [...new Set(limits)].sort((a, b) => a - b).map((limit, n) => ({
        aboveInputTokens: limit + 1,
        // Every whole part has at most four digits.
        perMillion: Object.fromEntries(
          Object.entries(perMillion).map(([bucket, text]) => {
            const [whole = "", fraction = "0"] = text.split(".")
            return [bucket, `${(n + 1) * 10_000 + Number(whole)}.${fraction}`]
          })
        )
      })),
      perRequest,
      batchFactor: "0.37"
    })
  )
  const layerOf = (price: PriceTable.ModelPrice) =>
    Prices.layer({ source: "any", effectiveFrom: "1970-01-01", prices: [price] })
  const priceOf = (price: PriceTable.ModelPrice) => Effect.runSync(Effect.provide(Prices.price("m"), layerOf(price)))

  it("cost grows with every bucket, and with the batch factor never above the whole", () => {
    FastCheck.assert(
      FastCheck.property(
        priced,
        wholeUsage(400),
        FastCheck.constantFrom(...Usage.buckets),
        FastCheck.nat(500),
        (price, usage, bucket, more) => {
          const { cost, costSoFar, estimate } = priceOf(price)
          const amount = (usage: Usage.Usage, options?: CallOptions) => Either.getOrThrow(cost(usage, options)).amount
          const grown = { ...usage, [bucket]: usage[bucket] + more }
          assert.isTrue(amount(usage) <= amount(grown))
          assert.isTrue(amount(usage, { batch: true }) <= amount(usage))
          const { [bucket]: _, ...less } = usage
          assert.isTrue(Either.getOrThrow(costSoFar(less)).amount <= amount(usage))
          const { output, reasoning, ...input } = usage
          assert.isTrue(amount(usage) <= Either.getOrThrow(estimate({ input, maxOutput: output + reasoning })).amount)
        }
      ),
      { numRuns: 300 }
    )
  })

  it("cost is the sum over the buckets by hand, in one division", () => {
    FastCheck.assert(
      FastCheck.property(rates, wholeUsage(1e9), (perMillion, usage) => {
        const { cost, estimate } = priceOf({ model: "m", perMillion })
        // Every price has at most six decimals: in units of 1e-6 dollars a million, that is of 1e-4 microcents.
        const micro = (text: string) => {
          const [whole = "", fraction = ""] = text.split(".")
          return BigInt(whole + fraction.padEnd(6, "0"))
        }
        const exact = (buckets: ReadonlyArray<Usage.Bucket>) =>
          buckets.reduce((sum, bucket) => sum + BigInt(usage[bucket]) * micro(perMillion[bucket]), 0n)
        const amount = Either.getOrThrow(cost(usage)).amount
        const off = amount * 10_000n - exact(Usage.buckets)
        assert.isTrue(off >= -5000n && off <= 5000n)
        if (off === 5000n || off === -5000n) assert.strictEqual(amount % 2n, 0n)
        const { output: _output, reasoning: _reasoning, ...input } = usage
        const up = Either.getOrThrow(estimate({ input, maxOutput: 0 })).amount * 10_000n - exact(Usage.inputBuckets)
        assert.isTrue(up >= 0n && up < 10_000n)
      }),
      { numRuns: 300 }
    )
  })

  it("no float enters: every price is text, a number is refused, and what a double loses is kept", () => {
    const leaves = (value: unknown, path: string): ReadonlyArray<readonly [string, unknown]> =>
      typeof value === "object" && value !== null
        ? Object.entries(value).flatMap(([key, value]) => leaves(value, `${path}.${key}`))
        : [[path, value]]
    for (const [path, value] of leaves(illustrativePrices, "prices")) {
      if (/perMillion|perRequest|batchFactor/.test(path)) assert.isString(value, path)
      if (typeof value === "number") assert.match(path, /aboveInputTokens|maxAgeDays/)
    }
    FastCheck.assert(
      FastCheck.property(
        FastCheck.double({ noNaN: true, min: 0 }),
        FastCheck.constantFrom(...Usage.buckets),
        (n, bucket) => {
          const bad = { ...table, prices: [{ model: "m", perMillion: { [bucket]: n } }] }
          assert.isTrue(Either.isLeft(PriceTable.decode(bad)))
        }
      )
    )
    // 0.1 + 0.2 of anything, and more digits than a double has.
    const { cost } = priceOf({
      model: "m",
      perMillion: { input: "0.1", cacheRead: "0.2", output: "1234567890.123456789012345678" }
    })
    assert.strictEqual(Either.getOrThrow(cost({ input: 1e8, cacheRead: 1e8, output: 0 })).amount, 3_000_000_000n)
    assert.strictEqual(Either.getOrThrow(cost({ input: 0, output: 1_000_000 })).amount, 123_456_789_012_345_679n)
  })
})
