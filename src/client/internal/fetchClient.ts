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
import { type Answered, make, type Sendable, type Wire } from "./lean.js"

/** An answer whose body is still to be read. */
interface Fetched extends Answered {
  readonly web: Response
  readonly end: () => void
}

class Answer extends Inspectable.Class implements HttpClientResponse.HttpClientResponse {
  readonly [HttpIncomingMessage.TypeId]: HttpIncomingMessage.TypeId = HttpIncomingMessage.TypeId
  readonly [HttpClientResponse.TypeId]: HttpClientResponse.TypeId = HttpClientResponse.TypeId
  readonly remoteAddress = Option.none<string>()
  readonly request: HttpClientRequest.HttpClientRequest
  readonly #answer: Fetched

  constructor(request: HttpClientRequest.HttpClientRequest, answer: Fetched) {
    super()
    this.request = request
    this.#answer = answer
  }

  /** Everything that is asked for more rarely. */
  get #whole(): HttpClientResponse.HttpClientResponse {
    return HttpClientResponse.fromWeb(this.request, this.#answer.web)
  }

  get status(): number {
    return this.#answer.status
  }

  get headers(): Headers.Headers {
    return Headers.fromInput(this.#answer.web.headers)
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

const headersOf = ({ headers }: Sendable, init: RequestInit): Readonly<Record<string, string>> => {
  if (init.headers === undefined && !("content-length" in headers)) return headers
  const all = { ...Headers.fromInput(init.headers as Headers.Input | undefined), ...headers }
  // `fetch` counts by itself.
  delete all["content-length"]
  return all
}

/**
 * What lets the `fetch` of Node send a body without a copy in reserve for a redirect. One is not followed either way, but it is an error that does
 * not say its status: only a server whose last answer was none is asked like this.
 */
const frugal: RequestInit = { redirect: "error", window: null }

const isNode = "undici" in Object((globalThis as { process?: { versions?: unknown } }).process?.versions)

/** Redirects have such a status, or in a browser none. */
const isOwn = (status: number): boolean => status >= 200 && (status < 300 || status >= 400)

/** Sends with `fetch`, and knows of the last answer. */
const makeSend = (): Wire<Fetched>["send"] => {
  let answersItself = false
  return (request, { context, init }, onAnswer, onError) => {
    const fetch = Option.getOrElse(Context.getOption(context, FetchHttpClient.Fetch), () => globalThis.fetch)
    const options: RequestInit = init ??
      Option.getOrElse(Context.getOption(context, FetchHttpClient.RequestInit), () => ({}))
    const isFrugal = isNode && answersItself && options.redirect === "manual" && fetch === globalThis.fetch
    const abort = new AbortController()
    const end = () => abort.abort()
    try {
      fetch(request.origin + request.path, {
        ...options,
        ...(isFrugal && frugal),
        method: request.method,
        headers: headersOf(request, options),
        body: request.body as BodyInit | null,
        signal: abort.signal
      }).then((web) => {
        answersItself = isOwn(web.status)
        onAnswer({ status: web.status, header: (name) => web.headers.get(name) ?? undefined, web, end })
      }, (cause) => {
        answersItself = false
        onError(cause)
      })
    } catch (cause) {
      onError(cause)
    }
    return end
  }
}

const utf8 = new TextDecoder()

const textOf = (parts: ReadonlyArray<Uint8Array>, size: number): string => {
  const [first] = parts
  if (first !== undefined && parts.length === 1) return utf8.decode(first)
  const all = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return utf8.decode(all)
}

/** Counts what is read: a declared length says nothing of a body that was compressed. */
const read: Wire<Fetched>["read"] = ({ end, header, web }, limit, onText, onError) => {
  if (Number(header("content-length") ?? NaN) > limit) {
    end()
    return onText(undefined)
  }
  const reader = web.body?.getReader()
  // Where `fetch` has no streams, and where there is no body.
  if (reader === undefined) {
    return void web.text().then((text) => onText(text.length > limit ? undefined : text), onError)
  }
  const parts: Array<Uint8Array> = []
  let size = 0
  const next = ({ value: part }: { readonly value?: Uint8Array | undefined }): void => {
    if (part === undefined) return onText(textOf(parts, size))
    parts.push(part)
    size += part.length
    if (size <= limit) return readOn()
    end()
    onText(undefined)
  }
  const readOn = (): void => void reader.read().then(next, onError)
  readOn()
}

export const layerFetch: Layer.Layer<HttpClient.HttpClient> = Layer.sync(
  HttpClient.HttpClient,
  () => make({ send: makeSend(), read, respond: (request, answer) => new Answer(request, answer) })
)
