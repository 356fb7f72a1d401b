/**
 * A provider of streams on a real socket, one line of JSON an element. It writes an element when it is told to, so that a test knows what
 * was produced; and it hears of the end of a connection.
 */
import * as Effect from "effect/Effect"
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

export interface Delta {
  readonly n: number
  readonly tokens: number
  /** The sum so far. */
  readonly total: number
}

export interface Request {
  /** Writes the next element, or ends the answer after the last one. */
  readonly write: () => void
  /** Cuts the connection. */
  readonly cut: () => void
  /** Tokens that were written so far. */
  readonly produced: () => number
  /** When the other side went away before the end, in ms of `performance.now`. */
  readonly aborted: Promise<number>
}

export interface Provider {
  readonly url: string
  readonly requests: ReadonlyMap<string, Request>
}

const serve = (response: ServerResponse, elements: number): Request => {
  let n = 0
  let total = 0
  const aborted = new Promise<number>((resolve) => {
    response.on("close", () => {
      if (!response.writableEnded) resolve(performance.now())
    })
  })
  return {
    write: () => {
      if (response.destroyed || response.writableEnded) return
      if (n === elements) return void response.end()
      n += 1
      total += n
      response.write(`${JSON.stringify({ n, tokens: n, total })}\n`)
    },
    cut: () => void response.destroy(),
    produced: () => total,
    aborted
  }
}

/** `GET /id?elements=5`: the head of the answer and the first element come at once. */
export const provider = Effect.acquireRelease(
  Effect.promise(async () => {
    const requests = new Map<string, Request>()
    const server = createServer((request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? "", "http://provider")
      const served = serve(response, Number(searchParams.get("elements")))
      requests.set(pathname.slice(1), served)
      response.writeHead(200, { "content-type": "application/x-ndjson" })
      response.flushHeaders()
      served.write()
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    return { server, requests, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
  }),
  ({ server }) =>
    Effect.promise(() => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(resolve))
    })
)

/** What a provider's library gives: an iterable with a controller, which ends as if it were complete when it is aborted. */
export const sdk = async (url: string, signal?: AbortSignal) => {
  const controller = new AbortController()
  signal?.addEventListener("abort", () => controller.abort())
  const response = await fetch(url, { signal: controller.signal })
  const lines = async function*(): AsyncGenerator<Delta> {
    let rest = ""
    const reader = response.body?.getReader()
    try {
      for (;;) {
        const { value: bytes } = await (reader?.read() ?? Promise.resolve({ value: undefined }))
        if (bytes === undefined) return
        const parts = (rest + new TextDecoder().decode(bytes)).split("\n")
        rest = parts.pop() ?? ""
        for (const part of parts) yield JSON.parse(part)
      }
    } catch (error) {
      if (!controller.signal.aborted) throw error
    }
  }
  return { controller, [Symbol.asyncIterator]: () => lines() }
}

/** The body of an answer, for who reads it as a web stream. */
export const body = async (url: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> => {
  const response = await fetch(url, { signal })
  if (response.body === null) throw new Error("no body")
  return response.body
}
