import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Client } from "../../src/client/Client.js"
import * as CyclesError from "../../src/protocol/CyclesError.js"
import { knownReasonCodes } from "../../src/protocol/Decision.js"
import { statusOf } from "../../src/protocol/ErrorResponse.js"
import { logged } from "./support/capture.js"
import { create, decision, evidenceId, refusal } from "./support/samples.js"
import { answer, type Script, talk, transports } from "./support/server.js"

const scope = "tenant:acme/agent:writer"
const evidence = { evidence_id: evidenceId, cycles_evidence_url: "https://authority.example/v1/evidence/x" }

const asError = (code: string): Script =>
  answer(
    code === "BUDGET_NOT_FOUND" ? 404 : statusOf[code as CyclesError.Refusal["code"] as keyof typeof statusOf] ?? 409,
    refusal(code === "BUDGET_NOT_FOUND" ? "NOT_FOUND" : code, {
      details: { scope },
      retry_after_ms: 1500,
      cycles_evidence: evidence
    })
  )

const asDecision = (code: string | undefined): Script =>
  answer(200, {
    decision: "DENY",
    affected_scopes: [scope],
    retry_after_ms: 1500,
    cycles_evidence: evidence,
    ...(code !== undefined && { reason_code: code })
  })

const ways: ReadonlyArray<readonly [string, (client: Client) => Effect.Effect<unknown, CyclesError.CyclesError>]> = [
  ["a live reservation", (client) => client.createReservation(create)],
  ["a dry run", (client) => client.createReservation({ ...create, dryRun: true })],
  ["a decision", (client) => client.decide(decision)]
]

const codes = [...knownReasonCodes, "SOMETHING_NEW"]

/** What a caller needs to explain a denial. */
const told = (error: CyclesError.CyclesError) => {
  if (!CyclesError.isDenial(error)) return assert.fail(`no denial: ${error._tag}`)
  return {
    tag: error._tag,
    scope: Option.getOrNull(error.scope),
    requested: Option.map(error.requested, String),
    retryAfter: Option.map(error.meta.retryAfter, Duration.toMillis),
    evidence: Option.map(error.evidence, ({ evidenceId }) => evidenceId),
    retryable: CyclesError.isRetryable(error)
  }
}

for (const [name, transport] of transports) {
  describe(`denials over ${name}`, () => {
    for (const [way, ask] of ways) {
      for (const code of codes) {
        it.scopedLive(`${way}: ${code} is one error, as a status and as a decision`, () =>
          Effect.gen(function*() {
            const { client } = yield* talk(transport, (response, request, n) =>
              (n === 1 ? asError(code) : asDecision(code))(response, request, n))
            const byStatus = told(yield* Effect.flip(ask(client)))
            const byDecision = told(yield* Effect.flip(ask(client)))
            assert.deepStrictEqual(byDecision, byStatus)
            assert.deepStrictEqual(byStatus, {
              tag: byStatus.tag,
              scope,
              requested: Option.some("100 tokens"),
              retryAfter: Option.some(1500),
              evidence: Option.some(evidenceId),
              retryable: false
            })
            if (code in CyclesError.byCode) {
              assert.strictEqual(byStatus.tag, CyclesError.byCode[code as keyof typeof statusOf].name)
            }
          }))
      }

      it.scopedLive(`${way}: DENY without a reason, with a null one and with one that is too long`, () =>
        Effect.gen(function*() {
          const { client } = yield* talk(transport, (response, request, n) =>
            n === 1
              ? asDecision(undefined)(response, request, n)
              : answer(200, { decision: "DENY", affected_scopes: [], reason_code: n === 2 ? null : "x".repeat(129) })(
                response,
                request,
                n
              ))
          for (let n = 0; n < 3; n++) {
            const [error] = yield* logged(Effect.flip(ask(client)))
            assert.isTrue(error._tag === "Refused" && error.code === "DENY" && CyclesError.isDenial(error))
          }
        }))
    }
  })
}

const [[, fetch] = assert.fail()] = transports

describe("denials", () => {
  it.scopedLive("the wait of a decision wins over the header, which stands in for it", () =>
    Effect.gen(function*() {
      const { client } = yield* talk(fetch, (response, request, n) =>
        answer(200, { decision: "DENY", affected_scopes: [], ...(n === 1 && { retry_after_ms: 10 }) }, {
          "retry-after": "3"
        })(response, request, n))
      const waits = yield* Effect.forEach([1, 2], () =>
        Effect.flip(client.decide(decision)).pipe(Effect.map((error) =>
          told(error).retryAfter
        )))
      assert.deepStrictEqual(waits, [Option.some(10), Option.some(3000)])
    }))

  it.scopedLive("several affected scopes are listed, and none of them is singled out", () =>
    Effect.gen(function*() {
      const affected = ["tenant:acme", "tenant:acme/agent:writer"]
      const { client } = yield* talk(fetch, answer(200, { decision: "DENY", affected_scopes: affected }))
      const error = yield* Effect.flip(client.createReservation(create))
      assert.isTrue(error._tag === "Refused" && Option.isNone(error.scope))
      assert.deepStrictEqual(error._tag === "Refused" ? error.affectedScopes : [], affected)
    }))

  it.scopedLive("an envelope that has a member `decision` is no denial", () =>
    Effect.gen(function*() {
      const { client } = yield* talk(fetch, answer(200, { keys: [], decision: "DENY" }))
      assert.deepStrictEqual((yield* client.getEvidenceJwks()).value, { keys: [], decision: "DENY" })
    }))
})
