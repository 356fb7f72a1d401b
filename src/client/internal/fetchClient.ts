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
import { make, type Sendable, type Wire } from "./lean.js"

/** An answer whose body is still to be read. */
interface Fetched {
  readonly status: number
  readonly headers: Headers.Headers
  readonly web: Response
  readonly end: () => void
}

class Answer extends Inspectable.Class implements HttpClientResponse.HttpClientResponse {
  readonly [HttpIncomingMessage.TypeId]: HttpIncomingMessage.TypeId = HttpIncomingMessage.TypeId
  readonly [HttpClientResponse.TypeId]: HttpClientResponse.TypeId = HttpClientResponse.TypeId
  readonly remoteAddress = Option.none<string>()
  readonly request: HttpClientRequest.HttpClientRequest
  readonly headers: Headers.Headers
  readonly #answer: Fetched

  constructor(request: HttpClientRequest.HttpClientRequest, answer: Fetched) {
    super()
    this.request = request
    this.headers = answer.headers
    this.#answer = answer
  }

  /** Everything that is asked for more rarely. */
  get #whole(): HttpClientResponse.HttpClientResponse {
    return HttpClientResponse.fromWeb(this.request, this.#answer.web)
  }

  get status(): number {
    return this.#answer.status
  }

  get cookies(): Cookies.Cookies {
    return Cookies.empty
  }

  get text(): Effect.Effect<string, HttpClientError.ResponseError> {
    return Effect.async((resume) => {
      const { end, web } = this.#answer
      web.text().then(
        (text) => resume(Effect.succeed(text)),
        (cause) =>
          resume(
            new HttpClientError.ResponseError({ request: this.request, response: this, reason: "Decode", cause })
          )
      )
      return Effect.sync(end)
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

const headersOf = ({ headers }: Sendable, init: RequestInit): Record<string, string> => {
  const all = { ...Headers.fromInput(init.headers as Headers.Input | undefined), ...headers }
  // `fetch` counts by itself.
  delete all["content-length"]
  return all
}

const send: Wire<Fetched>["send"] = (request, { context, init }, onAnswer, onError) => {
  const fetch = Option.getOrElse(Context.getOption(context, FetchHttpClient.Fetch), () => globalThis.fetch)
  const options = init ?? Option.getOrElse(Context.getOption(context, FetchHttpClient.RequestInit), () => ({}))
  const abort = new AbortController()
  const end = () => abort.abort()
  try {
    fetch(request.origin + request.path, {
      ...options,
      method: request.method,
      headers: headersOf(request, options),
      body: request.body as BodyInit | null,
      signal: abort.signal
    }).then(
      (web) => onAnswer({ status: web.status, headers: Headers.fromInput(web.headers), web, end }),
      onError
    )
  } catch (cause) {
    onError(cause)
  }
  return end
}

/** Counts what is read; a length that was declared, of a body that is not compressed, needs no counting. */
const readCounted = ({ end, web }: Fetched, limit: number): Promise<string | undefined> => {
  const decoder = new TextDecoder()
  const reader = web.body?.getReader()
  const readOn = (text: string, size: number): Promise<string | undefined> | undefined =>
    reader?.read().then(({ value: part }) => {
      if (part === undefined) return text + decoder.decode()
      if (size + part.length <= limit) return readOn(text + decoder.decode(part, { stream: true }), size + part.length)
      end()
      return undefined
    })
  return readOn("", 0) ?? Promise.resolve("")
}

const read: Wire<Fetched>["read"] = (answer, limit, onText, onError) => {
  const { end, headers, web } = answer
  const declared = Number(headers["content-length"] ?? NaN)
  if (declared > limit) {
    end()
    return onText(undefined)
  }
  const isCounted = declared >= 0 && headers["content-encoding"] === undefined
  ;(isCounted ? web.text() : readCounted(answer, limit)).then(onText, onError)
}

export const layerFetch: Layer.Layer<HttpClient.HttpClient> = Layer.sync(
  HttpClient.HttpClient,
  () => make({ send, read, respond: (request, answer) => new Answer(request, answer) })
)
