/**
 * What the two planes share over HTTP: calls and replies, ids, bodies, errors.
 */
import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { ErrorResponse, statusOf } from "../../protocol/ErrorResponse.js"
import { sanitize } from "../../protocol/InvalidInput.js"
import * as Json from "../../protocol/Json.js"
import type { Authority } from "../Authority.js"
import { adminStatusOf, type Origin, type Refusal, refusal } from "../Command.js"
import { freshId, traceOf } from "./correlation.js"
import { maxBodySize } from "./input.js"

/**
 * A request: `path` as it was sent, percent-encoded; header names in lower case; `body` is `None` when it could not be read or
 * has more than 1 MiB; `client` is the address of the caller, where there is one.
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
  readonly client?: string | undefined
}

/**
 * An answer, ready to be sent.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** A body whose text is there already. */
export class Text {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** An answer before its ids and its text. */
export interface Outcome {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly result: Either.Either<unknown, Refusal>
}

const statuses: Readonly<Record<string, number>> = { ...statusOf, ...adminStatusOf }

/** The outcome of a refusal, with the status of its code unless another one is given. */
export const refused = (
  refusal: Refusal,
  headers: Outcome["headers"] = {},
  status: number = refusal.status ?? statuses[refusal.code] ?? 500
): Outcome => ({ status, headers, result: Either.left(refusal) })

export const isJson = (type: string | undefined): boolean =>
  type === undefined || /^application\/json\s*(?:;|$)/i.test(type)

/** The outcomes of a path that is there for other methods, and of a body that is not JSON. */
export const methodNotAllowed = (methods: ReadonlyArray<string>, headers: Outcome["headers"] = {}): Outcome => {
  const allow = methods.join(", ")
  return refused(refusal("INVALID_REQUEST", `Method must be ${allow}`), { ...headers, allow }, 405)
}

export const notJson = (headers: Outcome["headers"] = {}): Outcome =>
  refused(refusal("INVALID_REQUEST", "Content-Type must be application/json"), headers, 415)

/** What a message quotes of a request is bounded, and so is the message, in characters. */
const maxMessage = 500

const encodeError = Schema.encodeSync(ErrorResponse)

/** Answers a call by `handle`, which gets the ids of the answer. A defect is answered with 500 and logged at debug level. */
export const reply: <R>(
  call: Call,
  requestId: string | undefined,
  handle: (origin: Origin) => Effect.Effect<Outcome, never, R>
) => Effect.Effect<Reply, never, R> = Effect.fnUntraced(
  function*<R>(
    call: Call,
    requestId: string | undefined,
    handle: (origin: Origin) => Effect.Effect<Outcome, never, R>
  ) {
    const origin = yield* Effect.sync(() => ({
      requestId: requestId ?? freshId(),
      traceId: traceOf(call.headers),
      sourceIp: call.client
    }))
    const { headers, result, status } = yield* handle(origin).pipe(
      Effect.tapDefect((cause) => Effect.logDebug("the authority failed", cause)),
      Effect.catchAllDefect(() => Effect.succeed(refused(refusal("INTERNAL_ERROR", "Internal error"))))
    )
    const body = Either.getOrElse(result, ({ code, details, evidence, message }) =>
      encodeError({
        error: code,
        message: sanitize(message, maxMessage),
        requestId: origin.requestId,
        traceId: Option.some(origin.traceId),
        details: Option.fromNullable(details),
        evidence: Option.fromNullable(evidence)
      }))
    return {
      status,
      headers: {
        "content-type": "application/json",
        "x-request-id": origin.requestId,
        "x-cycles-trace-id": origin.traceId,
        ...headers
      },
      body: body instanceof Text ? body.text : Either.getOrThrow(Json.stringify(body))
    }
  }
)

const split = (url: string): readonly [string, string] => {
  const mark = url.indexOf("?")
  return mark === -1 ? [url, ""] : [url.slice(0, mark), url.slice(mark + 1)]
}

/** An app for any `HttpServer` of @effect/platform that answers by `respond`. */
export const appOf = (
  respond: (call: Call) => Effect.Effect<Reply, never, Authority>
): HttpApp.Default<never, Authority> =>
  Effect.gen(function*() {
    const request = yield* HttpServerRequest.HttpServerRequest
    const [path, query] = split(request.url)
    // A body that says how large it is gets an answer; one that does not is cut off by the server.
    const body = Number(request.headers["content-length"] ?? 0) > maxBodySize
      ? Option.none()
      : yield* Effect.option(request.text).pipe(HttpServerRequest.withMaxBodySize(Option.some(maxBodySize)))
    const { headers, method } = request
    const client = Option.getOrUndefined(request.remoteAddress)
    const answer = yield* respond({ method, path, query: new URLSearchParams(query), headers, body, client })
    return HttpServerResponse.text(answer.body, { status: answer.status, headers: answer.headers })
  })
