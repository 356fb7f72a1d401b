/**
 * From an answer to a value or the right error. Pure.
 */
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import type * as AST from "effect/SchemaAST"
import type { Amount } from "../../protocol/Amount.js"
import { Ambiguous, type OperationName, type Refusal, Transport } from "../../protocol/CyclesError.js"
import { statusOf } from "../../protocol/ErrorResponse.js"
import { EvidenceRef } from "../../protocol/Evidence.js"
import { decodeUnknownEither } from "../../protocol/internal/codec.js"
import { refuse } from "../../protocol/internal/refuse.js"
import { sanitize } from "../../protocol/InvalidInput.js"
import * as Json from "../../protocol/Json.js"
import type { Meta } from "../../protocol/Meta.js"

/** An answer as it came. */
export interface Answer {
  readonly status: number
  readonly header: (name: string) => string | undefined
  readonly text: string
  readonly rttMs: number
}

/** A decoded body, and the names of optional members that were left out because they were malformed. */
export interface Decoded<A> {
  readonly value: A
  readonly dropped: ReadonlyArray<string>
}

const digits = (text: string | undefined): Option.Option<number> => {
  const trimmed = text?.trim() ?? ""
  const n = Number(trimmed)
  return /^-?\d+$/.test(trimmed) && Number.isSafeInteger(n) ? Option.some(n) : Option.none()
}

const visible = (text: string | undefined): Option.Option<string> =>
  text === undefined || text === "" ? Option.none() : Option.some(sanitize(text, 200))

/** Digits only, and still a safe integer in milliseconds; the date form is not part of the protocol. */
const retryAfterHeader = (text: string | undefined): Option.Option<Duration.Duration> =>
  digits(text).pipe(
    Option.filter((seconds) => seconds >= 0 && Number.isSafeInteger(seconds * 1000)),
    Option.map(Duration.seconds)
  )

/** What the headers say. */
export const metaOf = ({ header, rttMs, status }: Answer): Meta => ({
  status,
  rttMs,
  requestId: visible(header("x-request-id")),
  traceId: visible(header("x-cycles-trace-id")),
  tenant: visible(header("x-cycles-tenant")),
  rateLimitRemaining: digits(header("x-ratelimit-remaining")),
  rateLimitReset: digits(header("x-ratelimit-reset")),
  retryAfter: retryAfterHeader(header("retry-after"))
})

/** Members whose loss would change what is allowed, or cut a listing short: never left out. */
const indispensable: ReadonlySet<string> = new Set(["caps", "reservation_id", "next_cursor", "has_more"])

const optionalMembers = (ast: AST.AST): ReadonlySet<string> =>
  new Set(
    ast._tag === "TypeLiteral"
      ? ast.propertySignatures.filter(({ isOptional, name }) => isOptional && !indispensable.has(String(name)))
        .map(({ name }) => String(name))
      : []
  )

/** Decodes a body, or says where it is not the promised one. */
export type Decode<A> = (body: unknown) => Either.Either<Decoded<A>, string>

const nothingDropped: ReadonlyArray<string> = []

/**
 * A decoder that takes the required part as the proof: malformed optional members are left out and named.
 */
export const decoder = <A, I>(schema: Schema.Schema<A, I>): Decode<A> => {
  const decode = decodeUnknownEither(schema)
  const expendable = optionalMembers(Schema.encodedSchema(schema).ast)
  // One member after the other, by its first fault: to name each of a million faults would take longer than a lease.
  const decodeWithout = (body: unknown, dropped: ReadonlyArray<string>): Either.Either<Decoded<A>, string> => {
    const decoded = decode(body)
    if (Either.isRight(decoded)) return Either.right({ value: decoded.right, dropped })
    const [issue] = ParseResult.ArrayFormatter.formatErrorSync(decoded.left)
    const path = issue?.path ?? []
    const member = String(path[0] ?? "")
    return expendable.has(member) && !dropped.includes(member)
      ? decodeWithout(Object.fromEntries(Object.entries(Object(body)).filter(([key]) => key !== member)), [
        ...dropped,
        member
      ])
      : Either.left(path.join("."))
  }
  return (body) => decodeWithout(body, nothingDropped)
}

const codeOfStatus: Readonly<Record<number, string>> = {
  401: "UNAUTHORIZED",
  403: "FORBIDDEN",
  404: "NOT_FOUND",
  410: "RESERVATION_EXPIRED",
  429: "LIMIT_EXCEEDED"
}

interface ErrorBody {
  readonly error: string
  readonly message: unknown
  readonly request_id: unknown
  readonly trace_id: unknown
  readonly details: unknown
  readonly cycles_evidence: unknown
  readonly retry_after_ms: unknown
}

const isErrorBody = (body: unknown): body is ErrorBody =>
  typeof body === "object" && body !== null && "error" in body && typeof body.error === "string" && body.error !== ""

const isMap = Schema.is(Json.JsonObject)
const decodeEvidence = Schema.decodeUnknownOption(EvidenceRef)

const told = (text: unknown): Option.Option<string> => typeof text === "string" ? visible(text) : Option.none()

/** The body's own wait, and its ids when the headers are silent. */
const withBody = (meta: Meta, body: ErrorBody): Meta => ({
  ...meta,
  requestId: Option.orElse(meta.requestId, () => told(body.request_id)),
  traceId: Option.orElse(meta.traceId, () => told(body.trace_id)),
  retryAfter: typeof body.retry_after_ms === "number" && Number.isSafeInteger(body.retry_after_ms) &&
      body.retry_after_ms >= 0
    ? Option.some(Duration.millis(body.retry_after_ms))
    : meta.retryAfter
})

/** What a request was about, for the error that may follow. */
export interface Asked {
  readonly operation: OperationName
  readonly requested: Option.Option<Amount>
}

const ambiguous = (
  operation: OperationName,
  meta: Meta,
  reason: Ambiguous["reason"],
  message: string
): Ambiguous => new Ambiguous({ operation, reason, meta, message: `${message} (${operation}, HTTP ${meta.status})` })

/** The error of an answer that is not the one success status. */
export const failureOf = ({ operation, requested }: Asked, answer: Answer): Refusal | Ambiguous => {
  const meta = metaOf(answer)
  const status = answer.status
  if (status < 400) return ambiguous(operation, meta, "status", "The status is not the one that means success")
  const body = Option.getOrUndefined(Either.getRight(Json.parse(answer.text)))
  if (isErrorBody(body)) {
    if (status >= 500 && Object.hasOwn(statusOf, body.error) && body.error !== "INTERNAL_ERROR") {
      return ambiguous(operation, meta, "status", `A server error with the code ${body.error} proves nothing`)
    }
    return refuse({
      operation,
      code: body.error,
      detail: Option.getOrElse(told(body.message), () => "The authority refused the request"),
      meta: withBody(meta, body),
      details: isMap(body.details) ? Option.some(body.details) : Option.none(),
      evidence: decodeEvidence(body.cycles_evidence),
      requested
    })
  }
  const code = codeOfStatus[status]
  return code === undefined
    ? ambiguous(operation, meta, "status", "The answer is not from the protocol")
    : refuse({ operation, code, fromStatus: true, detail: "The answer has no error body", meta, requested })
}

/** The value of an answer, or why it is none. */
export const classify = <A>(
  asked: Asked,
  okStatus: number,
  decode: Decode<A>,
  answer: Answer
): Either.Either<Decoded<A>, Refusal | Ambiguous> => {
  if (answer.status !== okStatus) return Either.left(failureOf(asked, answer))
  const unclear = (why: string) => Either.left(ambiguous(asked.operation, metaOf(answer), "body", sanitize(why)))
  const body = Json.parse(answer.text)
  if (Either.isLeft(body)) return unclear("the body is not JSON")
  const decoded = decode(body.right)
  return Either.isRight(decoded)
    ? Either.right(decoded.right)
    : unclear(`the body is not the promised one at "/${decoded.left}"`)
}

const codesIn = (cause: unknown, depth = 0): string => {
  if (typeof cause !== "object" || cause === null || depth > 5) return ""
  const { cause: inner, code, errors, message, name } = cause as Record<string, unknown>
  return [
    typeof code === "string" ? code : "",
    typeof name === "string" ? name : "",
    // fetch says some things in words only: that it does not ask some ports at all, and that there was a redirect.
    message === "bad port" || message === "unexpected redirect" ? message : "",
    codesIn(inner, depth + 1),
    ...(Array.isArray(errors) ? errors.map((error) => codesIn(error, depth + 1)) : [])
  ].join(" ")
}

/** The reason of a transport failure, read from the codes only: messages may hold anything. */
export const transport = (operation: OperationName, host: string, cause: unknown): Transport => {
  const codes = codesIn(cause)
  const [reason, text] = /ECONNREFUSED|bad port/.test(codes)
    ? ["refused", "connection refused"] as const
    : /ENOTFOUND|EAI_AGAIN/.test(codes)
    ? ["dns", "host not found"] as const
    : /CERT|TLS|SSL|EPROTO|SELF_SIGNED|UNABLE_TO/.test(codes)
    ? ["tls", "no trusted TLS connection"] as const
    : /TIMEOUT|TIMEDOUT/.test(codes)
    ? ["timeout", "the connection timed out"] as const
    : /Abort|ECONNRESET|EPIPE|UND_ERR_SOCKET/.test(codes)
    ? ["aborted", "the connection was cut"] as const
    : /unexpected redirect/.test(codes)
    ? ["other", "it redirects, which is not followed"] as const
    : ["other", "no usable answer"] as const
  return new Transport({ operation, reason, message: `${host} did not answer: ${text} (${operation})` })
}
