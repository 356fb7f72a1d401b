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
import { failed, make, type Ready } from "../client/internal/lean.js"

/**
 * @since 0.1.0
 * @category config
 */
export interface Options {
  /** Connections to one host. Default 64. */
  readonly connections?: number | undefined
  /** How long an idle connection is kept, in milliseconds. Default 4000: shorter than what servers allow. */
  readonly keepAliveMs?: number | undefined
  /** Where reading a body stops. Default 16 MiB: the client's own limit is smaller. */
  readonly maxBodyBytes?: number | undefined
}

/** Keeps nothing from one use to the next. */
const utf8 = new TextDecoder()

class Response extends Inspectable.Class implements HttpClientResponse.HttpClientResponse {
  readonly [HttpIncomingMessage.TypeId]: HttpIncomingMessage.TypeId = HttpIncomingMessage.TypeId
  readonly [HttpClientResponse.TypeId]: HttpClientResponse.TypeId = HttpClientResponse.TypeId
  readonly cookies = Cookies.empty
  readonly remoteAddress = Option.none<string>()
  readonly request: HttpClientRequest.HttpClientRequest
  readonly status: number
  readonly headers: Headers.Headers
  readonly body: Uint8Array

  constructor(
    request: HttpClientRequest.HttpClientRequest,
    status: number,
    headers: Headers.Headers,
    body: Uint8Array
  ) {
    super()
    this.request = request
    this.status = status
    this.headers = headers
    this.body = body
  }

  get text(): Effect.Effect<string> {
    return Effect.sync(() => utf8.decode(this.body))
  }

  get json(): Effect.Effect<unknown, HttpClientError.ResponseError> {
    return Effect.tryMap(this.text, {
      try: (text) => text === "" ? null : JSON.parse(text) as unknown,
      catch: (cause) =>
        new HttpClientError.ResponseError({ request: this.request, response: this, reason: "Decode", cause })
    })
  }

  get urlParamsBody(): Effect.Effect<UrlParams.UrlParams> {
    return Effect.map(this.text, (text) => UrlParams.fromInput(new URLSearchParams(text)))
  }

  get formData(): Effect.Effect<FormData, HttpClientError.ResponseError> {
    return Effect.fail(
      new HttpClientError.ResponseError({
        request: this.request,
        response: this,
        reason: "Decode",
        description: "form data is not read by this client"
      })
    )
  }

  get arrayBuffer(): Effect.Effect<ArrayBuffer> {
    return Effect.sync(() => new Uint8Array(this.body).buffer)
  }

  get stream(): Stream.Stream<Uint8Array> {
    return Stream.succeed(this.body)
  }

  toJSON(): unknown {
    return HttpIncomingMessage.inspect(this, { _id: "effect-cycles/node/Transport", status: this.status })
  }
}

/** One request. The fiber's interrupt ends the exchange on the socket. */
const send = (
  pool: Undici.Dispatcher,
  limit: number,
  { body, request, url }: Ready
): Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.RequestError> =>
  Effect.async((resume) => {
    let controller: Undici.Dispatcher.DispatchController | undefined
    let aborted = false
    let status = 0
    let size = 0
    let headers: Headers.Headers = Headers.empty
    const parts: Array<Uint8Array> = []
    const finish = () => resume(Effect.succeed(new Response(request, status, headers, Buffer.concat(parts, size))))
    try {
      pool.dispatch({
        origin: url.origin,
        path: url.pathname + url.search,
        method: request.method,
        headers: request.body._tag === "Uint8Array"
          ? { ...request.headers, "content-type": request.body.contentType }
          : request.headers,
        body,
        headersTimeout: 0,
        bodyTimeout: 0
      }, {
        onRequestStart: (started) => {
          controller = started
          if (aborted) started.abort(new Error("aborted"))
        },
        onResponseStart: (_, statusCode, received) => {
          status = statusCode
          headers = Headers.fromInput(received as Record<string, string | ReadonlyArray<string>>)
        },
        onResponseData: (_, part) => {
          parts.push(part)
          size += part.length
          if (size <= limit) return
          finish()
          controller?.abort(new Error("the body is too large"))
        },
        onResponseEnd: finish,
        onResponseError: (_, error) => resume(failed(request, "Transport", error))
      })
    } catch (error) {
      resume(failed(request, "Transport", error))
    }
    return Effect.sync(() => {
      aborted = true
      controller?.abort(new Error("aborted"))
    })
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
      Effect.map((pool) => make((ready) => send(pool, options.maxBodyBytes ?? 16 * 1024 * 1024, ready)))
    )
  )
