/**
 * One HTTP exchange: request, answer, classification. One attempt, one time limit, no retry.
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Headers from "@effect/platform/Headers"
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import type { HttpMethod } from "@effect/platform/HttpMethod"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { Ambiguous, type OperationName, Transport } from "../../protocol/CyclesError.js"
import type { CyclesConfig } from "../CyclesConfig.js"
import { type Answer, metaOf, transport } from "./classify.js"
import { deadline } from "./deadline.js"
import { monotonicNanos } from "./monotonic.js"

/** A request, encoded. */
export interface Outgoing {
  readonly operation: OperationName
  readonly method: HttpMethod
  readonly path: string
  /** Empty, or with its question mark. */
  readonly search: string
  readonly body: string | undefined
  readonly idempotencyKey: string | undefined
  /** No key, and no path in a span: whoever knows it can read what is there. */
  readonly isPublic: boolean
}

const keyHeader = "x-cycles-api-key"

const traceparent = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[01]$/

/** Nothing when tracing is off: the span then has no ids. */
const traceHeader = Effect.currentSpan.pipe(
  Effect.map(({ sampled, spanId, traceId }) => `00-${traceId}-${spanId}-0${sampled ? 1 : 0}`),
  Effect.option,
  Effect.map(Option.filter((header) => traceparent.test(header)))
)

const tooLarge = (operation: OperationName, answer: Omit<Answer, "text">, limit: number) =>
  new Ambiguous({
    operation,
    reason: "size",
    message: `The answer is larger than ${limit} bytes (${operation}, HTTP ${answer.status})`,
    meta: metaOf({ ...answer, text: "" })
  })

/**
 * The body as text, read no further than the limit. A declared, uncompressed length needs no counting; one beyond the limit is not
 * awaited, only given up, which closes the connection.
 */
const readText = (
  response: HttpClientResponse.HttpClientResponse,
  limit: number
): Effect.Effect<Option.Option<string>, HttpClientError.ResponseError> => {
  const declared = Number(response.headers["content-length"] ?? NaN)
  if (declared > limit) return Effect.as(Effect.ignore(Effect.timeout(response.text, 0)), Option.none())
  if (declared >= 0 && response.headers["content-encoding"] === undefined) return Effect.asSome(response.text)
  return Effect.suspend(() => {
    const decoder = new TextDecoder()
    return response.stream.pipe(
      Stream.runFoldWhile(
        { size: 0, text: "" },
        ({ size }) => size <= limit,
        ({ size, text }, part: Uint8Array) => ({
          size: size + part.length,
          text: text + decoder.decode(part, { stream: true })
        })
      ),
      Effect.map(({ size, text }) => size > limit ? Option.none() : Option.some(text + decoder.decode())),
      Effect.catchIf((error) => error.reason === "EmptyBody", () => Effect.succeedSome("")),
      // A stream runs on a fiber of its own, which would log its error with the URL.
      Effect.withUnhandledErrorLogLevel(Option.none())
    )
  })
}

/** A refusal may quote the key it got. One that is too short to be a secret stays, since it may be part of any word. */
const without = (key: string, text: string): string => key.length < 8 ? text : text.replaceAll(key, "<redacted>")

/**
 * Sends a request and reads the whole answer within the time limit of one attempt. Redirects are not followed, the key is sent only
 * to the configured host, and no span or error holds it: a span of the platform would keep the request in its exit.
 */
export const exchange = (
  http: HttpClient.HttpClient,
  config: CyclesConfig,
  init: RequestInit
): (outgoing: Outgoing) => Effect.Effect<Answer, Transport | Ambiguous> => {
  const base = `${config.url.origin}${config.url.pathname.replace(/\/+$/, "")}`
  const limit = config.maxResponseBytes
  return ({ body, idempotencyKey, isPublic, method, operation, path, search }) =>
    Effect.gen(function*() {
      const trace = yield* traceHeader
      const key = Redacted.value(config.apiKey)
      const request = HttpClientRequest.make(method)(`${base}${path}${search}`, {
        headers: {
          accept: "application/json",
          ...(Option.isSome(trace) && { traceparent: trace.value }),
          ...(!isPublic && { [keyHeader]: key }),
          ...(idempotencyKey !== undefined && { "x-idempotency-key": idempotencyKey })
        },
        ...(body !== undefined && { body: HttpBody.text(body, "application/json") })
      })
      const start = yield* monotonicNanos
      const response = yield* http.execute(request).pipe(
        Effect.mapError((error) => transport(operation, config.url.host, error.cause))
      )
      yield* Effect.annotateCurrentSpan({
        "http.request.method": method,
        "server.address": config.url.hostname,
        ...(!isPublic && { "url.path": path }),
        "http.response.status_code": response.status
      })
      const text = yield* readText(response, limit).pipe(
        Effect.mapError((error) => transport(operation, config.url.host, error.cause))
      )
      const answer = {
        status: response.status,
        headers: response.headers,
        rttMs: Number((yield* monotonicNanos) - start) / 1e6
      }
      return Option.isSome(text)
        ? { ...answer, text: response.status < 400 ? text.value : without(key, text.value) }
        : yield* tooLarge(operation, answer, limit)
    }).pipe(
      Effect.provideService(FetchHttpClient.RequestInit, { ...init, redirect: "manual" }),
      Effect.locallyWith(Headers.currentRedactedNames, (names) => [...names, keyHeader]),
      Effect.locally(HttpClient.currentTracerDisabledWhen, () => true),
      deadline(config.attemptTimeout, () =>
        new Transport({
          operation,
          reason: "timeout",
          message: `${config.url.host} did not answer within the time limit of one attempt (${operation})`
        }))
    )
}
