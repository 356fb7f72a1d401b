import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { Amount } from "../../src/protocol/Amount.js"
import type { OperationName } from "../../src/protocol/CyclesError.js"
import { ReservationId } from "../../src/protocol/Reservation.js"
import { traced } from "./support/capture.js"
import { outcomeOf } from "./support/outcome.js"
import {
  calls,
  commit,
  create,
  event,
  evidenceId,
  extend,
  good,
  id,
  key,
  operations,
  refusal,
  release
} from "./support/samples.js"
import { answer, clientOf, type Script, secret, serve, talk, transports } from "./support/server.js"

const lines: { readonly [Name in OperationName]: string } = {
  decide: "POST /v1/decide",
  createReservation: "POST /v1/reservations",
  listReservations: "GET /v1/reservations?tenant=acme",
  getReservation: "GET /v1/reservations/rsv-1",
  commitReservation: "POST /v1/reservations/rsv-1/commit",
  releaseReservation: "POST /v1/reservations/rsv-1/release",
  extendReservation: "POST /v1/reservations/rsv-1/extend",
  getBalances: "GET /v1/balances?tenant=acme",
  createEvent: "POST /v1/events",
  getEvidence: `GET /v1/evidence/${evidenceId}`,
  getEvidenceJwks: "GET /v1/.well-known/cycles-jwks.json"
}

const open: ReadonlyArray<OperationName> = ["getEvidence", "getEvidenceJwks"]
const goodAnswer = (operation: OperationName): Script => answer(good[operation].status, good[operation].body)

for (const [name, transport] of transports) {
  describe(`requests over ${name}`, () => {
    for (const operation of operations) {
      it.scopedLive(`${operation} is one request with the right headers`, () =>
        Effect.gen(function*() {
          const { client, server } = yield* talk(transport, goodAnswer(operation))
          yield* calls[operation](client)
          const [request, ...others] = server.requests
          if (request === undefined) return assert.fail("nothing was sent")
          assert.deepStrictEqual(others, [])
          assert.strictEqual(`${request.method} ${request.target}`, lines[operation])
          assert.strictEqual(request.headers["x-cycles-api-key"], open.includes(operation) ? undefined : secret)
          assert.strictEqual(request.headers.accept, "application/json")
          if (request.method === "GET") {
            assert.strictEqual(request.body, "")
            assert.isUndefined(request.headers["x-idempotency-key"])
          } else {
            assert.strictEqual(JSON.parse(request.body).idempotency_key, key)
            assert.strictEqual(request.headers["x-idempotency-key"], key)
            assert.match(String(request.headers["content-type"]), /^application\/json/)
          }
          if (open.includes(operation)) assert.notInclude(JSON.stringify(request), secret)
        }))

      it.scopedLive(`${operation} sends its span as the parent, and only when there is one`, () =>
        Effect.gen(function*() {
          const { client, server } = yield* talk(transport, goodAnswer(operation))
          const [, spans] = yield* traced(Effect.withSpan(calls[operation](client), "caller"))
          const [caller, span] = spans
          assert.strictEqual(span?.name, `cycles.${operation}`)
          assert.strictEqual(span?.traceId, caller?.traceId)
          yield* Effect.withTracerEnabled(calls[operation](client), false)
          assert.deepStrictEqual(server.requests.map(({ headers }) => headers["traceparent"]), [
            `00-${span?.traceId}-${span?.spanId}-01`,
            undefined
          ])
          assert.deepStrictEqual(server.requests.map(({ headers }) => headers["b3"]), [undefined, undefined])
        }))
    }

    it.scopedLive("ids stay one segment of the path", () =>
      Effect.gen(function*() {
        const { client, server } = yield* talk(transport, goodAnswer("commitReservation"))
        for (
          const text of ["r/1 ?", "../balances?x=1#", "%2e%2e", "a&b=c;d", "Zoë 😀", "\r\nx: y", "...", "r".repeat(128)]
        ) {
          yield* client.commitReservation(ReservationId.make(text), commit)
          const target = server.requests.at(-1)?.target ?? ""
          assert.strictEqual(target, `/v1/reservations/${encodeURIComponent(text)}/commit`)
          assert.strictEqual(decodeURIComponent(target.split("/")[3] ?? ""), text)
        }
      }))

    it.scopedLive("a base URL keeps its path, with or without a slash at its end", () =>
      Effect.gen(function*() {
        const server = yield* serve(goodAnswer("decide"))
        for (const end of ["", "/", "/team/a", "/team/a///", "/team/a \n"]) {
          yield* calls.decide(yield* clientOf(transport, `${server.url}${end}`))
        }
        assert.deepStrictEqual(server.requests.map(({ target }) => target), [
          "/v1/decide",
          "/v1/decide",
          "/team/a/v1/decide",
          "/team/a/v1/decide",
          "/team/a/v1/decide"
        ])
      }))

    it.scopedLive("what a program puts around the transport is not passed over", () =>
      Effect.gen(function*() {
        const routed = HttpClient.mapRequest(HttpClientRequest.setHeader("x-route", "eu"))
        const around = Layer.map(transport, (context) =>
          Context.make(HttpClient.HttpClient, routed(Context.get(context, HttpClient.HttpClient))))
        const { client, server } = yield* talk(around, goodAnswer("commitReservation"))
        yield* calls.commitReservation(client)
        assert.deepStrictEqual(
          server.requests.map(({ headers }) => [headers["x-route"], headers["x-cycles-api-key"]]),
          [
            ["eu", secret]
          ]
        )
      }))
  })
}

/** What `fetch` is not meant to do. */
const strange: ReadonlyArray<readonly [string, typeof globalThis.fetch]> = [
  ["throws", () => {
    throw new TypeError("no network here")
  }],
  ["rejects with a code that is no text", () => Promise.reject({ code: Object.create(null), name: Symbol("s") })],
  ["has read the answer already", (...args) => globalThis.fetch(...args).then((web) => web.text().then(() => web))],
  ["reads the answer too", (...args) =>
    globalThis.fetch(...args).then((web) => {
      web.body?.getReader()
      return web
    })],
  ["gives no answer", () => Promise.resolve(undefined as never)]
]

const fetches = transports.filter(([name]) => name.includes("fetch"))
const [[, fetch] = assert.fail()] = fetches

/** The body of a call, read back. */
const sent = (
  operation: OperationName,
  call: (client: Effect.Effect.Success<ReturnType<typeof clientOf>>) => Effect.Effect<unknown, unknown>
) =>
  Effect.gen(function*() {
    const { client, server } = yield* talk(fetch, goodAnswer(operation))
    yield* call(client)
    const [request] = server.requests
    return { body: request?.body === "" ? undefined : JSON.parse(request?.body ?? ""), target: request?.target ?? "" }
  })

describe("bodies", () => {
  it.scopedLive("of a reservation", () =>
    Effect.gen(function*() {
      const { body } = yield* sent("createReservation", (client) =>
        client.createReservation({
          ...create,
          subject: { tenant: "acme", agent: "writer", dimensions: { run: "7" } },
          action: { kind: "llm", name: "m", tags: ["a"] },
          ttl: Duration.seconds(30),
          gracePeriod: Duration.zero,
          overagePolicy: "REJECT",
          dryRun: true,
          metadata: { a: [1, null, { b: true }] }
        }))
      assert.deepStrictEqual(body, {
        idempotency_key: "key-1",
        subject: { tenant: "acme", agent: "writer", dimensions: { run: "7" } },
        action: { kind: "llm", name: "m", tags: ["a"] },
        estimate: { unit: "TOKENS", amount: 100 },
        ttl_ms: 30_000,
        grace_period_ms: 0,
        overage_policy: "REJECT",
        dry_run: true,
        metadata: { a: [1, null, { b: true }] }
      })
    }))

  it.scopedLive("absent members are not sent", () =>
    Effect.gen(function*() {
      const { body } = yield* sent("createReservation", (client) =>
        client.createReservation({ ...create, ttl: undefined, metadata: undefined, overagePolicy: undefined }))
      assert.sameMembers(Object.keys(body), ["idempotency_key", "subject", "action", "estimate"])
    }))

  it.scopedLive("of a commit, a release, an extension and an event", () =>
    Effect.gen(function*() {
      const metrics = { tokensInput: 1, tokensOutput: 2, latencyMs: 3, modelVersion: "v", custom: { x: 1 } }
      const wire = { tokens_input: 1, tokens_output: 2, latency_ms: 3, model_version: "v", custom: { x: 1 } }
      const committed = yield* sent(
        "commitReservation",
        (client) => client.commitReservation(id, { ...commit, metrics })
      )
      assert.deepStrictEqual(committed.body, {
        idempotency_key: "key-1",
        actual: { unit: "TOKENS", amount: 60 },
        metrics: wire
      })
      const released = yield* sent("releaseReservation", (client) => client.releaseReservation(id, release))
      assert.deepStrictEqual(released.body, { idempotency_key: "key-1", reason: "stream_aborted" })
      const extended = yield* sent("extendReservation", (client) => client.extendReservation(id, extend))
      assert.deepStrictEqual(extended.body, { idempotency_key: "key-1", extend_by_ms: 30_000 })
      const recorded = yield* sent("createEvent", (client) =>
        client.createEvent({
          ...event,
          actual: Amount.usd("0.01"),
          clientTime: DateTime.unsafeMake(1_700_000_000_000)
        }))
      assert.deepInclude(recorded.body, {
        actual: { unit: "USD_MICROCENTS", amount: 1_000_000 },
        client_time_ms: 1_700_000_000_000
      })
    }))
})

describe("filters", () => {
  it.scopedLive("of a listing", () =>
    Effect.gen(function*() {
      const day = DateTime.unsafeMake("2026-03-01T12:00:00.500Z")
      const { target } = yield* sent("listReservations", (client) =>
        client.listReservations({
          idempotencyKey: key,
          status: "ACTIVE",
          tenant: "a&b=c",
          workspace: "w w",
          app: "ä+",
          workflow: "wf",
          agent: "ag",
          toolset: "ts",
          from: day,
          to: day,
          expiresFrom: day,
          expiresTo: day,
          finalizedFrom: day,
          finalizedTo: day,
          sortBy: "created_at_ms",
          sortDir: "asc",
          include: ["metadata", "committed_metadata", "evidence"],
          limit: 200,
          cursor: "c==/+"
        }))
      const instant = "2026-03-01T12:00:00.500Z"
      assert.deepStrictEqual(Object.fromEntries(new URL(target, "http://x").searchParams), {
        idempotency_key: "key-1",
        status: "ACTIVE",
        tenant: "a&b=c",
        workspace: "w w",
        app: "ä+",
        workflow: "wf",
        agent: "ag",
        toolset: "ts",
        from: instant,
        to: instant,
        expires_from: instant,
        expires_to: instant,
        finalized_from: instant,
        finalized_to: instant,
        sort_by: "created_at_ms",
        sort_dir: "asc",
        include: "metadata,committed_metadata,evidence",
        limit: "200",
        cursor: "c==/+"
      })
    }))

  it.scopedLive("a blank or absent one is not sent", () =>
    Effect.gen(function*() {
      const { target } = yield* sent("listReservations", (client) =>
        client.listReservations({ tenant: "", cursor: "", include: [], agent: undefined }))
      assert.strictEqual(target, "/v1/reservations")
    }))

  it.scopedLive("of balances", () =>
    Effect.gen(function*() {
      const { target } = yield* sent("getBalances", (client) =>
        client.getBalances({ toolset: "t", includeChildren: true, limit: 1 }))
      assert.strictEqual(target, "/v1/balances?toolset=t&include_children=true&limit=1")
    }))
})

describe("trace and fetch options", () => {
  it.scopedLive("the trace that the authority names is in meta", () =>
    Effect.gen(function*() {
      const { client } = yield* talk(fetch, (response, { headers }) => {
        const traceId = String(headers["traceparent"]).split("-")[1]
        response.writeHead(200, { "x-cycles-trace-id": traceId }).end(JSON.stringify(good.decide.body))
      })
      const [reply, spans] = yield* traced(calls.decide(client))
      assert.deepStrictEqual(reply.meta.traceId, Option.some(spans[0]?.traceId))
    }))

  const endings: ReadonlyArray<readonly [string, Script, string]> = [
    ["a success", goodAnswer("decide"), "Success "],
    ["a denial", answer(200, { decision: "DENY", reason_code: "BUDGET_EXCEEDED" }), "Failure BudgetExceeded"],
    ["a refusal", answer(401, refusal("UNAUTHORIZED")), "Failure Unauthorized"],
    ["no answer", (response) => response.destroy(), "Failure Transport"],
    ["an answer that proves nothing", answer(200, "?"), "Failure Ambiguous"]
  ]
  for (const [how, script, end] of endings) {
    it.scopedLive(`the span of an exchange ends with ${how}, and names its error`, () =>
      Effect.gen(function*() {
        const { client } = yield* talk(fetch, script)
        const [exit, [span]] = yield* traced(Effect.exit(calls.decide(client)))
        if (span?.status._tag !== "Ended") return assert.fail("it has not ended")
        assert.deepStrictEqual(span.status.exit._tag, exit._tag)
        assert.strictEqual(`${exit._tag} ${span.attributes.get("error.type") ?? ""}`, end)
        assert.isTrue(span.status.endTime > span.status.startTime)
      }))
  }

  it.scopedLive("the span of a request that is not sent ends too", () =>
    Effect.gen(function*() {
      const { client, server } = yield* talk(fetch, goodAnswer("decide"))
      const [, [span]] = yield* traced(Effect.exit(client.getReservation(ReservationId.make(".."))))
      assert.strictEqual(span?.status._tag, "Ended")
      assert.strictEqual(span?.attributes.get("error.type"), "InvalidInput")
      assert.deepStrictEqual(server.requests, [])
    }))

  for (const [name, transport] of fetches) {
    it.scopedLive(`a RequestInit in context is kept, except its redirects, over ${name}`, () =>
      Effect.gen(function*() {
        const other = yield* serve(goodAnswer("decide"))
        const server = yield* serve((response) => response.writeHead(307, { location: other.url }).end())
        const init = Layer.succeed(FetchHttpClient.RequestInit, { redirect: "follow", headers: { "x-proxy": "yes" } })
        const client = yield* clientOf(transport, server.url).pipe(Effect.provide(init))
        yield* Effect.flip(calls.decide(client))
        assert.strictEqual(server.requests[0]?.headers["x-proxy"], "yes")
        assert.deepStrictEqual(other.requests, [])
      }))

    it.scopedLive(`the fetch of the layer is used, and before it that of the caller, over ${name}`, () =>
      Effect.gen(function*() {
        const used: Array<string> = []
        const through = (by: string) =>
          Layer.succeed(FetchHttpClient.Fetch, (...args: Parameters<typeof globalThis.fetch>) => {
            used.push(by)
            return globalThis.fetch(...args)
          })
        const { client } = yield* talk(Layer.provide(transport, through("layer")), goodAnswer("decide"))
        yield* calls.decide(client)
        yield* Effect.provide(calls.decide(client), through("caller"))
        assert.deepStrictEqual(used, ["layer", "caller"])
      }))

    for (const [how, fetch] of strange) {
      it.scopedLive(`a fetch that ${how} is a transport that failed, over ${name}`, () =>
        Effect.gen(function*() {
          const other = Layer.succeed(FetchHttpClient.Fetch, fetch)
          const { client } = yield* talk(Layer.provide(transport, other), goodAnswer("decide"))
          assert.strictEqual(yield* outcomeOf(calls.decide(client)), "Transport other")
        }))
    }
  }
})
