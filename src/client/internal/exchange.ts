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
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { Ambiguous, type OperationName, Transport } from "../../protocol/CyclesError.js"
import * as Telemetry from "../../protocol/Telemetry.js"
import type { CyclesConfig } from "../CyclesConfig.js"
import { type Answer, metaOf, transport } from "./classify.js"
import { limit } from "./deadline.js"
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

/** The span as the parent of what the authority does. Nothing when tracing is off: the span then has no ids. */
const traceHeader = ({ currentSpan: span }: Fiber.RuntimeFiber<unknown, unknown>): string | undefined => {
  if (span?._tag !== "Span") return undefined
  const header = `00-${span.traceId}-${span.spanId}-0${span.sampled ? 1 : 0}`
  return traceparent.test(header) ? header : undefined
}

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

const thisFiber = Effect.withFiberRuntime<Fiber.RuntimeFiber<unknown, unknown>>((fiber) => Effect.succeed(fiber))

/** What holds for the fiber of an exchange, which ends with it. */
const prepare = (init: RequestInit) =>
  Effect.withFiberRuntime<void>(({ currentContext }) =>
    FiberRef.set(FiberRef.currentContext, Context.add(currentContext, FetchHttpClient.RequestInit, init)).pipe(
      Effect.zipRight(FiberRef.update(Headers.currentRedactedNames, (names) => [...names, keyHeader])),
      Effect.zipRight(FiberRef.set(HttpClient.currentTracerDisabledWhen, () => true))
    )
  )

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
  const limited = limit(config.attemptTimeout)
  const failed = (operation: OperationName) =>
    Effect.mapError((error: HttpClientError.HttpClientError) => transport(operation, config.url.host, error.cause))

  const send = ({ body, idempotencyKey, isPublic, method, operation, path, search }: Outgoing) =>
    Effect.gen(function*() {
      const fiber = yield* thisFiber
      const trace = traceHeader(fiber)
      const key = Redacted.value(config.apiKey)
      const request = HttpClientRequest.make(method)(`${base}${path}${search}`, {
        headers: {
          accept: "application/json",
          ...(trace !== undefined && { traceparent: trace }),
          ...(!isPublic && { [keyHeader]: key }),
          ...(idempotencyKey !== undefined && { "x-idempotency-key": idempotencyKey })
        },
        ...(body !== undefined && { body: HttpBody.text(body, "application/json") })
      })
      const start = yield* monotonicNanos
      const response = yield* failed(operation)(http.execute(request))
      yield* Telemetry.annotate(() => ({
        "http.request.method": method,
        "server.address": config.url.hostname,
        ...(!isPublic && { "url.path": path }),
        "http.response.status_code": response.status
      }))
      const text = yield* failed(operation)(readText(response, config.maxResponseBytes))
      const answer = {
        status: response.status,
        headers: response.headers,
        rttMs: Number((yield* monotonicNanos) - start) / 1e6
      }
      return Option.isSome(text)
        ? { ...answer, text: response.status < 400 ? text.value : without(key, text.value) }
        : yield* tooLarge(operation, answer, config.maxResponseBytes)
    })

  return (outgoing) =>
    Effect.zipRight(prepare({ ...init, redirect: "manual" }), send(outgoing)).pipe(
      limited(() =>
        new Transport({
          operation: outgoing.operation,
          reason: "timeout",
          message: `${config.url.host} did not answer within the time limit of one attempt (${outgoing.operation})`
        })
      )
    )
}
