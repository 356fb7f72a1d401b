/**
 * What an `HttpClient` of ours is made of: requests of text or bytes, and nothing per request that nobody uses. No span, no cookie.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as UrlParams from "@effect/platform/UrlParams"
import * as Effect from "effect/Effect"

/** A request that can be sent. */
export interface Ready {
  readonly request: HttpClientRequest.HttpClientRequest
  readonly url: URL
  readonly body: Uint8Array | string | null
}

type Request = HttpClientRequest.HttpClientRequest
type Send = (ready: Ready) => Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.RequestError>

const bodyOf = ({ body }: Request): Ready["body"] | undefined => {
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

export const failed = (request: Request, reason: "Transport" | "Encode", cause: unknown) =>
  Effect.fail(new HttpClientError.RequestError({ request, reason, cause }))

/** The client that sends so. Its middleware is that of the platform. */
export const make = (send: Send): HttpClient.HttpClient =>
  HttpClient.makeWith(
    (effect: Effect.Effect<Request>) =>
      Effect.flatMap(effect, (request) => {
        const body = bodyOf(request)
        const target = UrlParams.makeUrl(request.url, request.urlParams, request.hash)
        if (body === undefined) return failed(request, "Encode", "only bodies of text and bytes are sent")
        if (target._tag === "Left") return failed(request, "Encode", target.left)
        return send({ request, url: target.right, body })
      }),
    Effect.succeed
  )
