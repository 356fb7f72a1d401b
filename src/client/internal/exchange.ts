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
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { Ambiguous, type OperationName, Transport } from "../../protocol/CyclesError.js"
import type { CyclesConfig } from "../CyclesConfig.js"
import { type Answer, metaOf, transport } from "./classify.js"
import { deadline } from "./deadline.js"

/** A request, encoded. */
export interface Outgoing {
  readonly operation: OperationName
  readonly method: HttpMethod
  /** Path and query, encoded. */
  readonly target: string
  readonly body: string | undefined
  readonly idempotencyKey: string | undefined
  /** Neither the key nor a span with the URL. */
  readonly isPublic: boolean
}

const keyHeader = "x-cycles-api-key"

const traceHeader = Effect.currentSpan.pipe(
  Effect.option,
  Effect.map(Option.match({
    onNone: () => ({}),
    onSome: ({ sampled, spanId, traceId }) => ({ traceparent: `00-${traceId}-${spanId}-0${sampled ? 1 : 0}` })
  }))
)

const tooLarge = (operation: OperationName, answer: Omit<Answer, "text">, limit: number) =>
  new Ambiguous({
    operation,
    reason: "size",
    message: `The answer is larger than ${limit} bytes (${operation}, HTTP ${answer.status})`,
    meta: metaOf({ ...answer, text: "" })
  })

interface Collected {
  readonly size: number
  readonly parts: ReadonlyArray<Uint8Array>
}

/** The body as text, read no further than the limit. A declared, uncompressed length needs no counting. */
const readText = (
  response: HttpClientResponse.HttpClientResponse,
  limit: number
): Effect.Effect<Option.Option<string>, HttpClientError.ResponseError> => {
  const declared = Number(response.headers["content-length"] ?? NaN)
  if (declared > limit) return Effect.succeedNone
  if (declared >= 0 && response.headers["content-encoding"] === undefined) return Effect.asSome(response.text)
  return response.stream.pipe(
    Stream.runFoldWhile<Collected, Uint8Array>(
      { size: 0, parts: [] },
      ({ size }) => size <= limit,
      ({ parts, size }, part) => ({ size: size + part.length, parts: [...parts, part] })
    ),
    Effect.map(({ parts, size }) => size > limit ? Option.none() : Option.some(concat(parts, size))),
    Effect.catchIf((error) => error.reason === "EmptyBody", () => Effect.succeedSome(""))
  )
}

const concat = (parts: ReadonlyArray<Uint8Array>, size: number): string => {
  const all = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return new TextDecoder().decode(all)
}

/**
 * Sends a request and reads the whole answer within the time limit of one attempt. Redirects are not followed, the key is sent only
 * to the configured host, and no span or error holds it.
 */
export const exchange = (
  http: HttpClient.HttpClient,
  config: CyclesConfig
): (outgoing: Outgoing) => Effect.Effect<Answer, Transport | Ambiguous> => {
  const base = config.baseUrl.replace(/\/+$/, "")
  const limit = config.maxResponseBytes
  return ({ body, idempotencyKey, isPublic, method, operation, target }) =>
    Effect.gen(function*() {
      const trace = yield* traceHeader
      const request = HttpClientRequest.make(method)(`${base}${target}`, {
        headers: {
          accept: "application/json",
          ...trace,
          ...(!isPublic && { [keyHeader]: Redacted.value(config.apiKey) }),
          ...(idempotencyKey !== undefined && { "x-idempotency-key": idempotencyKey })
        },
        ...(body !== undefined && { body: HttpBody.text(body, "application/json") })
      })
      const start = yield* Clock.currentTimeNanos
      const response = yield* http.execute(request).pipe(
        Effect.mapError((error) => transport(operation, error.cause))
      )
      const text = yield* readText(response, limit).pipe(
        Effect.mapError((error) => transport(operation, error.cause))
      )
      const answer = {
        status: response.status,
        headers: response.headers,
        rttMs: Number((yield* Clock.currentTimeNanos) - start) / 1e6
      }
      return Option.isSome(text)
        ? { ...answer, text: text.value }
        : yield* tooLarge(operation, answer, limit)
    }).pipe(
      Effect.provideService(FetchHttpClient.RequestInit, { redirect: "manual" }),
      Effect.locallyWith(Headers.currentRedactedNames, (names) => [...names, keyHeader]),
      (sent) => isPublic ? Effect.locally(sent, HttpClient.currentTracerDisabledWhen, () => true) : sent,
      deadline(config.attemptTimeout, () =>
        new Transport({
          operation,
          reason: "timeout",
          message: `The authority did not answer within the time limit of one attempt (${operation})`
        }))
    )
}
