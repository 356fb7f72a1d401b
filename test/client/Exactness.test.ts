import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import { Amount } from "../../src/protocol/Amount.js"
import { balance, calls, commit, create, event, id } from "./support/samples.js"
import { answer, talk, transports } from "./support/server.js"

const exact = [0n, 9007199254740991n, 9007199254740992n, 9007199254740993n, 9223372036854775807n]

/** The text after the name of a member, up to the next delimiter. */
const rawAfter = (text: string, name: string): string =>
  new RegExp(`"${name}":\\{[^}]*"amount":([^,}]*)`).exec(text)?.[1] ?? ""

const committed = (amount: bigint) =>
  `{"status":"COMMITTED","charged":{"unit":"TOKENS","amount":${amount}},"released":{"amount":${amount},"unit":"TOKENS"}}`

for (const [name, transport] of transports) {
  describe(`exactness over ${name}`, () => {
    for (const amount of exact) {
      it.scopedLive(`${amount} goes and comes without a change`, () =>
        Effect.gen(function*() {
          const { client, server } = yield* talk(transport, answer(200, committed(amount)))
          const { value } = yield* client.commitReservation(id, { ...commit, actual: Amount.tokens(amount) })
          assert.strictEqual(value.charged.amount, amount)
          assert.strictEqual(Option.getOrThrow(value.released).amount, amount)
          assert.strictEqual(rawAfter(server.requests[0]?.body ?? "", "actual"), String(amount))
        }))

      it.scopedLive(`${amount} is requested and shown in a denial`, () =>
        Effect.gen(function*() {
          const { client, server } = yield* talk(
            transport,
            answer(409, `{"error":"BUDGET_EXCEEDED","message":"no","request_id":"r","details":{"remaining":${amount}}}`)
          )
          const error = yield* Effect.flip(
            client.createReservation({ ...create, estimate: Amount.usdMicrocents(amount) })
          )
          assert.strictEqual(rawAfter(server.requests[0]?.body ?? "", "estimate"), String(amount))
          if (error._tag !== "BudgetExceeded") return assert.fail(error._tag)
          assert.strictEqual(Option.getOrThrow(error.requested).amount, amount)
          assert.include(JSON.stringify(error), String(amount))
        }))

      for (const remaining of [amount, -amount, -9223372036854775808n]) {
        it.scopedLive(`${remaining} remains`, () =>
          Effect.gen(function*() {
            const { remaining: _, ...rest } = balance
            const text = JSON.stringify({ balances: [{ ...rest, remaining: "#" }] }).replace(
              `"#"`,
              `{"unit":"TOKENS","amount":${remaining}}`
            )
            const { client } = yield* talk(transport, answer(200, text))
            const { value } = yield* client.getBalances({ tenant: "acme" })
            assert.strictEqual(value.balances[0]?.remaining.amount, remaining)
          }))
      }
    }

    it.scopedLive("metadata keeps its integers in both directions", () =>
      Effect.gen(function*() {
        const { client, server } = yield* talk(transport, answer(201, `{"status":"APPLIED","event_id":"e"}`))
        yield* client.createEvent({
          ...event,
          metadata: { big: 9007199254740993n, deep: [{ big: 2n ** 70n }], small: 1n }
        })
        assert.include(
          server.requests[0]?.body,
          `"metadata":{"big":9007199254740993,"deep":[{"big":1180591620717411303424}],"small":1}`
        )
      }))

    it.scopedLive("text is sent as UTF-8", () =>
      Effect.gen(function*() {
        const { client, server } = yield* talk(transport, answer(201, `{"status":"APPLIED","event_id":"é\u2028😀"}`))
        const { value } = yield* client.createEvent({ ...event, subject: { tenant: "Zoë 😀" } })
        assert.strictEqual(value.eventId, "é\u2028😀")
        assert.strictEqual(JSON.parse(server.requests[0]?.body ?? "").subject.tenant, "Zoë 😀")
      }))

    it.scopedLive("any int64 of a commit", () =>
      Effect.gen(function*() {
        const { client } = yield* talk(transport, (response, { body }, n) => {
          const amount = BigInt(rawAfter(body, "actual"))
          answer(200, committed(amount))(response, { body, headers: {}, method: "", target: "" }, n)
        })
        for (const amount of FastCheck.sample(FastCheck.bigInt({ min: 0n, max: 9223372036854775807n }), 25)) {
          const { value } = yield* client.commitReservation(id, { ...commit, actual: Amount.tokens(amount) })
          assert.strictEqual(value.charged.amount, amount)
        }
        assert.strictEqual((yield* calls.commitReservation(client)).value !== undefined, true)
      }))
  })
}
