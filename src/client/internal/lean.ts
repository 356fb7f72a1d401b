/**
 * What an `HttpClient` of ours is made of: requests of text or bytes, and nothing per request that nobody uses. No span, no cookie. Who
 * gets the client as it was made can send through its wire, without a fiber.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as UrlParams from "@effect/platform/UrlParams"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/** A request that can be sent. */
export interface Sendable {
  readonly method: string
  readonly origin: string
  /** Path and query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | string | null
}

/** The beginning of an answer. */
export interface Answered {
  readonly status: number
  /** The value of a header. Its name is given in lower case. */
  readonly header: (name: string) => string | undefined
}

/** What else holds for an exchange. */
export interface Terms {
  readonly context: Context.Context<never>
  /** For `fetch`, in place of what the context says. */
  readonly init?: RequestInit
  /** How much of the body will be read at most, in bytes. */
  readonly limit?: number
}

/** How requests are sent and answers read. Each calls one of its two functions once, unless it was ended before. */
export interface Wire<A extends Answered> {
  /** Sends. What it returns ends the exchange. */
  readonly send: (
    request: Sendable,
    terms: Terms,
    onAnswer: (answer: A) => void,
    onError: (cause: unknown) => void
  ) => () => void
  /** Reads the body: `undefined` when it is larger than the limit, which ends the exchange. */
  readonly read: (
    answer: A,
    limit: number,
    onText: (text: string | undefined) => void,
    onError: (cause: unknown) => void
  ) => void
}

type Request = HttpClientRequest.HttpClientRequest

const bodyOf = ({ body }: Request): Sendable["body"] | undefined => {
  switch (body._tag) {
    case "Empty":
      return null
    case "Uint8Array":
      return body.body
    case "Raw":
      return typeof body.body === "string" ? body.body : undefined
    default:
      return undefined
  }
}

const failed = (request: Request, reason: "Transport" | "Encode", cause: unknown) =>
  Effect.fail(new HttpClientError.RequestError({ request, reason, cause }))

const wires = new WeakMap<HttpClient.HttpClient, Wire<Answered>>()

/** The wire of a client of ours. Nothing of another one, nor of one that was changed afterwards. */
export const wireOf = (client: HttpClient.HttpClient): Wire<Answered> | undefined => wires.get(client)

/** A client that has a wire from now on. */
export const withWire = <A extends Answered>(client: HttpClient.HttpClient, wire: Wire<A>): HttpClient.HttpClient => {
  wires.set(client, wire as unknown as Wire<Answered>)
  return client
}

/** The client of a wire, and the answer as its users see it. Its middleware is that of the platform. */
export const make = <A extends Answered>(
  wire: Wire<A>,
  respond: (request: Request, answer: A) => HttpClientResponse.HttpClientResponse
): HttpClient.HttpClient => {
  const client = HttpClient.makeWith(
    (effect: Effect.Effect<Request>) =>
      Effect.flatMap(effect, (request) => {
        const body = bodyOf(request)
        const target = UrlParams.makeUrl(request.url, request.urlParams, request.hash)
        if (body === undefined) return failed(request, "Encode", "only bodies of text and bytes are sent")
        if (target._tag === "Left") return failed(request, "Encode", target.left)
        const { origin, pathname, search } = target.right
        const headers = request.body._tag === "Uint8Array"
          ? { ...request.headers, "content-type": request.body.contentType }
          : request.headers
        return Effect.withFiberRuntime<HttpClientResponse.HttpClientResponse, HttpClientError.RequestError>(
          ({ currentContext }) =>
            Effect.async((resume) => {
              const end = wire.send(
                { method: request.method, origin, path: pathname + search, headers, body },
                { context: currentContext },
                (answer) => resume(Effect.succeed(respond(request, answer))),
                (cause) => resume(failed(request, "Transport", cause))
              )
              return Effect.sync(end)
            })
        )
      }),
    Effect.succeed
  )
  return withWire(client, wire)
}
