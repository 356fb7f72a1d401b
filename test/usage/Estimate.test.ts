import { assert, describe, it } from "@effect/vitest"
import { Amount, Estimate, Prices, type PriceTable, Tokenizer } from "effect-cycles"
import { GptTokenizer } from "effect-cycles/tokenizer"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Layer from "effect/Layer"

const table: PriceTable.PriceTable = {
  source: "the contract",
  effectiveFrom: "1970-01-01",
  prices: [{ model: "gpt-4o", perMillion: { input: "2.50", output: "10.00" } }]
}
const prompt = "Why is the sky blue?"

const withCharacters = Effect.provide(Layer.merge(Prices.layer(table), Tokenizer.layerCharacters))

describe("Estimate", () => {
  it.effect("constant is the amount", () =>
    Effect.map(Estimate.constant(Amount.usd("0.05")), (amount) => assert.deepStrictEqual(amount, Amount.usd("0.05"))))

  it.effect("text is the counted input and the whole output", () =>
    Effect.gen(function*() {
      // 20 characters are 5 tokens; a chat adds 4 for the message and 3 for the request.
      const one = yield* Estimate.text({ model: "gpt-4o", text: prompt, maxOutput: 100 })
      assert.strictEqual(one.amount, 12n * 250n + 100n * 1000n)
      const two = yield* Estimate.text({ model: "gpt-4o", text: [prompt, "x"], maxOutput: 100, extraInput: 10 })
      assert.strictEqual(two.amount, (5n + 1n + 8n + 3n + 10n) * 250n + 100n * 1000n)
      const capped = yield* Estimate.text({ model: "gpt-4o", text: prompt, maxOutput: 100, caps: { maxTokens: 7 } })
      assert.strictEqual(capped.amount, 12n * 250n + 7n * 1000n)
      const unknown = yield* Effect.flip(Estimate.text({ model: "gpt-5", text: prompt, maxOutput: 1 }))
      assert.strictEqual(unknown._tag, "UnknownModel")
    }).pipe(withCharacters))

  it.effect("tokens is for budgets in tokens", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Estimate.tokens({ text: prompt, maxOutput: 100 }), Amount.tokens(112))
      assert.deepStrictEqual(
        yield* Estimate.tokens({ text: prompt, maxOutput: 100, caps: { maxTokens: 0 } }),
        Amount.tokens(12)
      )
    }).pipe(withCharacters))

  it.effect("what is no count is refused by name", () =>
    Effect.gen(function*() {
      for (const n of [-1, 0.5, NaN]) {
        const text = { model: "gpt-4o", text: prompt }
        const errors = [
          yield* Effect.flip(Estimate.text({ ...text, maxOutput: 1, extraInput: n })),
          yield* Effect.flip(Estimate.tokens({ ...text, maxOutput: 1, extraInput: n })),
          yield* Effect.flip(Estimate.tokens({ ...text, maxOutput: n }))
        ]
        assert.deepStrictEqual(errors.map((error) => "field" in error && error.field), [
          "extraInput",
          "extraInput",
          "maxOutput"
        ])
      }
    }).pipe(withCharacters))
})

describe("Tokenizer.characters", () => {
  it.effect("is a token for every four characters, rounded up", () =>
    Effect.gen(function*() {
      const counts = yield* Effect.forEach(["", "a", "abcd", "abcde", "x".repeat(4001)], Tokenizer.characters.count)
      assert.deepStrictEqual(counts, [0, 1, 1, 2, 1001])
    }))
})

describe("GptTokenizer", () => {
  const count = (text: string) => Effect.flatMap(Tokenizer, ({ count }) => count(text))
  const reference = Effect.promise(() => import("gpt-tokenizer/encoding/o200k_base"))

  it.effect("counts as the encoding does", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* count(""), 0)
      assert.strictEqual(yield* count("Hello, world!"), 4)
      assert.isAbove(yield* count("<|endoftext|>"), 1)
      const { name } = yield* Tokenizer
      assert.strictEqual(name, "o200k_base")
    }).pipe(Effect.provide(GptTokenizer.layer())))

  it.effect("an older encoding counts otherwise", () =>
    Effect.gen(function*() {
      const text = "こんにちは世界"
      const old = yield* Effect.provide(count(text), GptTokenizer.layer("cl100k_base"))
      const current = yield* Effect.provide(count(text), GptTokenizer.layer("o200k_base"))
      assert.isAbove(old, current)
    }))

  it.effect("a long text is counted in pieces, exactly where it has spaces", () =>
    Effect.gen(function*() {
      const { countTokens } = yield* reference
      const prose = "The quick brown fox, it says, jumps over 13 lazy dogs. ".repeat(200)
      assert.strictEqual(yield* count(prose), countTokens(prose))
    }).pipe(Effect.provide(GptTokenizer.layer())))

  it.effect("other texts come to a few tokens for a thousand characters more, and characters stay whole", () =>
    Effect.gen(function*() {
      const { countTokens } = yield* reference
      for (const text of ["ab".repeat(2000), `a${"😀".repeat(1500)}`, "好".repeat(3000)]) {
        const exact = countTokens(text)
        const counted = yield* count(text)
        assert.isTrue(counted >= exact && counted <= exact + 3 * Math.ceil(text.length / 1000), `${counted} ${exact}`)
      }
    }).pipe(Effect.provide(GptTokenizer.layer())))

  it.effect("a run without spaces neither hangs nor holds up other fibers", () =>
    Effect.gen(function*() {
      let turns = 0
      const other = yield* Effect.fork(Effect.forever(Effect.zipRight(Effect.yieldNow(), Effect.sync(() => turns++))))
      assert.strictEqual(yield* count("a".repeat(20_000)), 2500)
      yield* Effect.yieldNow()
      assert.isAtLeast(turns, 10)
      assert.isNull(other.unsafePoll())
    }).pipe(Effect.provide(GptTokenizer.layer())))

  it.effect("an encoding that cannot be loaded is a typed error", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Effect.scoped(Layer.build(GptTokenizer.layer("p50k_base" as never))))
      assert.strictEqual(error._tag, "TokenizerUnavailable")
      assert.match(error.message, /p50k_base .*gpt-tokenizer/)
    }))
})

describe("Estimate.learned", () => {
  const action = { kind: "llm.completion", name: "gpt-4o" }
  const fallback = Amount.tokens(500)
  const bounds = { floor: Amount.tokens(10), ceiling: Amount.tokens(1000) }
  const settled = (n: number, source = "actual", _tag = "Committed") => ({ _tag, actual: Amount.tokens(n), source })
  const make = (options: Partial<Estimate.LearnedOptions> = {}) => Estimate.learned({ ...bounds, ...options })

  it.effect("holds the fallback until it has seen enough, then the percentile of what it saw", () =>
    Effect.gen(function*() {
      const { estimate, onSettled } = yield* make({ coldStart: 3, percentile: 50 })
      const now = Effect.map(estimate(action, fallback), ({ amount }) => amount)
      const seen = [yield* now]
      for (const n of [300, 100, 200, 400]) {
        yield* onSettled(settled(n), { action })
        seen.push(yield* now)
      }
      assert.deepStrictEqual(seen, [500n, 500n, 500n, 200n, 200n])
    }))

  it.effect("percentile 100 is the largest, 1 the smallest", () =>
    Effect.gen(function*() {
      for (const [percentile, expected] of [[100, 90n], [95, 90n], [88, 90n], [87, 80n], [1, 20n]] as const) {
        const { estimate, observe } = yield* make({ coldStart: 1, percentile })
        for (const n of [50, 20, 90, 30, 80, 40, 60, 70]) yield* observe(action, Amount.tokens(n))
        assert.strictEqual((yield* estimate(action, fallback)).amount, expected, String(percentile))
      }
    }))

  it.effect("the percentile covers at least as many samples as it says, and no lower sample does", () =>
    Effect.promise(() =>
      FastCheck.assert(
        FastCheck.asyncProperty(
          FastCheck.array(FastCheck.integer({ min: 10, max: 1000 }), { minLength: 1, maxLength: 60 }),
          FastCheck.integer({ min: 1, max: 100 }),
          (samples, percentile) =>
            Effect.runPromise(Effect.gen(function*() {
              const { estimate, observe } = yield* make({ coldStart: 1, percentile, window: 60 })
              for (const n of samples) yield* observe(action, Amount.tokens(n))
              const held = Number((yield* estimate(action, fallback)).amount)
              const covered = samples.filter((n) => n <= held).length
              assert.include(samples, held)
              assert.isTrue(covered * 100 >= percentile * samples.length)
              const below = samples.filter((n) => n < held).length
              assert.isTrue(below * 100 < percentile * samples.length)
            }))
        ),
        { numRuns: 100 }
      )
    ))

  it.effect("floor and ceiling bound it, and the fallback", () =>
    Effect.gen(function*() {
      const { estimate, observe } = yield* make({ coldStart: 1 })
      assert.deepStrictEqual(yield* estimate(action, Amount.tokens(1)), bounds.floor)
      assert.deepStrictEqual(yield* estimate(action, Effect.succeed(Amount.tokens(5000))), bounds.ceiling)
      yield* observe(action, Amount.tokens(1))
      assert.deepStrictEqual(yield* estimate(action, fallback), bounds.floor)
      yield* observe(action, Amount.tokens(9999))
      assert.deepStrictEqual(yield* estimate(action, fallback), bounds.ceiling)
    }))

  it.effect("learns only what the work itself said, by action, in its unit", () =>
    Effect.gen(function*() {
      const { estimate, observe, onSettled } = yield* make({ coldStart: 1 })
      yield* onSettled(settled(20, "estimate"), { action })
      yield* onSettled(settled(20, "usage"), { action })
      yield* onSettled({ _tag: "Released" }, { action })
      yield* observe(action, Amount.usd("0.01"))
      yield* onSettled(settled(20), { action: { ...action, name: "gpt-5" } })
      assert.strictEqual((yield* estimate(action, fallback)).amount, 500n)
      yield* onSettled(settled(20, "actual", "Pending"), { action })
      assert.strictEqual((yield* estimate(action, fallback)).amount, 20n)
    }))

  it.effect("usage teaches when it is asked for, an estimate never", () =>
    Effect.gen(function*() {
      const { estimate, onSettled } = yield* make({ coldStart: 1, sources: ["actual", "usage"] })
      yield* onSettled(settled(20, "estimate"), { action })
      assert.strictEqual((yield* estimate(action, fallback)).amount, 500n)
      yield* onSettled(settled(20, "usage"), { action })
      assert.strictEqual((yield* estimate(action, fallback)).amount, 20n)
    }))

  it.effect("keeps the latest of an action only, and the latest actions", () =>
    Effect.gen(function*() {
      const { estimate, observe } = yield* make({ coldStart: 1, window: 2, maxActions: 2, percentile: 100 })
      const of = (name: string) => Effect.map(estimate({ kind: "k", name }, fallback), ({ amount }) => amount)
      for (const n of [900, 30, 40]) yield* observe({ kind: "k", name: "a" }, Amount.tokens(n))
      assert.strictEqual(yield* of("a"), 40n)
      yield* observe({ kind: "k", name: "b" }, Amount.tokens(50))
      assert.strictEqual(yield* of("a"), 40n)
      yield* observe({ kind: "k", name: "c" }, Amount.tokens(60))
      assert.deepStrictEqual([yield* of("a"), yield* of("b"), yield* of("c")], [40n, 500n, 60n])
    }))

  it.effect("a fallback that fails, or is in another unit, is an error", () =>
    Effect.gen(function*() {
      const { estimate } = yield* make()
      assert.strictEqual(yield* Effect.flip(estimate(action, Effect.fail("no price"))), "no price")
      const error = yield* Effect.flip(estimate(action, Amount.usd("1")))
      assert.deepInclude({ ...error }, { _tag: "InvalidInput", field: "fallback" })
    }))

  it.effect("options out of bounds are refused by name", () =>
    Effect.gen(function*() {
      const wrong: ReadonlyArray<readonly [string, Partial<Estimate.LearnedOptions>]> = [
        ["floor", { floor: Amount.tokens(1001) }],
        ["compare", { floor: Amount.usd("1") }],
        ["percentile", { percentile: 0 }],
        ["percentile", { percentile: 0.95 }],
        ["percentile", { percentile: 101 }],
        ["window", { window: 0 }],
        ["window", { window: 1001 }],
        ["coldStart", { coldStart: 11, window: 10 }],
        ["maxActions", { maxActions: NaN }]
      ]
      for (const [field, options] of wrong) {
        assert.strictEqual((yield* Effect.flip(make(options))).field, field)
      }
    }))

  it.effect("a thousand fibers at once lose nothing", () =>
    Effect.gen(function*() {
      const { estimate, options } = yield* make({ coldStart: 1000, window: 1000, percentile: 1 })
      const { onSettled } = options(action, fallback)
      yield* Effect.forEach(
        Array.from({ length: 1000 }, (_, n) => n),
        (n) => Effect.zipRight(Effect.yieldNow(), onSettled(settled(n), { action })),
        { concurrency: "unbounded" }
      )
      assert.strictEqual((yield* estimate(action, fallback)).amount, 10n)
    }))
})
