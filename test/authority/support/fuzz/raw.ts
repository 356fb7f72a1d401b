/**
 * Requests as bytes: some as HTTP wants them, some cut off, some that lie about their length, some that are no HTTP.
 */
import * as Effect from "effect/Effect"
import { connect } from "node:net"
import type { Dice } from "./dice.js"
import type { Answer } from "./laws.js"
import type { Shot } from "./requests.js"

export interface Volley {
  readonly bytes: Buffer
  /**
   * `whole`: HTTP in order, and the server closes. `cut`: the sender hangs up before its body is complete. `odd`: anything else; the sender
   * hangs up when nothing comes.
   */
  readonly kind: "whole" | "cut" | "odd"
}

const headOf = ({ headers, method, path, query }: Shot, more: ReadonlyArray<string>, version = "1.1"): Buffer => {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  const target = query === "" ? path : `${path}?${query}`
  const text = [`${method} ${target} HTTP/${version}`, "Host: authority", ...lines, ...more, "", ""].join("\r\n")
  return Buffer.from(text, "latin1")
}

const close = "Connection: close"

const chunk = (body: Buffer, size: string | number) =>
  Buffer.concat([Buffer.from(`${size}\r\n`), body, Buffer.from("\r\n0\r\n\r\n")])

const preludes: ReadonlyArray<Buffer> = [
  Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  Buffer.from([0x16, 0x03, 0x01, 0x00, 0xa5, 0x01, 0x00]),
  Buffer.from("GET /v1/balances?tenant=tenant-a\r\n\r\n"),
  Buffer.from("\r\n\r\n\r\n"),
  Buffer.alloc(2000, 0),
  Buffer.from("POST /v1/decide HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}"),
  Buffer.from(`GET / HTTP/1.1\r\n${"a: b\r\n".repeat(3000)}\r\n`),
  Buffer.from(`GET / HTTP/1.1\r\nHost: a\r\nx: ${"y".repeat(20_000)}\r\n\r\n`)
]

/** Headers that mean something to HTTP itself. */
const special: ReadonlyArray<string> = [
  "Expect: 100-continue",
  "Expect: the unexpected",
  "Upgrade: websocket\r\nConnection: Upgrade",
  "Transfer-Encoding: chunked",
  "Transfer-Encoding: gzip, chunked",
  "Content-Encoding: gzip",
  "Content-Length: 0",
  "Content-Length: -1",
  "Content-Length: 99999999999999999999",
  "Content-Length: 1048577",
  "Content-Length: abc",
  " folded: x",
  "no colon",
  "x\u0000: y",
  ": empty",
  "Host: twice"
]

const scattered = (dice: Dice, bytes: Buffer): Buffer => {
  const copy = Buffer.from(bytes)
  for (let n = 1 + dice.int(4); n > 0; n--) copy[dice.int(Math.min(copy.length, 400))] = dice.int(256)
  return copy
}

/** The bytes of a request, in some way. */
export const volley = (dice: Dice, shot: Shot): Volley => {
  const body = Buffer.from(shot.body ?? "")
  const length = `Content-Length: ${body.length}`
  const whole = Buffer.concat([headOf(shot, [close, length]), body])
  switch (dice.int(12)) {
    case 0:
      return {
        kind: "cut",
        bytes: Buffer.concat([headOf(shot, [close, `Content-Length: ${body.length + 1 + dice.int(99)}`]), body])
      }
    case 1:
      return { kind: "cut", bytes: whole.subarray(0, dice.int(whole.length)) }
    case 2:
      return {
        kind: "cut",
        bytes: Buffer.concat([
          headOf(shot, [close, "Transfer-Encoding: chunked"]),
          chunk(body, (body.length + 50).toString(16))
        ])
      }
    case 3:
      return {
        kind: "odd",
        bytes: Buffer.concat([headOf(shot, [close, `Content-Length: ${dice.int(body.length + 1)}`]), body])
      }
    case 4:
      return {
        kind: "odd",
        bytes: Buffer.concat([
          headOf(shot, [close, "Transfer-Encoding: chunked"]),
          chunk(body, dice.pick([body.length.toString(16), "-1", "zz", "ffffffffffffffffff", "1;x=y"]))
        ])
      }
    case 5:
      return { kind: "odd", bytes: Buffer.concat([headOf(shot, [close, dice.pick(special), length]), body]) }
    case 6:
      return { kind: "odd", bytes: scattered(dice, whole) }
    case 7:
      return {
        kind: "odd",
        bytes: dice.oneIn(2) ? dice.pick(preludes) : Buffer.from(Array.from({ length: 300 }, () => dice.int(256)))
      }
    case 8:
      return { kind: "odd", bytes: Buffer.concat([headOf(shot, [length]), body, whole]) }
    case 9:
      return {
        kind: "odd",
        bytes: Buffer.concat([headOf(shot, [length], dice.pick(["1.0", "0.9", "2.0", "9"])), body])
      }
    default:
      return { kind: "whole", bytes: whole }
  }
}

/** How long the sender of something odd waits for more, ms. */
const patience = 15

/** Sends bytes; succeeds with what came back once the connection is closed. */
export const exchange = (port: number, { bytes, kind }: Volley): Effect.Effect<Buffer> =>
  Effect.async((resume) => {
    const parts: Array<Buffer> = []
    const socket = connect({ port, host: "127.0.0.1" })
    const hangUp = () => void socket.end()
    let timer: NodeJS.Timeout | undefined
    socket.on("connect", () => {
      if (kind === "cut") socket.end(bytes)
      else socket.write(bytes)
      if (kind === "odd") timer = setTimeout(hangUp, patience)
    })
    socket.on("data", (part) => {
      parts.push(part)
      if (kind === "odd") {
        clearTimeout(timer)
        timer = setTimeout(hangUp, patience)
      }
    })
    // A reset is one way to be told off.
    socket.on("error", () => undefined)
    socket.on("close", () => {
      clearTimeout(timer)
      resume(Effect.succeed(Buffer.concat(parts)))
    })
    return Effect.sync(() => {
      clearTimeout(timer)
      socket.destroy()
    })
  })

/** The answers in what came back. Those of the HTTP parser itself have no JSON, and those to HEAD say how long a body would be. */
export const answersOf = (bytes: Buffer, method: string): ReadonlyArray<Answer> => {
  const answers: Array<Answer> = []
  let rest = bytes
  for (;;) {
    const end = rest.indexOf("\r\n\r\n")
    const [first = "", ...lines] = rest.subarray(0, Math.max(0, end)).toString("latin1").split("\r\n")
    const status = /^HTTP\/1\.1 (\d{3})/.exec(first)?.[1]
    if (end === -1 || status === undefined) return answers
    const headers = Object.fromEntries(lines.map((line) => {
      const colon = line.indexOf(":")
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
    }))
    const length = method === "HEAD" ? 0 : Number(headers["content-length"] ?? 0)
    answers.push({ status: Number(status), headers, body: rest.subarray(end + 4, end + 4 + length).toString("utf8") })
    rest = rest.subarray(end + 4 + length)
  }
}
