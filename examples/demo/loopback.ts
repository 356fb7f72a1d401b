/**
 * HTTP servers on free ports of this machine.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import type * as HttpServer from "@effect/platform/HttpServer"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createServer } from "node:http"

/** A server of its own for each call. At its end, connections that `fetch` keeps open are cut: to wait for them takes seconds. */
export const loopbackServer = (): Layer.Layer<HttpServer.HttpServer> => {
  const server = createServer()
  const cut = Effect.addFinalizer(() => Effect.sync(() => server.closeAllConnections()))
  return Layer.scopedDiscard(cut).pipe(
    Layer.provideMerge(NodeHttpServer.layer(() => server, { port: 0, host: "127.0.0.1" })),
    Layer.orDie
  )
}
