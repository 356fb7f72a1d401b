/**
 * A real HTTP server whose answers are scripted, and a client that talks to it.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import * as Client from "../../../src/client/Client.js"
import * as CyclesConfig from "../../../src/client/CyclesConfig.js"
import { layerFetch } from "../../../src/client/internal/fetchClient.js"
import * as Transport from "../../../src/node/Transport.js"

/** The clients that programs use. */
export const transports: ReadonlyArray<readonly [string, Layer.Layer<HttpClient.HttpClient>]> = [
  ["fetch", FetchHttpClient.layer],
  ["undici", NodeHttpClient.layerUndici],
  ["the fetch of the portable entry", layerFetch],
  ["the pool of the node entry", Transport.layer()]
]

export const secret = "cyc_live_0123456789abcdef"

export interface Received {
  readonly method: string
  /** Path and query, as they came. */
  readonly target: string
  readonly headers: Http.IncomingHttpHeaders
  readonly body: string
}

export type Script = (response: Http.ServerResponse, request: Received, n: number) => void

export interface Server {
  readonly url: string
  readonly requests: ReadonlyArray<Received>
  /** How many connections are open. */
  readonly connections: Effect.Effect<number>
}

const readBody = (request: Http.IncomingMessage, done: (body: string) => void) => {
  const parts: Array<Buffer> = []
  request.on("data", (part: Buffer) => parts.push(part))
  request.on("end", () => done(Buffer.concat(parts).toString("utf8")))
}

/** Listens on a free port of the loopback until the scope ends. */
export const serve = (script: Script): Effect.Effect<Server, never, Scope.Scope> =>
  Effect.gen(function*() {
    const requests: Array<Received> = []
    const server = Http.createServer((request, response) =>
      readBody(request, (body) => {
        const { headers, method = "", url: target = "" } = request
        const received = { method, target, headers, body }
        requests.push(received)
        script(response, received, requests.length)
      })
    )
    const address = yield* Effect.acquireRelease(
      Effect.async<AddressInfo>((resume) => {
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server.address() as AddressInfo)))
      }),
      () =>
        Effect.async<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    )
    return {
      url: `http://127.0.0.1:${address.port}`,
      requests,
      connections: Effect.async((resume) => {
        server.getConnections((_, n) => resume(Effect.succeed(n)))
      })
    }
  })

/** A whole answer. A text and bytes go as they are. */
export const answer =
  (status: number, body?: unknown, headers: Http.OutgoingHttpHeaders = {}): Script => (response) => {
    const text = typeof body === "string" || Buffer.isBuffer(body) ? body : JSON.stringify(body) ?? ""
    response.writeHead(status, {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(text),
      ...headers
    })
    response.end(text)
  }

/** A client of a base URL over a transport. */
export const clientOf = (
  transport: Layer.Layer<HttpClient.HttpClient>,
  baseUrl: string,
  options: Partial<CyclesConfig.Options> = {}
): Effect.Effect<Client.Client, never, Scope.Scope> =>
  Effect.gen(function*() {
    const context = yield* Layer.build(transport)
    const config = yield* CyclesConfig.make({ baseUrl, apiKey: secret, ...options })
    return yield* Effect.provide(Client.make(config), context)
  }).pipe(Effect.orDie)

export interface Talk {
  readonly client: Client.Client
  readonly server: Server
}

/** A scripted server and a client of it. */
export const talk = (
  transport: Layer.Layer<HttpClient.HttpClient>,
  script: Script,
  options?: Partial<CyclesConfig.Options>
): Effect.Effect<Talk, never, Scope.Scope> =>
  Effect.gen(function*() {
    const server = yield* serve(script)
    return { server, client: yield* clientOf(transport, server.url, options) }
  })
