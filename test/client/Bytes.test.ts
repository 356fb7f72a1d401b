import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Transport from "../../src/node/Transport.js"
import { Amount } from "../../src/protocol/Amount.js"
import { isAmbiguous } from "../../src/protocol/CyclesError.js"
import { outcomeOf } from "./support/outcome.js"
import { type Bytes, response, serveBytes } from "./support/raw.js"
import { calls, commit, good, id } from "./support/samples.js"
import { clientOf, transports } from "./support/server.js"

const committed = JSON.stringify(good.commitReservation.body)
const ok = response(200, committed)
const chunk = `${committed.length.toString(16)}\r\n${committed}\r\n`
const chunked = { "transfer-encoding": "chunked" }
const hurried = { connectTimeout: "30 millis", readTimeout: "70 millis" } as const

/** Goes on as long as the connection is open. */
const endless = (begin: string, more: string): Bytes => (socket) => {
  socket.write(begin)
  const timer = setInterval(() => socket.write(more), 5)
  socket.on("close", () => clearInterval(timer))
}

/** The first answer is good, the next is not. */
const then = (next: Bytes): Bytes => (socket, n, nth, request) =>
  n === 1 ? socket.write(ok) : next(socket, n, nth, request)

const write = (bytes: string | Buffer): Bytes => (socket) => socket.write(bytes)
const end = (bytes: string): Bytes => (socket) => socket.end(bytes)

const proven: ReadonlyArray<readonly [string, Bytes]> = [
  ["an answer after others that announce it", write(`HTTP/1.1 102 P\r\n\r\nHTTP/1.1 103 E\r\nlink: x\r\n\r\n${ok}`)],
  ["an announcement of a large body", write(`HTTP/1.1 103 E\r\ncontent-length: 99999999\r\n\r\n${ok}`)],
  ["an answer in chunks, with a trailer", write(response(200, `${chunk}0\r\nx-trailer: 1\r\n\r\n`, chunked))],
  ["an answer that ends with its connection", end(response(200, committed, {}))],
  ["an answer of HTTP/1.0", end(ok.replace("1.1", "1.0"))],
  [
    "headers with names of every object",
    write(response(200, committed, { "content-length": committed.length, ["__proto__"]: "a", constructor: "b" }))
  ],
  ["bytes that come one by one", (socket) => {
    const all = Buffer.from(ok)
    const send = (n: number): void => {
      if (n < all.length) socket.write(all.subarray(n, n + 1), () => setImmediate(send, n + 1))
    }
    send(0)
  }]
]

/** What proves nothing. Whether that is `Transport` or `Ambiguous` is for the client to say. */
const unproven: ReadonlyArray<readonly [string, Bytes]> = [
  ["100, which nobody asked for", write(`HTTP/1.1 100 Continue\r\n\r\n${ok}`)],
  ["101", write("HTTP/1.1 101 S\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n")],
  ["announcements only", write("HTTP/1.1 103 E\r\n\r\n")],
  ["204 with the body of a success", write(`HTTP/1.1 204 X\r\n\r\n${committed}`)],
  ["204 that declares it", write(response(204, committed))],
  ["304 with a body", write(response(304, committed))],
  ["a body that is cut before its length", end(response(200, committed, { "content-length": committed.length + 9 }))],
  ["a body beyond its length", write(response(200, committed, { "content-length": committed.length - 9 }))],
  ["two lengths", write(response(200, committed, { "content-length": committed.length, "Content-Length": 5 }))],
  ["chunks and a length", end(response(200, `${chunk}0\r\n\r\n`, { "content-length": 5, ...chunked }))],
  ["chunks without their end", end(response(200, chunk, chunked))],
  ["a chunk without a size", end(response(200, `zz\r\n${committed}\r\n0\r\n\r\n`, chunked))],
  ["a body that is cut with its connection", end(response(200, committed.slice(0, -4), {}))],
  ["no header at all", end(committed)],
  ["a large header", write(response(200, committed, { "x-a": "y".repeat(100_000) }))],
  ["headers without end", endless("HTTP/1.1 200 OK\r\n", "x-a: b\r\n")],
  ["a slow body without end", endless("HTTP/1.1 200 OK\r\n\r\n", " ")],
  [
    "a header with a control character",
    write(response(200, committed, { "content-length": 60, "x-request-id": "\u0001" }))
  ],
  ["the status 000", write(response("000", committed))],
  ["the status 199", write(response(199, committed))],
  ["the status 999", write(response(999, committed))],
  ["407", then(write(response(407, "")))],
  ["408", then(write(response(408, "")))],
  ["300", then(write(response(300, "", { "content-length": 0, location: "/elsewhere" })))]
]

for (const [name, transport] of transports) {
  describe(`bytes over ${name}`, () => {
    for (const [what, bytes] of proven) {
      it.scopedLive(`${what} is a success`, () =>
        Effect.gen(function*() {
          const server = yield* serveBytes(bytes)
          const client = yield* clientOf(transport, server.url)
          for (let n = 1; n <= 2; n++) assert.strictEqual(yield* outcomeOf(calls.commitReservation(client)), "ok 200")
          assert.lengthOf(server.requests, 2)
        }))
    }

    for (const [what, bytes] of unproven) {
      it.scopedLive(`${what} proves nothing, and is not asked again`, () =>
        Effect.gen(function*() {
          const server = yield* serveBytes(bytes)
          const client = yield* clientOf(transport, server.url, hurried)
          yield* Effect.exit(client.commitReservation(id, commit))
          assert.isTrue(isAmbiguous(yield* Effect.flip(client.commitReservation(id, commit))))
          yield* Effect.sleep("5 millis")
          assert.lengthOf(server.requests, 2)
        }))
    }

    it.scopedLive("a connection that is closed as a request goes out is not used again, nor is the request repeated", () =>
      Effect.gen(function*() {
        const server = yield* serveBytes((socket, _, nth) => nth === 1 ? socket.write(ok) : socket.destroy())
        const client = yield* clientOf(transport, server.url)
        const outcomes: Array<string> = []
        for (let n = 1; n <= 6; n++) {
          outcomes.push(yield* outcomeOf(calls.commitReservation(client)))
          // So that the connection is free again.
          yield* Effect.sleep("5 millis")
        }
        assert.deepStrictEqual(outcomes, [
          "ok 200",
          "Transport aborted",
          "ok 200",
          "Transport aborted",
          "ok 200",
          "Transport aborted"
        ])
        assert.lengthOf(server.requests, 6)
      }))

    it.scopedLive("an idle connection that was closed is not used", () =>
      Effect.gen(function*() {
        const server = yield* serveBytes((socket) => {
          socket.write(ok, () => setImmediate(() => socket.destroy()))
        })
        const client = yield* clientOf(transport, server.url)
        for (let n = 1; n <= 5; n++) {
          assert.strictEqual(yield* outcomeOf(calls.commitReservation(client)), "ok 200")
          yield* Effect.repeat(server.open, { until: (n) => n === 0, schedule: Schedule.spaced("1 millis") })
          yield* Effect.sleep("5 millis")
        }
        assert.lengthOf(server.requests, 5)
      }))

    it.scopedLive("what a limit has cut off is not sent again when there is a connection", () =>
      Effect.gen(function*() {
        const server = yield* serveBytes((socket, n) => n > 1 ? socket.write(ok) : undefined)
        const client = yield* clientOf(transport, server.url, hurried)
        assert.strictEqual(yield* outcomeOf(calls.commitReservation(client)), "Transport timeout")
        assert.strictEqual(yield* outcomeOf(calls.commitReservation(client)), "ok 200")
        yield* Effect.sleep("20 millis")
        assert.lengthOf(server.requests, 2)
      }))
  })
}

for (const [name, transport] of [...transports, ["one connection", Transport.layer({ connections: 1 })] as const]) {
  it.scopedLive(`an answer that nobody asked for is nobody's, over ${name}`, () =>
    Effect.gen(function*() {
      const server = yield* serveBytes((socket, _n, _nth, request) => {
        const amount = /"amount":(\d+)/.exec(request)?.[1] ?? ""
        const body = committed.replace("60", amount)
        socket.write(response(200, body) + response(200, committed.replace("60", "666")))
      })
      const client = yield* clientOf(transport, server.url)
      const charged = (n: number) =>
        Effect.map(
          client.commitReservation(id, { ...commit, actual: Amount.tokens(n) }),
          ({ value }) => Number(value.charged.amount)
        )
      const amounts = Array.from({ length: 20 }, (_, n) => n)
      assert.deepStrictEqual(yield* Effect.forEach(amounts, charged, { concurrency: 5 }), amounts)
      assert.lengthOf(server.requests, 20)
    }))
}
