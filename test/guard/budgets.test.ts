import { assert, describe, it } from "@effect/vitest"
import {
  Amount,
  CurrentReservation,
  CurrentRun,
  Cycles,
  guarded,
  reserve,
  runBudget,
  type RunEvent,
  type RunOptions,
  subBudget
} from "effect-cycles"
import * as Chunk from "effect/Chunk"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { embedded, ledger } from "../support/embedded.js"
import type { Call } from "../support/faults.js"

const tokens = Amount.tokens
const operations = (calls: ReadonlyArray<Call>) => calls.map(({ operation }) => operation)

const step = (used: number, estimate = used) =>
  Effect.as(Effect.yieldNow(), used).pipe(guarded({ estimate: tokens(estimate), actual: tokens(used) }))

const tagOf = <A, E extends { readonly _tag: string }, R>(self: Effect.Effect<A, E, R>) =>
  Effect.match(self, { onFailure: ({ _tag }) => _tag, onSuccess: () => "ok" })

describe("subBudget", () => {
  it.effect("children draw from it and ask nobody; the rest returns to the hold", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      const left = yield* Effect.gen(function*() {
        const { remaining } = yield* CurrentReservation
        const fanOut = Effect.all([step(30, 100), step(40, 100), tagOf(step(1, 101))], { concurrency: "unbounded" })
        const [, , last] = yield* Effect.provide(fanOut, subBudget(tokens(300)))
        assert.strictEqual(last, "AllocationExceeded")
        return yield* remaining
      }).pipe(guarded({ estimate: tokens(1000) }))
      assert.deepStrictEqual(left, tokens(930))
      assert.deepStrictEqual(operations(calls), ["create", "commit"])
      assert.deepInclude(yield* ledger(), { spent: 70n, reserved: 0n, active: 0 })
    }).pipe(Effect.provide(embedded({ calls })))
  })

  it.effect("more than is left fails before anything runs; another unit too", () =>
    Effect.gen(function*() {
      const ask = (amount: Amount) =>
        tagOf(Effect.provide(Effect.die("ran"), subBudget(amount))).pipe(guarded({ estimate: tokens(100) }))
      assert.strictEqual(yield* ask(tokens(101)), "AllocationExceeded")
      assert.strictEqual(yield* ask(Amount.credits(1)), "InvalidInput")
    }).pipe(Effect.provide(embedded())))

  it.effect("what the work says by itself counts, and nothing said is nothing spent", () =>
    Effect.gen(function*() {
      const say = Effect.flatMap(CurrentReservation, ({ setUsage }) => setUsage(tokens(12)))
      yield* Effect.provide(say, subBudget(tokens(50))).pipe(
        Effect.zipRight(Effect.provide(Effect.void, subBudget(tokens(50)))),
        guarded({ estimate: tokens(100) })
      )
      assert.deepInclude(yield* ledger(), { spent: 12n, reserved: 0n })
    }).pipe(Effect.provide(embedded())))

  it.effect("an interrupt in the middle of a fan-out leaves nothing held and loses nothing spent", () =>
    Effect.gen(function*() {
      const slow = Effect.gen(function*() {
        const { setUsage } = yield* CurrentReservation
        yield* setUsage(tokens(5))
        return yield* Effect.never
      }).pipe(guarded({ estimate: tokens(10) }))
      const work = Effect.provide(
        Effect.all([slow, slow, step(7)], { concurrency: "unbounded" }),
        subBudget(tokens(100))
      ).pipe(guarded({ estimate: tokens(1000) }))
      const fiber = yield* Effect.fork(work)
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(fiber)
      assert.deepInclude(yield* ledger(), { spent: 17n, reserved: 0n, active: 0 })
    }).pipe(Effect.provide(embedded())))
})

const loop = (options: RunOptions, used = 10, estimate = 20) =>
  Effect.exit(Effect.forever(step(used, estimate))).pipe(
    Effect.flatMap((exit) =>
      Effect.map(CurrentRun, (run) => ({
        tag: Exit.isFailure(exit) && exit.cause._tag === "Fail" ? exit.cause.error._tag : "?",
        run
      }))
    ),
    Effect.flatMap(({ run, tag }) => Effect.map(run.steps, (steps) => ({ tag, steps, events: run.events }))),
    Effect.provide(runBudget(options))
  )

const told = (events: Stream.Stream<RunEvent>) =>
  Effect.map(
    Stream.runCollect(events),
    (chunk) => Chunk.toReadonlyArray(chunk).map(({ _tag, limit }) => `${_tag} ${limit}`)
  )

describe("runBudget", () => {
  for (const backing of ["authority", "local"] as const) {
    it.effect(`${backing}: guards stop at the limit, however many`, () => {
      const calls: Array<Call> = []
      return Effect.gen(function*() {
        const { events, steps, tag } = yield* loop({ limit: tokens(100), backing })
        // After nine steps ten are left: less than an estimate.
        assert.deepStrictEqual([tag, steps], ["AllocationExceeded", 9])
        assert.deepStrictEqual(yield* told(events), ["Low amount", "Exhausted amount"])
        assert.deepInclude(yield* ledger(), { spent: 90n, reserved: 0n, active: 0 })
        const creates = operations(calls).filter((operation) => operation === "create").length
        assert.strictEqual(creates, backing === "authority" ? 1 : 9)
      }).pipe(Effect.provide(embedded({ calls })))
    })

    it.effect(`${backing}: nothing escapes, neither by hand nor nested nor asked for as independent`, () =>
      Effect.gen(function*() {
        const byHand = Effect.scoped(
          Effect.flatMap(reserve({ estimate: tokens(40) }), ({ commit }) => commit(tokens(40)))
        )
        const nested = guarded(step(40), { estimate: tokens(20), actual: tokens(0) })
        const independent = guarded(
          guarded(Effect.void, { estimate: tokens(40), actual: tokens(40), nested: "independent" }),
          { estimate: tokens(20), actual: tokens(0) }
        )
        for (const work of [byHand, nested, independent]) {
          const tags = yield* Effect.provide(
            Effect.all([tagOf(work), tagOf(work), tagOf(work)]),
            runBudget({ limit: tokens(100), backing })
          )
          assert.deepStrictEqual(tags, ["ok", "ok", "AllocationExceeded"])
        }
        assert.deepInclude(yield* ledger(), { spent: 240n, reserved: 0n, active: 0 })
      }).pipe(Effect.provide(embedded())))

    it.effect(`${backing}: a sub-budget and a run inside a run are bound by both`, () =>
      Effect.gen(function*() {
        const inner = Effect.provide(
          Effect.all([tagOf(step(60)), tagOf(step(60))]),
          runBudget({ limit: tokens(100), backing: "local" })
        )
        const sub = Effect.provide(Effect.all([tagOf(step(20)), tagOf(step(20))]), subBudget(tokens(30)))
        const tags = yield* Effect.provide(
          Effect.all([inner, sub, tagOf(step(21)), tagOf(step(20))]),
          runBudget({ limit: tokens(100), backing })
        )
        assert.deepStrictEqual(tags, [
          ["ok", "AllocationExceeded"],
          ["ok", "AllocationExceeded"],
          "AllocationExceeded",
          "ok"
        ])
        assert.deepInclude(yield* ledger(), { spent: 100n, reserved: 0n, active: 0 })
      }).pipe(Effect.provide(embedded())))
  }

  it.effect("steps", () =>
    Effect.gen(function*() {
      const { events, steps, tag } = yield* loop({ limit: tokens(1000), steps: 5 })
      assert.deepStrictEqual([tag, steps], ["RunExhausted", 5])
      assert.deepStrictEqual(yield* told(events), ["Low steps", "Exhausted steps"])
    }).pipe(Effect.provide(embedded())))

  it.effect("steps: what got no hold is none", () =>
    Effect.gen(function*() {
      const steps = yield* Effect.gen(function*() {
        assert.strictEqual(yield* tagOf(step(1, 50)), "BudgetExceeded")
        assert.strictEqual(yield* tagOf(step(1, 50)), "BudgetExceeded")
        yield* Effect.all([step(1), step(1)])
        assert.strictEqual(yield* tagOf(step(1)), "RunExhausted")
        return yield* Effect.flatMap(CurrentRun, ({ steps }) => steps)
      }).pipe(Effect.provide(runBudget({ limit: tokens(100), steps: 2, backing: "local" })))
      assert.strictEqual(steps, 2)
      assert.deepInclude(yield* ledger(), { spent: 2n, reserved: 0n, active: 0 })
    }).pipe(Effect.provide(embedded({ budgets: [{ scope: "tenant:tenant-a", allocated: tokens(20) }] }))))

  it.effect("wallClock: no step begins after it; the one that runs goes on", () =>
    Effect.gen(function*() {
      const slow = guarded(Effect.sleep("40 seconds"), { estimate: tokens(10), actual: tokens(3) })
      const fiber = yield* Effect.all([slow, slow, tagOf(slow)]).pipe(
        Effect.zip(Effect.map(CurrentRun, ({ events }) => events)),
        Effect.provide(runBudget({ limit: tokens(1000), wallClock: "1 minute" })),
        Effect.fork
      )
      yield* TestClock.adjust("10 minutes")
      const [[, , tag], events] = yield* Fiber.join(fiber)
      assert.strictEqual(tag, "RunExhausted")
      assert.deepStrictEqual(yield* told(events), ["Low wallClock", "Exhausted wallClock"])
      assert.deepInclude(yield* ledger(), { spent: 6n, reserved: 0n, active: 0 })
    }).pipe(Effect.provide(embedded())))

  it.effect("for a stream: as a layer", () =>
    Effect.gen(function*() {
      const stream = Stream.repeatEffect(step(10)).pipe(Stream.provideSomeLayer(runBudget({ limit: tokens(35) })))
      const exit = yield* Effect.exit(Stream.runCount(Stream.take(stream, 3)))
      assert.deepStrictEqual(exit, Exit.succeed(3))
      assert.deepInclude(yield* ledger(), { spent: 30n, active: 0 })
    }).pipe(Effect.provide(embedded())))

  it.effect("refuses bounds that are none, and a run that the authority denies runs nothing", () =>
    Effect.gen(function*() {
      const tag = (options: RunOptions) => tagOf(Effect.provide(Effect.die("ran"), runBudget(options)))
      const limit = tokens(10)
      assert.strictEqual(yield* tag({ limit, steps: 0 }), "InvalidInput")
      assert.strictEqual(yield* tag({ limit, steps: 1.5 }), "InvalidInput")
      assert.strictEqual(yield* tag({ limit, wallClock: "soon" as Duration.DurationInput }), "InvalidInput")
      assert.strictEqual(yield* tag({ limit, lowAt: 1 }), "InvalidInput")
      assert.strictEqual(yield* tag({ limit: tokens(2_000_000) }), "BudgetExceeded")
    }).pipe(Effect.provide(embedded())))

  it.effect("interrupted at every step leaves nothing active", () =>
    Effect.gen(function*() {
      const work = Effect.provide(
        Effect.all([step(3, 10), guarded(Effect.sleep(7), { estimate: tokens(10), actual: tokens(2) })], {
          concurrency: 2
        }),
        subBudget(tokens(30))
      ).pipe(Effect.provide(runBudget({ limit: tokens(100) })))
      for (let ms = 0; ms < 30; ms += 2) {
        const fiber = yield* Effect.fork(work)
        yield* TestClock.adjust(ms)
        const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(interrupting)
        assert.isTrue(yield* Cycles.flush)
        assert.deepInclude(yield* ledger(), { reserved: 0n, active: 0 }, `after ${ms} ms`)
      }
    }).pipe(Effect.provide(embedded({ script: () => ({ before: 3, after: 3 }) }))))
})
