import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import { Amount, Cycles, CyclesLive, guarded, InvalidInput, Journal, reserve, UsageError } from "effect-cycles"
import { Authority } from "effect-cycles/authority"
import * as Chunk from "effect/Chunk"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { embedded, ledger } from "../support/embedded.js"

const estimate = Amount.tokens(1000)

describe("Cycles", () => {
  it.effect("streams reservations and balances page by page", () =>
    Effect.gen(function*() {
      for (let n = 0; n < 7; n++) {
        yield* Effect.scoped(Effect.flatMap(reserve({ estimate }), ({ commit }) => commit(Amount.tokens(n))))
      }
      const rows = yield* Stream.runCollect(Cycles.reservations({ status: "COMMITTED", limit: 3 }))
      assert.strictEqual(new Set(Chunk.map(rows, (row) => row.reservationId)).size, 7)
      const balances = yield* Stream.runCollect(Cycles.balances({ tenant: "tenant-a", limit: 1 }))
      assert.deepStrictEqual(Chunk.toReadonlyArray(Chunk.map(balances, ({ scopePath }) => scopePath)), [
        "tenant:tenant-a",
        "tenant:tenant-a/agent:x"
      ])
    }).pipe(Effect.provide(embedded({
      budgets: [
        { scope: "tenant:tenant-a", allocated: Amount.tokens(1_000_000) },
        { scope: "tenant:tenant-a/agent:x", allocated: Amount.tokens(5) }
      ]
    }))))

  it.effect("an option out of bounds fails the layer with its name", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Layer.build(Cycles.layer({ baseUrl: "ftp://x", apiKey: "k" })))
      assert.deepInclude(error, { _tag: "InvalidInput", field: "baseUrl" })
    }).pipe(
      Effect.scoped,
      Effect.provideService(HttpClient.HttpClient, HttpClient.make(() => Effect.die("not called"))),
      Effect.provide(Journal.layerMemory())
    ))

  it.live("CyclesLive reads the environment, and says which variable is missing", () =>
    Effect.gen(function*() {
      const provider = (entries: ReadonlyArray<readonly [string, string]>) =>
        Layer.setConfigProvider(ConfigProvider.fromMap(new Map(entries), { pathDelim: "_", seqDelim: "," }))
      const error = yield* Effect.flip(Layer.build(Layer.provide(CyclesLive, provider([]))))
      assert.include(String(error), "CYCLES_BASE_URL")
      const complete = provider([["CYCLES_BASE_URL", "http://127.0.0.1:65431"], ["CYCLES_API_KEY", "k"]])
      const refused = yield* guarded(Effect.void, { estimate, subject: { tenant: "a" } }).pipe(
        Effect.provide(Layer.provide(CyclesLive, complete)),
        Effect.flip
      )
      assert.deepInclude(refused, { _tag: "Transport", reason: "refused" })
    }).pipe(Effect.scoped))

  it("a UsageError names the option", () => {
    assert.include(new UsageError({ field: "estimate" }).message, "\"estimate\"")
    const cause = new InvalidInput({ field: "usd", bound: "is finer than the unit" })
    assert.include(new UsageError({ field: "estimate", cause }).message, "finer than the unit")
    assert.notInclude(new UsageError({ field: "estimate", cause: new Error("a prompt") }).message, "prompt")
  })
})

describe("the embedded authority as a layer", () => {
  const run = (options: Authority.Options) =>
    guarded(Effect.void, { estimate, actual: Amount.tokens(1) }).pipe(
      Effect.zipRight(ledger("tenant:acme")),
      Effect.provide(Authority.layer(options))
    )
  const acme = { scope: "tenant:Acme", allocated: Amount.tokens(5000) }

  it.effect("takes the tenant of the budgets", () =>
    Effect.gen(function*() {
      assert.deepInclude(yield* run({ budgets: [acme] }), { spent: 1n, reserved: 0n })
      assert.deepInclude(yield* run({ budgets: [acme], subject: { app: "chat" }, flushTimeout: 0 }), { spent: 1n })
    }))

  it.effect("asks for it when they name none or several", () =>
    Effect.gen(function*() {
      const other = { scope: "tenant:other", allocated: Amount.tokens(1) }
      const nameless = { scope: "acme", allocated: Amount.tokens(1) }
      assert.deepInclude(yield* Effect.flip(run({ budgets: [nameless] })), { field: "scope", value: "\"acme\"" })
      for (const budgets of [[], [acme, other]]) {
        assert.deepInclude(yield* Effect.flip(run({ budgets })), { _tag: "InvalidInput", field: "tenant" })
      }
      assert.deepInclude(yield* run({ budgets: [acme, other], tenant: "acme" }), { spent: 1n })
    }))

  it.effect("refuses budgets that contradict themselves", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(run({ budgets: [acme, acme] }))
      assert.deepInclude(error, { _tag: "InvalidInput", field: "scope" })
    }))
})
