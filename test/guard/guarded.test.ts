import { assert, describe, it } from "@effect/vitest"
import { assertNone, assertSome } from "@effect/vitest/utils"
import {
  type ActualSource,
  Amount,
  Caps,
  CurrentReservation,
  Cycles,
  guarded,
  type GuardError,
  type GuardOptions,
  type Settlement
} from "effect-cycles"
import { Authority } from "effect-cycles/authority"
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import { embedded, ledger } from "../support/embedded.js"
import type { Call } from "../support/faults.js"

const estimate = Amount.tokens(1000)
const used = Amount.tokens(37)

class Failure extends Data.TaggedError("Failure")<{ readonly n: number }> {}

const capture = () => {
  const settlements: Array<Settlement> = []
  return {
    settlements,
    onSettled: (settlement: Settlement) =>
      Effect.sync(() => {
        settlements.push(settlement)
      })
  }
}

describe("guarded", () => {
  it.effect("commits the actual of a success and returns its value", () =>
    Effect.gen(function*() {
      const { onSettled, settlements } = capture()
      const value = yield* Effect.succeed({ text: "hi", tokens: 37 }).pipe(
        guarded({ estimate, actual: (reply) => Amount.tokens(reply.tokens), onSettled })
      )
      assert.deepStrictEqual(value, { text: "hi", tokens: 37 })
      assert.deepInclude(settlements[0], { _tag: "Committed", charged: used, source: "actual" })
      const [settlement] = settlements
      assertSome(settlement?._tag === "Committed" ? settlement.released : Option.none(), Amount.tokens(963))
      assert.strictEqual(settlement?._tag === "Committed" && settlement.balances[0]?.remaining.amount, 999_963n)
      assert.deepInclude(yield* ledger(), { spent: 37n, reserved: 0n })
    }).pipe(Effect.provide(embedded())))

  it.effect("data-first is the same", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* guarded(Effect.succeed(1), { estimate, actual: used }), 1)
      assert.deepInclude(yield* ledger(), { spent: 37n, reserved: 0n })
    }).pipe(Effect.provide(embedded())))

  const actuals: ReadonlyArray<
    readonly [string, GuardOptions<number>["actual"], bigint, ActualSource]
  > = [
    ["a value", used, 37n, "actual"],
    ["a function", (n) => Amount.tokens(n), 5n, "actual"],
    ["an effect", Effect.succeed(used), 37n, "actual"],
    ["a function to an effect", (n) => Effect.succeed(Amount.tokens(n)), 5n, "actual"],
    ["zero", Amount.tokens(0), 0n, "actual"],
    ["absent", undefined, 1000n, "estimate"],
    ["unknown", () => undefined, 1000n, "estimate"],
    ["an effect of nothing", Effect.succeed(undefined), 1000n, "estimate"],
    ["a failing effect", Effect.fail("no price"), 1000n, "estimate"],
    ["a dying effect", Effect.die("bug"), 1000n, "estimate"],
    [
      "a throwing function",
      () => {
        throw new Error("bug")
      },
      1000n,
      "estimate"
    ],
    ["no amount", () => 12 as never, 1000n, "estimate"]
  ]
  for (const [name, actual, spent, source] of actuals) {
    it.effect(`actual: ${name}`, () => {
      const calls: Array<Call> = []
      return Effect.gen(function*() {
        const { onSettled, settlements } = capture()
        assert.strictEqual(yield* guarded(Effect.succeed(5), { estimate, actual, onSettled }), 5)
        assert.deepInclude(settlements[0], { _tag: "Committed", source })
        assert.deepInclude(yield* ledger(), { spent, reserved: 0n })
        const body = JSON.parse(calls.at(-1)?.body ?? "")
        assert.strictEqual(body.metadata?.actual_source, source === "estimate" ? "estimate" : undefined)
      }).pipe(Effect.provide(embedded({ calls })))
    })
  }

  const meters: ReadonlyArray<readonly [string, GuardOptions<void>, number, bigint, ActualSource]> = [
    ["recorded usage is the actual when there is no other", { estimate }, 37, 37n, "usage"],
    [
      "recorded usage may be a part when the actual is unknown",
      { estimate, actual: () => undefined },
      37,
      1000n,
      "estimate"
    ],
    [
      "recorded usage beyond the estimate stands in for an unknown actual",
      { estimate, actual: () => undefined },
      1200,
      1200n,
      "usage"
    ]
  ]
  for (const [name, options, usage, spent, source] of meters) {
    it.effect(name, () =>
      Effect.gen(function*() {
        const { onSettled, settlements } = capture()
        yield* Effect.flatMap(CurrentReservation, ({ setUsage }) => setUsage(Amount.tokens(usage))).pipe(
          guarded({ ...options, onSettled })
        )
        assert.deepInclude(settlements[0], { _tag: "Committed", source, charged: Amount.tokens(spent) })
      }).pipe(Effect.provide(embedded())))
  }

  const record = Effect.flatMap(CurrentReservation, ({ setUsage }) => setUsage(used))
  const ends: ReadonlyArray<readonly [string, Effect.Effect<never, Failure>]> = [
    ["failure", new Failure({ n: 1 })],
    ["defect", Effect.die(new Error("bug"))],
    ["interruption of itself", Effect.interrupt],
    ["parallel causes", Effect.failCause(Cause.parallel(Cause.fail(new Failure({ n: 2 })), Cause.die("bug")))]
  ]
  for (const [name, end] of ends) {
    it.effect(`${name} releases and keeps its cause`, () =>
      Effect.gen(function*() {
        const { onSettled, settlements } = capture()
        const bare = yield* Effect.exit(end)
        const exit = yield* Effect.exit(guarded(end, { estimate, actual: used, onSettled }))
        assert.isTrue(Exit.isFailure(exit) && Exit.isFailure(bare))
        if (Exit.isFailure(exit) && Exit.isFailure(bare)) {
          assert.strictEqual(Cause.pretty(exit.cause), Cause.pretty(bare.cause))
          assert.strictEqual(Cause.isInterrupted(exit.cause), Cause.isInterrupted(bare.cause))
        }
        assert.deepInclude(settlements[0], { _tag: "Released", reason: "guarded_method_failed", released: estimate })
        assert.deepInclude(yield* ledger(), { spent: 0n, reserved: 0n, released: 1 })
      }).pipe(Effect.provide(embedded())))

    it.effect(`${name} commits usage that was recorded`, () =>
      Effect.gen(function*() {
        const { onSettled, settlements } = capture()
        yield* Effect.exit(guarded(Effect.zipRight(record, end), { estimate, onSettled }))
        assert.deepInclude(settlements[0], { _tag: "Committed", source: "usage", charged: used })
        assert.deepInclude(yield* ledger(), { spent: 37n, reserved: 0n })
      }).pipe(Effect.provide(embedded())))
  }

  it.effect("an interrupt while the actual is found commits the estimate", () =>
    Effect.gen(function*() {
      for (const [body, spent] of [[Effect.void, 1000n], [record, 2000n]] as const) {
        const { onSettled, settlements } = capture()
        const fiber = yield* Effect.fork(guarded(body, { estimate, actual: Effect.never, onSettled }))
        yield* TestClock.adjust("1 second")
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(settlements[0]?._tag, "Committed")
        assert.deepInclude(yield* ledger(), { spent, reserved: 0n })
      }
    }).pipe(Effect.provide(embedded())))

  it.effect("onSettled can wait for the end of what is pending", () =>
    Effect.gen(function*() {
      const final = yield* Deferred.make<Settlement>()
      yield* guarded(Effect.void, {
        estimate,
        actual: used,
        onSettled: (_, { settlement }) => Effect.asVoid(Effect.forkDaemon(Effect.intoDeferred(settlement, final)))
      })
      yield* TestClock.adjust("1 minute")
      assert.deepInclude(yield* Deferred.await(final), { _tag: "Committed" })
    }).pipe(Effect.provide(embedded({
      script: ({ n, operation }) => operation === "commit" && n === 1 ? { lose: true } : undefined
    }))))

  it.effect("the work can be interrupted, and its finalizers run before the settlement", () =>
    Effect.gen(function*() {
      const order: Array<string> = []
      const ready = yield* Deferred.make<void>()
      const fiber = yield* Effect.fork(
        Deferred.succeed(ready, undefined).pipe(
          Effect.zipRight(Effect.never),
          Effect.ensuring(Effect.sync(() => order.push("finalizer"))),
          guarded({ estimate, onSettled: ({ _tag }) => Effect.sync(() => void order.push(_tag)) })
        )
      )
      yield* Deferred.await(ready)
      assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(fiber)))
      assert.deepStrictEqual(order, ["finalizer", "Released"])
    }).pipe(Effect.provide(embedded())))

  it.effect("a scope of the caller's is not closed early", () =>
    Effect.scoped(Effect.gen(function*() {
      let closed = false
      yield* guarded(
        Effect.addFinalizer(() =>
          Effect.sync(() => {
            closed = true
          })
        ),
        { estimate, actual: used }
      )
      assert.isFalse(closed)
    })).pipe(Effect.provide(embedded())))

  it.effect("caps are visible inside", () =>
    Effect.gen(function*() {
      const tokens = yield* guarded(
        Effect.map(CurrentReservation, ({ caps, decision }) => {
          assert.strictEqual(decision, "ALLOW_WITH_CAPS")
          return Option.match(caps, { onNone: () => 500, onSome: Caps.clampTokens(500) })
        }),
        { estimate, actual: (n) => Amount.tokens(n) }
      )
      assert.strictEqual(tokens, 100)
      assert.deepInclude(yield* ledger(), { spent: 100n })
    }).pipe(Effect.provide(embedded({
      budgets: [{ scope: "tenant:tenant-a", allocated: Amount.tokens(5000), caps: { maxTokens: 100 } }]
    }))))

  it.effect("nested guards shadow each other and settle apart", () =>
    Effect.gen(function*() {
      const ids = yield* Effect.gen(function*() {
        const outer = yield* CurrentReservation
        const inner = yield* guarded(CurrentReservation, { estimate, actual: Amount.tokens(1) })
        return [outer.id, inner.id, (yield* CurrentReservation).id]
      }).pipe(guarded({ estimate, actual: Amount.tokens(2) }))
      assert.strictEqual(ids[0], ids[2])
      assert.notStrictEqual(ids[0], ids[1])
      assert.deepInclude(yield* ledger(), { spent: 3n, reserved: 0n, committed: 2 })
    }).pipe(Effect.provide(embedded())))

  it.effect("metrics and metadata of the work are committed; its own latency wins", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      yield* Effect.gen(function*() {
        const { setMetadata, setMetrics } = yield* CurrentReservation
        yield* setMetrics({ tokensInput: 10, latencyMs: 7, modelVersion: "m-1" })
        yield* setMetadata({ run: "r1" })
      }).pipe(guarded({ estimate, actual: used }))
      const body = JSON.parse(calls.at(-1)?.body ?? "")
      assert.deepStrictEqual(body.metrics, { latency_ms: 7, tokens_input: 10, model_version: "m-1" })
      assert.deepStrictEqual(body.metadata, { run: "r1" })
    }).pipe(Effect.provide(embedded({ calls })))
  })

  it.effect("onSettled cannot change the result", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* guarded(Effect.succeed(1), { estimate, onSettled: () => Effect.die("bug") }), 1)
      assert.strictEqual(
        yield* guarded(Effect.succeed(1), {
          estimate,
          onSettled: () => {
            throw new Error("bug")
          }
        }),
        1
      )
      const error = yield* Effect.flip(guarded(new Failure({ n: 1 }), { estimate, onSettled: () => Effect.die("bug") }))
      assert.deepInclude(error, { _tag: "Failure", n: 1 })
    }).pipe(Effect.provide(embedded())))

  it.effect("what a user's function fails with is not logged: it may hold anything", () => {
    const lines: Array<string> = []
    const logger = Logger.make((line) => {
      lines.push(JSON.stringify([line.message, line.cause, [...line.annotations]]))
    })
    return Effect.gen(function*() {
      yield* guarded(Effect.void, { estimate, actual: Effect.fail(new Error("my secret prompt")) })
      yield* guarded(Effect.void, { estimate, actual: Effect.fail(new Failure({ n: 1 })) })
      assert.strictEqual(lines.length, 2)
      assert.notInclude(lines.join(), "secret")
      assert.include(lines[1], "Failure")
    }).pipe(Effect.provide(embedded()), Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
  })

  it.effect("a denied guard never runs its work and fails with a tag", () =>
    Effect.gen(function*() {
      let ran = false
      const work = Effect.sync(() => {
        ran = true
        return "expensive"
      })
      const answer = yield* work.pipe(
        guarded({ estimate: Amount.tokens(1_000_001) }),
        Effect.catchTag("BudgetExceeded", ({ requested }) => Effect.succeed(`cheaper: ${Option.getOrThrow(requested)}`))
      )
      assert.strictEqual(answer, "cheaper: 1,000,001 tokens")
      assert.isFalse(ran)
      const authority = yield* Authority.Authority
      const tagOf = (status: "FROZEN" | "CLOSED") =>
        Effect.zipRight(
          authority.setStatus("tenant:tenant-a", "TOKENS", status),
          Effect.map(Effect.flip(guarded(work, { estimate })), ({ _tag }) => _tag)
        )
      assert.strictEqual(yield* tagOf("FROZEN"), "BudgetFrozen")
      assert.strictEqual(yield* tagOf("CLOSED"), "BudgetClosed")
      assert.isFalse(ran)
    }).pipe(Effect.provide(embedded())))

  it.effect("an authority that cannot be reached closes the way", () =>
    Effect.gen(function*() {
      let ran = false
      const error = yield* Effect.flip(
        guarded(
          Effect.sync(() => {
            ran = true
          }),
          { estimate }
        )
      )
      assert.strictEqual(error._tag, "Transport")
      assert.isFalse(ran)
    }).pipe(Effect.provide(embedded({ script: () => ({ refuse: true }) }))))

  it.effect("the error channel is the work's and the guard's, nothing wider", () => {
    const typed: Effect.Effect<number, Failure | GuardError, Cycles> = guarded(
      new Failure({ n: 1 }) as Effect.Effect<number, Failure>,
      { estimate }
    )
    return Effect.asVoid(Effect.flip(typed)).pipe(Effect.provide(embedded()))
  })

  it.effect("a settlement that goes on in the background is said to be pending, and the value is returned", () =>
    Effect.gen(function*() {
      const { onSettled, settlements } = capture()
      assert.strictEqual(yield* guarded(Effect.succeed(1), { estimate, actual: used, onSettled }), 1)
      assert.deepInclude(settlements[0], { _tag: "Pending", actual: used })
      yield* TestClock.adjust("10 seconds")
      assert.deepInclude(yield* ledger(), { spent: 37n, reserved: 0n })
    }).pipe(Effect.provide(embedded({
      script: ({ n, operation }) => operation === "commit" && n === 1 ? { lose: true } : undefined
    }))))
})

describe("what the work sees and leaves", () => {
  const guards = {
    warn: <A, E, R>(self: Effect.Effect<A, E, R>) => guarded(self, { estimate }),
    interrupt: <A, E, R>(self: Effect.Effect<A, E, R>) => guarded(self, { estimate, onLeaseLost: "interrupt" })
  }
  const regions = { interruptible: Effect.interruptible, uninterruptible: Effect.uninterruptible }

  for (const [policy, guard] of Object.entries(guards)) {
    it.effect(`under ${policy}: references are those that the work set, and no reservation is left`, () =>
      Effect.gen(function*() {
        const reference = FiberRef.unsafeMake(0)
        let n = 0
        for (const end of [Effect.void, Effect.fail("no"), Effect.die("bug")]) {
          n += 1
          yield* Effect.exit(guard(Effect.zipRight(FiberRef.set(reference, n), end)))
          assert.strictEqual(yield* FiberRef.get(reference), n)
          assertNone(yield* Effect.serviceOption(CurrentReservation))
        }
      }).pipe(Effect.provide(embedded())))

    for (const [name, region] of Object.entries(regions)) {
      it.effect(`under ${policy}: an ${name} region is one inside and after`, () =>
        Effect.gen(function*() {
          const here = Effect.checkInterruptible(Effect.succeed)
          const expected = name === "interruptible"
          assert.deepStrictEqual(yield* region(Effect.zip(guard(here), here)), [expected, expected])
        }).pipe(Effect.provide(embedded())))
    }

    it.effect(`under ${policy}: the cause is that of the work`, () =>
      Effect.gen(function*() {
        const ends: ReadonlyArray<Effect.Effect<unknown, string>> = [
          Effect.failCause(Cause.parallel(Cause.fail("a"), Cause.die("b"))),
          Effect.failCause(Cause.sequential(Cause.fail("a"), Cause.fail("b"))),
          Effect.failCause(Cause.empty),
          Effect.ensuring(Effect.fail("a"), Effect.die("finalizer")),
          Effect.ensuring(Effect.interrupt, Effect.die("finalizer")),
          Effect.suspend(() => {
            throw new Error("bug")
          })
        ]
        const shape = (exit: Exit.Exit<unknown, unknown>) =>
          JSON.stringify(exit).replaceAll(/"id":\d+|Millis":\d+/g, "")
        for (const end of ends) {
          assert.strictEqual(shape(yield* Effect.exit(guard(end))), shape(yield* Effect.exit(end)))
        }
      }).pipe(Effect.provide(embedded())))
  }
})

describe("interrupted at every step", () => {
  const script = ({ operation }: Call) =>
    operation === "create" || operation === "commit" || operation === "release"
      ? { before: "10 millis", after: "10 millis" } as const
      : undefined

  for (const [name, body] of [["silent", Effect.void], ["metered", record()]] as const) {
    for (let at = 0; at <= 70; at += 2) {
      it.effect(`${name} work, after ${at} ms`, () =>
        Effect.gen(function*() {
          const { onSettled, settlements } = capture()
          const fiber = yield* Effect.fork(
            guarded(Effect.zipRight(body, Effect.sleep("20 millis")), { estimate, actual: used, onSettled })
          )
          yield* TestClock.adjust(at)
          const exit = yield* Effect.fork(Fiber.interrupt(fiber))
          yield* TestClock.adjust("1 second")
          const { active, reserved, spent } = yield* ledger()
          const charged = settlements.map((settlement) =>
            settlement._tag === "Committed" ? settlement.charged.amount : 0n
          )
          assert.deepStrictEqual({ active, reserved, spent }, {
            active: 0,
            reserved: 0n,
            spent: charged.reduce((a, b) => a + b, 0n)
          })
          assert.strictEqual(Exit.isInterrupted(yield* Fiber.join(exit)), at < 60)
        }).pipe(Effect.provide(embedded({ script }))))
    }
  }

  it.effect("between any two steps of its fiber, nothing is held, lost or still waited for", () =>
    Effect.gen(function*() {
      const cycles = yield* Cycles
      const ends = new Set<string>()
      for (let steps = 0; steps < 70; steps += 1) {
        const { onSettled, settlements } = capture()
        const before = yield* ledger()
        const fiber = yield* Effect.fork(
          Effect.withMaxOpsBeforeYield(guarded(record(), { estimate, actual: Effect.succeed(used), onSettled }), 12)
        )
        yield* Effect.repeatN(Effect.yieldNow(), steps)
        const exit = yield* Fiber.interrupt(fiber)
        yield* Effect.repeatN(Effect.yieldNow(), 300)
        const [settlement] = settlements
        const charged = settlement?._tag === "Committed" ? settlement.charged.amount : 0n
        const { active, reserved, spent } = yield* ledger()
        assert.deepStrictEqual(
          { active, reserved, spent, pending: yield* cycles.settler.pending },
          { active: 0, reserved: 0n, spent: (before.spent ?? 0n) + charged, pending: 0 },
          `after ${steps} steps`
        )
        assert.isAtMost(settlements.length, 1)
        ends.add(Exit.isSuccess(exit) ? "done" : settlement?._tag ?? "nothing")
      }
      assert.deepStrictEqual([...ends], ["nothing", "Released", "Committed", "done"])
    }).pipe(Effect.provide(embedded())))

  function record() {
    return Effect.flatMap(CurrentReservation, ({ setUsage }) => setUsage(Amount.tokens(5)))
  }
})
