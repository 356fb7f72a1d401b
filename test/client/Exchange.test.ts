import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { gzipSync } from "node:zlib"
import { isAmbiguous } from "../../src/protocol/CyclesError.js"
import { outcomeOf } from "./support/outcome.js"
import { calls, commit, event, good, id, refusal } from "./support/samples.js"
import { answer, clientOf, type Script, serve, type Server, talk, transports } from "./support/server.js"

const committed = JSON.stringify(good.commitReservation.body)
const hurried = { connectTimeout: "50 millis", readTimeout: "100 millis" } as const
const json = { "content-type": "application/json" }

const hung: ReadonlyArray<readonly [string, Script]> = [
  ["before the headers", () => {}],
  ["after the headers", (response) => response.writeHead(200, json).flushHeaders()],
  [
    "after the headers with a length",
    (response) => response.writeHead(200, { ...json, "content-length": 50 }).flushHeaders()
  ],
  ["in the body", (response) => response.writeHead(200, json).write(committed.slice(0, 9))],
  [
    "in the body with a length",
    (response) => response.writeHead(200, { ...json, "content-length": committed.length }).write(committed.slice(0, 9))
  ],
  ["in an error body", (response) => response.writeHead(409, json).write("{")]
]

const cut: ReadonlyArray<readonly [string, Script]> = [
  ["before the headers", (response) => response.destroy()],
  ["in the body", (response) => {
    response.writeHead(200, json).write(committed.slice(0, 9), () => response.destroy())
  }],
  ["in the body with a length", (response) => {
    response.writeHead(200, { ...json, "content-length": committed.length })
    response.write(committed.slice(0, 9), () => response.destroy())
  }]
]

const large = JSON.stringify({ ...good.commitReservation.body, filler: "x".repeat(5000) })

const oversized: ReadonlyArray<readonly [string, Script]> = [
  ["with a length", answer(200, large)],
  ["without a length", (response) => response.writeHead(200, json).end(large)],
  ["declared only", (response) => response.writeHead(200, { ...json, "content-length": 5000 }).flushHeaders()],
  ["without end", (response) => {
    const more = () => {
      if (response.write("x".repeat(1024))) setImmediate(more)
      else response.once("drain", more)
    }
    response.writeHead(200, json)
    more()
  }],
  ["in an error", answer(500, "x".repeat(5000))]
]

const closes = (server: Server) =>
  server.connections.pipe(
    Effect.repeat({ until: (n) => n === 0, schedule: Schedule.spaced("10 millis") }),
    Effect.timeout("3 seconds")
  )

for (const [name, transport] of transports) {
  describe(`exchange over ${name}`, () => {
    for (const [where, script] of hung) {
      it.scopedLive(`a server that hangs ${where} costs one time limit`, () =>
        Effect.gen(function*() {
          const { client, server } = yield* talk(transport, script, hurried)
          const [elapsed, outcome] = yield* Effect.timed(outcomeOf(calls.commitReservation(client)))
          assert.strictEqual(outcome, "Transport timeout")
          assert.isAtLeast(Duration.toMillis(elapsed), 145)
          assert.isBelow(Duration.toMillis(elapsed), 2000)
          yield* closes(server)
        }))
    }

    for (const [where, script] of cut) {
      it.scopedLive(`a connection that is cut ${where} proves nothing`, () =>
        Effect.gen(function*() {
          const { client } = yield* talk(transport, script)
          assert.strictEqual(yield* outcomeOf(calls.commitReservation(client)), "Transport aborted")
        }))
    }

    it.scopedLive("a refused connection", () =>
      Effect.gen(function*() {
        const { url } = yield* Effect.scoped(serve(() => {}))
        const client = yield* clientOf(transport, url)
        assert.strictEqual(yield* outcomeOf(calls.commitReservation(client)), "Transport refused")
      }))

    it.scopedLive("what is not HTTP", () =>
      Effect.gen(function*() {
        const { client } = yield* talk(transport, (response) => response.socket?.end("SSH-2.0-OpenSSH_9\r\n"))
        assert.strictEqual(yield* outcomeOf(calls.commitReservation(client)), "Transport other")
      }))

    for (const [how, script] of oversized) {
      it.scopedLive(`a body that is too large, ${how}, is not read to its end`, () =>
        Effect.gen(function*() {
          const { client, server } = yield* talk(transport, script, { maxResponseBytes: 1024 })
          const status = how === "in an error" ? 500 : 200
          assert.strictEqual(yield* outcomeOf(calls.commitReservation(client)), `Ambiguous size ${status}`)
          if (how === "declared only" || how === "without end") yield* closes(server)
        }))
    }

    it.scopedLive("a body of exactly the limit is read", () =>
      Effect.gen(function*() {
        const text = `{"status":"COMMITTED","charged":{"unit":"TOKENS","amount":60},"filler":"`
        const full = `${text}${"x".repeat(1024 - text.length - 2)}"}`
        const { client } = yield* talk(transport, (response, _, n) =>
          n === 1 ? response.writeHead(200, json).end(full) : response.writeHead(200, json).end(`${full} `), {
          maxResponseBytes: 1024
        })
        assert.strictEqual(full.length, 1024)
        assert.strictEqual(yield* outcomeOf(calls.commitReservation(client)), "ok 200")
        assert.strictEqual(yield* outcomeOf(calls.commitReservation(client)), "Ambiguous size 200")
      }))

    it.scopedLive("a large body within the limit is read", () =>
      Effect.gen(function*() {
        const filled = JSON.stringify({ ...good.commitReservation.body, filler: "x".repeat(17 * 1024 * 1024) })
        const { client } = yield* talk(transport, (response, request, n) =>
          n === 1 ? answer(200, filled)(response, request, n) : response.writeHead(200, json).end(filled), {
          maxResponseBytes: 18 * 1024 * 1024
        })
        assert.strictEqual(yield* outcomeOf(calls.commitReservation(client)), "ok 200")
        assert.strictEqual(yield* outcomeOf(calls.commitReservation(client)), "ok 200")
      }))

    it.scopedLive("a body in pieces keeps the characters that a piece cuts", () =>
      Effect.gen(function*() {
        const bytes = Buffer.from(`\ufeff{"status":"APPLIED","event_id":"é😀"}`)
        const { client } = yield* talk(transport, (response) => {
          response.writeHead(201, json)
          const send = (n: number) => {
            if (n === bytes.length) response.end()
            else response.write(bytes.subarray(n, n + 1), () => send(n + 1))
          }
          send(0)
        })
        const { value } = yield* client.createEvent(event)
        assert.strictEqual(value.eventId, "é😀")
      }))

    for (const status of [301, 302, 303, 307, 308]) {
      it.scopedLive(`${status} to another host is not followed`, () =>
        Effect.gen(function*() {
          const other = yield* serve(answer(200, committed))
          const { client, server } = yield* talk(transport, (response, { target }) =>
            response.writeHead(status, { location: `${other.url}${target}` }).end())
          assert.strictEqual(yield* outcomeOf(calls.commitReservation(client)), `Ambiguous status ${status}`)
          assert.strictEqual(yield* outcomeOf(calls.listReservations(client)), `Ambiguous status ${status}`)
          assert.strictEqual(server.requests.length, 2)
          assert.deepStrictEqual(other.requests, [])
        }))
    }

    it.scopedLive("a redirect of a server that has answered before is not followed", () =>
      Effect.gen(function*() {
        const other = yield* serve(answer(200, committed))
        const { client, server } = yield* talk(transport, (response, request, n) =>
          n === 1
            ? answer(200, committed)(response, request, n)
            : response.writeHead(307, { location: `${other.url}${request.target}` }).end("moved"))
        assert.strictEqual(yield* outcomeOf(calls.commitReservation(client)), "ok 200")
        const first = yield* Effect.flip(client.commitReservation(id, commit))
        assert.isTrue(isAmbiguous(first))
        assert.match(first.message, name === "the fetch of the portable entry" ? /it redirects/ : /HTTP 307/)
        assert.strictEqual(yield* outcomeOf(calls.commitReservation(client)), "Ambiguous status 307")
        assert.strictEqual(server.requests.length, 3)
        assert.deepStrictEqual(other.requests, [])
      }))

    it.scopedLive("an interrupted caller closes the connection", () =>
      Effect.gen(function*() {
        const { client, server } = yield* talk(transport, () => {})
        const [elapsed] = yield* Effect.timed(
          client.commitReservation(id, commit).pipe(Effect.timeout("50 millis"), Effect.exit)
        )
        assert.isBelow(Duration.toMillis(elapsed), 1000)
        yield* closes(server)
      }))

    it.scopedLive("several calls share the client", () =>
      Effect.gen(function*() {
        const { client, server } = yield* talk(transport, (response, request, n) =>
          answer(n % 2 === 0 ? 409 : 200, n % 2 === 0 ? refusal("BUDGET_EXCEEDED") : committed)(response, request, n))
        const outcomes = yield* Effect.forEach(
          Array.from({ length: 20 }),
          () =>
            outcomeOf(calls.commitReservation(client)),
          { concurrency: 10 }
        )
        assert.strictEqual(server.requests.length, 20)
        assert.strictEqual(
          outcomes.filter((outcome) =>
            outcome === "ok 200"
          ).length,
          10
        )
      }))
  })
}

describe("compression", () => {
  const [[, fetch] = assert.fail(), [, undici] = assert.fail()] = transports
  const zipped: Script = (response) =>
    response.writeHead(200, { ...json, "content-encoding": "gzip" }).end(gzipSync(large))

  it.scopedLive("fetch asks for it, and the limit counts what comes out, with and without a length", () =>
    Effect.gen(function*() {
      const body = gzipSync(large)
      assert.isBelow(body.length, 1024)
      const { client, server } = yield* talk(
        fetch,
        (response, request, n) =>
          n === 1
            ? zipped(response, request, n)
            : answer(200, body, { "content-encoding": "gzip" })(response, request, n),
        {
          maxResponseBytes: 1024
        }
      )
      assert.strictEqual(yield* outcomeOf(calls.commitReservation(client)), "Ambiguous size 200")
      assert.strictEqual(yield* outcomeOf(calls.commitReservation(client)), "Ambiguous size 200")
      assert.match(String(server.requests[0]?.headers["accept-encoding"]), /gzip/)
    }))

  it.scopedLive("fetch reads a compressed answer, with and without a length", () =>
    Effect.gen(function*() {
      const body = gzipSync(committed)
      const { client } = yield* talk(fetch, (response, _, n) =>
        response.writeHead(200, {
          ...json,
          "content-encoding": "gzip",
          ...(n === 1 && { "content-length": body.length })
        }).end(body))
      assert.strictEqual(yield* outcomeOf(calls.commitReservation(client)), "ok 200")
      assert.strictEqual(yield* outcomeOf(calls.commitReservation(client)), "ok 200")
    }))

  it.scopedLive("undici does not ask for it, so a compressed answer proves nothing", () =>
    Effect.gen(function*() {
      const { client, server } = yield* talk(undici, zipped)
      assert.strictEqual(yield* outcomeOf(calls.commitReservation(client)), "Ambiguous body 200")
      assert.isUndefined(server.requests[0]?.headers["accept-encoding"])
    }))
})
