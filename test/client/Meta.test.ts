import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Meta } from "../../src/protocol/Meta.js"
import { calls, good, refusal } from "./support/samples.js"
import { answer, talk, transports } from "./support/server.js"

const headers = {
  "X-Request-Id": "req-header",
  "X-Cycles-Trace-Id": "0af7651916cd43dd8448eb211c80319c",
  "X-Cycles-Tenant": "acme",
  "X-RateLimit-Remaining": "-1",
  "X-RateLimit-Reset": "1790000000",
  "Retry-After": " 7 "
}

const said = {
  requestId: Option.some("req-header"),
  traceId: Option.some("0af7651916cd43dd8448eb211c80319c"),
  tenant: Option.some("acme"),
  rateLimitRemaining: Option.some(-1),
  rateLimitReset: Option.some(1_790_000_000),
  retryAfter: Option.some(Duration.seconds(7))
}

const silent = {
  requestId: Option.none(),
  traceId: Option.none(),
  tenant: Option.none(),
  rateLimitRemaining: Option.none(),
  rateLimitReset: Option.none(),
  retryAfter: Option.none()
}

const metaOf = (error: { readonly _tag: string; readonly meta?: Meta }): Meta => error.meta ?? assert.fail(error._tag)

const assertMeta = ({ rttMs, ...meta }: Meta, expected: Omit<Meta, "rttMs">) => {
  assert.deepStrictEqual(meta, expected)
  assert.isAbove(rttMs, 0)
  assert.isBelow(rttMs, 5000)
}

const waits: ReadonlyArray<readonly [string, Record<string, string>, unknown, Option.Option<number>]> = [
  ["valid", { "retry-after": "30" }, undefined, Option.some(30_000)],
  ["zero", { "retry-after": "0" }, undefined, Option.some(0)],
  ["the largest", { "retry-after": "9007199254740" }, undefined, Option.some(9_007_199_254_740_000)],
  ["too large in milliseconds", { "retry-after": "9007199254741" }, undefined, Option.none()],
  ["huge", { "retry-after": "9".repeat(30) }, undefined, Option.none()],
  ["negative", { "retry-after": "-5" }, undefined, Option.none()],
  ["fractional", { "retry-after": "1.5" }, undefined, Option.none()],
  ["hexadecimal", { "retry-after": "0x10" }, undefined, Option.none()],
  ["a date", { "retry-after": "Wed, 21 Oct 2026 07:28:00 GMT" }, undefined, Option.none()],
  ["empty", { "retry-after": "" }, undefined, Option.none()],
  ["said by the body", {}, 1500, Option.some(1500)],
  ["said by both: the body wins", { "retry-after": "30" }, 1500, Option.some(1500)],
  ["said by both: zero wins too", { "retry-after": "30" }, 0, Option.some(0)],
  ["malformed in the body", { "retry-after": "30" }, "1500", Option.some(30_000)],
  ["negative in the body", { "retry-after": "30" }, -1, Option.some(30_000)],
  ["fractional in the body", { "retry-after": "30" }, 0.5, Option.some(30_000)]
]

for (const [name, transport] of transports) {
  describe(`meta over ${name}`, () => {
    it.scopedLive("says what came with a success", () =>
      Effect.gen(function*() {
        const { body } = good.commitReservation
        const { client } = yield* talk(transport, (response, request, n) =>
          answer(200, body, n === 1 ? headers : {})(response, request, n))
        assertMeta((yield* calls.commitReservation(client)).meta, { status: 200, ...said })
        assertMeta((yield* calls.commitReservation(client)).meta, { status: 200, ...silent })
      }))

    it.scopedLive("says the same of a refusal, and of an answer that proves nothing", () =>
      Effect.gen(function*() {
        const { client } = yield* talk(transport, (response, request, n) =>
          answer(n === 1 ? 409 : 200, n === 1 ? refusal("BUDGET_EXCEEDED") : "{", headers)(response, request, n))
        assertMeta(metaOf(yield* Effect.flip(calls.commitReservation(client))), { status: 409, ...said })
        assertMeta(metaOf(yield* Effect.flip(calls.commitReservation(client))), { status: 200, ...said })
      }))

    it.scopedLive("takes the ids of an error body when the headers are silent", () =>
      Effect.gen(function*() {
        const { client } = yield* talk(transport, answer(409, refusal("BUDGET_EXCEEDED", { trace_id: "a".repeat(32) })))
        const error = yield* Effect.flip(calls.commitReservation(client))
        assertMeta(metaOf(error), {
          status: 409,
          ...silent,
          requestId: Option.some("req-1"),
          traceId: Option.some("a".repeat(32))
        })
        assert.include(error.message, "request req-1")
      }))

    it.scopedLive("leaves out what is malformed and bounds what is long", () =>
      Effect.gen(function*() {
        const { client } = yield* talk(
          transport,
          answer(200, good.commitReservation.body, {
            "x-ratelimit-remaining": "many",
            "x-ratelimit-reset": "99999999999999999999",
            "x-request-id": "r".repeat(5000),
            "x-cycles-tenant": "a\tb"
          })
        )
        const { meta } = yield* calls.commitReservation(client)
        assert.deepStrictEqual(meta.rateLimitRemaining, Option.none())
        assert.deepStrictEqual(meta.rateLimitReset, Option.none())
        assert.strictEqual(Option.getOrThrow(meta.requestId).length, 200)
        assert.deepStrictEqual(meta.tenant, Option.some("a b"))
      }))

    for (const [how, sent, inBody, expected] of waits) {
      it.scopedLive(`a wait that is ${how}`, () =>
        Effect.gen(function*() {
          const { client } = yield* talk(
            transport,
            answer(429, refusal("LIMIT_EXCEEDED", inBody === undefined ? {} : { retry_after_ms: inBody }), sent)
          )
          const error = yield* Effect.flip(calls.createReservation(client))
          assert.strictEqual(error._tag, "LimitExceeded")
          assert.deepStrictEqual(Option.map(metaOf(error).retryAfter, Duration.toMillis), expected)
        }))
    }
  })
}
