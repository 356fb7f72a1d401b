/**
 * A server that costs next to nothing: it reads HTTP/1.1 requests with a length and gives the fixed answers of an authority.
 */
import { type AddressInfo, createServer, type Socket } from "node:net"
import type { Bench, Settings, Way } from "./bench.js"

const usd = (amount: number) => ({ unit: "USD_MICROCENTS", amount })

const balanceOf = (scope: string) => ({
  scope,
  scope_path: scope,
  remaining: usd(995_000_000),
  reserved: usd(5_000_000),
  spent: usd(0),
  allocated: usd(1_000_000_000)
})

const answerOf = (path: string, n: number, ttlMs: number): object => {
  if (path.endsWith("/commit")) {
    return {
      status: "COMMITTED",
      charged: usd(1_230_000),
      released: usd(3_770_000),
      balances: [balanceOf("tenant:acme")]
    }
  }
  if (path.endsWith("/extend")) {
    return {
      status: "ACTIVE",
      expires_at_ms: Date.now() + ttlMs,
      remaining_ttl_ms: ttlMs,
      balances: [balanceOf("tenant:acme")]
    }
  }
  if (path.endsWith("/release")) {
    return { status: "RELEASED", released: usd(5_000_000), balances: [balanceOf("tenant:acme")] }
  }
  return {
    decision: "ALLOW",
    reservation_id: `a5a2382d-bec5-4516-8e8b-${n.toString(16).padStart(12, "0")}`,
    reserved: usd(5_000_000),
    expires_at_ms: Date.now() + ttlMs,
    remaining_ttl_ms: ttlMs,
    scope_path: "tenant:acme",
    affected_scopes: ["tenant:acme"],
    balances: [balanceOf("tenant:acme")]
  }
}

/** Serves on the loopback; `ttlMs` is what it grants, `beats` how often it has been asked to extend. */
const serve = async (ttlMs: number) => {
  let n = 0
  let beats = 0
  const respond = (socket: Socket, path: string) => {
    n++
    if (path.endsWith("/extend")) beats++
    const body = JSON.stringify(answerOf(path, n, ttlMs))
    const hex = n.toString(16).padStart(12, "0")
    socket.write(
      "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n" +
        `content-length: ${body.length}\r\nx-cycles-tenant: acme\r\nx-cycles-trace-id: ae73e2687aa7b99bf29d${hex}\r\n` +
        `x-ratelimit-remaining: -1\r\nx-ratelimit-reset: 0\r\nx-request-id: 06d112ac-38e9-4919-af8c-${hex}\r\n\r\n${body}`
    )
  }
  const server = createServer((socket) => {
    let pending = ""
    socket.setNoDelay(true)
    socket.setEncoding("latin1")
    socket.on("data", (part: string) => {
      pending += part
      for (;;) {
        const end = pending.indexOf("\r\n\r\n")
        if (end < 0) return
        const length = Number(/\r\ncontent-length: *(\d+)/i.exec(pending.slice(0, end))?.[1] ?? 0)
        if (pending.length < end + 4 + length) return
        const path = pending.slice(pending.indexOf(" ") + 1, pending.indexOf(" HTTP/"))
        pending = pending.slice(end + 4 + length)
        respond(socket, path)
      }
    })
    socket.on("error", () => socket.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return { port: (server.address() as AddressInfo).port, beats: () => beats }
}

/** A process that serves. Its samples are not measurements: they say the port, and the `beats` so far. */
export const stub = async ({ ttlMs = 60_000 }: Settings): Promise<Way> => {
  const { beats, port } = await serve(Number(ttlMs))
  return () => Promise.resolve({ port, beats: beats() })
}

/** Starts the way `stub` of a topic. */
export const startStub = async (bench: Bench, settings?: Settings) => {
  const worker = await bench.start("stub", settings)
  const { port } = await worker.sample()
  return { worker, baseUrl: `http://127.0.0.1:${port}` }
}
