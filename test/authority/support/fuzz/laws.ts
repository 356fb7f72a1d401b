/**
 * What holds of every answer, whatever was asked.
 */
import { adminStatusOf } from "effect-cycles/authority/Command"
import { statusOf } from "effect-cycles/protocol/ErrorResponse"
import * as Json from "effect-cycles/protocol/Json"
import * as Either from "effect/Either"
import type { Fields } from "../http.js"
import { complaint } from "../published.js"
import { adminKey, callerKeys, type Shot } from "./requests.js"

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: string
}

/** The server errors that the protocol knows. */
const documented = [
  /^A figure would leave the int64 range for scope: tenant:/,
  /^Server misconfiguration: admin API key not set$/
]

const required = (...names: ReadonlyArray<string>) => names
const budget = required(
  "ledger_id",
  "tenant_id",
  "scope",
  "unit",
  "allocated",
  "remaining",
  "reserved",
  "spent",
  "debt",
  "overdraft_limit",
  "is_over_limit",
  "status",
  "created_at",
  "updated_at"
)
const tenant = required("tenant_id", "name", "status", "default_reservation_ttl_ms", "reservation_expiry_policy")
const apiKey = required(
  "key_id",
  "tenant_id",
  "name",
  "key_prefix",
  "permissions",
  "status",
  "created_at",
  "expires_at"
)

/** What an answer of the administrator's plane has at least. Its document is not at hand. */
const adminShapes: ReadonlyArray<readonly [route: RegExp, members: ReadonlyArray<string>]> = [
  [/^GET \/v1\/admin\/tenants$/, ["tenants", "has_more"]],
  [/^\w+ \/v1\/admin\/tenants/, tenant],
  [/^POST \/v1\/admin\/api-keys$/, ["key_id", "key_secret", "key_prefix", "tenant_id", "permissions", "expires_at"]],
  [/^GET \/v1\/admin\/api-keys$/, ["keys", "has_more"]],
  [/^\w+ \/v1\/admin\/api-keys\//, apiKey],
  [/^GET \/v1\/admin\/budgets$/, ["ledgers", "has_more"]],
  [/\/fund$/, ["operation", "new_allocated", "new_remaining", "new_debt", "new_spent", "timestamp"]],
  [/ \/v1\/admin\/budgets/, budget]
]

const statuses: Readonly<Record<string, number>> = { ...statusOf, ...adminStatusOf }

const adminComplaint = ({ method, path }: Shot, { status }: Answer, json: Fields): string | undefined => {
  if (status >= 400) {
    const code = String(json["error"])
    const plain = Object.keys(json).every((name) =>
      ["error", "message", "request_id", "trace_id", "details"].includes(name)
    )
    return plain && Object.hasOwn(statuses, code) ? undefined : `no error of the plane: ${JSON.stringify(json)}`
  }
  const members = adminShapes.find(([route]) => route.test(`${method} ${path}`))?.[1]
  const missing = members?.find((name) => json[name] === undefined)
  return members === undefined ? "an answer of no route" : missing === undefined ? undefined : `no member ${missing}`
}

/** Statuses of HTTP itself, and of a budget that is frozen already: they go with INVALID_REQUEST. */
const borrowed = [405, 409, 415]

const errorComplaint = ({ headers, status }: Answer, json: Fields): string | undefined => {
  const { error, message, request_id, trace_id } = json
  if (status >= 500 && !documented.some((pattern) => pattern.test(String(message)))) return "an undocumented 5xx"
  const usual = statuses[String(error)]
  if (usual !== status && !(error === "INVALID_REQUEST" && borrowed.includes(status))) return `${error} with ${status}`
  if (request_id !== headers["x-request-id"] || trace_id !== headers["x-cycles-trace-id"]) {
    return "other ids than its headers"
  }
  return typeof message === "string" && message !== "" && message.length <= 600
    ? undefined
    : "no message, or a long one"
}

/** What is wrong with an answer by itself. */
export const complaintOf = (shot: Shot, answer: Answer): string | undefined => {
  const { body, headers, status } = answer
  const read = Json.parse(body)
  if (Either.isLeft(read) || typeof read.right !== "object" || read.right === null) return "a body that is no object"
  const json = read.right as Fields
  if (status < 200 || (status >= 300 && status < 400)) return "no status of the protocol"
  if (!/^application\/json/.test(headers["content-type"] ?? "")) return "no JSON by its content type"
  if (!/^[\x21-\x7e]{1,128}$/.test(headers["x-request-id"] ?? "")) return "no request id"
  if (!/^(?!0{32})[0-9a-f]{32}$/.test(headers["x-cycles-trace-id"] ?? "")) return "no trace id"
  // The administrator's plane takes over the caller's id of a request.
  const sent = [shot.path, shot.query, shot.body, shot.headers["x-request-id"]].join(" ")
  for (const secret of [adminKey, ...callerKeys]) {
    if (body.includes(secret) && !sent.includes(secret)) return "a key in an answer"
  }
  const wrong = status >= 400 ? errorComplaint(answer, json) : undefined
  return wrong ?? (shot.plane === "admin"
    ? adminComplaint(shot, answer, json)
    : complaint(shot.method, shot.path, { status, text: body }))
}
