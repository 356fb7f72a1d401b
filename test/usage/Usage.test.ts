import { assert, describe, it } from "@effect/vitest"
import { Amount, Metrics, Usage } from "effect-cycles"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Schema from "effect/Schema"

const partial = FastCheck.record(
  {
    input: FastCheck.nat(1e6),
    cacheRead: FastCheck.nat(1e6),
    cacheWrite5m: FastCheck.nat(1e6),
    cacheWrite1h: FastCheck.nat(1e6),
    output: FastCheck.nat(1e6),
    reasoning: FastCheck.nat(1e6),
    other: FastCheck.dictionary(FastCheck.constantFrom("inputAudioTokens", "searches", "constructor"), FastCheck.nat(9))
  },
  { requiredKeys: [] }
)

describe("add", () => {
  it("is associative and commutative, and empty changes nothing", () => {
    FastCheck.assert(
      FastCheck.property(partial, partial, partial, (a, b, c) => {
        assert.deepEqual(Usage.add(a, Usage.add(b, c)), Usage.add(Usage.add(a, b), c))
        assert.deepEqual(Usage.add(a, b), Usage.add(b, a))
        assert.deepEqual(Usage.add(a, Usage.empty), a)
        assert.deepEqual(Usage.add(b)(a), Usage.add(a, b))
      })
    )
  })

  it("a bucket that nobody said stays absent, one that somebody said does not", () => {
    FastCheck.assert(
      FastCheck.property(partial, partial, (a, b) => {
        const sum = Usage.add(a, b)
        for (const bucket of Usage.buckets) {
          const known = a[bucket] !== undefined || b[bucket] !== undefined
          assert.strictEqual(bucket in sum, known)
          if (known) assert.strictEqual(sum[bucket], (a[bucket] ?? 0) + (b[bucket] ?? 0))
        }
      })
    )
    assert.deepStrictEqual(Usage.add({ input: 0 }, { output: undefined }), { input: 0 })
  })

  it("an overflow is refused by what reads it, however much is added", () => {
    const over = Usage.add(Usage.add({ input: 2 ** 53 - 1, output: 1 }, { input: 1 }), { input: 1 })
    assert.strictEqual(Either.flip(Usage.tokens(over)).pipe(Either.getOrThrow)._tag, "InvalidInput")
  })
})

describe("replace", () => {
  it("the later statement wins where it says something", () => {
    FastCheck.assert(
      FastCheck.property(partial, partial, (a, b) => {
        const latest = Usage.replace(a, b)
        for (const bucket of Usage.buckets) assert.strictEqual(latest[bucket], b[bucket] ?? a[bucket])
        assert.deepEqual(Usage.replace(a, a), a)
        assert.deepEqual(Usage.replace(b)(a), latest)
      })
    )
    assert.deepStrictEqual(Usage.replace({ output: 5 }, { output: 0 }), { output: 0 })
    assert.deepStrictEqual(Usage.replace({ other: { a: 1, b: 2 } }, { other: { b: 3 } }), { other: { a: 1, b: 3 } })
  })
})

describe("tokens", () => {
  const usage = {
    input: 1,
    cacheRead: 2,
    cacheWrite5m: 4,
    cacheWrite1h: 8,
    output: 16,
    reasoning: 32,
    other: { inputAudioTokens: 64, outputAudioTokens: 128, webSearchRequests: 256 }
  }

  it("counts every token once, and nothing else", () => {
    assert.strictEqual(Usage.inputTokens(usage), 79)
    assert.strictEqual(Usage.outputTokens(usage), 176)
    assert.deepStrictEqual(Usage.tokens(usage), Either.right(Amount.tokens(255)))
    assert.deepStrictEqual(
      Usage.tokens(Usage.fromOpenAIChat({ prompt_tokens: 3, completion_tokens: 4 })),
      Either.right(Amount.tokens(7))
    )
  })

  it("unknown input or output is absent, not zero", () => {
    for (const [usage, field] of [[{ input: 1 }, "output"], [{ output: 1 }, "input"], [{}, "input"]] as const) {
      const error = Either.getOrThrow(Either.flip(Usage.tokens(usage)))
      assert.deepInclude({ ...error }, { _tag: "UsageAbsent", field })
    }
    assert.deepStrictEqual(Usage.tokensSoFar({ input: 1 }), Either.right(Amount.tokens(1)))
    assert.deepStrictEqual(Usage.tokensSoFar({ output: 0 }), Either.right(Amount.tokens(0)))
    assert.isTrue(Either.isLeft(Usage.tokensSoFar({ other: { webSearchRequests: 1 } })))
    const absent = Usage.fromOpenAIChat(undefined)
    assert.strictEqual(Either.getOrThrow(Either.flip(Usage.tokens(absent)))._tag, "UsageAbsent")
  })

  it("what is no count is refused", () => {
    for (const n of [-1, 0.5, NaN]) {
      assert.strictEqual(Either.getOrThrow(Either.flip(Usage.tokens({ input: n, output: 1 })))._tag, "InvalidInput")
      assert.strictEqual(Either.getOrThrow(Either.flip(Usage.tokensSoFar({ input: n })))._tag, "InvalidInput")
    }
  })
})

describe("metrics", () => {
  it("are the metrics of a commit", () => {
    const metrics = Usage.metrics(
      { input: 176, cacheRead: 1024, output: 172, reasoning: 128, other: { webSearchRequests: 2 } },
      "gpt-4o-2024-08-06"
    )
    assert.deepStrictEqual(metrics, {
      tokensInput: 1200,
      tokensOutput: 300,
      modelVersion: "gpt-4o-2024-08-06",
      custom: { cacheRead: 1024, reasoning: 128, webSearchRequests: 2 }
    })
    assert.deepStrictEqual(Schema.decodeSync(Metrics)(Schema.encodeSync(Metrics)(metrics)), metrics)
  })

  it("leave out what is unknown", () => {
    const { custom, tokensInput, tokensOutput } = Usage.metrics({ output: 3 })
    assert.deepStrictEqual([custom, tokensInput, tokensOutput], [undefined, undefined, 3])
  })
})
