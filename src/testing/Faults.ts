/**
 * What can go wrong between a client and its authority, as values, and scripts that say when.
 */
import type * as Duration from "effect/Duration"
import type { ErrorCode } from "../protocol/ErrorResponse.js"
import { statusOf } from "../protocol/ErrorResponse.js"
import { chanceOf } from "./internal/chance.js"
import type { Operation } from "./internal/operation.js"

/**
 * An answer as it is on the wire.
 *
 * @since 0.1.0
 * @category models
 */
export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly body?: string | undefined
}

/**
 * One exchange that goes wrong: wait `before`; let the request reach the authority or not; wait `after`; end as `ending` says. Without an
 * ending the caller gets the authority's own answer.
 *
 * - `reaches`: `"yes"` when absent. `"late"`: the caller is left waiting, and the authority gets the request after `before`.
 * - `ending`: an answer that replaces the authority's; a change of its text; a connection that is cut (`ECONNRESET`) or was never
 *   made (`ECONNREFUSED`); or nothing at all, for ever.
 *
 * @since 0.1.0
 * @category models
 */
export interface Fault {
  readonly name: string
  readonly before?: Duration.DurationInput | undefined
  readonly reaches?: "yes" | "no" | "late" | undefined
  readonly after?: Duration.DurationInput | undefined
  readonly ending?:
    | { readonly _tag: "Answer"; readonly answer: Answer }
    | { readonly _tag: "Rewrite"; readonly rewrite: (text: string) => string }
    | { readonly _tag: "Cut"; readonly code: "ECONNRESET" | "ECONNREFUSED" }
    | { readonly _tag: "Hang" }
    | undefined
}

/**
 * When a fault strikes: before the authority has the request, or after it has applied it.
 *
 * @since 0.1.0
 * @category models
 */
export type When = "before" | "after"

const unless = (when: When) => when === "before" ? { reaches: "no" } as const : {}

const cutAt = (code: "ECONNRESET" | "ECONNREFUSED") => ({ _tag: "Cut", code } as const)

/** Nobody listens: the request is never sent. */
export const refuse: Fault = { name: "refused", reaches: "no", ending: cutAt("ECONNREFUSED") }

/** The authority applies the request, and its answer is lost. */
export const lose: Fault = { name: "answer lost", ending: cutAt("ECONNRESET") }

/** The connection is cut before the authority sees the request. */
export const cut: Fault = { name: "cut", reaches: "no", ending: cutAt("ECONNRESET") }

/** The request takes this long to arrive. */
export const delay = (duration: Duration.DurationInput): Fault => ({ name: "delayed", before: duration })

/** The answer takes this long. */
export const delayAnswer = (duration: Duration.DurationInput): Fault => ({ name: "answer delayed", after: duration })

/** No answer ever comes. */
export const hang = (when: When = "before"): Fault => ({
  name: when === "before" ? "hangs" : "hangs after applying",
  ...unless(when),
  ending: { _tag: "Hang" }
})

/** No answer ever comes, and the authority gets the request after this long: by then the client may have given up. */
export const late = (duration: Duration.DurationInput): Fault => ({
  name: "arrives late",
  before: duration,
  reaches: "late"
})

/** Any answer, instead of the authority's (`"before"`: it never sees the request). */
export const answer = (answer: Answer, when: When = "before"): Fault => ({
  name: `${answer.status}${when === "before" ? "" : " after applying"}`,
  ...unless(when),
  ending: { _tag: "Answer", answer }
})

const error = (code: ErrorCode, status: number, headers: Readonly<Record<string, string>> = {}): Answer => ({
  status,
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify({ error: code, message: "A fault of the test", request_id: "fault" })
})

/** An error of the protocol, with its status. */
export const refusal = (code: ErrorCode, when: When = "before"): Fault => answer(error(code, statusOf[code]), when)

/** A server error: 500 with the protocol's body, any other as a gateway would say it. */
export const serverError = (status = 500, when: When = "before"): Fault =>
  answer(status === 500 ? error("INTERNAL_ERROR", 500) : { status, body: `<html>${status}</html>` }, when)

/** 429, to be tried again after so many whole seconds. */
export const throttle = (retryAfterSeconds: number, when: When = "before"): Fault =>
  answer(error("LIMIT_EXCEEDED", 429, { "retry-after": String(retryAfterSeconds) }), when)

/** 410: the reservation is said to be over. */
export const gone: Fault = refusal("RESERVATION_EXPIRED")

/** The authority's own answer with its text changed. */
export const rewrite = (change: (text: string) => string, name = "rewritten"): Fault => ({
  name,
  ending: { _tag: "Rewrite", rewrite: change }
})

/** Only the beginning of the authority's answer. */
export const truncate: Fault = rewrite((text) => text.slice(0, text.length / 2), "truncated")

/** The authority's answer with members that this version of the protocol does not have. */
export const extraFields = (fields: Readonly<Record<string, string | number | boolean | null>>): Fault =>
  rewrite((text) => text.replace(/^\{/, `{${JSON.stringify(fields).slice(1, -1)},`), "extra fields")

/**
 * One exchange: `n` counts from 1 for each operation, `index` from 1 over all of them; `at` is epoch ms.
 *
 * @since 0.1.0
 * @category models
 */
export interface Call {
  readonly operation: Operation
  readonly n: number
  readonly index: number
  readonly at: number
  readonly path: string
  readonly body: string
}

/**
 * Says which fault a call meets, if any. The same calls always meet the same faults.
 *
 * @since 0.1.0
 * @category models
 */
export type Script = (call: Call) => Fault | undefined

/** Nothing goes wrong. */
export const calm: Script = () => undefined

/** The `n`th call of an operation, or each of several, or every one. */
export const on = (operation: Operation, n: number | ReadonlyArray<number> | "every", fault: Fault): Script => {
  const strikes = n === "every"
    ? () => true
    : typeof n === "number"
    ? (m: number) => m === n
    : (m: number) => n.includes(m)
  return (call) => call.operation === operation && strikes(call.n) ? fault : undefined
}

/** The first of the scripts that has a fault for the call. */
export const all = (...scripts: ReadonlyArray<Script>): Script => (call) => {
  for (const script of scripts) {
    const fault = script(call)
    if (fault !== undefined) return fault
  }
  return undefined
}

/** A fault and how often it is drawn. `chance` gives numbers from 0 to below 1, always the same for the same call. */
export type Weighted = readonly [weight: number, fault: Fault | ((chance: () => number) => Fault)]

/** Every fault that leaves the authority truthful: none of them says that a reservation is over when it is not. */
export const usual: ReadonlyArray<Weighted> = [
  [4, refuse],
  [4, cut],
  [8, lose],
  [3, serverError()],
  [2, serverError(502)],
  [4, serverError(500, "after")],
  [4, serverError(502, "after")],
  [3, (chance) => throttle(Math.floor(chance() * 4))],
  [2, throttle(1, "after")],
  [1, refusal("FORBIDDEN")],
  [1, answer({ status: 404, body: "<html>404</html>" })],
  [2, answer({ status: 200 }, "after")],
  [1, answer({ status: 204 }, "after")],
  [1, answer({ status: 302, headers: { location: "http://elsewhere.localhost/" } })],
  [3, truncate],
  [2, extraFields({ x_new: "member" })],
  [4, (chance) => delay(6000 * chance())],
  [4, (chance) => delayAnswer(6000 * chance())],
  [3, hang()],
  [3, hang("after")],
  [3, (chance) => late(7500 + 90_000 * chance())]
]

/**
 * Faults at random, always the same for the same seed and calls: `percent` of the calls (30 when absent) meet one of `faults` (`usual` when
 * absent).
 *
 * @since 0.1.0
 * @category constructors
 */
export const weather = (
  { faults = usual, percent = 30, seed }: {
    readonly seed: number
    readonly percent?: number | undefined
    readonly faults?: ReadonlyArray<Weighted> | undefined
  }
): Script => {
  const total = faults.reduce((sum, [weight]) => sum + weight, 0)
  return ({ index }) => {
    const chance = chanceOf(seed, index)
    if (chance() * 100 >= percent) return undefined
    let left = chance() * total
    const [, drawn] = faults.find(([weight]) => (left -= weight) < 0) ?? []
    return typeof drawn === "function" ? drawn(chance) : drawn
  }
}
