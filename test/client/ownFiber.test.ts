import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { type OwnFibers, ownFibers } from "../../src/client/internal/ownFiber.js"

const start = (fibers: OwnFibers, effect: Effect.Effect<void>) =>
  Effect.withFiberRuntime<Fiber.RuntimeFiber<void>>((caller) => Effect.succeed(fibers.start(caller, effect)))

const settle = Effect.forEach(Array.from({ length: 20 }), () => Effect.yieldNow(), { discard: true })

describe("ownFibers", () => {
  it.scoped("what ends at once is never under way", () =>
    Effect.gen(function*() {
      const fibers = yield* ownFibers
      for (const work of [Effect.void, Effect.die("bug"), Effect.interrupt]) {
        yield* start(fibers, work)
        assert.strictEqual(fibers.size(), 0)
      }
      yield* fibers.awaitEmpty
    }))

  it.effect("counts those that are under way, in whichever order they end, and interrupts exactly those that are left", () =>
    Effect.promise(() =>
      FastCheck.assert(
        FastCheck.asyncProperty(
          FastCheck.array(FastCheck.oneof(FastCheck.constant("start" as const), FastCheck.nat()), { maxLength: 60 }),
          (steps) =>
            Effect.runPromise(Effect.gen(function*() {
              const scope = yield* Scope.make()
              const fibers = yield* Scope.extend(ownFibers, scope)
              const open: Array<readonly [Deferred.Deferred<void>, Fiber.RuntimeFiber<void>]> = []
              const ended: Array<Fiber.RuntimeFiber<void>> = []
              for (const step of steps) {
                if (step === "start") {
                  const gate = yield* Deferred.make<void>()
                  open.push([gate, yield* start(fibers, Deferred.await(gate))])
                } else if (open.length > 0) {
                  const [[gate, fiber]] = open.splice(step % open.length, 1) as [typeof open[number]]
                  yield* Deferred.succeed(gate, undefined)
                  yield* Fiber.join(fiber)
                  ended.push(fiber)
                }
                assert.strictEqual(fibers.size(), open.length)
              }
              yield* Scope.close(scope, Exit.void)
              assert.strictEqual(fibers.size(), 0)
              for (const [, fiber] of open) assert.isTrue(Exit.isInterrupted(yield* Fiber.await(fiber)))
              for (const fiber of ended) assert.isTrue(Exit.isSuccess(yield* Fiber.await(fiber)))
            }))
        ),
        { numRuns: 100 }
      )
    ))

  it.scoped("waits until none is left, of those too that begin meanwhile", () =>
    Effect.gen(function*() {
      const fibers = yield* ownFibers
      const [first, second] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      yield* start(fibers, Deferred.await(first))
      const waiting = yield* Effect.fork(fibers.awaitEmpty)
      yield* settle
      yield* start(fibers, Deferred.await(second))
      yield* Deferred.succeed(first, undefined)
      yield* settle
      assert.isNull(waiting.unsafePoll())
      yield* Deferred.succeed(second, undefined)
      yield* Fiber.join(waiting)
    }))

  it.effect("the scope ends when the last one has ended, also one that takes its time", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const fibers = yield* Scope.extend(ownFibers, scope)
      const gate = yield* Deferred.make<void>()
      yield* start(fibers, Effect.uninterruptible(Deferred.await(gate)))
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* settle
      assert.isNull(closing.unsafePoll())
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(closing)
    }))

  it.effect("what begins after the end is interrupted", () =>
    Effect.gen(function*() {
      const fibers = yield* Effect.scoped(ownFibers)
      const late = yield* start(fibers, Effect.never)
      assert.isTrue(Exit.isInterrupted(yield* Fiber.await(late)))
      assert.strictEqual(fibers.size(), 0)
    }))
})
