/**
 * An `HttpClient` for servers: a bounded pool of kept-alive connections, and nothing per request that nobody uses. No span, no
 * redirect, no cookie, no decompression.
 */
import * as Undici from "@effect/platform-node/Undici"
import * as Cookies from "@effect/platform/Cookies"
import * as Headers from "@effect/platform/Headers"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import * as UrlParams from "@effect/platform/UrlParams"
import * as Effect from "effect/Effect"
import * as Inspectable from "effect/Inspectable"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { type Answered, make, type Wire } from "../client/internal/lean.js"

/**
 * The bounds of the connections to an authority.
 *
 * @since 0.1.0
 * @category config
 */
export interface Options {
  /** Connections to one host. Default 64. */
  readonly connections?: number | undefined
  /** How long an idle connection is kept, in milliseconds. Default 4000: shorter than what servers allow. */
  readonly keepAliveMs?: number | undefined
  /** The largest body that is read for others than `Cycles`, which says its own limit. Default 16 MiB. */
  readonly maxBodyBytes?: number | undefined
}

type Fields = Readonly<Record<string, string | ReadonlyArray<string> | undefined>>

/** An answer. A body that is larger than it may be is none. */
interface Received extends Answered {
  readonly headers: Fields
  readonly body: Buffer | undefined
}

/** A mark of the byte order is no part of the text. */
const textOf = (body: Buffer): string => {
  const text = body.toString("utf8")
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text
}

class Response extends Inspectable.Class implements HttpClientResponse.HttpClientResponse {
  readonly [HttpIncomingMessage.TypeId]: HttpIncomingMessage.TypeId = HttpIncomingMessage.TypeId
  readonly [HttpClientResponse.TypeId]: HttpClientResponse.TypeId = HttpClientResponse.TypeId
  readonly cookies = Cookies.empty
  readonly remoteAddress = Option.none<string>()
  readonly request: HttpClientRequest.HttpClientRequest
  readonly status: number
  readonly headers: Headers.Headers
  readonly #body: Effect.Effect<Buffer, HttpClientError.ResponseError>

  constructor(request: HttpClientRequest.HttpClientRequest, { body, headers, status }: Received) {
    super()
    this.request = request
    this.status = status
    this.headers = Headers.fromInput(headers)
    this.#body = body === undefined
      ? this.#undecoded("the body is larger than this client reads")
      : Effect.succeed(body)
  }

  #undecoded(description: string): Effect.Effect<never, HttpClientError.ResponseError> {
    return Effect.fail(
      new HttpClientError.ResponseError({ request: this.request, response: this, reason: "Decode", description })
    )
  }

  get text(): Effect.Effect<string, HttpClientError.ResponseError> {
    return Effect.map(this.#body, textOf)
  }

  get json(): Effect.Effect<unknown, HttpClientError.ResponseError> {
    return Effect.tryMap(this.text, {
      try: (text) => text === "" ? null : JSON.parse(text) as unknown,
      catch: (cause) =>
        new HttpClientError.ResponseError({ request: this.request, response: this, reason: "Decode", cause })
    })
  }

  get urlParamsBody(): Effect.Effect<UrlParams.UrlParams, HttpClientError.ResponseError> {
    return Effect.map(this.text, (text) => UrlParams.fromInput(new URLSearchParams(text)))
  }

  get formData(): Effect.Effect<FormData, HttpClientError.ResponseError> {
    return this.#undecoded("form data is not read by this client")
  }

  get arrayBuffer(): Effect.Effect<ArrayBuffer, HttpClientError.ResponseError> {
    return Effect.map(this.#body, (body) => new Uint8Array(body).buffer)
  }

  get stream(): Stream.Stream<Uint8Array, HttpClientError.ResponseError> {
    return Stream.fromEffect(this.#body)
  }

  toJSON(): unknown {
    return HttpIncomingMessage.inspect(this, { _id: "effect-cycles/node/Transport", status: this.status })
  }
}

/** Sends on a connection of the pool; ending the exchange reaches the socket. */
const wireOver = (pool: Undici.Dispatcher, maxBodyBytes: number): Wire<Received> => ({
  send: ({ body, headers, method, origin, path }, { limit = maxBodyBytes }, onAnswer, onError) => {
    let controller: Undici.Dispatcher.DispatchController | undefined
    let aborted = false
    let status = 0
    let size = 0
    let received: Fields = {}
    const header = (name: string) => {
      const value = received[name]
      return typeof value === "object" ? value.join(", ") : value
    }
    const parts: Array<Buffer> = []
    const finish = (body: Buffer | undefined) => onAnswer({ status, header, headers: received, body })
    const cutOff = () => {
      finish(undefined)
      controller?.abort(new Error("the body is too large"))
    }
    try {
      pool.dispatch({
        origin,
        path,
        method: method as Undici.Dispatcher.HttpMethod,
        headers,
        body,
        headersTimeout: 0,
        bodyTimeout: 0
      }, {
        onRequestStart: (started) => {
          controller = started
          if (aborted) started.abort(new Error("aborted"))
        },
        onResponseStart: (_, statusCode, headers) => {
          // What comes before the answer.
          if (statusCode < 200) return
          status = statusCode
          received = headers
          if (Number(header("content-length") ?? NaN) > limit) cutOff()
        },
        onResponseData: (_, part) => {
          parts.push(part)
          size += part.length
          if (size > limit) cutOff()
        },
        onResponseEnd: () => {
          const [first] = parts
          finish(parts.length === 1 && first !== undefined ? first : Buffer.concat(parts))
        },
        onResponseError: (_, error) => onError(error)
      })
    } catch (error) {
      onError(error)
    }
    return () => {
      aborted = true
      controller?.abort(new Error("aborted"))
    }
  },
  read: ({ body }, _, onText) => onText(body && textOf(body))
})

/**
 * Requests of text or bytes over kept-alive connections. Redirects are answers like any other; the layer's end closes the connections.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<HttpClient.HttpClient> =>
  Layer.scoped(
    HttpClient.HttpClient,
    Effect.acquireRelease(
      Effect.sync(() =>
        new Undici.Agent({
          connections: options.connections ?? 64,
          keepAliveTimeout: options.keepAliveMs ?? 4000
        })
      ),
      (pool) => Effect.promise(() => pool.destroy())
    ).pipe(
      Effect.map((pool) =>
        make(wireOver(pool, options.maxBodyBytes ?? 16 * 1024 * 1024), (request, received) =>
          new Response(request, received))
      )
    )
  )
