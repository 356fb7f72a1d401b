/**
 * What the server has besides the protocol: a page, its feed, the OpenAPI document, and health.
 */
import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as OpenApi from "@effect/platform/OpenApi"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { CyclesApi } from "../../protocol/Api.js"
import * as Json from "../../protocol/Json.js"
import icon from "../page/icon.svg?raw"
import html from "../page/index.html?raw"
import css from "../page/page.css?raw"
import script from "../page/page.mjs?raw"
import { isForUs, isLocal, pageHeaders, refused } from "./gate.js"

type Answer = (
  request: HttpServerRequest.HttpServerRequest
) => Effect.Effect<HttpServerResponse.HttpServerResponse>

const text = (
  contentType: string,
  body: string,
  headers: Readonly<Record<string, string>> = {}
): HttpServerResponse.HttpServerResponse => HttpServerResponse.text(body, { contentType, headers })

const page = (
  admits: (request: HttpServerRequest.HttpServerRequest) => boolean,
  answer: () => HttpServerResponse.HttpServerResponse
): Answer =>
(request) =>
  Effect.sync(() =>
    admits(request)
      ? answer()
      : refused(request, "FORBIDDEN", "This page is for a browser on the machine of the server: it asks for no key")
  )

/** The page itself may be reached by a link from elsewhere; what it loads may not. */
const part = (answer: () => HttpServerResponse.HttpServerResponse): Answer =>
  page((request) => isLocal(request) && isForUs(request), answer)

const health: Answer = () => Effect.succeed(text("application/json", "{\"status\":\"UP\"}"))

const openApi: Answer = () =>
  Effect.suspend(() => Effect.orDie(Json.stringify(OpenApi.fromApi(CyclesApi)))).pipe(
    Effect.map((document) => text("application/json", document))
  )

const healthRoutes: ReadonlyArray<readonly [path: string, answer: Answer]> = [
  ["/actuator/health", health],
  ["/actuator/health/liveness", health],
  ["/actuator/health/readiness", health]
]

const route = <E, R>(
  routes: ReadonlyMap<string, Answer>,
  rest: HttpApp.Default<E, R>
): HttpApp.Default<E, R> =>
  Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => {
    const answer = routes.get(request.url.replace(/\?.*$/s, ""))
    return answer !== undefined && (request.method === "GET" || request.method === "HEAD") ? answer(request) : rest
  })

/** Health in front of an app. */
export const withHealth = <E, R>(rest: HttpApp.Default<E, R>): HttpApp.Default<E, R> =>
  route(new Map(healthRoutes), rest)

/** Health, the document, the page and its feed in front of an app. `feed` is a stream of server-sent events. */
export const withSite = <E, R>(feed: Stream.Stream<string>, rest: HttpApp.Default<E, R>): HttpApp.Default<E, R> =>
  route(
    new Map<string, Answer>([
      ...healthRoutes,
      ["/openapi.json", openApi],
      ["/", page(isLocal, () => text("text/html; charset=utf-8", html, pageHeaders))],
      ["/dev/page.css", part(() => text("text/css; charset=utf-8", css, pageHeaders))],
      ["/dev/page.mjs", part(() => text("text/javascript; charset=utf-8", script, pageHeaders))],
      ["/dev/icon.svg", part(() => text("image/svg+xml", icon, pageHeaders))],
      [
        "/dev/feed",
        part(() =>
          HttpServerResponse.stream(Stream.encodeText(feed), { contentType: "text/event-stream", headers: pageHeaders })
        )
      ]
    ]),
    rest
  )
