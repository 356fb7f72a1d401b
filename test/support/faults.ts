/**
 * The faults of the test kit in the short words of our own tests.
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type { Faults } from "effect-cycles/testing"
import { layerTraffic } from "effect-cycles/testing"
import type * as Duration from "effect/Duration"
import type * as Layer from "effect/Layer"
import * as kit from "../../src/testing/internal/operation.js"

export type Operation = "create" | "commit" | "release" | "extend" | "list" | "event" | "get" | "balances" | "other"

export interface Fault {
  /** Wait before the authority sees the request. */
  readonly before?: Duration.DurationInput
  /** Wait after the authority has applied it. */
  readonly after?: Duration.DurationInput
  /** The authority never sees it: this is the answer. */
  readonly instead?: Faults.Answer
  /** The authority applies it, but this is the answer. */
  readonly answer?: Faults.Answer
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

const short: { readonly [operation: string]: Operation } = {
  createReservation: "create",
  commitReservation: "commit",
  releaseReservation: "release",
  extendReservation: "extend",
  listReservations: "list",
  getReservation: "get",
  getBalances: "balances",
  createEvent: "event"
}

export const operationOf = (request: HttpClientRequest.HttpClientRequest): Operation =>
  short[kit.operationOf(request)] ?? "other"

const endingOf = ({ answer, instead, lose, refuse }: Fault): Faults.Fault["ending"] => {
  if (refuse === true) return { _tag: "Cut", code: "ECONNREFUSED" }
  if (lose === true) return { _tag: "Cut", code: "ECONNRESET" }
  const given = instead ?? answer
  return given === undefined ? undefined : { _tag: "Answer", answer: given }
}

const faultOf = (fault: Fault): Faults.Fault => ({
  name: "scripted",
  before: fault.before,
  reaches: fault.refuse === true || fault.instead !== undefined ? "no" : "yes",
  after: fault.after,
  ending: endingOf(fault)
})

/** Wraps the client in context. `calls` receives every call in order. */
export const faulty = (
  script: (call: Call) => Fault | undefined,
  calls: Array<Call> = []
): Layer.Layer<HttpClient.HttpClient, never, HttpClient.HttpClient> =>
  layerTraffic(({ body, n, operation }) => {
    const call = { operation: short[operation] ?? "other", n, body }
    calls.push(call)
    const fault = script(call)
    return fault === undefined ? undefined : faultOf(fault)
  })
