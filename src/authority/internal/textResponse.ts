/**
 * A response whose text is there already: reading it takes no turn of the event loop, so that a test clock never overtakes it.
 */
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"

export const textResponse = (
  request: HttpClientRequest.HttpClientRequest,
  { body, headers, status }: {
    readonly status: number
    readonly headers: Readonly<Record<string, string>>
    readonly body: string
  }
): HttpClientResponse.HttpClientResponse =>
  Object.defineProperty(
    HttpClientResponse.fromWeb(
      request,
      new Response(body === "" ? null : body, {
        status,
        headers: Object.assign({}, headers, { "content-length": String(new TextEncoder().encode(body).length) })
      })
    ),
    "text",
    { value: Effect.succeed(body) }
  )
