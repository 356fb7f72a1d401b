/**
 * A server of bytes: what HTTP servers do not send by themselves.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Net from "node:net"

/** Answers the `n`th request of all, which is the `nth` of its connection. */
export type Bytes = (socket: Net.Socket, n: number, nth: number, request: string) => void

export interface RawServer {
  readonly url: string
  /** The heads of the requests that came, whole. */
  readonly requests: ReadonlyArray<string>
  /** How many connections were opened. */
  readonly opened: Effect.Effect<number>
  readonly open: Effect.Effect<number>
}

const lengthOf = (head: string): number => Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0)

/** Listens on a free port of the loopback until the scope ends. */
export const serveBytes = (bytes: Bytes): Effect.Effect<RawServer, never, Scope.Scope> =>
  Effect.gen(function*() {
    const requests: Array<string> = []
    const sockets = new Set<Net.Socket>()
    let opened = 0
    const server = Net.createServer((socket) => {
      opened += 1
      sockets.add(socket)
      socket.on("close", () => sockets.delete(socket))
      socket.on("error", () => {})
      let text = ""
      let nth = 0
      socket.on("data", (part) => {
        text += part.toString("latin1")
        for (;;) {
          const end = text.indexOf("\r\n\r\n")
          if (end < 0) return
          const head = text.slice(0, end)
          const whole = end + 4 + lengthOf(head)
          if (text.length < whole) return
          const request = text.slice(0, whole)
          text = text.slice(whole)
          requests.push(head)
          bytes(socket, requests.length, ++nth, request)
        }
      })
    })
    const { port } = yield* Effect.acquireRelease(
      Effect.async<Net.AddressInfo>((resume) => {
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server.address() as Net.AddressInfo)))
      }),
      () =>
        Effect.async<void>((resume) => {
          server.close(() => resume(Effect.void))
          for (const socket of sockets) socket.destroy()
        })
    )
    return {
      url: `http://127.0.0.1:${port}`,
      requests,
      opened: Effect.sync(() => opened),
      open: Effect.sync(() => sockets.size)
    }
  })

/** An answer as its bytes. */
export const response = (
  status: number | string,
  body: string,
  headers: Readonly<Record<string, string | number>> = { "content-length": Buffer.byteLength(body) }
): string =>
  `HTTP/1.1 ${status} X\r\n${
    Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join("")
  }\r\n${body}`
