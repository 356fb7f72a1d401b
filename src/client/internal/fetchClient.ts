/**
 * The `HttpClient` of the portable entry: that of the platform, with a wire over the same `fetch`, which is the `FetchHttpClient.Fetch` in
 * context. The wire does what the client does with such a request and such an answer, at a third of the cost.
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Headers from "@effect/platform/Headers"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { type Answered, type Sendable, type Wire, withWire } from "./lean.js"

/** An answer whose body is still to be read. */
interface Fetched extends Answered {
  readonly web: Response
  readonly end: () => void
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

/** A `fetch` of somebody else may answer with anything: what throws while it is read is an answer that cannot be read. */
const orElse = <A>(read: (value: A) => void, onError: (cause: unknown) => void) => (value: A): void => {
  try {
    read(value)
  } catch (cause) {
    onError(cause)
  }
}

/** Redirects have such a status, or in a browser none. */
const isOwn = (status: number): boolean => status >= 200 && (status < 300 || status >= 400)

/** Sends with the `fetch` of the caller, else of the layer, and knows of the last answer. */
const makeSend = (layer: Context.Context<never>): Wire<Fetched>["send"] => {
  let answersItself = false
  const ofLayer = Context.getOption(layer, FetchHttpClient.Fetch)
  return (request, { context, init: options = {} }, onAnswer, onError) => {
    const fetch = Option.getOrElse(
      Option.orElse(Context.getOption(context, FetchHttpClient.Fetch), () => ofLayer),
      () => globalThis.fetch
    )
    const isFrugal = isNode && answersItself && options.redirect === "manual" && fetch === globalThis.fetch
    const abort = new AbortController()
    const end = () => abort.abort()
    const failed = (cause: unknown) => {
      answersItself = false
      onError(cause)
    }
    try {
      fetch(request.origin + request.path, {
        ...options,
        ...(isFrugal && frugal),
        method: request.method,
        headers: headersOf(request, options),
        body: request.body as BodyInit | null,
        signal: abort.signal
      }).then(
        orElse((web) => {
          answersItself = isOwn(web.status)
          onAnswer({ status: web.status, header: (name) => web.headers.get(name) ?? undefined, web, end })
        }, failed),
        failed
      )
    } catch (cause) {
      failed(cause)
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
    return void web.text().then(orElse((text) => onText(text.length > limit ? undefined : text), onError), onError)
  }
  const parts: Array<Uint8Array> = []
  let size = 0
  const next = orElse(({ value: part }: { readonly value?: Uint8Array | undefined }): void => {
    if (part === undefined) return onText(textOf(parts, size))
    parts.push(part)
    size += part.length
    if (size <= limit) return readOn()
    end()
    onText(undefined)
  }, onError)
  const readOn = (): void => void reader.read().then(next, onError)
  readOn()
}

export const layerFetch: Layer.Layer<HttpClient.HttpClient> = Layer.effect(
  HttpClient.HttpClient,
  Effect.zipWith(
    HttpClient.HttpClient,
    Effect.context<never>(),
    (http, layer) => withWire(HttpClient.transformResponse(http, identity), { send: makeSend(layer), read })
  )
).pipe(Layer.provide(FetchHttpClient.layer))
