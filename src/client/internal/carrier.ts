/**
 * How a request gets to the authority and its answer back.
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Headers from "@effect/platform/Headers"
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import type { HttpMethod } from "@effect/platform/HttpMethod"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { type Answered, type Sendable, type Wire, wireOf } from "./lean.js"
import { startLike } from "./ownFiber.js"

/** What came back. The text is `undefined` when it is larger than it may be. */
export interface Raw extends Answered {
  readonly text: string | undefined
}

/**
 * Sends once, for a fiber that waits, and calls one of the two once. What it returns ends the exchange. A client that dies or is interrupted
 * by itself has failed like any other: what the authority did is as unknown.
 */
export type Carrier = (
  request: Sendable,
  caller: Fiber.RuntimeFiber<unknown, unknown>,
  onRaw: (raw: Raw) => void,
  onError: (cause: unknown) => void
) => () => void

export const keyHeader = "x-cycles-api-key"

/**
 * The body as text, read no further than the limit. A declared, uncompressed length needs no counting; one beyond the limit is not
 * awaited, only given up, which closes the connection.
 */
const readText = (
  response: HttpClientResponse.HttpClientResponse,
  limit: number
): Effect.Effect<string | undefined, HttpClientError.ResponseError> => {
  const declared = Number(response.headers["content-length"] ?? NaN)
  if (declared > limit) return Effect.as(Effect.ignore(Effect.timeout(response.text, 0)), undefined)
  if (declared >= 0 && response.headers["content-encoding"] === undefined) return response.text
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
      Effect.map(({ size, text }) => size > limit ? undefined : text + decoder.decode()),
      Effect.catchIf((error) => error.reason === "EmptyBody", () => Effect.succeed("")),
      // A stream runs on a fiber of its own, which would log its error with the URL.
      Effect.withUnhandledErrorLogLevel(Option.none())
    )
  })
}

/** What holds for the fiber of an exchange, which ends with it: a span of the platform would keep the request, and the key, in its exit. */
const prepare = (init: RequestInit) =>
  Effect.withFiberRuntime<void>(({ currentContext }) =>
    FiberRef.set(FiberRef.currentContext, Context.add(currentContext, FetchHttpClient.RequestInit, init)).pipe(
      Effect.zipRight(FiberRef.update(Headers.currentRedactedNames, (names) => [...names, keyHeader])),
      Effect.zipRight(FiberRef.set(HttpClient.currentTracerDisabledWhen, () => true)),
      // Its error is ours to tell: a log would show the URL.
      Effect.zipRight(FiberRef.set(FiberRef.unhandledErrorLogLevel, Option.none()))
    )
  )

const requestOf = ({ body, headers, method, origin, path }: Sendable): HttpClientRequest.HttpClientRequest =>
  HttpClientRequest.make(method as HttpMethod)(`${origin}${path}`, {
    headers,
    ...(typeof body === "string" && { body: HttpBody.text(body, headers["content-type"]) })
  })

/** Over any client, on a fiber of its own. */
const onFiber = (http: HttpClient.HttpClient, init: RequestInit, limit: number): Carrier => {
  const ready = prepare(init)
  return (request, caller, onRaw, onError) => {
    const exchange = ready.pipe(
      Effect.zipRight(Effect.suspend(() => http.execute(requestOf(request)))),
      Effect.flatMap((response) =>
        Effect.map(
          readText(response, limit),
          (text): Raw => ({ status: response.status, header: (name) => response.headers[name], text })
        )
      )
    )
    const fiber = startLike(caller, exchange)
    fiber.addObserver((exit) => Exit.isSuccess(exit) ? onRaw(exit.value) : onError(Cause.squash(exit.cause)))
    return () => fiber.unsafeInterruptAsFork(caller.id())
  }
}

/** Over the wire of a client of ours. */
const onWire =
  ({ read, send }: Wire<Answered>, init: RequestInit, limit: number): Carrier => (request, caller, onRaw, onError) =>
    send(
      request,
      { context: caller.currentContext, init, limit },
      (answer) => read(answer, limit, (text) => onRaw({ status: answer.status, header: answer.header, text }), onError),
      onError
    )

/** Redirects are not followed. Of an answer no more than `limit` bytes are read. */
export const carrier = (http: HttpClient.HttpClient, init: RequestInit, limit: number): Carrier => {
  const wire = wireOf(http)
  const ours: RequestInit = { ...init, redirect: "manual" }
  return wire === undefined ? onFiber(http, ours, limit) : onWire(wire, ours, limit)
}
