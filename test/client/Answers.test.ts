import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { codesOf, type OperationName } from "../../src/protocol/CyclesError.js"
import { type ErrorCode, statusOf } from "../../src/protocol/ErrorResponse.js"
import { outcomeOf } from "./support/outcome.js"
import { calls, good, operations, refusal, tokens } from "./support/samples.js"
import { answer, type Script, talk, transports } from "./support/server.js"

interface Row {
  readonly name: string
  readonly operation: OperationName
  readonly script: Script
  readonly outcome: string
}

const ok = (operation: OperationName, more: Readonly<Record<string, unknown>> = {}): Script =>
  answer(good[operation].status, { ...good[operation].body, ...more })

const nulls = (operation: OperationName) => Object.fromEntries(good[operation].optional.map((name) => [name, null]))

const successes: ReadonlyArray<Row> = operations.flatMap((operation) => {
  const outcome = `ok ${good[operation].status}`
  return [
    { name: "the least answer", operation, script: ok(operation), outcome },
    { name: "unknown members", operation, script: ok(operation, { new_member: { any: [1] } }), outcome },
    { name: "null for every optional", operation, script: ok(operation, nulls(operation)), outcome }
  ]
})

const documented: ReadonlyArray<Row> = operations.flatMap((operation) =>
  codesOf[operation].map((code: ErrorCode) => ({
    name: `the code ${code}`,
    operation,
    script: answer(statusOf[code], refusal(code)),
    outcome: code.replaceAll(/_?([A-Z])([A-Z]*)/g, (_, first: string, rest: string) => first + rest.toLowerCase()) +
      ` ${code} ${statusOf[code]}`
  }))
)

const commit = (name: string, script: Script, outcome: string): Row => ({
  name,
  operation: "commitReservation",
  script,
  outcome
})

const codes: ReadonlyArray<Row> = [
  commit("an unknown code on 409", answer(409, refusal("NEW_CODE")), "Refused NEW_CODE 409"),
  commit("an unknown code on 422", answer(422, refusal("NEW_CODE")), "Refused NEW_CODE 422"),
  commit("an unknown code on 500", answer(500, refusal("NEW_CODE")), "Refused NEW_CODE 500"),
  commit(
    "a code of another operation",
    answer(409, refusal("MAX_EXTENSIONS_EXCEEDED")),
    "Refused MAX_EXTENSIONS_EXCEEDED 409"
  ),
  commit("a code that is a member of every object", answer(409, refusal("toString")), "Refused toString 409"),
  commit("a code without message and id", answer(409, { error: "BUDGET_FROZEN" }), "BudgetFrozen BUDGET_FROZEN 409"),
  commit(
    "a code with malformed companions",
    answer(409, { error: "BUDGET_FROZEN", message: 1, request_id: [], trace_id: {}, details: "x", cycles_evidence: 7 }),
    "BudgetFrozen BUDGET_FROZEN 409"
  ),
  commit("a code on an unusual status", answer(418, refusal("BUDGET_CLOSED")), "BudgetClosed BUDGET_CLOSED 418"),
  commit("502 with INTERNAL_ERROR", answer(502, refusal("INTERNAL_ERROR")), "InternalError INTERNAL_ERROR 502"),
  commit("503 with INTERNAL_ERROR", answer(503, refusal("INTERNAL_ERROR")), "InternalError INTERNAL_ERROR 503"),
  commit("503 with a code that a 4xx has", answer(503, refusal("BUDGET_EXCEEDED")), "Ambiguous status 503")
]

const bodyless: ReadonlyArray<Row> = [
  commit("an empty 401", answer(401), "Unauthorized UNAUTHORIZED 401 from status"),
  commit("an empty 403", answer(403), "Forbidden FORBIDDEN 403 from status"),
  commit("an empty 404", answer(404), "NotFound NOT_FOUND 404 from status"),
  commit("an empty 410", answer(410), "ReservationExpired RESERVATION_EXPIRED 410 from status"),
  commit("an empty 429", answer(429), "LimitExceeded LIMIT_EXCEEDED 429 from status"),
  commit("a 404 page", answer(404, "<h1>Not found</h1>"), "NotFound NOT_FOUND 404 from status"),
  commit("a 403 that is a JSON string", answer(403, "\"no\""), "Forbidden FORBIDDEN 403 from status"),
  commit("a 403 with another shape", answer(403, { error: { code: 1 } }), "Forbidden FORBIDDEN 403 from status"),
  commit("a 403 with an empty code", answer(403, refusal("")), "Forbidden FORBIDDEN 403 from status"),
  commit("an empty 400", answer(400), "Ambiguous status 400"),
  commit("an empty 409", answer(409), "Ambiguous status 409"),
  commit("an empty 500", answer(500), "Ambiguous status 500"),
  commit("a 500 page", answer(500, "<h1>Oops</h1>", { "content-type": "text/html" }), "Ambiguous status 500"),
  commit("a 502 page", answer(502, "<h1>Bad gateway</h1>"), "Ambiguous status 502")
]

const committed = good.commitReservation.body

const unexpected: ReadonlyArray<Row> = [
  {
    name: "200 instead of 201",
    operation: "createEvent",
    script: answer(200, good.createEvent.body),
    outcome: "Ambiguous status 200"
  },
  commit("201 instead of 200", answer(201, committed), "Ambiguous status 201"),
  commit("202", answer(202, committed), "Ambiguous status 202"),
  commit("204", (response) => response.writeHead(204).end(), "Ambiguous status 204"),
  commit("304", (response) => response.writeHead(304).end(), "Ambiguous status 304"),
  commit("an empty 200", answer(200), "Ambiguous body 200"),
  commit("a login page", answer(200, "<html>Log in</html>"), "Ambiguous body 200"),
  commit("truncated JSON", answer(200, JSON.stringify(committed).slice(0, -3)), "Ambiguous body 200"),
  commit("a JSON array", answer(200, [committed]), "Ambiguous body 200"),
  commit("null", answer(200, "null"), "Ambiguous body 200"),
  commit("another shape", answer(200, { ok: true }), "Ambiguous body 200"),
  commit("another status member", answer(200, { ...committed, status: "ACTIVE" }), "Ambiguous body 200"),
  commit("no charge", answer(200, { status: "COMMITTED" }), "Ambiguous body 200"),
  commit("a charge of null", answer(200, { ...committed, charged: null }), "Ambiguous body 200"),
  commit("a negative charge", answer(200, { ...committed, charged: tokens(-1) }), "Ambiguous body 200"),
  commit("a fractional charge", answer(200, { ...committed, charged: tokens(1.5) }), "Ambiguous body 200"),
  commit(
    "a quoted charge",
    answer(200, { ...committed, charged: { unit: "TOKENS", amount: "60" } }),
    "Ambiguous body 200"
  ),
  commit(
    "a charge beyond int64",
    answer(200, `{"status":"COMMITTED","charged":{"unit":"TOKENS","amount":9223372036854775808}}`),
    "Ambiguous body 200"
  ),
  commit("an unknown unit", answer(200, { ...committed, charged: { unit: "EUR", amount: 1 } }), "Ambiguous body 200"),
  commit("nesting without end", answer(200, "[".repeat(200_000)), "Ambiguous body 200")
]

for (const [name, transport] of transports) {
  describe(`answers over ${name}`, () => {
    for (const { name, operation, outcome, script } of [...successes, ...codes, ...bodyless, ...unexpected]) {
      it.scopedLive(`${operation}: ${name}`, () =>
        Effect.gen(function*() {
          const { client, server } = yield* talk(transport, script)
          assert.strictEqual(yield* outcomeOf(calls[operation](client)), outcome)
          assert.strictEqual(server.requests.length, 1)
        }))
    }

    it.scopedLive("every documented code of every operation is its own error", () =>
      Effect.gen(function*() {
        const { client } = yield* talk(transport, (response, request, n) =>
          documented[n - 1]?.script(response, request, n))
        for (const { operation, outcome } of documented) {
          assert.strictEqual(yield* outcomeOf(calls[operation](client)), outcome)
        }
      }))
  })
}
