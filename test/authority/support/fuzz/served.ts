/**
 * The planes of a world on real sockets, and what became of the requests that reached them.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpServer from "@effect/platform/HttpServer"
import * as Admin from "effect-cycles/authority/Admin"
import * as App from "effect-cycles/authority/App"
import { Authority, type Service } from "effect-cycles/authority/Authority"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { createServer } from "node:http"
import { type Answer, complaintOf } from "./laws.js"
import { answersOf, exchange, type Volley } from "./raw.js"
import type { Shot } from "./requests.js"

/** What the HTTP parser answers by itself. */
const ofHttp = [100, 400, 408, 413, 417, 431]

const serve = (app: HttpApp.Default<never, Authority>, authority: Service) =>
  Effect.gen(function*() {
    const server = yield* Layer.build(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" }))
    yield* Layer.build(
      HttpServer.serve(app).pipe(Layer.provide([Layer.succeedContext(server), Layer.succeed(Authority, authority)]))
    )
    return yield* Effect.provide(
      HttpServer.addressWith((address) => Effect.succeed(address._tag === "TcpAddress" ? address.port : 0)),
      server
    )
  })

const answerComplaint = (shot: Shot, { kind }: Volley, answer: Answer): string | undefined => {
  const { body, headers, status } = answer
  if (headers["content-type"] === undefined) {
    return ofHttp.includes(status) ? undefined : `a bare status ${status}`
  }
  // Of bytes in disorder nobody knows which answer is that of the request.
  return body === "" || (kind !== "whole" && status < 400) ? undefined : complaintOf(shot, answer)
}

export const serveWorld = (authority: Service) =>
  Effect.gen(function*() {
    let inFlight = 0
    let mayHaveWritten = false
    const observed = (app: HttpApp.Default<never, Authority>): HttpApp.Default<never, Authority> =>
      Effect.suspend(() => {
        inFlight += 1
        return Effect.onExit(app, (exit) =>
          Effect.sync(() => {
            inFlight -= 1
            // Whoever hangs up on a whole request does so before it is executed or after.
            if (Exit.isFailure(exit) || exit.value.status < 300) mayHaveWritten = true
          }))
      })
    const ports = {
      runtime: yield* serve(observed(App.httpApp), authority),
      admin: yield* serve(observed(Admin.httpApp), authority)
    }
    const idle: Effect.Effect<void> = Effect.suspend(() =>
      inFlight === 0 ? Effect.void : Effect.zipRight(Effect.sleep("2 millis"), idle)
    )

    /** Sends bytes to a plane: the answers, what is wrong with them, and whether the ledger had reason to change. */
    return (shot: Shot, volley: Volley) =>
      Effect.gen(function*() {
        mayHaveWritten = false
        const bytes = yield* Effect.zipLeft(exchange(ports[shot.plane], volley), idle).pipe(
          Effect.timeoutOption("20 seconds")
        )
        if (bytes._tag === "None") return { answers: [], complaint: "a request that hangs", mayWrite: true }
        const answers = answersOf(bytes.value, shot.method)
        const complaint = volley.kind === "whole" && answers.length !== 1
          ? `${answers.length} answers to one request`
          : answers.map((answer) => answerComplaint(shot, volley, answer)).find((text) => text !== undefined)
        return { answers, complaint, mayWrite: mayHaveWritten && volley.kind !== "cut" }
      })
  })
