import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Client from "../../src/client/Client.js"
import * as CyclesConfig from "../../src/client/CyclesConfig.js"
import { Cycles } from "../../src/lifecycle/Cycles.js"
import * as Journal from "../../src/lifecycle/Journal.js"
import { logged, traced } from "./support/capture.js"
import { assertHides, outcome, plain, renderings } from "./support/outcome.js"
import { calls, commit, create, decision, event, evidenceId, good, id, operations, refusal } from "./support/samples.js"
import { answer, type Script, secret, serve, type Talk, talk, transports } from "./support/server.js"

const prompt = "MARKER write me a poem"
const metadata = { note: prompt, list: [{ deep: prompt }] }

const evidence = { evidence_id: evidenceId, cycles_evidence_url: `https://authority.example/v1/evidence/${evidenceId}` }

/** Calls whose requests hold the marker, and one that gets an evidence. */
const marked = (client: Client.Client) => [
  client.decide({ ...decision, metadata }),
  client.createReservation({ ...create, metadata }),
  client.commitReservation(id, { ...commit, metadata, metrics: { custom: metadata } }),
  client.createEvent({ ...event, metadata }),
  client.getEvidence(evidenceId),
  client.getEvidenceJwks(),
  client.listReservations({ tenant: "acme" }),
  client.getReservation(id)
]

const json = { "content-type": "application/json" }

/** Every kind of end that a call may come to. */
const ends: ReadonlyArray<readonly [string, Script]> = [
  ["a refusal", answer(409, refusal("BUDGET_EXCEEDED", { cycles_evidence: evidence }))],
  ["an unknown refusal", answer(422, refusal("NEW"))],
  ["no key", answer(401)],
  ["an error page", answer(500, "<h1>Oops</h1>")],
  ["another shape", answer(200, { ok: true })],
  ["a redirect", (response) => response.writeHead(307, { location: "http://127.0.0.1:1/" }).end()],
  ["a cut connection", (response) => response.destroy()],
  ["a cut body", (response) => response.writeHead(200, json).write("{", () => response.destroy())],
  ["no answer", () => {}],
  ["a large answer", answer(200, "x".repeat(5000))],
  ["a DENY", answer(200, { decision: "DENY", affected_scopes: [], cycles_evidence: evidence })]
]

const options = { connectTimeout: "50 millis", readTimeout: "100 millis", maxResponseBytes: 2048 } as const

/** Runs every marked call and gives all that it shows: exits, spans, log lines. */
const watched = ({ client }: Talk) =>
  Effect.forEach(
    marked(client),
    (call) => Effect.exit(call as Effect.Effect<unknown, Effect.Effect.Error<typeof call>>)
  ).pipe(
    traced,
    logged,
    Effect.map(([[exits, spans], lines]) => ({ exits, spans, lines }))
  )

const attributesOf = (spans: ReadonlyArray<unknown>): string =>
  JSON.stringify(
    spans.map((span) => {
      const { attributes, events, links, name } = span as Record<string, unknown>
      return [name, attributes, events, links]
    }),
    plain
  )

for (const [name, transport] of transports) {
  describe(`secrecy over ${name}`, () => {
    for (const [end, script] of ends) {
      it.scopedLive(`after ${end}: no key, no prompt`, () =>
        Effect.gen(function*() {
          const talking = yield* talk(transport, script, options)
          const { exits, lines, spans } = yield* watched(talking)
          assert.isNotEmpty(exits.filter(Exit.isFailure))
          for (const exit of exits) {
            assertHides(exit, prompt)
            if (Exit.isFailure(exit)) assertHides(yield* Effect.flip(exit), prompt)
          }
          for (const span of spans) assertHides(span, prompt)
          assertHides(lines, prompt)
          assertHides(yield* Metric.snapshot, prompt)
          assertHides(talking.client, prompt)
          assert.notInclude(attributesOf(spans), evidenceId)
          assert.notInclude(lines.join(), evidenceId)
        }))
    }

    it.scopedLive("after a success of each operation", () =>
      Effect.gen(function*() {
        for (const operation of operations) {
          const { body, status } = good[operation]
          const more = operation === "createReservation" ? { cycles_evidence: evidence } : {}
          const { client } = yield* talk(transport, answer(status, { ...body, ...more }))
          const [[reply, spans], lines] = yield* logged(traced(calls[operation](client)))
          assertHides(reply)
          for (const span of spans) assertHides(span)
          assertHides(lines)
          assert.notInclude(attributesOf(spans), evidenceId)
        }
      }))

    it.scopedLive("an authority that quotes the key is not quoted", () =>
      Effect.gen(function*() {
        const quoting = {
          message: `unknown key ${secret}`,
          details: { key: secret, keys: [secret] },
          request_id: secret
        }
        const { client } = yield* talk(transport, answer(401, { error: "UNAUTHORIZED", ...quoting }))
        const error = yield* Effect.flip(calls.decide(client))
        assertHides(error)
        assert.strictEqual(outcome(error), "Unauthorized UNAUTHORIZED 401")
        assert.include(error.message, "unknown key <redacted>")
      }))

    for (
      const [how, escape] of [
        ["the least escapes", JSON.stringify],
        ["escaped slashes", (key: string) => JSON.stringify(key).replaceAll("/", "\\/")],
        ["escaped signs", (key: string) => JSON.stringify(key).replaceAll("=", "\\u003d")],
        [
          "escapes only",
          (key: string) => `"${Array.from(key, (sign) => `\\u00${sign.charCodeAt(0).toString(16)}`).join("")}"`
        ]
      ] as const
    ) {
      it.scopedLive(`a key that is quoted with ${how} is not quoted either`, () =>
        Effect.gen(function*() {
          const apiKey = "cyc/live+\"\\key=="
          const quoted = escape(apiKey)
          const { client } = yield* talk(
            transport,
            answer(
              401,
              `{"error":"UNAUTHORIZED","message":${quoted},"request_id":${quoted},"details":{"big":[${quoted},9007199254740993]}}`
            ),
            { apiKey }
          )
          const error = yield* Effect.flip(calls.decide(client))
          assertHides(error, apiKey, "live+")
          assert.strictEqual(outcome(error), "Unauthorized UNAUTHORIZED 401")
          assert.include(error.message, "<redacted>")
          assert.include(JSON.stringify(error), "9007199254740993")
        }))
    }

    it.scopedLive("a span is one client span with the facts of the exchange", () =>
      Effect.gen(function*() {
        const { client } = yield* talk(transport, answer(409, refusal("BUDGET_FROZEN")))
        const [, spans] = yield* traced(Effect.exit(calls.commitReservation(client)))
        assert.deepStrictEqual(spans.map(({ kind, name }) => [name, kind]), [["cycles.commitReservation", "client"]])
        assert.deepStrictEqual(Object.fromEntries(spans[0]?.attributes ?? []), {
          "cycles.operation.name": "commitReservation",
          "error.type": "BudgetFrozen",
          "http.request.method": "POST",
          "http.response.status_code": 409,
          "server.address": "127.0.0.1",
          "url.path": "/v1/reservations/rsv-1/commit"
        })
      }))
  })
}

const fetches = transports.filter(([name]) => name.includes("fetch"))
const [[, fetch] = assert.fail()] = fetches

describe("secrecy", () => {
  it.scopedLive("the service and its configuration, from options and from the environment", () =>
    Effect.gen(function*() {
      const { url } = yield* serve(answer(200, good.decide.body))
      const environment = ConfigProvider.fromMap(
        new Map([["CYCLES_BASE_URL", url], ["CYCLES_API_KEY", secret]]),
        { pathDelim: "_" }
      )
      const layers = [
        Cycles.layer({ baseUrl: url, apiKey: secret }),
        Cycles.layerConfig().pipe(Layer.provide(Layer.setConfigProvider(environment)))
      ]
      for (const layer of layers) {
        const [[service, spans], lines] = yield* Layer.build(layer).pipe(
          Effect.provide([fetch, Journal.layerMemory()]),
          Effect.flatMap((context) => Effect.provide(Cycles, context)),
          traced,
          logged
        )
        yield* service.decide(decision)
        assertHides(service)
        assertHides(service.config)
        assertHides(spans)
        assertHides(lines)
        assert.include(renderings(service.config), "<redacted>")
      }
    }))

  it.effect("a key that is no header value is not shown", () =>
    Effect.gen(function*() {
      for (const end of ["\n", "\r\nx: y", " ", "é", "\0"]) {
        const exit = yield* Effect.exit(CyclesConfig.make({ baseUrl: "https://x.example", apiKey: `${secret}${end}` }))
        assertHides(exit)
        const error = yield* Effect.flip(exit)
        assert.strictEqual(error.field, "apiKey")
      }
    }))

  it.scopedLive("a middleware that logs the request sees the key redacted", () =>
    Effect.gen(function*() {
      const server = yield* serve(answer(200, good.decide.body))
      const seen: Array<HttpClientRequest.HttpClientRequest> = []
      const http = HttpClient.HttpClient.pipe(
        Effect.map(HttpClient.tapRequest((request) => {
          seen.push(request)
          return Effect.logInfo(request)
        })),
        Effect.provide(fetch)
      )
      const config = yield* CyclesConfig.make({ baseUrl: server.url, apiKey: secret })
      const client = yield* Effect.provideServiceEffect(Client.make(config), HttpClient.HttpClient, http)
      const [, lines] = yield* logged(client.decide(decision))
      assert.strictEqual(seen.length, 1)
      assert.include(lines.join(), "<redacted>")
      assertHides(lines)
    }))

  it.scopedLive("a client that dies with its request is not quoted, and has failed like any other", () =>
    Effect.gen(function*() {
      const server = yield* serve((response) => response.destroy())
      const dying = HttpClient.HttpClient.pipe(
        Effect.map((http) => HttpClient.transform(http, (sent) => Effect.orDie(sent))),
        Effect.provide(fetch)
      )
      const config = yield* CyclesConfig.make({ baseUrl: server.url, apiKey: secret })
      const client = yield* Effect.provideServiceEffect(Client.make(config), HttpClient.HttpClient, dying)
      const [exit, spans] = yield* traced(Effect.exit(client.decide({ ...decision, metadata })))
      assertHides(exit, prompt)
      for (const span of spans) assertHides(span, prompt)
      assert.strictEqual(outcome(yield* Effect.flip(exit)), "Transport aborted")
    }))

  for (const [name, transport] of fetches) {
    it.scopedLive(`a failing fetch that quotes its request is not quoted, over ${name}`, () =>
      Effect.gen(function*() {
        const failing = Layer.succeed(FetchHttpClient.Fetch, (_, init) =>
          Promise.reject(new TypeError(`failed: ${JSON.stringify(init)}`, { cause: init })))
        const { client } = yield* talk(Layer.provide(transport, failing), () => {})
        const [exit, spans] = yield* traced(Effect.exit(client.decide({ ...decision, metadata })))
        assertHides(exit, prompt)
        for (const span of spans) {
          assertHides(span, prompt)
        }
        assert.strictEqual(outcome(yield* Effect.flip(exit)), "Transport other")
      }))
  }
})
