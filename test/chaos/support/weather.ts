/**
 * Bad weather between a client and its authority, from one source of chance, and a record of what the authority really applied.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { Json } from "effect-cycles"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import { textResponse } from "../../../src/authority/internal/textResponse.js"
import { type Operation, operationOf } from "../../support/faults.js"

/** What the ledger did to one key. */
export interface Applied {
  readonly via: "commit" | "event"
  readonly charged: bigint
  readonly actual: bigint
}

export interface Record {
  /** Charges by `via key`. */
  readonly applied: Map<string, Applied>
  /** Answers that contradict an earlier one to the same key. */
  readonly contradictions: Array<string>
  /** How often each fault struck. */
  readonly faults: Map<string, number>
  /** Requests by operation. */
  readonly requests: Map<Operation, number>
  /** Sums up the order of everything, to tell whether two runs were the same. */
  digest: number
}

export const makeRecord = (): Record => ({
  applied: new Map(),
  contradictions: [],
  faults: new Map(),
  requests: new Map(),
  digest: 0
})

const count = <K>(map: Map<K, number>, key: K) => map.set(key, (map.get(key) ?? 0) + 1)

type Send = Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError>
type Fault = (send: Send, request: HttpClientRequest.HttpClientRequest, chance: () => number) => Send

const cut = (request: HttpClientRequest.HttpClientRequest, code: string) =>
  new HttpClientError.RequestError({ request, reason: "Transport", cause: { code } })

const code = (error: string) => JSON.stringify({ error, message: "injected", request_id: "r" })

const answer = (status: number, body = "", headers: { readonly [name: string]: string } = {}) =>
(
  request: HttpClientRequest.HttpClientRequest
) => textResponse(request, { status, body, headers })

const instead = (...to: Parameters<typeof answer>): Fault => (_, request) => Effect.succeed(answer(...to)(request))

const after = (...to: Parameters<typeof answer>): Fault => (send, request) =>
  Effect.map(send, () => answer(...to)(request))

const html = "<html>bad gateway</html>"

/** All of them leave a truthful authority: none says that a reservation is over when it is not. */
const faults: ReadonlyArray<readonly [weight: number, name: string, fault: Fault]> = [
  [4, "refused", (_, request) => cut(request, "ECONNREFUSED")],
  [4, "cut before", (_, request) => cut(request, "ECONNRESET")],
  [8, "cut after applying", (send, request) => Effect.zipRight(send, cut(request, "ECONNRESET"))],
  [3, "500", instead(500, code("INTERNAL_ERROR"))],
  [2, "502", instead(502, html)],
  [4, "500 after applying", after(500, code("INTERNAL_ERROR"))],
  [4, "502 after applying", after(502, html)],
  [
    3,
    "429",
    (_, request, chance) =>
      Effect.succeed(answer(429, code("LIMIT_EXCEEDED"), { "retry-after": String(Math.floor(chance() * 4)) })(request))
  ],
  [2, "429 after applying", after(429, code("LIMIT_EXCEEDED"), { "retry-after": "1" })],
  [1, "403", instead(403, code("FORBIDDEN"))],
  [1, "404 without a code", instead(404, html)],
  [2, "empty answer after applying", after(200)],
  [1, "204 after applying", after(204)],
  [1, "302", instead(302, "", { location: "http://elsewhere.localhost/" })],
  [
    3,
    "truncated body",
    (send, request) =>
      Effect.flatMap(
        send,
        (response) =>
          Effect.map(response.text, (text) => answer(response.status, text.slice(0, text.length / 2))(request))
      )
  ],
  [4, "slow before", (send, _, chance) => Effect.delay(send, 6000 * chance())],
  [4, "slow after", (send, _, chance) => Effect.zipLeft(send, Effect.sleep(6000 * chance()))],
  [3, "hangs before", () => Effect.never],
  [3, "hangs after applying", (send) => Effect.zipRight(send, Effect.never)],
  [
    3,
    "arrives after the client gave up",
    (send, _, chance) =>
      Effect.zipRight(
        Effect.forkDaemon(Effect.interruptible(Effect.delay(send, 7500 + 90_000 * chance()))),
        Effect.never
      )
  ]
]

const totalWeight = faults.reduce((sum, [weight]) => sum + weight, 0)

const pick = (chance: () => number) => {
  let left = chance() * totalWeight
  return faults.find(([weight]) => (left -= weight) < 0) ?? faults[0]!
}

export const faultNames: ReadonlyArray<string> = [...faults.map(([, name]) => name), "outage"]

const textOf = ({ body }: HttpClientRequest.HttpClientRequest): string =>
  body._tag === "Uint8Array" ? new TextDecoder().decode(body.body) : ""

const parse = (text: string) => Either.getOrThrow(Json.parse(text)) as { readonly [key: string]: never }

const note = (record: Record, request: HttpClientRequest.HttpClientRequest, text: string) => {
  const via = operationOf(request)
  if (via !== "commit" && via !== "event") return
  const { actual: { amount }, idempotency_key: key } = parse(textOf(request)) as unknown as {
    readonly actual: { readonly amount: number | bigint }
    readonly idempotency_key: string
  }
  const { charged } = parse(text) as { readonly charged?: { readonly amount: number | bigint } }
  const now = { via, actual: BigInt(amount), charged: BigInt(charged?.amount ?? amount) } as const
  const before = record.applied.get(`${via} ${key}`)
  if (before !== undefined && before.charged !== now.charged) record.contradictions.push(key)
  record.applied.set(`${via} ${key}`, now)
}

export interface Options {
  readonly chance: () => number
  /** How many of a hundred requests meet a fault. */
  readonly percent: number
  /** For how long, from the beginning, the authority is now and then away: each outage begins on a multiple of `everyMs`. */
  readonly outages: { readonly everyMs: number; readonly lastsMs: number; readonly untilMs: number }
}

/** Wraps the client in context. */
export const weather = (
  record: Record,
  { chance, outages, percent }: Options
): Layer.Layer<HttpClient.HttpClient, never, HttpClient.HttpClient> =>
  Layer.effect(
    HttpClient.HttpClient,
    Effect.gen(function*() {
      const client = yield* HttpClient.HttpClient
      const start = yield* Clock.currentTimeMillis
      return HttpClient.transform(client, (send, request) =>
        Effect.flatMap(Clock.currentTimeMillis, (now): Send => {
          const operation = operationOf(request)
          count(record.requests, operation)
          const seen: Send = Effect.uninterruptible(
            Effect.tap(send, (response) =>
              response.status < 300
                ? Effect.map(response.text, (text) => note(record, request, text))
                : Effect.void)
          )
          const since = now - start
          const isAway = since > outages.everyMs && since < outages.untilMs && since % outages.everyMs < outages.lastsMs
          const struck = isAway || chance() * 100 < percent
          const [, name, fault] = pick(chance)
          record.digest = (Math.imul(record.digest, 31) + Math.round(now) + operation.length + name.length) | 0
          if (!struck) return seen
          count(record.faults, isAway ? "outage" : name)
          return isAway ? Effect.fail(cut(request, "ECONNREFUSED")) : fault(seen, request, chance)
        }))
    })
  )
