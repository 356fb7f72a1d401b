/**
 * The `HttpClient` of the portable entry: `fetch`, or the `FetchHttpClient.Fetch` and the `FetchHttpClient.RequestInit` in context. It does what
 * `FetchHttpClient` does with such a request and such an answer, at a third of the cost.
 */
import * as Cookies from "@effect/platform/Cookies"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Headers from "@effect/platform/Headers"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Inspectable from "effect/Inspectable"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { failed, make, type Ready } from "./lean.js"

class Answer extends Inspectable.Class implements HttpClientResponse.HttpClientResponse {
  readonly [HttpIncomingMessage.TypeId]: HttpIncomingMessage.TypeId = HttpIncomingMessage.TypeId
  readonly [HttpClientResponse.TypeId]: HttpClientResponse.TypeId = HttpClientResponse.TypeId
  readonly remoteAddress = Option.none<string>()
  readonly request: HttpClientRequest.HttpClientRequest
  readonly headers: Headers.Headers
  readonly #web: Response
  readonly #abort: AbortController

  constructor(request: HttpClientRequest.HttpClientRequest, web: Response, abort: AbortController) {
    super()
    this.request = request
    this.headers = Headers.fromInput(web.headers)
    this.#web = web
    this.#abort = abort
  }

  /** Everything that is asked for more rarely. */
  get #whole(): HttpClientResponse.HttpClientResponse {
    return HttpClientResponse.fromWeb(this.request, this.#web)
  }

  get status(): number {
    return this.#web.status
  }

  get cookies(): Cookies.Cookies {
    return Cookies.empty
  }

  get text(): Effect.Effect<string, HttpClientError.ResponseError> {
    return Effect.async((resume) => {
      this.#web.text().then(
        (text) => resume(Effect.succeed(text)),
        (cause) =>
          resume(
            new HttpClientError.ResponseError({ request: this.request, response: this, reason: "Decode", cause })
          )
      )
      return Effect.sync(() => this.#abort.abort())
    })
  }

  get json() {
    return this.#whole.json
  }

  get urlParamsBody() {
    return this.#whole.urlParamsBody
  }

  get formData() {
    return this.#whole.formData
  }

  get arrayBuffer() {
    return this.#whole.arrayBuffer
  }

  get stream() {
    return this.#whole.stream
  }

  toJSON(): unknown {
    return HttpIncomingMessage.inspect(this, { _id: "effect-cycles/client/fetchClient", status: this.status })
  }
}

const headersOf = ({ headers }: HttpClientRequest.HttpClientRequest, init: RequestInit): Record<string, string> => {
  const all = { ...Headers.fromInput(init.headers as Headers.Input | undefined), ...headers }
  // `fetch` counts by itself.
  delete all["content-length"]
  return all
}

/** One request. The fiber's interrupt ends the exchange. */
const send = ({ body, request, url }: Ready) =>
  Effect.withFiberRuntime<HttpClientResponse.HttpClientResponse, HttpClientError.RequestError>(({ currentContext }) => {
    const fetch = Option.getOrElse(Context.getOption(currentContext, FetchHttpClient.Fetch), () => globalThis.fetch)
    const init = Option.getOrElse(Context.getOption(currentContext, FetchHttpClient.RequestInit), () => ({}))
    return Effect.async((resume) => {
      const abort = new AbortController()
      const failure = (cause: unknown) => resume(failed(request, "Transport", cause))
      try {
        fetch(url, {
          ...init,
          method: request.method,
          headers: headersOf(request, init),
          body: body as BodyInit | null,
          signal: abort.signal
        }).then((web) => resume(Effect.succeed(new Answer(request, web, abort))), failure)
      } catch (cause) {
        failure(cause)
      }
      return Effect.sync(() => abort.abort())
    })
  })

export const layerFetch: Layer.Layer<HttpClient.HttpClient> = Layer.sync(HttpClient.HttpClient, () => make(send))
