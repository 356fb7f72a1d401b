import { assert, describe, it } from "@effect/vitest"
import { Amount, Prices, type PriceTable, type Usage, UsageFold } from "effect-cycles"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"

/** What is known after each element: usage, the tag of the error, and `!` once it is final. */
const trace = <A, S extends UsageFold.State>(
  { initial, step }: UsageFold.UsageFold<A, S>,
  elements: ReadonlyArray<A>
): ReadonlyArray<Usage.Usage | string> => {
  let state = initial
  return elements.map((element) => {
    state = step(state, element)
    const { final, usage } = state
    const shown = Either.isRight(usage) ? usage.right : usage.left._tag
    return final ? `! ${JSON.stringify(shown)}` : shown
  })
}

const final = (usage: Usage.Usage) => `! ${JSON.stringify(usage)}`

describe("openAIChat", () => {
  const delta = { choices: [{ delta: { content: "x" }, finish_reason: null }], usage: null }
  const stop = { choices: [{ delta: {}, finish_reason: "stop" }], usage: null }
  const usage = { prompt_tokens: 12, completion_tokens: 3, total_tokens: 15 }

  it("the chunk without choices says it all", () => {
    assert.deepStrictEqual(trace(UsageFold.openAIChat(), [delta, delta, stop, { choices: [], usage }]), [
      "UsageAbsent",
      "UsageAbsent",
      "UsageAbsent",
      final({ input: 12, output: 3 })
    ])
  })

  it("running totals are final once there is a reason to finish", () => {
    const running = (n: number, reason: string | null) => ({
      choices: [{ finish_reason: reason }],
      usage: { prompt_tokens: 12, completion_tokens: n, total_tokens: 12 + n }
    })
    assert.deepStrictEqual(trace(UsageFold.openAIChat(), [running(1, null), running(2, null), running(3, "length")]), [
      { input: 12, output: 1 },
      { input: 12, output: 2 },
      final({ input: 12, output: 3 })
    ])
  })

  it("chunks whose choices are null say their usage too", () => {
    const usage = { prompt_tokens: 3, completion_tokens: 4 }
    assert.deepStrictEqual(trace(UsageFold.openAIChat(), [{ choices: null }, { choices: null, usage }]), [
      "UsageAbsent",
      final({ input: 3, output: 4 })
    ])
  })

  it("malformed usage stays an error", () => {
    assert.deepStrictEqual(trace(UsageFold.openAIChat(), [{ choices: [], usage: { prompt_tokens: -1 } }]), [
      "! \"MalformedUsage\""
    ])
  })
})

describe("openAIResponses", () => {
  const usage = { input_tokens: 5, output_tokens: 7, total_tokens: 12 }
  for (const type of ["response.completed", "response.incomplete", "response.failed"]) {
    it(`${type} says it all`, () => {
      assert.deepStrictEqual(
        trace(UsageFold.openAIResponses(), [
          { type: "response.created", response: { usage: null } },
          { type: "response.output_text.delta" },
          { type, response: { usage } }
        ]),
        ["UsageAbsent", "UsageAbsent", final({ input: 5, output: 7 })]
      )
    })
  }

  it("a response that failed without usage says nothing", () => {
    assert.deepStrictEqual(
      trace(UsageFold.openAIResponses(), [{ type: "response.failed", response: { usage: null } }]),
      [
        "UsageAbsent"
      ]
    )
  })
})

describe("anthropic", () => {
  const start = {
    type: "message_start",
    message: { usage: { input_tokens: 25, cache_creation_input_tokens: 9, output_tokens: 1 } }
  }
  const delta = { type: "content_block_delta", delta: { type: "text_delta", text: "x" } }
  const end = (reason: string | null, output_tokens: number) => ({
    type: "message_delta",
    delta: { stop_reason: reason },
    usage: { output_tokens }
  })
  const at = (output: number) => ({ input: 25, cacheWrite5m: 9, output })

  it("grows, and is final with the stop reason", () => {
    assert.deepStrictEqual(
      trace(UsageFold.anthropic(), [start, delta, end(null, 10), delta, end("end_turn", 15), { type: "message_stop" }]),
      [at(1), at(1), at(10), at(10), final(at(15)), final(at(15))]
    )
  })

  it("writes to the cache are for as long as was asked", () => {
    assert.deepStrictEqual(trace(UsageFold.anthropic({ cacheWriteTtl: "1h" }), [start, { type: "message_stop" }]), [
      { input: 25, cacheWrite1h: 9, output: 1 },
      final({ input: 25, cacheWrite1h: 9, output: 1 })
    ])
  })

  it("nothing before the first event", () => {
    assert.deepStrictEqual(trace(UsageFold.anthropic(), [{ type: "ping" }, delta]), ["UsageAbsent", "UsageAbsent"])
  })
})

describe("google", () => {
  it("every chunk says the usage so far, and the finish reason ends it", () => {
    const chunk = (n: number, finishReason?: string) => ({
      candidates: [finishReason === undefined ? {} : { finishReason }],
      usageMetadata: { promptTokenCount: 4, candidatesTokenCount: n, totalTokenCount: 4 + n }
    })
    assert.deepStrictEqual(
      trace(UsageFold.google(), [{ candidates: [{}] }, chunk(1), chunk(2), chunk(5, "STOP"), {}]),
      [
        "UsageAbsent",
        { input: 4, output: 1 },
        { input: 4, output: 2 },
        final({ input: 4, output: 5 }),
        final({ input: 4, output: 5 })
      ]
    )
  })
})

describe("google with nulls", () => {
  it("a reason that is null finishes nothing", () => {
    const usageMetadata = { promptTokenCount: 3, candidatesTokenCount: 4 }
    const chunks = [
      { candidates: [{ finishReason: null }], usageMetadata },
      { candidates: null, usageMetadata },
      { candidates: [{ finishReason: "STOP" }], usageMetadata }
    ]
    const part = { input: 3, output: 4 }
    assert.deepStrictEqual(trace(UsageFold.google(), chunks), [part, part, final(part)])
  })
})

describe("bedrock", () => {
  it("the metadata says it all", () => {
    const events = [
      { messageStart: { role: "assistant" } },
      { contentBlockDelta: { delta: { text: "x" } } },
      { metadata: { usage: { inputTokens: 2, outputTokens: 3, cacheWriteInputTokens: 4 } } }
    ]
    assert.deepStrictEqual(trace(UsageFold.bedrock({ cacheWriteTtl: "1h" }), events), [
      "UsageAbsent",
      "UsageAbsent",
      final({ input: 2, cacheWrite1h: 4, output: 3 })
    ])
  })
})

describe("vercel and @effect/ai", () => {
  const flat = (inputTokens: number, outputTokens: number) => ({
    inputTokens,
    outputTokens,
    totalTokens: inputTokens + outputTokens
  })
  const text = { type: "text-delta" }
  const included = { cachedInput: "included" } as const

  it("a model's stream", () => {
    const parts = [text, { type: "finish", usage: flat(3, 4) }]
    const expected = ["UsageAbsent", final({ input: 3, output: 4 })]
    assert.deepStrictEqual(trace(UsageFold.vercel5(included), parts), expected)
    assert.deepStrictEqual(trace(UsageFold.effectAi(included), parts), expected)
    const nested = { inputTokens: { total: 3 }, outputTokens: { total: 4 } }
    assert.deepStrictEqual(trace(UsageFold.vercel6(), [text, { type: "finish", usage: nested }]), expected)
  })

  it("the steps of a result add up, and its total says it all", () => {
    const steps = [
      { type: "finish-step", usage: flat(3, 4) },
      text,
      { type: "finish-step", usage: flat(10, 1) },
      { type: "finish", totalUsage: flat(13, 5) }
    ]
    for (const fold of [UsageFold.vercel5(included), UsageFold.vercel6()]) {
      assert.deepStrictEqual(trace(fold, steps), [
        { input: 3, output: 4 },
        { input: 3, output: 4 },
        { input: 13, output: 5 },
        final({ input: 13, output: 5 })
      ])
    }
  })

  it("a step without usage leaves a part, until the total", () => {
    const parts = [
      { type: "finish-step", usage: flat(3, 4) },
      { type: "finish-step" },
      { type: "finish-step", usage: flat(3, 4) },
      { type: "finish", totalUsage: flat(9, 9) }
    ]
    assert.deepStrictEqual(trace(UsageFold.vercel6(), parts), [
      { input: 3, output: 4 },
      { input: 3, output: 4 },
      { input: 6, output: 8 },
      final({ input: 9, output: 9 })
    ])
  })
})

describe("an end without a total", () => {
  it("keeps what the steps said, as a part", () => {
    const parts = [{ type: "finish-step", usage: { inputTokens: 3, outputTokens: 4 } }, { type: "finish" }]
    assert.deepStrictEqual(trace(UsageFold.vercel6(), parts), [{ input: 3, output: 4 }, { input: 3, output: 4 }])
  })
})

describe("characters", () => {
  it("counts a token for every four, over all elements, and is never final", () => {
    const fold = UsageFold.characters({ inputTokens: 7, textOf: (part: { readonly text?: string }) => part.text })
    assert.deepStrictEqual(trace(fold, [{ text: "abc" }, {}, { text: "d" }, { text: "e" }]), [
      { input: 7, output: 1 },
      { input: 7, output: 1 },
      { input: 7, output: 1 },
      { input: 7, output: 2 }
    ])
    assert.deepStrictEqual(fold.initial.usage, Either.right({ input: 7, output: 0 }))
  })
})

describe("Prices.meter", () => {
  const table: PriceTable.PriceTable = {
    source: "the contract",
    effectiveFrom: "1970-01-01",
    prices: [{ model: "m", perMillion: { input: "1", output: "10" } }]
  }
  const read = <A, S extends UsageFold.State>(fold: UsageFold.UsageFold<A, S>, ...elements: ReadonlyArray<A>) => {
    const meter = Prices.meter("m", fold)
    return Effect.provide(meter.read(elements.reduce(meter.step, meter.initial)), Prices.layer(table))
  }
  const start = { type: "message_start", message: { usage: { input_tokens: 2 } } }

  it.effect("nothing said is absent, a part is a part, and all is final", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* read(UsageFold.anthropic()), { _tag: "Absent" })
      assert.deepStrictEqual(yield* read(UsageFold.anthropic(), start), {
        _tag: "Partial",
        amount: Amount.usdMicrocents(200),
        source: "usage"
      })
      const end = { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 3 } }
      assert.deepStrictEqual(yield* read(UsageFold.anthropic(), start, end), {
        _tag: "Final",
        amount: Amount.usdMicrocents(3200),
        source: "usage"
      })
    }))

  it.effect("final usage without its output is a part", () =>
    Effect.gen(function*() {
      const reading = yield* read(UsageFold.anthropic(), start, { type: "message_stop" })
      assert.strictEqual(reading._tag, "Partial")
      assert.deepStrictEqual(yield* read(UsageFold.openAIResponses(), { type: "response.completed", response: {} }), {
        _tag: "Absent"
      })
    }))

  it.effect("what has no price, or cannot be, is an error", () =>
    Effect.gen(function*() {
      const cached = { ...start, message: { usage: { input_tokens: 2, cache_read_input_tokens: 1 } } }
      assert.strictEqual((yield* Effect.flip(read(UsageFold.anthropic(), cached)))._tag, "MissingPrice")
      const bad = { ...start, message: { usage: { input_tokens: -2 } } }
      assert.strictEqual((yield* Effect.flip(read(UsageFold.anthropic(), bad)))._tag, "MalformedUsage")
    }))
})
