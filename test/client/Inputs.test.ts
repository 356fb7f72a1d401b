import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Client from "../../src/client/Client.js"
import * as CyclesConfig from "../../src/client/CyclesConfig.js"
import { Amount } from "../../src/protocol/Amount.js"
import type { CyclesError } from "../../src/protocol/CyclesError.js"
import { traced } from "./support/capture.js"
import { assertHides } from "./support/outcome.js"
import { commit, create, decision, event, extend, id, key, release } from "./support/samples.js"
import { secret } from "./support/server.js"

const prompt = "Dear diary, my prompt"

/** A client whose every request is a defect. */
const silent = Effect.gen(function*() {
  const config = yield* CyclesConfig.make({ baseUrl: "https://authority.example", apiKey: secret })
  const http = HttpClient.make(() => Effect.die("something was sent"))
  return yield* Effect.provideService(Client.make(config), HttpClient.HttpClient, http)
})

type Call = (client: Client.Client) => Effect.Effect<unknown, CyclesError>

const creates = (change: object): Call => (client) => client.createReservation({ ...create, ...change })
const commits = (change: object): Call => (client) => client.commitReservation(id, { ...commit, ...change })
const lists = (filter: object): Call => (client) => client.listReservations(filter)
const amount = (n: unknown, unit = "TOKENS") =>
  new Amount({ unit, amount: n } as ConstructorParameters<typeof Amount>[0], { disableValidation: true })
const nested = (depth: number): unknown => depth === 0 ? prompt : { deep: nested(depth - 1) }

const cyclic: Record<string, unknown> = { prompt }
cyclic["self"] = [cyclic]

/** The field, the bound, and the value that the message shows. */
type Row = readonly [call: Call, field: string, bound: RegExp, value?: string]

const ids: ReadonlyArray<Row> = [
  ...["", ".", ".."].map((
    text
  ): Row => [(client) => client.getReservation(text as never), "reservation_id", /./, `"${text}"`]),
  [(client) => client.getReservation("\ud800" as never), "reservation_id", /path/],
  [(client) => client.getReservation(7 as never), "reservation_id", /string/, "7"],
  [(client) => client.getReservation("r".repeat(129) as never), "reservation_id", /at most 128/],
  [(client) => client.commitReservation("" as never, commit), "reservation_id", /at least 1/],
  [(client) => client.releaseReservation(".." as never, release), "reservation_id", /path/],
  [(client) => client.extendReservation("r".repeat(200) as never, extend), "reservation_id", /at most 128/],
  [(client) => client.getEvidence("AB".repeat(32) as never), "evidence_id", /0-9a-f/]
]

const keys: ReadonlyArray<Row> = [
  ...["a b", "a\r\nx-evil: 1", "a\nb", "a\tb", "a\0b", "schlüssel", "😀", "a\u007f"].map((
    text
  ): Row => [commits({ idempotencyKey: text }), "idempotency_key", /visible ASCII/]),
  [commits({ idempotencyKey: "" }), "idempotency_key", /at least 1/, "\"\""],
  [commits({ idempotencyKey: "k".repeat(257) }), "idempotency_key", /at most 256/],
  [commits({ idempotencyKey: undefined }), "idempotency_key", /string/],
  [creates({ idempotencyKey: "a b" }), "idempotency_key", /visible ASCII/, "\"a b\""],
  [lists({ idempotencyKey: "" }), "idempotency_key", /at least 1/]
]

const millis = (n: number) => Duration.millis(n)

const numbers: ReadonlyArray<Row> = [
  [creates({ ttl: millis(999) }), "ttl_ms", /between 1000 and 86400000/, "999"],
  [creates({ ttl: millis(86_400_001) }), "ttl_ms", /between 1000 and 86400000/, "86400001"],
  [creates({ ttl: millis(1500.5) }), "ttl_ms", /whole number/, "1500.5"],
  [creates({ ttl: Duration.nanos(1_500_000_001n) }), "ttl_ms", /whole number/, "1500.000001"],
  [creates({ ttl: Duration.infinity }), "ttl_ms", /between/, "Infinity"],
  [creates({ ttl: millis(NaN) }), "ttl_ms", /between/, "0"],
  [creates({ ttl: 5000 }), "ttl_ms", /Duration/, "5000"],
  [creates({ gracePeriod: millis(60_001) }), "grace_period_ms", /between 0 and 60000/, "60001"],
  [
    (client) => client.extendReservation(id, { ...extend, extendBy: Duration.zero }),
    "extend_by_ms",
    /between 1 and 86400000/,
    "0"
  ],
  [(client) => client.extendReservation(id, { idempotencyKey: key } as never), "extend_by_ms", /missing/],
  [(client) => client.createEvent({ ...event, clientTime: 5 as never }), "client_time_ms", /DateTime/, "5"],
  [creates({ estimate: amount(-1n) }), "estimate.amount", /between 0 and 9223372036854775807/, "-1"],
  [creates({ estimate: amount(2n ** 63n) }), "estimate.amount", /between 0 and/, "9223372036854775808"],
  [creates({ estimate: amount(1.5) }), "estimate.amount", /bigint/, "1.5"],
  [creates({ estimate: amount(NaN) }), "estimate.amount", /bigint/, "NaN"],
  [
    creates({ estimate: amount(1n, "EUR") }),
    "estimate.unit",
    /USD_MICROCENTS.*TOKENS.*CREDITS.*RISK_POINTS/,
    "\"EUR\""
  ],
  [commits({ actual: amount(-1n) }), "actual.amount", /between 0 and/, "-1"],
  [commits({ metrics: { tokensInput: -1 } }), "metrics.tokens_input", /non-negative/, "-1"],
  [commits({ metrics: { tokensOutput: 1.5 } }), "metrics.tokens_output", /integer/, "1.5"],
  [commits({ metrics: { latencyMs: NaN } }), "metrics.latency_ms", /integer/, "NaN"],
  [commits({ metrics: { latencyMs: Infinity } }), "metrics.latency_ms", /integer/, "Infinity"],
  [lists({ limit: 0 }), "limit", /between 1 and 200/, "0"],
  [lists({ limit: 201 }), "limit", /between 1 and 200/, "201"],
  [lists({ limit: 1.5 }), "limit", /integer/, "1.5"],
  [lists({ limit: NaN }), "limit", /integer/, "NaN"],
  [(client) => client.getBalances({ tenant: "a", limit: 1000 }), "limit", /between 1 and 200/, "1000"]
]

const texts: ReadonlyArray<Row> = [
  [creates({ subject: {} }), "subject", /tenant, workspace, app, workflow, agent, toolset/],
  [creates({ subject: { tenant: "", dimensions: { run: "1" } } }), "subject", /at least one of tenant/],
  [creates({ subject: { agent: "a".repeat(129) } }), "subject.agent", /at most 128/],
  [creates({ subject: { agent: "a", dimensions: { run: "x".repeat(257) } } }), "subject.dimensions.run", /at most 256/],
  [creates({ action: { kind: "k".repeat(65), name: "n" } }), "action.kind", /at most 64/],
  [creates({ action: { kind: "k", name: "n".repeat(257) } }), "action.name", /at most 256/],
  [
    creates({ action: { kind: "k", name: "n", tags: Array(11).fill("t") } }),
    "action.tags",
    /at most 10/,
    "an array of 11"
  ],
  [
    creates({ overagePolicy: "MAYBE" }),
    "overage_policy",
    /REJECT.*ALLOW_IF_AVAILABLE.*ALLOW_WITH_OVERDRAFT/,
    "\"MAYBE\""
  ],
  [creates({ dryRun: "yes" }), "dry_run", /boolean/, "\"yes\""],
  [(client) => client.releaseReservation(id, { ...release, reason: "r".repeat(257) }), "reason", /at most 256/],
  [commits({ metrics: { modelVersion: "v".repeat(129) } }), "metrics.model_version", /at most 128/],
  [lists({ include: ["metadata", "a,b"] }), "include.1", /without commas/, "\"a,b\""],
  [lists({ status: "OPEN" }), "status", /ACTIVE.*EXPIRED/, "\"OPEN\""],
  [lists({ from: "2026-01-01" }), "from", /DateTime/, "\"2026-01-01\""],
  [(client) => client.getBalances({}), "getBalances", /tenant, workspace, app, workflow, agent, toolset/],
  [(client) => client.getBalances({ tenant: "", limit: 5 }), "getBalances", /at least one of tenant/],
  [(client) => client.decide(undefined as never), "decide", /./],
  [(client) => client.decide(null as never), "decide", /./],
  [(client) => client.listReservations("all" as never), "listReservations", /./]
]

const free: ReadonlyArray<readonly [string, unknown, string]> = [
  ["a function", { prompt, f: () => prompt }, "metadata"],
  ["NaN", { prompt, n: [NaN] }, "metadata"],
  ["Infinity", { prompt, n: -Infinity }, "metadata"],
  ["a symbol", { prompt, s: Symbol(prompt) }, "metadata"],
  ["a cycle", cyclic, "metadata"],
  ["too many levels", { prompt, deep: nested(33) }, "metadata"],
  ["a list", [prompt], "metadata"],
  ["a text", prompt, "metadata"],
  ["a member that throws", {
    prompt,
    get x() {
      throw new Error(prompt)
    }
  }, "createReservation"],
  ["a toJSON that throws", {
    prompt,
    x: Object.create({}, { toJSON: { enumerable: false, value: () => BigInt(prompt) } })
  }, "createReservation"]
]

describe("inputs", () => {
  for (const [call, field, bound, value] of [...ids, ...keys, ...numbers, ...texts]) {
    it.effect(`${field} is refused: ${bound.source} ${value ?? ""}`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(call(yield* silent))
        if (error._tag !== "InvalidInput") return assert.fail(error._tag)
        assert.strictEqual(error.field, field)
        assert.match(error.bound, bound)
        if (value !== undefined) assert.strictEqual(error.value, value)
        assert.isBelow(error.message.length, 400)
        assert.notMatch(error.message, /[\r\n\0]/)
      }))
  }

  for (const [name, metadata, field] of free) {
    it.effect(`metadata with ${name} is refused, and none of it shown`, () =>
      Effect.gen(function*() {
        const client = yield* silent
        const [exit, spans] = yield* traced(Effect.exit(creates({ metadata })(client)))
        assertHides(exit, prompt)
        assertHides(spans, prompt)
        const error = yield* Effect.flip(exit)
        assert.strictEqual(error._tag === "InvalidInput" && error.field, field)
      }))
  }

  it.effect("so are the custom metrics of a commit", () =>
    Effect.gen(function*() {
      for (const custom of [prompt, { prompt, f: () => 1 }]) {
        const exit = yield* Effect.exit(commits({ metrics: { custom } })(yield* silent))
        assertHides(exit, prompt)
        const error = yield* Effect.flip(exit)
        assert.strictEqual(error._tag === "InvalidInput" && error.field, "metrics.custom")
      }
    }))

  it.effect("the bounds themselves are accepted", () =>
    Effect.gen(function*() {
      const client = yield* silent
      const accepted: ReadonlyArray<Call> = [
        creates({ ttl: millis(1000), gracePeriod: millis(60_000) }),
        creates({ ttl: millis(86_400_000), gracePeriod: Duration.zero }),
        creates({ estimate: Amount.tokens(0), metadata: nested(31) }),
        creates({ idempotencyKey: "~!".repeat(128) }),
        commits({ metrics: { latencyMs: Number.MAX_SAFE_INTEGER } }),
        lists({ limit: 200 }),
        lists({}),
        (client) => client.decide(decision)
      ]
      for (const call of accepted) {
        assert.strictEqual((yield* Effect.flip(call(client)))._tag, "Transport", "something was sent")
      }
    }))

  it.effect.prop(
    "an id is refused or stays one segment",
    [FastCheck.fullUnicodeString({ maxLength: 140 })],
    ([text]) =>
      Effect.gen(function*() {
        let path = ""
        const http = HttpClient.make((request) => {
          path = new URL(request.url).pathname
          return Effect.interrupt
        })
        const config = yield* CyclesConfig.make({ baseUrl: "https://authority.example", apiKey: secret })
        const client = yield* Effect.provideService(Client.make(config), HttpClient.HttpClient, http)
        const exit = yield* Effect.exit(client.commitReservation(text as never, commit))
        if (path === "") assert.include(String(exit), "reservation_id")
        else assert.match(path, /^\/v1\/reservations\/[^/]+\/commit$/)
      })
  )
})
