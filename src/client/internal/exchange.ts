/**
 * One HTTP exchange: one attempt, one time limit, no retry.
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Either from "effect/Either"
import type * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import type * as Tracer from "effect/Tracer"
import { Ambiguous, type OperationName, Transport } from "../../protocol/CyclesError.js"
import * as Json from "../../protocol/Json.js"
import * as Telemetry from "../../protocol/Telemetry.js"
import type { CyclesConfig } from "../CyclesConfig.js"
import { carrier, keyHeader, type Raw } from "./carrier.js"
import { type Answer, metaOf, transport } from "./classify.js"
import { clockOf } from "./clockOf.js"
import type { Outgoing } from "./outgoing.js"
import { makeTimer } from "./timer.js"

type Caller = Fiber.RuntimeFiber<unknown, unknown>

/** For a fiber that waits, with the span of the exchange: calls one of the two once. What it returns ends the exchange, which then calls nothing any more. */
export type Exchange = (
  outgoing: Outgoing,
  caller: Caller,
  span: Tracer.Span | undefined,
  onAnswer: (answer: Answer) => void,
  onFailure: (failure: Transport | Ambiguous) => void
) => () => void

const traceparent = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[01]$/

/** A span as the parent of what the authority does. Nothing when tracing is off: the span then has no ids. */
const traceHeader = (span: Tracer.AnySpan | undefined): string | undefined => {
  if (span?._tag !== "Span") return undefined
  const header = `00-${span.traceId}-${span.spanId}-0${span.sampled ? 1 : 0}`
  return traceparent.test(header) ? header : undefined
}

const headersOf = ({ body, idempotencyKey, isPublic }: Outgoing, key: string, trace: string | undefined) => {
  const headers: Record<string, string> = { accept: "application/json" }
  if (body !== undefined) headers["content-type"] = "application/json"
  if (!isPublic) headers[keyHeader] = key
  if (idempotencyKey !== undefined) headers["x-idempotency-key"] = idempotencyKey
  if (trace !== undefined) headers["traceparent"] = trace
  return headers
}

const tooLarge = (operation: OperationName, answer: Answer, limit: number) =>
  new Ambiguous({
    operation,
    reason: "size",
    message: `The answer is larger than ${limit} bytes (${operation}, HTTP ${answer.status})`,
    meta: metaOf(answer)
  })

/** A JSON text in which a text is written in one way only. */
const plain = (text: string): string =>
  text.includes("\\") ? Either.getOrElse(Either.flatMap(Json.parse(text), Json.stringify), () => text) : text

/**
 * A refusal may quote the key it got, with any of its characters as an escape. One that is too short to be a secret stays, since it may be
 * part of any word.
 */
const without = (key: string, text: string): string =>
  key.length < 8 ? text : plain(text).replaceAll(JSON.stringify(key).slice(1, -1), "<redacted>")

/**
 * Sends a request and reads the whole answer within the time limit of one attempt, which holds in uninterruptible regions too. The key is
 * sent only to the configured host, and no span or error holds it.
 */
export const exchange = (http: HttpClient.HttpClient, config: CyclesConfig, init: RequestInit): Exchange => {
  const { attemptTimeout, maxResponseBytes, url: { host, hostname, origin, pathname } } = config
  const base = pathname.replace(/\/+$/, "")
  const carry = carrier(http, init, maxResponseBytes)
  const timer = makeTimer(attemptTimeout)
  const late = (operation: OperationName) =>
    new Transport({
      operation,
      reason: "timeout",
      message: `${host} did not answer within the time limit of one attempt (${operation})`
    })

  return (outgoing, caller, span, onAnswer, onFailure) => {
    const { body = null, isPublic, method, operation, path, search } = outgoing
    const key = Redacted.value(config.apiKey)
    const clock = clockOf(caller)
    const began = clock.unsafeCurrentTimeNanos()
    let over = false
    /** Whether this is the first end. */
    const ends = (): boolean => {
      if (over) return false
      stop()
      return over = true
    }
    const answered = ({ header, status, text }: Raw): void => {
      if (!ends()) return
      Telemetry.mark(span, () => ({
        "http.request.method": method,
        "server.address": hostname,
        ...(!isPublic && { "url.path": path }),
        "http.response.status_code": status
      }))
      const rttMs = Number(clock.unsafeCurrentTimeNanos() - began) / 1e6
      if (text !== undefined) onAnswer({ status, header, rttMs, text: status < 400 ? text : without(key, text) })
      else onFailure(tooLarge(operation, { status, header, rttMs, text: "" }, maxResponseBytes))
    }
    const failed = (cause: unknown): void => {
      if (ends()) onFailure(transport(operation, host, cause))
    }
    const stop = timer(caller, () => {
      if (!ends()) return
      onFailure(late(operation))
      end()
    })
    const headers = headersOf(outgoing, key, traceHeader(span ?? caller.currentSpan))
    const end = carry({ method, origin, path: `${base}${path}${search}`, headers, body }, caller, answered, failed)
    return () => {
      if (ends()) end()
    }
  }
}
