/**
 * Listening: the sockets of one app, and their end.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import type * as HttpApp from "@effect/platform/HttpApp"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
// The platform's server waits for every open connection when it ends: a browser would keep it from ending.
// @effect-diagnostics-next-line nodeBuiltinImport:off
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { type Failure, failure } from "./failure.js"

export interface Address {
  /** An address, or `localhost` for this machine, over IPv4 and, where there is any, IPv6. */
  readonly host: string
  /** 0 takes a free port. */
  readonly port: number
  /** The option that chooses the port: part of what is said when it is in use. */
  readonly option: string
}

/** How long answers that are on their way may take when the server ends. */
const grace = "1 second"

/** Answers that are on their way are finished; idle connections, which browsers keep, are not waited for. */
const close = (server: Server): Effect.Effect<void> =>
  Effect.gen(function*() {
    const cut = yield* Effect.sync(() => server.closeAllConnections()).pipe(
      Effect.delay(grace),
      Effect.interruptible,
      Effect.forkDaemon
    )
    yield* Effect.async<void>((resume) => {
      server.close(() => resume(Effect.void))
      server.closeIdleConnections()
    })
    yield* Fiber.interrupt(cut)
  })

const open = (
  server: Server,
  host: string,
  port: number
): Effect.Effect<number, NodeJS.ErrnoException, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<number, NodeJS.ErrnoException>((resume) => {
      const refused = (error: NodeJS.ErrnoException) => resume(Effect.fail(error))
      server.once("error", refused)
      server.listen({ host, port }, () => {
        server.off("error", refused)
        resume(Effect.succeed((server.address() as AddressInfo).port))
      })
    }),
    () => close(server)
  )

const explain = ({ host, option, port }: Address) => ({ code, message }: NodeJS.ErrnoException): Failure => {
  switch (code) {
    case "EADDRINUSE":
      return failure(`port ${port} is in use: stop what listens there, or choose another with ${option}`)
    case "EACCES":
      return failure(`port ${port} may not be opened by this user: choose another with ${option}`)
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return failure(`${host} is no address of this machine: choose another with --host`)
    default:
      return failure(`cannot listen on ${host}, port ${port}: ${message}`)
  }
}

const hasNoIPv6 = ({ code }: NodeJS.ErrnoException): boolean => code === "EADDRNOTAVAIL" || code === "EAFNOSUPPORT"

/** Answers requests with an app until the scope ends, and says on which port. */
export const listen = (
  address: Address,
  app: HttpApp.Default
): Effect.Effect<number, Failure, Scope.Scope> =>
  Effect.gen(function*() {
    const handler = yield* NodeHttpServer.makeHandler(app)
    const { host, port } = address
    if (host !== "localhost") return yield* open(createServer(handler), host, port)
    const taken = yield* open(createServer(handler), "127.0.0.1", port)
    yield* open(createServer(handler), "::1", taken).pipe(
      Effect.catchIf((error) => hasNoIPv6(error) || port === 0, () => Effect.void)
    )
    return taken
  }).pipe(Effect.mapError((error) => explain(address)(error)))
