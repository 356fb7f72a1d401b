/**
 * The authority over HTTP. Routes, schemas and success statuses come from the Api value.
 */
import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { ErrorResponse, statusOf } from "../protocol/ErrorResponse.js"
import * as Json from "../protocol/Json.js"
import { Authority, type Service } from "./Authority.js"
import { type Refusal, refusal } from "./Command.js"
import { commandOf } from "./internal/commands.js"
import { freshId, traceOf } from "./internal/correlation.js"
import { checkKey, maxBodySize, queryOf, readBody } from "./internal/input.js"
import { type Route, routesOf } from "./internal/routes.js"

/**
 * A request: `path` as it was sent, percent-encoded; header names in lower case; `body` is `None` when it could not be read or
 * has more than 1 MiB.
 *
 * @since 0.1.0
 * @category models
 */
export interface Call {
  readonly method: string
  readonly path: string
  readonly query: Iterable<readonly [string, string]>
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: Option.Option<string>
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** An answer before its ids and its text. */
interface Outcome {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly result: Either.Either<unknown, Refusal>
}

type Found = ReturnType<typeof routesOf>[number]

const refused = (status: number, refusal: Refusal, headers: Outcome["headers"] = {}): Outcome => ({
  status,
  headers,
  result: Either.left(refusal)
})

/** The tenant that calls; nothing for the administrator and for anyone on a public route. */
const admit = (
  { adminKey, authenticate }: Service,
  access: Route["access"],
  headers: Call["headers"]
): Effect.Effect<Option.Option<string>, Refusal> => {
  if (access === "public") return Effect.succeedNone
  const shown = headers["x-admin-api-key"]?.trim() ?? ""
  if (access === "admin" && shown !== "") {
    return Option.match(adminKey, {
      onNone: () => Effect.fail(refusal("INTERNAL_ERROR", "Server misconfiguration: admin API key not set")),
      onSome: (key) =>
        shown === Redacted.value(key)
          ? Effect.succeedNone
          : Effect.fail(refusal("UNAUTHORIZED", "Invalid admin API key"))
    })
  }
  const key = headers["x-cycles-api-key"]?.trim() ?? ""
  return key === "" ? Effect.fail(refusal("UNAUTHORIZED", "Missing API key")) : Effect.asSome(authenticate(key))
}

/** Decodes the parts of a call, in the order in which their faults are told. */
const inputOf = ({ params, route }: Found, { body, headers, query }: Call) =>
  Either.gen(function*() {
    const path = yield* route.path(params)
    const parameters = yield* route.query(queryOf(query))
    if (Option.isNone(route.body)) return { path, query: parameters, body: undefined }
    const json = yield* readBody(body)
    const decoded = yield* route.body.value(json)
    yield* checkKey(headers["x-idempotency-key"], json)
    return { path, query: parameters, body: decoded }
  })

const isJson = (type: string | undefined): boolean => type === undefined || /^application\/json\s*(?:;|$)/i.test(type)

const execute = (authority: Service, tenant: string | undefined, found: Found, call: Call) =>
  Effect.gen(function*() {
    const { name, success } = found.route
    const command = commandOf(name, tenant, yield* inputOf(found, call))
    if (command === undefined) return yield* Effect.fail(refusal("NOT_FOUND", "This authority keeps no evidence"))
    const value = yield* authority.run(command)
    return yield* Effect.orDie(Schema.encodeUnknown(success)(value))
  })

const handle = (authority: Service, call: Call): Effect.Effect<Outcome> =>
  Effect.gen(function*() {
    const candidates = routesOf(call.path)
    const found = candidates.find(({ route }) => route.method === call.method)
    const admitted = yield* Effect.either(admit(authority, found?.route.access ?? "tenant", call.headers))
    if (Either.isLeft(admitted)) return refused(statusOfCode(admitted.left), admitted.left)
    const tenant = Option.getOrUndefined(admitted.right)
    const headers = {
      "x-ratelimit-remaining": "-1",
      "x-ratelimit-reset": "0",
      ...(tenant === undefined ? {} : { "x-cycles-tenant": tenant })
    }
    if (candidates.length === 0) return refused(404, refusal("NOT_FOUND", "No such route"), headers)
    if (found === undefined) {
      const allow = candidates.map(({ route }) => route.method).join(", ")
      return refused(405, refusal("INVALID_REQUEST", `Method must be ${allow}`), { ...headers, allow })
    }
    if (Option.isSome(found.route.body) && !isJson(call.headers["content-type"])) {
      return refused(415, refusal("INVALID_REQUEST", "Content-Type must be application/json"), headers)
    }
    const result = yield* Effect.either(execute(authority, tenant, found, call))
    return { status: Either.isRight(result) ? found.route.status : statusOfCode(result.left), headers, result }
  })

const statusOfCode = ({ code }: Refusal): number => statusOf[code]

/**
 * Answers one call: who calls comes first, then the route, then what was sent, then the ledger. It never fails: a defect is
 * answered with 500 and logged at debug level.
 *
 * @since 0.1.0
 * @category combinators
 */
export const respond = (call: Call): Effect.Effect<Reply, never, Authority> =>
  Effect.gen(function*() {
    const authority = yield* Authority
    const { requestId, traceId } = yield* Effect.sync(() => ({ requestId: freshId(), traceId: traceOf(call.headers) }))
    const { headers, result, status } = yield* handle(authority, call).pipe(
      Effect.tapDefect((cause) => Effect.logDebug("the authority failed", cause)),
      Effect.catchAllDefect(() => Effect.succeed(refused(500, refusal("INTERNAL_ERROR", "Internal error"))))
    )
    const body = Either.getOrElse(result, ({ code, details, message }) =>
      encodeError({
        error: code,
        message,
        requestId,
        traceId: Option.some(traceId),
        details: Option.fromNullable(details),
        evidence: Option.none()
      }))
    return {
      status,
      headers: {
        "content-type": "application/json",
        "x-request-id": requestId,
        "x-cycles-trace-id": traceId,
        ...headers
      },
      body: Either.getOrThrow(Json.stringify(body))
    }
  })

const encodeError = Schema.encodeSync(ErrorResponse)

const split = (url: string): readonly [string, string] => {
  const mark = url.indexOf("?")
  return mark === -1 ? [url, ""] : [url.slice(0, mark), url.slice(mark + 1)]
}

/**
 * The authority as an app for any `HttpServer` of @effect/platform.
 *
 * @since 0.1.0
 * @category constructors
 */
export const httpApp: HttpApp.Default<never, Authority> = Effect.gen(function*() {
  const request = yield* HttpServerRequest.HttpServerRequest
  const [path, query] = split(request.url)
  // A body that says how large it is gets an answer; one that does not is cut off by the server.
  const body = Number(request.headers["content-length"] ?? 0) > maxBodySize
    ? Option.none()
    : yield* Effect.option(request.text).pipe(HttpServerRequest.withMaxBodySize(Option.some(maxBodySize)))
  const { headers, method } = request
  const reply = yield* respond({ method, path, query: new URLSearchParams(query), headers, body })
  return HttpServerResponse.text(reply.body, { status: reply.status, headers: reply.headers })
})
