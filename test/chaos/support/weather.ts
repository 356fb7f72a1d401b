/**
 * Bad weather between a client and its authority, and a record of what the authority really applied.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { Json } from "effect-cycles"
import { Faults, layerTraffic } from "effect-cycles/testing"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import { operationOf } from "../../support/faults.js"

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
  readonly requests: Map<string, number>
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

const outage: Faults.Fault = { ...Faults.refuse, name: "outage" }

export const faultNames: ReadonlyArray<string> = [
  ...Faults.usual.map(([, fault]) => (typeof fault === "function" ? fault(() => 0) : fault).name),
  outage.name
]

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

/** Notes what the authority applied, in one step with it. */
const noting = (record: Record): Layer.Layer<HttpClient.HttpClient, never, HttpClient.HttpClient> =>
  Layer.effect(
    HttpClient.HttpClient,
    Effect.map(HttpClient.HttpClient, (client) =>
      HttpClient.transform(client, (send, request) =>
        Effect.uninterruptible(
          Effect.tap(send, (response) =>
            response.status < 300
              ? Effect.map(response.text, (text) => note(record, request, text))
              : Effect.void)
        )))
  )

export interface Options {
  readonly seed: number
  /** How many of a hundred requests meet a fault. */
  readonly percent: number
  /** For how long, from the beginning, the authority is now and then away: each outage begins on a multiple of `everyMs`. */
  readonly outages: { readonly everyMs: number; readonly lastsMs: number; readonly untilMs: number }
}

/** Wraps the client in context. */
export const weather = (
  record: Record,
  { outages, ...options }: Options
): Layer.Layer<HttpClient.HttpClient, never, HttpClient.HttpClient> =>
  Layer.unwrapEffect(Effect.map(Clock.currentTimeMillis, (start) => {
    const isAway = ({ at }: Faults.Call) => {
      const since = at - start
      return since > outages.everyMs && since < outages.untilMs && since % outages.everyMs < outages.lastsMs
    }
    const script = Faults.all((call) => isAway(call) ? outage : undefined, Faults.weather(options))
    return layerTraffic((call) => {
      const fault = script(call)
      count(record.requests, call.operation)
      record.digest = (Math.imul(record.digest, 31) + Math.round(call.at) + call.operation.length +
        (fault?.name.length ?? 0)) | 0
      if (fault !== undefined) count(record.faults, fault.name)
      return fault
    })
  })).pipe(Layer.provide(noting(record)))
