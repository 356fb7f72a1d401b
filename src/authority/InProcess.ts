/**
 * An `HttpClient` that the embedded authority answers: the same fiber and the same clock, no socket.
 */
import type * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Admin from "./Admin.js"
import * as App from "./App.js"
import { Authority } from "./Authority.js"
import type { Call, Reply } from "./internal/http.js"
import { textResponse } from "./internal/textResponse.js"

type Respond = (call: Call) => Effect.Effect<Reply, never, Authority>

const textOf = (body: HttpBody.HttpBody): Effect.Effect<string, string> => {
  switch (body._tag) {
    case "Empty":
      return Effect.succeed("")
    case "Uint8Array":
      return Effect.sync(() => new TextDecoder().decode(body.body))
    case "Stream":
      return body.stream.pipe(Stream.mapError(String), Stream.decodeText(), Stream.mkString)
    case "Raw":
      return typeof body.body === "string" ? Effect.succeed(body.body) : Effect.fail("a raw body that is not text")
    case "FormData":
      return Effect.fail("a form is not text")
  }
}

const answer = Effect.fnUntraced(
  function*(respond: Respond, request: HttpClientRequest.HttpClientRequest, url: URL) {
    const body = yield* Effect.mapError(
      textOf(request.body),
      (cause) => new HttpClientError.RequestError({ request, reason: "Encode", cause })
    )
    const { headers, method } = request
    return textResponse(
      request,
      yield* respond({ method, path: url.pathname, query: url.searchParams, headers, body: Option.some(body) })
    )
  }
)

const layerOf = (respond: Respond): Layer.Layer<HttpClient.HttpClient, never, Authority> =>
  Layer.effect(
    HttpClient.HttpClient,
    Effect.map(Authority, (authority) =>
      HttpClient.make((request, url) =>
        Effect.provideService(answer(respond, request, url), Authority, authority)
      ))
  )

/**
 * Sends every request to the authority, whatever its host. An interrupt takes effect before the step of the ledger or
 * after it. A body that is not text is an `Encode` error.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<HttpClient.HttpClient, never, Authority> = layerOf(App.respond)

/**
 * As `layer`, to the administrator's plane of the authority.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerAdmin: Layer.Layer<HttpClient.HttpClient, never, Authority> = layerOf(Admin.respond)
