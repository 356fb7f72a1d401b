import type * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { OperationName } from "../../src/protocol/CyclesError.js"
import { logged } from "./support/capture.js"
import { outcomeOf } from "./support/outcome.js"
import { balance, calls, good, id, refusal, row, tokens } from "./support/samples.js"
import { answer, talk, transports } from "./support/server.js"

const warning = "Malformed optional members of an answer were ignored"

/** The value of an operation whose answer has some more members, and the members that a warning names. */
const read = (
  transport: Layer.Layer<HttpClient.HttpClient>,
  operation: OperationName,
  more: Readonly<Record<string, unknown>>
) =>
  Effect.gen(function*() {
    const { body, status } = good[operation]
    const { client } = yield* talk(transport, answer(status, { ...body, ...more }))
    const [{ value }, lines] = yield* logged(calls[operation](client))
    const warned = lines.filter((line) => line.includes(warning)).map((line) => JSON.parse(line))
    return {
      value: value as Readonly<Record<string, unknown>>,
      members: warned.map(({ annotations }) => annotations.members),
      warned
    }
  })

const malformed: ReadonlyArray<readonly [OperationName, Readonly<Record<string, unknown>>, ReadonlyArray<string>]> = [
  ["commitReservation", { balances: [{ ...balance, remaining: "900" }] }, ["balances"]],
  ["commitReservation", { balances: {}, released: tokens(-4), cycles_evidence: { evidence_id: "x" } }, [
    "balances",
    "released",
    "evidence"
  ]],
  ["commitReservation", { cycles_evidence: { evidence_id: "ab".repeat(32), cycles_evidence_url: "/relative" } }, [
    "evidence"
  ]],
  ["releaseReservation", { balances: "none" }, ["balances"]],
  ["extendReservation", { remaining_ttl_ms: -1 }, ["remainingTtl"]],
  ["extendReservation", { remaining_ttl_ms: "60000" }, ["remainingTtl"]],
  ["createReservation", { expires_at_ms: "soon", scope_path: 1, reserved: { unit: "EUR", amount: 1 } }, [
    "expiresAt",
    "scopePath",
    "reserved"
  ]],
  ["createEvent", { charged: tokens(1.5) }, ["charged"]],
  ["decide", { affected_scopes: "tenant:acme", retry_after_ms: 1.5 }, ["affectedScopes", "retryAfter"]],
  ["getReservation", { evidence: 1, metadata: [], committed: 7 }, ["evidence", "metadata", "committed"]]
]

const indispensable: ReadonlyArray<readonly [OperationName, Readonly<Record<string, unknown>>]> = [
  ["createReservation", { caps: { max_tokens: "10" } }],
  ["createReservation", { caps: [] }],
  ["createReservation", { caps: { tool_denylist: "shell" }, balances: {} }],
  ["createReservation", { reservation_id: "" }],
  ["createReservation", { reservation_id: 7 }],
  ["createReservation", { reservation_id: "r".repeat(129) }],
  ["decide", { caps: { max_tokens: -1 } }],
  ["listReservations", { next_cursor: 2 }],
  ["listReservations", { has_more: "yes" }],
  ["listReservations", { reservations: [row, { ...row, reservation_id: "" }] }],
  ["getBalances", { next_cursor: {} }]
]

for (const [name, transport] of transports) {
  describe(`optional members over ${name}`, () => {
    for (const [operation, more, names] of malformed) {
      it.scopedLive(`${operation} stays proven without ${Object.keys(more)}, and says so once`, () =>
        Effect.gen(function*() {
          const { members, value, warned } = yield* read(transport, operation, more)
          assert.strictEqual(members.length, 1)
          assert.sameMembers(members[0].split(", "), Object.keys(more))
          for (const name of names) assert.deepStrictEqual(value[name], Option.none())
          assert.include(JSON.stringify(warned), `"operation":"${operation}"`)
        }))
    }

    for (const [operation, more] of indispensable) {
      it.scopedLive(`${operation} is ambiguous with ${JSON.stringify(more).slice(0, 60)}`, () =>
        Effect.gen(function*() {
          const { body, status } = good[operation]
          const { client } = yield* talk(transport, answer(status, { ...body, ...more }))
          assert.strictEqual(yield* outcomeOf(calls[operation](client)), "Ambiguous body 200")
        }))
    }
  })
}

const [[, fetch] = assert.fail()] = transports

describe("optional members", () => {
  it.scopedLive("null and absent are none, without a warning", () =>
    Effect.gen(function*() {
      for (const operation of ["createReservation", "decide", "commitReservation", "getReservation"] as const) {
        const nulls = Object.fromEntries(good[operation].optional.map((name) => [name, null]))
        const withNulls = yield* read(fetch, operation, nulls)
        const without = yield* read(fetch, operation, {})
        assert.deepStrictEqual(withNulls.value, without.value)
        assert.deepStrictEqual([...withNulls.members, ...without.members], [])
      }
    }))

  it.scopedLive("a million faults of one member are told as one", () =>
    Effect.gen(function*() {
      const zeros = Array.from({ length: 1_000_000 }, () => 0)
      const { members, value } = yield* read(fetch, "commitReservation", { balances: zeros, released: 1 })
      assert.deepStrictEqual(members, ["released, balances"])
      assert.deepStrictEqual(value["balances"], Option.none())
      const { client } = yield* talk(fetch, answer(200, { reservations: zeros }))
      const error = yield* Effect.flip(calls.listReservations(client))
      assert.match(error.message, /not the promised one at "\/reservations\.0/)
    }), 3000)

  it.scopedLive("the good ones beside a malformed one stay", () =>
    Effect.gen(function*() {
      const { value } = yield* read(fetch, "commitReservation", { balances: 1, released: tokens(40) })
      assert.strictEqual(String(Option.getOrNull(value["released"] as Option.Option<unknown>)), "40 tokens")
    }))

  it.scopedLive("an unknown reason, caps with unknown members and an unknown status of evidence are read", () =>
    Effect.gen(function*() {
      const caps = { max_tokens: 10, new_cap: true }
      const { value } = yield* read(fetch, "createReservation", { reservation_id: id, caps })
      assert.deepStrictEqual(value["caps"], Option.some({ maxTokens: 10 }))
    }))

  it.scopedLive("a malformed evidence of a refusal is left out without a word", () =>
    Effect.gen(function*() {
      const { client } = yield* talk(fetch, answer(409, refusal("BUDGET_EXCEEDED", { cycles_evidence: [] })))
      const [error, lines] = yield* logged(Effect.flip(client.commitReservation(id, {} as never)))
      assert.strictEqual(error._tag, "InvalidInput")
      const [refused] = yield* logged(Effect.flip(calls.commitReservation(client)))
      assert.deepStrictEqual("evidence" in refused && refused.evidence, Option.none())
      assert.deepStrictEqual(lines, [])
    }))
})
