import { assert, describe, it } from "@effect/vitest"
import { Usage } from "effect-cycles"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"

type Read = Either.Either<Usage.Usage, Usage.UsageReadError>

const reads = (name: string, read: Read, expected: Usage.Usage) =>
  it(name, () => {
    assert.deepStrictEqual(Either.getOrThrowWith(read, (error) => error), expected)
  })

const fails = (name: string, read: Read, tag: "UsageAbsent" | "MalformedUsage", field: string, bound?: RegExp) =>
  it(name, () => {
    if (Either.isRight(read)) return assert.fail(`read ${JSON.stringify(read.right)}`)
    assert.strictEqual(read.left._tag, tag)
    assert.strictEqual(read.left.field, field)
    if (bound !== undefined) assert.match(read.left.message, bound)
  })

const chat = {
  prompt_tokens: 1200,
  completion_tokens: 300,
  total_tokens: 1500,
  prompt_tokens_details: { cached_tokens: 1024, audio_tokens: 0 },
  completion_tokens_details: {
    reasoning_tokens: 128,
    audio_tokens: 0,
    accepted_prediction_tokens: 0,
    rejected_prediction_tokens: 0
  }
}

describe("fromOpenAIChat", () => {
  reads("takes cached tokens out of the prompt and reasoning out of the completion", Usage.fromOpenAIChat(chat), {
    input: 176,
    cacheRead: 1024,
    output: 172,
    reasoning: 128,
    other: { inputAudioTokens: 0, outputAudioTokens: 0 }
  })
  reads(
    "a server without details says input and output",
    Usage.fromOpenAIChat({ prompt_tokens: 12, completion_tokens: 3, total_tokens: 15 }),
    { input: 12, output: 3 }
  )
  reads("embeddings have no output", Usage.fromOpenAIChat({ prompt_tokens: 8, total_tokens: 8 }), {
    input: 8,
    output: 0
  })
  reads("an explicit zero stays zero", Usage.fromOpenAIChat({ prompt_tokens: 5, completion_tokens: 0 }), {
    input: 5,
    output: 0
  })
  reads(
    "audio has counters of its own",
    Usage.fromOpenAIChat({
      prompt_tokens: 100,
      completion_tokens: 90,
      total_tokens: 190,
      prompt_tokens_details: { audio_tokens: 60 },
      completion_tokens_details: { audio_tokens: 70 }
    }),
    { input: 40, output: 20, other: { inputAudioTokens: 60, outputAudioTokens: 70 } }
  )
  reads(
    "a compatible server that reports reasoning on top is told by its total",
    Usage.fromOpenAIChat({
      prompt_tokens: 10,
      completion_tokens: 5,
      total_tokens: 45,
      completion_tokens_details: { reasoning_tokens: 30 }
    }),
    { input: 10, output: 5, reasoning: 30 }
  )
  reads(
    "details without a total are known, the rest is not",
    Usage.fromOpenAIChat({
      prompt_tokens_details: { cached_tokens: 7 }
    }),
    { cacheRead: 7 }
  )
  fails("no usage is absent", Usage.fromOpenAIChat(undefined), "UsageAbsent", "usage", /not zero/)
  fails("null is absent, as in all but the last chunk", Usage.fromOpenAIChat(null), "UsageAbsent", "usage")
  fails("an object without counts is absent", Usage.fromOpenAIChat({}), "UsageAbsent", "every count")
  fails(
    "more cached than there was",
    Usage.fromOpenAIChat({ prompt_tokens: 5, prompt_tokens_details: { cached_tokens: 6 } }),
    "MalformedUsage",
    "prompt_tokens",
    /at least prompt_tokens_details.cached_tokens, 6 together \(got 5\)/
  )
  fails(
    "more reasoning than output, and no total that tells why",
    Usage.fromOpenAIChat({ completion_tokens: 5, completion_tokens_details: { reasoning_tokens: 6 } }),
    "MalformedUsage",
    "completion_tokens"
  )
  fails(
    "a total that is not the sum",
    Usage.fromOpenAIChat({ prompt_tokens: 5, completion_tokens: 5, total_tokens: 11 }),
    "MalformedUsage",
    "total_tokens",
    /prompt_tokens and completion_tokens together \(got 11\)/
  )
  fails("a text", Usage.fromOpenAIChat("5" as never), "MalformedUsage", "usage")
})

describe("fromOpenAIResponses", () => {
  reads(
    "takes cached tokens out of the input and reasoning out of the output",
    Usage.fromOpenAIResponses({
      input_tokens: 75,
      input_tokens_details: { cached_tokens: 64 },
      output_tokens: 1186,
      output_tokens_details: { reasoning_tokens: 1024 },
      total_tokens: 1261
    }),
    { input: 11, cacheRead: 64, output: 162, reasoning: 1024 }
  )
  fails("a response under way has none", Usage.fromOpenAIResponses(null), "UsageAbsent", "usage")
})

describe("fromAnthropic", () => {
  const message = {
    input_tokens: 50,
    cache_read_input_tokens: 10_000,
    cache_creation_input_tokens: 700,
    cache_creation: { ephemeral_5m_input_tokens: 200, ephemeral_1h_input_tokens: 500 },
    output_tokens: 393,
    server_tool_use: { web_search_requests: 2, web_fetch_requests: 0 },
    service_tier: "standard"
  }
  reads("the input excludes the cache already", Usage.fromAnthropic(message), {
    input: 50,
    cacheRead: 10_000,
    cacheWrite5m: 200,
    cacheWrite1h: 500,
    output: 393,
    other: { webSearchRequests: 2, webFetchRequests: 0 }
  })
  const undivided = {
    input_tokens: 50,
    cache_creation_input_tokens: 700,
    cache_read_input_tokens: 0,
    cache_creation: null,
    server_tool_use: null,
    output_tokens: 3
  }
  reads("what was written to the cache was for five minutes", Usage.fromAnthropic(undivided), {
    input: 50,
    cacheRead: 0,
    cacheWrite5m: 700,
    output: 3
  })
  reads("unless the request asked for an hour", Usage.fromAnthropic(undivided, { cacheWriteTtl: "1h" }), {
    input: 50,
    cacheRead: 0,
    cacheWrite1h: 700,
    output: 3
  })
  reads("nothing written", Usage.fromAnthropic({ input_tokens: 1, cache_creation_input_tokens: 0, output_tokens: 1 }), {
    input: 1,
    cacheWrite5m: 0,
    output: 1
  })
  fails(
    "more for each time than written in all",
    Usage.fromAnthropic({ ...message, cache_creation_input_tokens: 699 }),
    "MalformedUsage",
    "cache_creation_input_tokens"
  )
  fails("no usage", Usage.fromAnthropic(undefined), "UsageAbsent", "usage")
})

describe("followAnthropic", () => {
  const events = [
    {
      type: "message_start",
      message: {
        id: "msg_1",
        usage: {
          input_tokens: 25,
          cache_creation_input_tokens: 600,
          cache_read_input_tokens: 0,
          cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 600 },
          output_tokens: 1
        }
      }
    },
    { type: "content_block_start", index: 0 },
    { type: "ping" },
    { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Hello" } },
    {
      type: "message_delta",
      delta: { stop_reason: null },
      usage: { output_tokens: 10, input_tokens: null, cache_creation_input_tokens: null }
    },
    {
      type: "message_delta",
      delta: { stop_reason: "end_turn" },
      usage: {
        output_tokens: 15,
        input_tokens: 925,
        cache_creation_input_tokens: 600,
        server_tool_use: { web_search_requests: 1 }
      }
    },
    { type: "message_stop" }
  ]

  it("running totals take the place of earlier ones, and nothing is counted twice", () => {
    const seen: Array<Usage.Usage | undefined> = []
    let usage: Usage.AnthropicUsage | undefined
    for (const event of events) {
      usage = Usage.followAnthropic(usage, event)
      seen.push(rightOf(Usage.fromAnthropic(usage)))
    }
    const start = { input: 25, cacheRead: 0, cacheWrite5m: 0, cacheWrite1h: 600, output: 1 }
    const end = { ...start, input: 925, output: 15, other: { webSearchRequests: 1 } }
    assert.deepStrictEqual(seen, [start, start, start, start, { ...start, output: 10 }, end, end])
  })

  it("knows nothing before the first event, nor from events without usage", () => {
    for (
      const event of [{ type: "ping" }, { type: "message_start" }, { type: "message_start", message: {} }, {
        type: "message_delta"
      }]
    ) {
      assert.isUndefined(Usage.followAnthropic(undefined, event))
    }
    assert.strictEqual(
      Either.flip(Usage.fromAnthropic(Usage.followAnthropic(undefined, { type: "message_delta", usage: 5 } as never)))
        .pipe(
          Either.map((error) => error._tag),
          Either.getOrThrow
        ),
      "UsageAbsent"
    )
  })
})

const rightOf = (read: Read): Usage.Usage | undefined => Either.isRight(read) ? read.right : undefined

describe("fromGoogle", () => {
  const metadata = {
    promptTokenCount: 1000,
    cachedContentTokenCount: 400,
    candidatesTokenCount: 50,
    thoughtsTokenCount: 200,
    toolUsePromptTokenCount: 30,
    totalTokenCount: 1280,
    promptTokensDetails: [{ modality: "TEXT", tokenCount: 1000 }]
  }
  reads("thoughts and tool use come on top, cached content is inside", Usage.fromGoogle(metadata), {
    input: 630,
    cacheRead: 400,
    output: 50,
    reasoning: 200
  })
  reads(
    "counts of zero are left out, and the total tells",
    Usage.fromGoogle({ promptTokenCount: 10, thoughtsTokenCount: 90, totalTokenCount: 100 }),
    { input: 10, output: 0, reasoning: 90 }
  )
  reads(
    "the total tells what was said",
    Usage.fromGoogle({ promptTokenCount: 10, totalTokenCount: 17 }),
    { input: 10, output: 7 }
  )
  reads(
    "audio and images have counters of their own",
    Usage.fromGoogle({
      promptTokenCount: 500,
      cachedContentTokenCount: 100,
      candidatesTokenCount: 1300,
      totalTokenCount: 1800,
      promptTokensDetails: [{ modality: "TEXT", tokenCount: 200 }, { modality: "AUDIO", tokenCount: 300 }],
      cacheTokensDetails: [{ modality: "AUDIO", tokenCount: 60 }, { modality: "TEXT", tokenCount: 40 }],
      candidatesTokensDetails: [{ modality: "IMAGE", tokenCount: 1290 }, { modality: "TEXT", tokenCount: 10 }]
    }),
    { input: 160, cacheRead: 100, output: 10, other: { inputAudioTokens: 240, outputImageTokens: 1290 } }
  )
  reads("without prompt and total only what is said", Usage.fromGoogle({ candidatesTokenCount: 4 }), { output: 4 })
  fails(
    "a total that is not the sum",
    Usage.fromGoogle({ ...metadata, totalTokenCount: 1281 }),
    "MalformedUsage",
    "totalTokenCount"
  )
  fails(
    "a total below its parts",
    Usage.fromGoogle({ ...metadata, totalTokenCount: 7 }),
    "MalformedUsage",
    "totalTokenCount"
  )
  fails("no usage", Usage.fromGoogle(undefined), "UsageAbsent", "usage")
})

describe("fromBedrock", () => {
  const usage = {
    inputTokens: 20,
    outputTokens: 40,
    totalTokens: 1160,
    cacheReadInputTokens: 1000,
    cacheWriteInputTokens: 100
  }
  reads("the input excludes the cache already", Usage.fromBedrock(usage), {
    input: 20,
    cacheRead: 1000,
    cacheWrite5m: 100,
    output: 40
  })
  reads(
    "details say for how long",
    Usage.fromBedrock({ ...usage, cacheDetails: [{ ttl: "1h", inputTokens: 70 }, { ttl: "5m", inputTokens: 30 }] }),
    { input: 20, cacheRead: 1000, cacheWrite5m: 30, cacheWrite1h: 70, output: 40 }
  )
  reads("or the request does", Usage.fromBedrock(usage, { cacheWriteTtl: "1h" }), {
    input: 20,
    cacheRead: 1000,
    cacheWrite1h: 100,
    output: 40
  })
  fails(
    "a negative detail",
    Usage.fromBedrock({ ...usage, cacheDetails: [{ ttl: "5m", inputTokens: -1 }] }),
    "MalformedUsage",
    "cacheDetails.inputTokens"
  )
  fails(
    "details that are no list",
    Usage.fromBedrock({ ...usage, cacheDetails: 5 as never }),
    "MalformedUsage",
    "cacheDetails"
  )
  reads("details that are nothing", Usage.fromBedrock({ ...usage, cacheDetails: [null, 5] as never }), {
    input: 20,
    cacheRead: 1000,
    cacheWrite5m: 100,
    output: 40
  })
  fails("no usage", Usage.fromBedrock(null), "UsageAbsent", "usage")
})

const flat = { inputTokens: 100, outputTokens: 50, totalTokens: 150, reasoningTokens: 20, cachedInputTokens: 60 }

for (const [name, read] of [["fromVercel5", Usage.fromVercel5], ["fromEffectAi", Usage.fromEffectAi]] as const) {
  describe(name, () => {
    reads("OpenAI: cached input and reasoning are inside", read(flat, { cachedInput: "included" }), {
      input: 40,
      cacheRead: 60,
      output: 30,
      reasoning: 20
    })
    reads(
      "Anthropic: cached input is on top",
      read({ inputTokens: 10, outputTokens: 50, totalTokens: 60, cachedInputTokens: 900 }, { cachedInput: "excluded" }),
      { input: 10, cacheRead: 900, output: 50 }
    )
    reads(
      "Bedrock: and its total may count it",
      read({ inputTokens: 10, outputTokens: 50, totalTokens: 960, cachedInputTokens: 900 }, {
        cachedInput: "excluded"
      }),
      { input: 10, cacheRead: 900, output: 50 }
    )
    reads(
      "Google: reasoning is on top",
      read({ ...flat, totalTokens: 170 }, { cachedInput: "included" }),
      { input: 40, cacheRead: 60, output: 50, reasoning: 20 }
    )
    fails(
      "tokens that nothing but the total tells, such as those written to a cache",
      read({ inputTokens: 10, outputTokens: 50, totalTokens: 70 }, { cachedInput: "excluded" }),
      "MalformedUsage",
      "totalTokens"
    )
    fails(
      "the wrong option is noticed when it would take more than there is",
      read({ inputTokens: 10, outputTokens: 50, cachedInputTokens: 900 }, { cachedInput: "included" }),
      "MalformedUsage",
      "inputTokens"
    )
    fails(
      "a provider that says nothing",
      read({ inputTokens: undefined, outputTokens: undefined, totalTokens: undefined }, { cachedInput: "included" }),
      "UsageAbsent",
      "every count"
    )
    fails(
      "NaN is no count",
      read({ ...flat, outputTokens: NaN }, { cachedInput: "included" }),
      "MalformedUsage",
      "outputTokens"
    )
  })
}

describe("fromVercel6", () => {
  const model = {
    inputTokens: { total: 1000, noCache: 100, cacheRead: 700, cacheWrite: 200 },
    outputTokens: { total: 80, text: 50, reasoning: 30 }
  }
  const result = {
    inputTokens: 1000,
    inputTokenDetails: { noCacheTokens: 100, cacheReadTokens: 700, cacheWriteTokens: 200 },
    outputTokens: 80,
    outputTokenDetails: { textTokens: 50, reasoningTokens: 30 },
    totalTokens: 1080
  }
  const expected = { input: 100, cacheRead: 700, cacheWrite5m: 200, output: 50, reasoning: 30 }
  reads("a model's counts", Usage.fromVercel6(model), expected)
  reads("a result's counts", Usage.fromVercel6(result), expected)
  reads("tokens written for an hour", Usage.fromVercel6(result, { cacheWriteTtl: "1h" }), {
    input: 100,
    cacheRead: 700,
    cacheWrite1h: 200,
    output: 50,
    reasoning: 30
  })
  reads(
    "totals alone",
    Usage.fromVercel6({
      inputTokens: { total: 7, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
      outputTokens: { total: 3, text: undefined, reasoning: undefined }
    }),
    { input: 7, output: 3 }
  )
  reads(
    "parts alone",
    Usage.fromVercel6({ inputTokens: { noCache: 7, cacheRead: 2 }, outputTokens: { text: 3 } }),
    { input: 7, cacheRead: 2, output: 3 }
  )
  reads("flat totals alone", Usage.fromVercel6({ inputTokens: 7, outputTokens: 3 }), { input: 7, output: 3 })
  fails(
    "parts that do not add up",
    Usage.fromVercel6({ ...model, inputTokens: { ...model.inputTokens, noCache: 101 } }),
    "MalformedUsage",
    "inputTokens.total"
  )
  fails(
    "parts above their total",
    Usage.fromVercel6({ ...model, outputTokens: { total: 10, reasoning: 11 } }),
    "MalformedUsage",
    "outputTokens.total"
  )
  fails(
    "nothing said",
    Usage.fromVercel6({ inputTokens: { total: undefined }, outputTokens: { total: undefined } }),
    "UsageAbsent",
    "every count"
  )
})

describe("every reader", () => {
  /** A usage object by the name of each of its counts, whatever its nesting. */
  const readers: Record<string, { readonly read: (usage: never) => Read; readonly paths: ReadonlyArray<string> }> = {
    chat: {
      read: Usage.fromOpenAIChat,
      paths: [
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "prompt_tokens_details.cached_tokens",
        "prompt_tokens_details.audio_tokens",
        "completion_tokens_details.reasoning_tokens",
        "completion_tokens_details.audio_tokens"
      ]
    },
    responses: {
      read: Usage.fromOpenAIResponses,
      paths: [
        "input_tokens",
        "output_tokens",
        "total_tokens",
        "input_tokens_details.cached_tokens",
        "output_tokens_details.reasoning_tokens"
      ]
    },
    anthropic: {
      read: Usage.fromAnthropic,
      paths: [
        "input_tokens",
        "cache_read_input_tokens",
        "cache_creation_input_tokens",
        "cache_creation.ephemeral_5m_input_tokens",
        "cache_creation.ephemeral_1h_input_tokens",
        "output_tokens",
        "server_tool_use.web_search_requests",
        "server_tool_use.web_fetch_requests"
      ]
    },
    google: {
      read: Usage.fromGoogle,
      paths: [
        "promptTokenCount",
        "cachedContentTokenCount",
        "candidatesTokenCount",
        "toolUsePromptTokenCount",
        "thoughtsTokenCount",
        "totalTokenCount"
      ]
    },
    bedrock: {
      read: Usage.fromBedrock,
      paths: ["inputTokens", "outputTokens", "cacheReadInputTokens", "cacheWriteInputTokens"]
    },
    vercel5: {
      read: (usage) => Usage.fromVercel5(usage, { cachedInput: "included" }),
      paths: ["inputTokens", "outputTokens", "totalTokens", "reasoningTokens", "cachedInputTokens"]
    },
    vercel6: {
      read: Usage.fromVercel6,
      paths: [
        "inputTokens.total",
        "inputTokens.noCache",
        "inputTokens.cacheRead",
        "inputTokens.cacheWrite",
        "outputTokens.total",
        "outputTokens.text",
        "outputTokens.reasoning"
      ]
    },
    effectAi: {
      read: (usage) => Usage.fromEffectAi(usage, { cachedInput: "excluded" }),
      paths: ["inputTokens", "outputTokens", "totalTokens", "reasoningTokens", "cachedInputTokens"]
    }
  }

  const build = (paths: ReadonlyArray<string>, values: ReadonlyArray<unknown>): never => {
    const usage: Record<string, unknown> = {}
    paths.forEach((path, n) => {
      if (values[n] === undefined) return
      const [head = "", tail] = path.split(".")
      if (tail === undefined) usage[head] = values[n]
      else usage[head] = { ...usage[head] as object, [tail]: values[n] }
    })
    return usage as never
  }

  const allCounts = ({ other, ...rest }: Usage.Usage): ReadonlyArray<number> =>
    Object.values({ ...rest, ...other }).filter((n) => n !== undefined)

  const awkward = FastCheck.constantFrom<unknown>(
    undefined,
    null,
    -1,
    0.5,
    NaN,
    Infinity,
    2 ** 53,
    "5",
    {},
    [],
    5n,
    true
  )

  for (const [name, { paths, read }] of Object.entries(readers)) {
    it(`${name}: any small counts give disjoint buckets that are not negative, or a typed error`, () => {
      const counts = FastCheck.array(FastCheck.option(FastCheck.nat(6), { nil: undefined }), {
        minLength: paths.length,
        maxLength: paths.length
      })
      FastCheck.assert(
        FastCheck.property(counts, (values) => {
          const result = read(build(paths, values))
          if (Either.isLeft(result)) return
          const said = values.reduce<number>((sum, n) => sum + (n ?? 0), 0)
          for (const n of allCounts(result.right)) {
            assert.isTrue(Number.isSafeInteger(n) && n >= 0 && n <= said)
          }
        }),
        { numRuns: 300 }
      )
    })

    it(`${name}: what is no count is a typed error or absent, never zero`, () => {
      FastCheck.assert(
        FastCheck.property(
          FastCheck.nat(paths.length - 1),
          awkward,
          (n, value) => {
            const bad = value !== undefined && value !== null
            const alone = read(build(paths, paths.map((_, k) => k === n ? value : undefined)))
            if (bad) {
              const [head] = paths[n]?.split(".") ?? []
              // Where a count may also be an object, an empty one says nothing.
              const nests = name === "vercel6" && typeof value === "object" && head !== undefined
              assert.isTrue(Either.isLeft(alone))
              if (!nests) assert.strictEqual(Either.isLeft(alone) && alone.left._tag, "MalformedUsage")
            } else {
              assert.strictEqual(Either.isLeft(alone) && alone.left._tag, "UsageAbsent")
            }
          }
        ),
        { numRuns: 200 }
      )
    })
  }
})
