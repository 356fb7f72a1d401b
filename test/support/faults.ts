/**
 * An `HttpClient` that misbehaves on purpose, call by call.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { textResponse } from "../../src/authority/internal/textResponse.js"

export type Operation = "create" | "commit" | "release" | "extend" | "list" | "event" | "get" | "balances"

export interface Fault {
  /** Wait before the authority sees the request. */
  readonly before?: Duration.DurationInput
  /** Wait after the authority has applied it. */
  readonly after?: Duration.DurationInput
  /** The authority never sees it: this is the answer. */
  readonly instead?: { readonly status: number; readonly body?: string; readonly headers?: Record<string, string> }
  /** The authority applies it, but this is the answer. */
  readonly answer?: { readonly status: number; readonly body?: string; readonly headers?: Record<string, string> }
  /** The authority applies it, and the connection is cut. */
  readonly lose?: boolean
  /** The authority never sees it, and the connection is refused. */
  readonly refuse?: boolean
}

export interface Call {
  readonly operation: Operation
  /** Counts from 1, for each operation. */
  readonly n: number
  readonly body: string
}

export const operationOf = ({ method, url }: HttpClientRequest.HttpClientRequest): Operation => {
  const path = new URL(url).pathname
  if (path.endsWith("/commit")) return "commit"
  if (path.endsWith("/release")) return "release"
  if (path.endsWith("/extend")) return "extend"
  if (path.endsWith("/events")) return "event"
  if (path.endsWith("/balances")) return "balances"
  if (!path.endsWith("/reservations")) return "get"
  return method === "GET" ? "list" : "create"
}

const bodyOf = ({ body }: HttpClientRequest.HttpClientRequest): string =>
  body._tag === "Uint8Array" ? new TextDecoder().decode(body.body) : ""

const reply = (
  request: HttpClientRequest.HttpClientRequest,
  { body, headers, status }: NonNullable<Fault["instead"]>
) => textResponse(request, { status, headers: headers ?? {}, body: body ?? "" })

const cut = (request: HttpClientRequest.HttpClientRequest, code: string) =>
  new HttpClientError.RequestError({ request, reason: "Transport", cause: { code } })

const misbehave = (
  fault: Fault,
  request: HttpClientRequest.HttpClientRequest,
  send: Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError>
) =>
  Effect.gen(function*() {
    if (fault.before !== undefined) yield* Effect.sleep(fault.before)
    if (fault.refuse === true) return yield* cut(request, "ECONNREFUSED")
    if (fault.instead !== undefined) return reply(request, fault.instead)
    const response = yield* send
    if (fault.after !== undefined) yield* Effect.sleep(fault.after)
    if (fault.lose === true) return yield* cut(request, "ECONNRESET")
    return fault.answer === undefined ? response : reply(request, fault.answer)
  })

/** Wraps the client in context. `calls` receives every call in order. */
export const faulty = (
  script: (call: Call) => Fault | undefined,
  calls: Array<Call> = []
): Layer.Layer<HttpClient.HttpClient, never, HttpClient.HttpClient> =>
  Layer.effect(
    HttpClient.HttpClient,
    Effect.map(HttpClient.HttpClient, (client) =>
      HttpClient.transform(client, (send, request) =>
        Effect.suspend(() => {
          const operation = operationOf(request)
          const call = {
            operation,
            n: calls.filter((call) => call.operation === operation).length + 1,
            body: bodyOf(request)
          }
          calls.push(call)
          const fault = script(call)
          return fault === undefined ? send : misbehave(fault, request, send)
        })))
  )
