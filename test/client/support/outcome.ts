/**
 * What became of a call, in a form that tests compare; and a search for what nothing may hold.
 */
import { assert } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { inspect } from "node:util"
import type { Reply } from "../../../src/client/Client.js"
import type { CyclesError } from "../../../src/protocol/CyclesError.js"
import { secret } from "./server.js"

/** The tag, then code or reason, then the status: `BudgetExceeded BUDGET_EXCEEDED 409`. */
export const outcome = (error: CyclesError): string => {
  switch (error._tag) {
    case "InvalidInput":
      return `InvalidInput ${error.field}`
    case "Transport":
      return `Transport ${error.reason}`
    case "Ambiguous":
      return `Ambiguous ${error.reason} ${error.meta.status}`
    default:
      return `${error._tag} ${error.code} ${error.meta.status}${error.fromStatus ? " from status" : ""}`
  }
}

/** For `JSON.stringify`. */
export const plain = (_: string, value: unknown): unknown =>
  typeof value === "bigint" ? String(value) : value instanceof Map ? [...value] : value

/** Every usual rendering of a value. */
export const renderings = (value: unknown): string =>
  [
    JSON.stringify(value, plain),
    String(value),
    inspect(value, { depth: 20, showHidden: true, maxStringLength: null, maxArrayLength: null }),
    ...(value instanceof Error ? [value.message, value.stack ?? ""] : []),
    ...(Exit.isExit(value) && Exit.isFailure(value) ? [Cause.pretty(value.cause, { renderErrorCause: true })] : [])
  ].join("\n")

export const assertHides = (value: unknown, ...hidden: ReadonlyArray<string>): void => {
  const text = renderings(value)
  for (const word of [secret, ...hidden]) {
    assert.isFalse(text.includes(word), `holds ${word}: ${text.slice(0, 500)}`)
  }
}

/** `ok` or the outcome of the error. The key is nowhere in the exit. */
export const outcomeOf = (call: Effect.Effect<Reply<unknown>, CyclesError>): Effect.Effect<string> =>
  Effect.gen(function*() {
    const exit = yield* Effect.exit(call)
    assertHides(exit)
    if (Exit.isSuccess(exit)) return `ok ${exit.value.meta.status}`
    return Cause.isFailType(exit.cause) ? outcome(exit.cause.error) : yield* Effect.die(exit.cause)
  })
