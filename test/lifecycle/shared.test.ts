import { assert, describe, it } from "@effect/vitest"
import { shared } from "effect-cycles/lifecycle/internal/shared"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"

/** Runs that end when they are told to, each with its number. */
const gates = Effect.gen(function*() {
  const gates = yield* Effect.replicateEffect(Deferred.make<void, string>(), 10)
  let begun = 0
  const run = Effect.suspend(() => {
    const n = begun++
    return Effect.as(Deferred.await(gates[n]!), n)
  })
  return { run, begun: () => begun, gate: (n: number) => gates[n]! }
})

const turn = Effect.repeatN(Effect.yieldNow(), 20)

describe("shared", () => {
  it.effect("who asks while it runs waits for the next run, together with all who do", () =>
    Effect.gen(function*() {
      const { begun, gate, run } = yield* gates
      const ask = shared(run)
      const first = yield* Effect.fork(ask)
      yield* turn
      const second = yield* Effect.replicateEffect(Effect.fork(ask), 5)
      yield* turn
      assert.strictEqual(begun(), 1)
      yield* Deferred.succeed(gate(0), undefined)
      assert.strictEqual(yield* Fiber.join(first), 0)
      yield* turn
      const third = yield* Effect.fork(ask)
      yield* turn
      assert.strictEqual(begun(), 2)
      yield* Deferred.succeed(gate(1), undefined)
      assert.deepStrictEqual(yield* Effect.forEach(second, Fiber.join), [1, 1, 1, 1, 1])
      yield* Deferred.succeed(gate(2), undefined)
      assert.strictEqual(yield* Fiber.join(third), 2)
      assert.strictEqual(begun(), 3)
    }))

  it.effect("a failure and a defect are those of its run only", () =>
    Effect.gen(function*() {
      const { gate, run } = yield* gates
      const ask = shared(run)
      const first = yield* Effect.fork(ask)
      yield* turn
      const second = yield* Effect.replicateEffect(Effect.fork(ask), 2)
      yield* turn
      yield* Deferred.fail(gate(0), "full")
      assert.deepStrictEqual(yield* Fiber.await(first), Exit.fail("full"))
      const third = yield* Effect.fork(ask)
      yield* turn
      yield* Deferred.die(gate(1), "bug")
      for (const fiber of second) assert.deepStrictEqual(yield* Fiber.await(fiber), Exit.die("bug"))
      yield* Deferred.succeed(gate(2), undefined)
      assert.strictEqual(yield* Fiber.join(third), 2)
    }))

  it.effect("an asker that is interrupted, in front or behind, keeps nobody waiting", () =>
    Effect.gen(function*() {
      const { begun, gate, run } = yield* gates
      const ask = shared(run)
      const first = yield* Effect.fork(ask)
      yield* turn
      const second = yield* Effect.fork(ask)
      yield* turn
      const third = yield* Effect.fork(ask)
      yield* turn
      const stops = yield* Effect.fork(Fiber.interruptAll([first, second]))
      yield* turn
      yield* Deferred.succeed(gate(0), undefined)
      yield* Deferred.succeed(gate(1), undefined)
      assert.strictEqual(yield* Fiber.join(third), 1)
      yield* Fiber.join(stops)
      yield* Deferred.succeed(gate(2), undefined)
      assert.strictEqual(yield* ask, 2)
      assert.strictEqual(begun(), 3)
    }))
})
