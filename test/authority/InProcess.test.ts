import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import { Authority, layer } from "effect-cycles/authority/Authority"
import * as InProcess from "effect-cycles/authority/InProcess"
import { Amount } from "effect-cycles/protocol/Amount"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"

const live = InProcess.layer.pipe(
  Layer.provideMerge(layer({
    budgets: [{ scope: "tenant:acme", allocated: Amount.tokens(100) }],
    keys: [{ key: Redacted.make("key-of-acme"), tenant: "acme" }]
  }))
)

const text = `{"idempotency_key":"k","subject":{"tenant":"acme"},"action":{"kind":"k","name":"n"},` +
  `"estimate":{"unit":"TOKENS","amount":10}}`

const post = HttpClientRequest.post("https://anywhere.example/v1/reservations").pipe(
  HttpClientRequest.setHeader("X-Cycles-API-Key", "key-of-acme")
)

const bytes = new TextEncoder().encode(text)

const bodies = {
  text: HttpClientRequest.bodyText(post, text, "application/json"),
  bytes: HttpClientRequest.bodyUint8Array(post, bytes, "application/json"),
  stream: HttpClientRequest.bodyStream(post, Stream.make(bytes.slice(0, 7), bytes.slice(7)), {
    contentType: "application/json"
  }),
  raw: HttpClientRequest.setBody(post, HttpBody.raw(text))
}

describe("the client in process", () => {
  for (const [name, request] of Object.entries(bodies)) {
    it.effect(`sends a body of ${name}`, () =>
      Effect.gen(function*() {
        const response = yield* HttpClient.execute(request)
        assert.strictEqual(response.status, 200)
        assert.strictEqual(response.headers["x-cycles-tenant"], "acme")
        assert.lengthOf(yield* Effect.flatMap(Authority, ({ reservations }) => reservations), 1)
      }).pipe(Effect.provide(live)))
  }

  const unreadable = {
    "a form": HttpClientRequest.setBody(post, HttpBody.formData(new FormData())),
    "a value that is no text": HttpClientRequest.setBody(post, HttpBody.raw({ any: "thing" })),
    "a stream that fails": HttpClientRequest.bodyStream(post, Stream.fail("broken"))
  }

  for (const [name, request] of Object.entries(unreadable)) {
    it.effect(`cannot send ${name}`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(HttpClient.execute(request))
        assert.deepInclude(error, { _tag: "RequestError", reason: "Encode" })
        assert.isEmpty(yield* Effect.flatMap(Authority, ({ reservations }) => reservations))
      }).pipe(Effect.provide(live)))
  }

  it.effect("a request without a body is answered", () =>
    Effect.gen(function*() {
      const response = yield* HttpClient.execute(post)
      assert.strictEqual(response.status, 400)
      assert.include(yield* response.text, "Malformed request body")
    }).pipe(Effect.provide(live)))

  it.effect("an interrupt takes effect before the step or after it, never within", () =>
    Effect.gen(function*() {
      const { budgets, reservations } = yield* Authority
      const early = yield* Effect.fork(HttpClient.execute(bodies.text))
      assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(early)))
      assert.isEmpty(yield* reservations)
      for (let yields = 0; yields < 30; yields++) {
        const request = HttpClientRequest.bodyText(post, text.replace("\"k\"", `"k${yields}"`), "application/json")
        const fiber = yield* Effect.fork(HttpClient.execute(HttpClientRequest.setHeader(request, "n", `${yields}`)))
        for (let i = 0; i < yields; i++) yield* Effect.yieldNow()
        const exit = yield* Fiber.interrupt(fiber)
        const made = (yield* reservations).length
        assert.strictEqual((yield* budgets)[0]?.reserved.amount, BigInt(made) * 10n)
        if (Exit.isSuccess(exit)) assert.isAbove(made, 0)
      }
    }).pipe(Effect.provide(live)))
})
