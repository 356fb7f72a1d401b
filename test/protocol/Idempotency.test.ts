import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Ref from "effect/Ref"
import { fresh, IdempotencyKeys } from "../../src/protocol/Idempotency.js"

describe("fresh", () => {
  it.effect("is a random UUID of version 4", () =>
    Effect.gen(function*() {
      const keys = yield* Effect.replicateEffect(fresh, 100)
      assert.strictEqual(new Set(keys).size, 100)
      for (const key of keys) assert.match(key, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    }))

  it.effect("comes from the source that the program provides", () =>
    Effect.gen(function*() {
      const count = yield* Ref.make(0)
      const source = Effect.map(Ref.updateAndGet(count, (n) => n + 1), (n) => `key-${n}`)
      const keys = yield* Effect.replicateEffect(fresh, 3).pipe(Effect.provideService(IdempotencyKeys, source))
      assert.deepStrictEqual(keys.map(String), ["key-1", "key-2", "key-3"])
      const one = yield* fresh.pipe(Effect.provide(Layer.succeed(IdempotencyKeys, source)))
      assert.strictEqual(String(one), "key-4")
    }))

  it.effect("a source that makes no legal key is a defect", () =>
    Effect.gen(function*() {
      for (const key of ["", "x".repeat(257)]) {
        const exit = yield* Effect.exit(Effect.provideService(fresh, IdempotencyKeys, Effect.succeed(key)))
        assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
      }
    }))
})
