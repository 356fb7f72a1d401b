import { assert, describe, it } from "@effect/vitest"
import { assertSome } from "@effect/vitest/utils"
import { Amount, evaluate, Evaluation } from "effect-cycles"
import { Authority } from "effect-cycles/authority"
import * as Effect from "effect/Effect"
import { embedded, ledger } from "../support/embedded.js"
import type { Call } from "../support/faults.js"

const estimate = Amount.tokens(1000)

describe("evaluate", () => {
  it.effect("allowed: holds nothing", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      const evaluation = yield* evaluate({ estimate })
      assert.isTrue(Evaluation.$is("Allowed")(evaluation))
      if (evaluation._tag === "Allowed") {
        assert.strictEqual(evaluation.balances[0]?.remaining.amount, 1_000_000n)
        assert.deepStrictEqual(evaluation.affectedScopes, ["tenant:tenant-a"])
      }
      assert.deepInclude(yield* ledger(), { reserved: 0n, active: 0 })
      assert.isTrue(JSON.parse(calls[0]?.body ?? "").dry_run)
    }).pipe(Effect.provide(embedded({ calls })))
  })

  it.effect("with caps", () =>
    Effect.gen(function*() {
      const evaluation = yield* evaluate({ estimate })
      assertSome(Evaluation.$match(evaluation, { Allowed: ({ caps }) => caps, Denied: () => assert.fail() }), {
        maxTokens: 9
      })
    }).pipe(Effect.provide(embedded({
      budgets: [{ scope: "tenant:tenant-a", allocated: estimate, caps: { maxTokens: 9 } }]
    }))))

  it.effect("denied is a value with the error of a reservation", () =>
    Effect.gen(function*() {
      const authority = yield* Authority.Authority
      const tagOf = Effect.map(evaluate({ estimate }), (evaluation) =>
        evaluation._tag === "Denied" ? evaluation.error._tag : evaluation._tag)
      assert.strictEqual(yield* tagOf, "Allowed")
      yield* authority.setStatus("tenant:tenant-a", "TOKENS", "FROZEN")
      assert.strictEqual(yield* tagOf, "BudgetFrozen")
      yield* authority.removeBudget("tenant:tenant-a", "TOKENS")
      assert.strictEqual(yield* tagOf, "NotFound")
    }).pipe(Effect.provide(embedded())))

  it.effect("other errors stay errors: a wrong unit, an unreachable authority, a 404 of a proxy", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* Effect.flip(evaluate({ estimate: Amount.credits(1) })))._tag, "UnitMismatch")
      const through = (fault: Parameters<typeof embedded>[0]) =>
        Effect.map(Effect.flip(Effect.provide(evaluate({ estimate }), embedded(fault))), ({ _tag }) => _tag)
      assert.strictEqual(yield* through({ script: () => ({ refuse: true }) }), "Transport")
      assert.strictEqual(yield* through({ script: () => ({ instead: { status: 404 } }) }), "NotFound")
    }).pipe(Effect.provide(embedded())))

  it.effect("is asked once more when the answer proves nothing", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      assert.strictEqual((yield* evaluate({ estimate }))._tag, "Allowed")
      assert.strictEqual(calls.length, 2)
    }).pipe(Effect.provide(embedded({ calls, script: ({ n }) => n === 1 ? { lose: true } : undefined })))
  })
})
