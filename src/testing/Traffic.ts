/**
 * The exchanges between a client and its authority: what was asked, what the authority really answered, and the fault in between.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { textResponse } from "../authority/internal/textResponse.js"
import { type Answer, type Call, calm, type Fault, type Script } from "./Faults.js"
import { operationOf, pathOf } from "./internal/operation.js"

/**
 * `fault` is the name of the fault that the call met; `answered` what the authority said, whether or not the caller saw it, and `undefined` when
 * the request did not reach it or is still on its way.
 *
 * @since 0.1.0
 * @category models
 */
export interface Exchange extends Call {
  readonly fault: string | undefined
  readonly answered: { readonly status: number; readonly body: string } | undefined
}

/**
 * What a test knows of the exchanges with its authority, and does to them.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** Every exchange so far, in the order in which they began. */
  readonly exchanges: Effect.Effect<ReadonlyArray<Exchange>>
  /** From now on, calls meet the faults of another script. Their counts go on. */
  readonly play: (script: Script) => Effect.Effect<void>
}

/**
 * The exchanges of a test with its authority, and the faults that are played between them.
 *
 * @since 0.1.0
 * @category tags
 */
export class Traffic extends Context.Tag("effect-cycles/testing/Traffic")<Traffic, Service>() {}

type Send = Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError>

const respond = (
  request: HttpClientRequest.HttpClientRequest,
  { body = "", headers = {}, status }: Answer
): HttpClientResponse.HttpClientResponse => {
  // The body is here as plain text, however it travelled.
  const { "content-encoding": _, "content-length": __, "transfer-encoding": ___, ...others } = headers
  return textResponse(request, { status, headers: others, body })
}

const cutOff = (request: HttpClientRequest.HttpClientRequest, code: string) =>
  new HttpClientError.RequestError({ request, reason: "Transport", cause: { code } })

const end = (
  { ending }: Fault,
  request: HttpClientRequest.HttpClientRequest,
  response: HttpClientResponse.HttpClientResponse | undefined
): Send => {
  switch (ending?._tag) {
    case "Answer":
      return Effect.succeed(respond(request, ending.answer))
    case "Cut":
      return Effect.fail(cutOff(request, ending.code))
    case "Hang":
      return Effect.never
    case "Rewrite":
      return response === undefined
        ? Effect.fail(cutOff(request, "ECONNRESET"))
        : Effect.map(response.text, (text) => {
          const { headers, status } = response
          return respond(request, { status, headers, body: ending.rewrite(text) })
        })
    case undefined:
      return response === undefined ? Effect.fail(cutOff(request, "ECONNREFUSED")) : Effect.succeed(response)
  }
}

/** An exchange with a fault. */
const misbehave = (fault: Fault, request: HttpClientRequest.HttpClientRequest, send: Send): Send =>
  Effect.gen(function*() {
    if (fault.reaches === "late") {
      // Nobody waits for it any more when the client gives up: it belongs to no fiber of the client.
      yield* Effect.forkDaemon(Effect.interruptible(Effect.delay(send, fault.before ?? 0)))
      return yield* Effect.never
    }
    if (fault.before !== undefined) yield* Effect.sleep(fault.before)
    const response = fault.reaches === "no" ? undefined : yield* send
    if (fault.after !== undefined) yield* Effect.sleep(fault.after)
    return yield* end(fault, request, response)
  })

const bodyOf = ({ body }: HttpClientRequest.HttpClientRequest): string =>
  body._tag === "Uint8Array" ? new TextDecoder().decode(body.body) : ""

/**
 * Puts a script between a client and the `HttpClient` in context, whatever that is: the embedded authority, or a server. Its calls are in
 * `Traffic`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  script: Script = calm
): Layer.Layer<HttpClient.HttpClient | Traffic, never, HttpClient.HttpClient> =>
  Layer.effectContext(Effect.gen(function*() {
    const client = yield* HttpClient.HttpClient
    let current = script
    const exchanges: Array<Exchange> = []
    const counts = new Map<string, number>()

    const begin = (request: HttpClientRequest.HttpClientRequest, at: number) => {
      const operation = operationOf(request)
      const n = (counts.get(operation) ?? 0) + 1
      counts.set(operation, n)
      const call: Call = {
        operation,
        n,
        index: exchanges.length + 1,
        at,
        path: pathOf(request),
        body: bodyOf(request)
      }
      const fault = current(call)
      exchanges.push({ ...call, fault: fault?.name, answered: undefined })
      return { index: exchanges.length - 1, fault }
    }

    /** Once the answer is here, an interrupt no longer keeps it from being noted. */
    const noting = (send: Send, request: HttpClientRequest.HttpClientRequest, index: number): Send =>
      Effect.uninterruptibleMask((restore) =>
        Effect.gen(function*() {
          const { headers, status, text } = yield* restore(send)
          const body = yield* restore(text)
          exchanges[index] = { ...exchanges[index] as Exchange, answered: { status, body } }
          return respond(request, { status, headers, body })
        })
      )

    const transformed = HttpClient.transform(
      client,
      (send, request) =>
        Effect.flatMap(Clock.currentTimeMillis, (at) => {
          const { fault, index } = begin(request, at)
          const noted = noting(send, request, index)
          return fault === undefined ? noted : misbehave(fault, request, noted)
        })
    )

    return Context.make(HttpClient.HttpClient, transformed).pipe(
      Context.add(Traffic, {
        exchanges: Effect.sync(() => exchanges.slice()),
        play: (script) => Effect.sync(() => void (current = script))
      })
    )
  }))
