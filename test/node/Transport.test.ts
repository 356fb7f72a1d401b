import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import { Transport } from "effect-cycles/node"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Runtime from "effect/Runtime"
import * as Stream from "effect/Stream"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

/** A server for the scope, and its address. */
const serve = (handle: (request: IncomingMessage, response: ServerResponse, body: string) => void) =>
  Effect.acquireRelease(
    Effect.async<readonly [ReturnType<typeof createServer>, string]>((resume) => {
      const server = createServer((request, response) => {
        let body = ""
        request.on("data", (part) => {
          body += part
        })
        request.on("end", () => handle(request, response, body))
      })
      server.listen(
        0,
        "127.0.0.1",
        () => resume(Effect.succeed([server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`]))
      )
    }),
    ([server]) =>
      Effect.sync(() => {
        server.closeAllConnections()
        server.close()
      })
  ).pipe(Effect.map(([, url]) => url))

const get = (url: string) =>
  Effect.flatMap(HttpClient.HttpClient, (client) => client.execute(HttpClientRequest.get(url)))

describe("the transport", () => {
  it.scopedLive("sends method, path, headers and body, and reads the answer in every form", () =>
    Effect.gen(function*() {
      const url = yield* serve((request, response, body) => {
        response.writeHead(201, { "content-type": "application/json", "x-request-id": "r-1" })
        response.end(
          JSON.stringify({
            method: request.method,
            url: request.url,
            type: request.headers["content-type"],
            key: request.headers["x-key"],
            body
          })
        )
      })
      const client = yield* HttpClient.HttpClient
      const response = yield* client.execute(
        HttpClientRequest.make("POST")(`${url}/a%2Fb?c=1`, {
          headers: { "x-key": "k" },
          body: HttpBody.text("{\"a\":\"é\"}", "application/json")
        })
      )
      assert.strictEqual(response.status, 201)
      assert.strictEqual(response.headers["x-request-id"], "r-1")
      const expected = { method: "POST", url: "/a%2Fb?c=1", type: "application/json", key: "k", body: "{\"a\":\"é\"}" }
      assert.deepStrictEqual(yield* response.json, expected)
      assert.deepStrictEqual(JSON.parse(yield* response.text), expected)
      assert.strictEqual(
        (yield* response.arrayBuffer).byteLength,
        new TextEncoder().encode(JSON.stringify(expected)).length
      )
      assert.strictEqual(yield* Stream.mkString(Stream.decodeText(response.stream)), JSON.stringify(expected))
      assert.isAbove((yield* response.urlParamsBody).length, 0)
      assert.strictEqual((yield* Effect.flip(response.formData)).reason, "Decode")
      assert.include(JSON.stringify(response), "\"status\":201")
    }).pipe(Effect.provide(Transport.layer())))

  it.scopedLive("keeps connections, and sends other bodies", () =>
    Effect.gen(function*() {
      const ports = new Set<number | undefined>()
      const url = yield* serve((request, response, body) => {
        ports.add(request.socket.remotePort)
        response.end(body)
      })
      for (let n = 0; n < 5; n++) assert.strictEqual(yield* Effect.flatMap(get(url), ({ text }) => text), "")
      const client = yield* HttpClient.HttpClient
      const post = (body: HttpBody.HttpBody) => client.execute(HttpClientRequest.make("POST")(url, { body }))
      assert.strictEqual(yield* Effect.flatMap(post(HttpBody.raw("raw")), ({ text }) => text), "raw")
      assert.strictEqual((yield* Effect.flip(post(HttpBody.raw({})))).reason, "Encode")
      assert.strictEqual((yield* Effect.flip(post(HttpBody.formData(new FormData())))).reason, "Encode")
      assert.strictEqual((yield* Effect.flip(get("no url"))).reason, "Encode")
      assert.strictEqual(ports.size, 1)
      const empty = yield* get(url)
      assert.isNull(yield* empty.json)
    }).pipe(Effect.provide(Transport.layer({ connections: 1 }))))

  it.scopedLive("a redirect is an answer, and a text that is no JSON an error", () =>
    Effect.gen(function*() {
      const url = yield* serve((_, response) => {
        response.writeHead(302, { location: "http://127.0.0.1:1/" })
        response.end("<html>")
      })
      const response = yield* get(url)
      assert.strictEqual(response.status, 302)
      assert.strictEqual((yield* Effect.flip(response.json)).reason, "Decode")
    }).pipe(Effect.provide(Transport.layer())))

  it.scopedLive("an interrupt ends the exchange on the socket, waiting in line or under way", () =>
    Effect.gen(function*() {
      const arrived = yield* Deferred.make<void>()
      const closed = yield* Deferred.make<void>()
      const run = Runtime.runSync(yield* Effect.runtime())
      let requests = 0
      const url = yield* serve((request) => {
        requests += 1
        request.socket.on("close", () => run(Deferred.succeed(closed, undefined)))
        run(Deferred.succeed(arrived, undefined))
      })
      const first = yield* Effect.fork(get(url))
      yield* Deferred.await(arrived)
      const second = yield* Effect.fork(get(url))
      yield* Effect.sleep("20 millis")
      yield* Fiber.interrupt(second)
      yield* Fiber.interrupt(first)
      yield* Deferred.await(closed)
      yield* Effect.sleep("20 millis")
      assert.strictEqual(requests, 1)
    }).pipe(Effect.provide(Transport.layer({ connections: 1 }))))

  it.scopedLive("of a body beyond the limit no part is taken for the whole", () =>
    Effect.gen(function*() {
      const url = yield* serve(({ url }, response) => {
        if (url === "/declared") response.writeHead(200, { "content-length": 200_000 })
        response.write("x".repeat(200_000))
      })
      for (const path of ["/declared", "/endless"]) {
        const response = yield* get(`${url}${path}`)
        assert.strictEqual(response.status, 200)
        for (const body of [response.text, response.json, response.arrayBuffer, response.urlParamsBody]) {
          assert.strictEqual((yield* Effect.flip(body as typeof response.text)).reason, "Decode")
        }
        assert.strictEqual((yield* Effect.flip(Stream.runCollect(response.stream))).reason, "Decode")
      }
    }).pipe(Effect.provide(Transport.layer({ maxBodyBytes: 1000 }))))

  it.scopedLive("no connection is a transport error, and so is one that is cut", () =>
    Effect.gen(function*() {
      const url = yield* serve((request) => request.socket.destroy())
      assert.strictEqual((yield* Effect.flip(get(url))).reason, "Transport")
      assert.strictEqual((yield* Effect.flip(get("http://127.0.0.1:1"))).reason, "Transport")
      assert.strictEqual((yield* Effect.flip(get("ftp://127.0.0.1"))).reason, "Transport")
    }).pipe(Effect.provide(Transport.layer())))
})
