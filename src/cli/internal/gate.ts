/**
 * Who is answered. A server on loopback is reachable by every page that a browser of this machine has open, so it looks at the
 * name that it was called by, and shows its own page to this machine only.
 */
import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { isIP } from "node:net"
import { freshId, traceOf } from "../../authority/internal/correlation.js"
import { type ErrorCode, ErrorResponse, statusOf } from "../../protocol/ErrorResponse.js"
import { sanitize } from "../../protocol/InvalidInput.js"

const encode = Schema.encodeSync(ErrorResponse)

/** A refusal in the shape of the protocol, so that every client can say it. */
export const refused = (
  { headers }: HttpServerRequest.HttpServerRequest,
  code: keyof typeof statusOf & ErrorCode,
  message: string
): HttpServerResponse.HttpServerResponse => {
  const requestId = freshId()
  const traceId = traceOf(headers)
  const body = encode({
    error: code,
    message,
    requestId,
    traceId: Option.some(traceId),
    details: Option.none(),
    evidence: Option.none()
  })
  return HttpServerResponse.text(JSON.stringify(body), {
    status: statusOf[code],
    headers: { "content-type": "application/json", "x-request-id": requestId, "x-cycles-trace-id": traceId }
  })
}

const nameOf = (host: string): string =>
  (/^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d+)?$/i.exec(host)?.[1] ?? "").toLowerCase()

/**
 * Whether a `Host` header names this machine: by an address, which no foreign name server can give away, by `localhost`, or by a name
 * that was allowed.
 */
export const isOwnName = (host: string, allowed: ReadonlyArray<string>): boolean => {
  const name = nameOf(host)
  return name === "localhost" || name.endsWith(".localhost") || isIP(name.replace(/^\[|\]$/g, "")) !== 0 ||
    allowed.includes(name)
}

/** Answers only what was sent to a name of this machine: a foreign name that leads here is an attempt to get past the browser. */
export const ownNamesOnly = (allowed: ReadonlyArray<string>, app: HttpApp.Default): HttpApp.Default =>
  Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => {
    const host = request.headers["host"] ?? ""
    return isOwnName(host, allowed) ? app : Effect.succeed(refused(
      request,
      "FORBIDDEN",
      `The host ${sanitize(JSON.stringify(host), 100)} is not one of this server: --allow-host adds a name`
    ))
  })

const loopback = /^(?:::1|(?:::ffff:)?127(?:\.\d{1,3}){3})$/i

/** Whether an address, or `localhost`, is this machine and nothing else. */
export const isLoopback = (address: string): boolean => address === "localhost" || loopback.test(address)

/** Whether a request comes from this machine. */
export const isLocal = ({ remoteAddress }: HttpServerRequest.HttpServerRequest): boolean =>
  Option.exists(remoteAddress, isLoopback)

/** Whether a browser, if it was one, sent a request for our own page or for the address bar. */
export const isForUs = ({ headers }: HttpServerRequest.HttpServerRequest): boolean =>
  ["none", "same-origin"].includes(headers["sec-fetch-site"] ?? "none")

/** What a browser is to believe of our page: nothing from elsewhere, nothing inline, in nobody's frame. */
export const pageHeaders = {
  "cache-control": "no-store",
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'"
  ].join("; "),
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff"
} as const
