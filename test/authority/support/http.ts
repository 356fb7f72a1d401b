import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert } from "@effect/vitest"
import * as Json from "effect-cycles/protocol/Json"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { complaint } from "./published.js"

export type Fields = Readonly<Record<string, unknown>>

/** One answer as raw text, and the same text read without losing a digit. */
export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly text: string
  readonly json: Fields
}

export interface Sent {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE"
  readonly path: string
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** The text of the body. */
  readonly text?: string
}

export const send = (
  client: HttpClient.HttpClient,
  { headers = {}, method, path, text }: Sent
): Effect.Effect<Reply, HttpClientError.HttpClientError> =>
  Effect.gen(function*() {
    const plain = HttpClientRequest.make(method)(path)
    const request = text === undefined ? plain : HttpClientRequest.bodyText(plain, text, "application/json")
    // The client's own traceparent would replace that of the test.
    const response = yield* HttpClient.withTracerPropagation(client, false).execute(
      HttpClientRequest.setHeaders(request, headers)
    )
    const body = yield* response.text
    const json = Either.getOrThrow(Json.parse(body)) as Fields
    const reply = { status: response.status, headers: response.headers, text: body, json }
    // Every answer of the authority that a test sees is one of the published schemas, without a member more.
    if (!path.startsWith("/v1/admin/")) assert.isUndefined(complaint(method, path, reply))
    return reply
  })

/** In `expected`, a property that must not be there. */
export const absent: unique symbol = Symbol("absent")

/** The status, and every named property: others may be there too. */
export const is = (reply: Reply, status: number, expected: Fields = {}): Reply => {
  assert.strictEqual(reply.status, status, reply.text)
  for (const [key, value] of Object.entries(expected)) {
    if (value === absent) assert.notProperty(reply.json, key)
    else assert.deepStrictEqual(reply.json[key], value, key)
  }
  return reply
}

/** A protocol error: its code, its ids, and perhaps words of its message. */
export const refuses = (reply: Reply, status: number, code: string, words = ""): Reply => {
  is(reply, status, { error: code })
  assert.include(String(reply.json["message"]), words)
  assert.strictEqual(reply.json["request_id"], reply.headers["x-request-id"])
  assert.strictEqual(reply.json["trace_id"], reply.headers["x-cycles-trace-id"])
  return reply
}

/** A property of the answer that is a list of objects. */
export const rows = (reply: Reply, key: string): ReadonlyArray<Fields> => {
  const value = reply.json[key]
  assert.isArray(value, reply.text)
  return value as ReadonlyArray<Fields>
}

export const tokens = (amount: number | bigint) => ({ unit: "TOKENS", amount })
