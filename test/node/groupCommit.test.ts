import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { make } from "../../src/node/internal/groupCommit.js"

/** Writes that wait until they are let go, in turn. */
const gates = Effect.gen(function*() {
  const groups: Array<ReadonlyArray<number>> = []
  const waiting: Array<Deferred.Deferred<void, string>> = []
  const write = (items: ReadonlyArray<number>) =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void, string>()
      groups.push(items)
      waiting.push(gate)
      yield* Deferred.await(gate)
    })
  const next: Effect.Effect<Deferred.Deferred<void, string>> = Effect.suspend(() => {
    const gate = waiting.shift()
    return gate === undefined
      ? Effect.zipRight(Effect.promise(() => new Promise(setImmediate)), next)
      : Effect.succeed(gate)
  })
  return { groups, write, next }
})

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)

describe("group commit", { timeout: 30_000 }, () => {
  it.scoped("what is appended in one turn, and while a group is written, shares a write, in order", () =>
    Effect.gen(function*() {
      const { groups, next, write } = yield* gates
      const append = yield* make(write, "closed")
      const done: Array<number> = []
      const start = (n: number) => Effect.fork(Effect.tap(append(n), () => Effect.sync(() => done.push(n))))
      const first = yield* Effect.forEach(numbers(0, 10), start)
      const gate = yield* next
      const second = yield* Effect.forEach(numbers(10, 40), start)
      yield* Effect.promise(() => new Promise(setImmediate))
      assert.deepStrictEqual(groups, [numbers(0, 10)])
      assert.deepStrictEqual(done, [])
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.joinAll(first)
      assert.deepStrictEqual(done, numbers(0, 10))
      yield* Effect.flatMap(next, (gate) => Deferred.succeed(gate, undefined))
      yield* Fiber.joinAll(second)
      assert.deepStrictEqual(groups, [numbers(0, 10), numbers(10, 40)])
      assert.deepStrictEqual(done, numbers(0, 40))
    }))

  it.scoped("an item is taken when append is called, not when its effect runs", () =>
    Effect.gen(function*() {
      const { groups, next, write } = yield* gates
      const append = yield* make(write, "closed")
      const effects = numbers(0, 5).map(append)
      yield* Effect.flatMap(next, (gate) => Deferred.succeed(gate, undefined))
      yield* Effect.all(effects.reverse(), { concurrency: "unbounded" })
      yield* Effect.all(effects)
      assert.deepStrictEqual(groups, [numbers(0, 5)])
    }))

  it.scoped("a failed write fails the appends of its group only", () =>
    Effect.gen(function*() {
      const { groups, next, write } = yield* gates
      const append = yield* make(write, "closed")
      const first = yield* Effect.fork(
        Effect.forEach([1, 2], (n) => Effect.exit(append(n)), { concurrency: "unbounded" })
      )
      const gate = yield* next
      const second = yield* Effect.fork(append(3))
      yield* Deferred.fail(gate, "full")
      const failed = yield* Fiber.join(first)
      yield* Effect.flatMap(next, (gate) => Deferred.succeed(gate, undefined))
      yield* Fiber.join(second)
      assert.deepStrictEqual(failed, [Exit.fail("full"), Exit.fail("full")])
      assert.deepStrictEqual(groups, [[1, 2], [3]])
    }))

  it.scoped("a defect of a write is a defect of its appends", () =>
    Effect.gen(function*() {
      const append = yield* make(
        (items: ReadonlyArray<number>) => items[0] === 1 ? Effect.die("bug") : Effect.void,
        "closed"
      )
      assert.deepStrictEqual(yield* Effect.exit(append(1)), Exit.die("bug"))
      yield* append(2)
    }))

  it.scoped("an interrupt stops the waiting, not the write", () =>
    Effect.gen(function*() {
      const { groups, next, write } = yield* gates
      const append = yield* make(write, "closed")
      const waiting = yield* Effect.fork(append(1))
      const gate = yield* next
      const queued = yield* Effect.fork(append(2))
      yield* Effect.yieldNow()
      yield* Fiber.interruptAll([waiting, queued])
      yield* Deferred.succeed(gate, undefined)
      yield* Effect.flatMap(next, (gate) => Deferred.succeed(gate, undefined))
      assert.deepStrictEqual(groups, [[1], [2]])
    }))

  it.effect("the end of the scope writes what waits; a later append fails", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { groups, next, write } = yield* gates
      const append = yield* Scope.extend(make(write, "closed"), scope)
      const first = yield* Effect.fork(append(1))
      const gate = yield* next
      const second = yield* Effect.fork(append(2))
      yield* Effect.yieldNow()
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* Effect.yieldNow()
      assert.deepStrictEqual(yield* Effect.exit(append(3)), Exit.fail("closed"))
      yield* Deferred.succeed(gate, undefined)
      yield* Effect.flatMap(next, (gate) => Deferred.succeed(gate, undefined))
      yield* Fiber.joinAll([first, second, closing])
      assert.deepStrictEqual(groups, [[1], [2]])
    }))

  it.scoped("a burst is written in groups of at most 1024", () =>
    Effect.gen(function*() {
      const sizes: Array<number> = []
      const append = yield* make(
        (items: ReadonlyArray<number>) => Effect.sync(() => void sizes.push(items.length)),
        "closed"
      )
      yield* Effect.all(numbers(0, 2500).map(append), { concurrency: "unbounded" })
      assert.deepStrictEqual(sizes, [1024, 1024, 452])
    }))
})
