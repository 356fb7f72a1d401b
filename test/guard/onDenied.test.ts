import { assert, describe, it } from "@effect/vitest"
import {
  Amount,
  CurrentReservation,
  CurrentRung,
  type CyclesError,
  degradePlan,
  guarded,
  type GuardOptions,
  OnDenied,
  runBudget
} from "effect-cycles"
import { Authority } from "effect-cycles/authority"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { embedded, ledger } from "../support/embedded.js"
import type { Call, Fault } from "../support/faults.js"

const tokens = Amount.tokens
const scope = "tenant:tenant-a"

/** Says which attempt it is. */
const attempt = Effect.map(CurrentReservation, ({ estimate }) => Number(estimate.amount))

const ladder: GuardOptions<number>["onDenied"] = OnDenied.degrade([
  { estimate: tokens(500) },
  { estimate: tokens(300), subject: { agent: "other" } },
  { estimate: tokens(100) }
])

const estimates = (calls: ReadonlyArray<Call>) =>
  calls.filter(({ operation }) => operation === "create").map(({ body }) => JSON.parse(body).estimate.amount)

const refusal = (code: string, status: number, headers: Record<string, string> = {}): Fault => ({
  instead: { status, headers, body: JSON.stringify({ error: code, message: "no", request_id: "r" }) }
})

const first = (fault: Fault) => ({ n, operation }: Call) => operation === "create" && n === 1 ? fault : undefined

describe("degrade", () => {
  // What is tried after a refusal, by the estimate of the rung; `undefined`: nothing, the guard fails.
  const table: ReadonlyArray<readonly [string, number, number | undefined]> = [
    ["BUDGET_EXCEEDED", 409, 500],
    ["ACTION_QUOTA_EXCEEDED", 409, 500],
    ["OVERDRAFT_LIMIT_EXCEEDED", 409, 300],
    ["DEBT_OUTSTANDING", 409, 300],
    ["BUDGET_FROZEN", 409, 300],
    ["BUDGET_CLOSED", 409, 300],
    ["TENANT_CLOSED", 409, undefined],
    ["IDEMPOTENCY_MISMATCH", 409, undefined],
    ["UNIT_MISMATCH", 400, undefined],
    ["INVALID_REQUEST", 400, undefined],
    ["UNAUTHORIZED", 401, undefined],
    ["FORBIDDEN", 403, undefined],
    ["NOT_FOUND", 404, undefined],
    ["LIMIT_EXCEEDED", 429, undefined]
  ]
  for (const [code, status, next] of table) {
    it.effect(`${code}: ${next === undefined ? "fails" : `goes on with ${next}`}`, () => {
      const calls: Array<Call> = []
      return Effect.gen(function*() {
        const exit = yield* Effect.either(guarded(attempt, { estimate: tokens(1000), onDenied: ladder }))
        assert.strictEqual(exit._tag === "Right" ? exit.right : undefined, next)
        if (exit._tag === "Left") assert.strictEqual((exit.left as CyclesError.Refusal).code, code)
        assert.deepStrictEqual(estimates(calls), next === undefined ? [1000] : [1000, next])
        assert.deepInclude(yield* ledger(), { reserved: 0n, active: 0 })
      }).pipe(Effect.provide(embedded({ calls, script: first(refusal(code, status)) })))
    })
  }

  it.effect("500, and no answer: fail, whatever the ladder", () =>
    Effect.gen(function*() {
      for (const fault of [refusal("INTERNAL_ERROR", 500), { refuse: true }, { instead: { status: 502 } }]) {
        const calls: Array<Call> = []
        const script = ({ operation }: Call) => operation === "create" ? fault : undefined
        yield* Effect.flip(
          Effect.provide(
            guarded(attempt, { estimate: tokens(1000), onDenied: ladder }),
            embedded({ calls, script, flushTimeout: 0 })
          )
        )
        assert.deepStrictEqual(new Set(estimates(calls)), new Set([1000]))
      }
    }))

  it.effect("each rung is tried once; the last denial is the error; the rung that fits runs and settles", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      const run = (budget: number) =>
        guarded(attempt, { estimate: tokens(1000), onDenied: ladder, actual: tokens(40) }).pipe(
          Effect.provide(embedded({ calls, budgets: [{ scope, allocated: tokens(budget) }] }))
        )
      assert.strictEqual(yield* run(120), 100)
      assert.strictEqual((yield* Effect.flip(run(50)))._tag, "BudgetExceeded")
      assert.deepStrictEqual(estimates(calls), [1000, 500, 300, 100, 1000, 500, 300, 100])
    })
  })

  it.effect("what a rung says to be undefined is as the guard says it", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      yield* guarded(Effect.void, {
        action: { kind: "llm.completion", name: "gpt-4o" },
        subject: { agent: "a" },
        ttl: "10 seconds",
        estimate: tokens(1000),
        onDenied: OnDenied.degrade([{ estimate: tokens(100), action: undefined, subject: undefined, ttl: undefined }])
      })
      const [first, second] = calls.map(({ body }) => ({ ...JSON.parse(body), idempotency_key: "", estimate: 0 }))
      assert.deepStrictEqual(second, first)
      assert.deepInclude(first, { action: { kind: "llm.completion", name: "gpt-4o" }, ttl_ms: 10_000 })
    }).pipe(Effect.provide(embedded({ calls, budgets: [{ scope, allocated: tokens(120) }] })))
  })

  it.effect("goes down inside a run too, without a request", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      const rung = yield* Effect.provide(
        guarded(attempt, { estimate: tokens(1000), onDenied: ladder }),
        runBudget({ limit: tokens(350) })
      )
      assert.strictEqual(rung, 300)
      assert.deepStrictEqual(estimates(calls), [350])
    }).pipe(Effect.provide(embedded({ calls })))
  })

  it("every tag of the library has a place in the table", () => {
    assert.strictEqual(OnDenied.descentOf({ _tag: "SomethingElse" }), "never")
    assert.strictEqual(OnDenied.descentOf("BudgetExceeded"), "never")
    assert.isTrue(OnDenied.isDegradable({ _tag: "BudgetExceeded" }))
    assert.isFalse(OnDenied.isDegradable({ _tag: "Refused", meta: { status: 503 } }))
  })
})

class Model extends Context.Tag("test/Model")<Model, string>() {}

describe("degradePlan", () => {
  const plan = degradePlan([
    { provide: Context.make(Model, "large"), estimate: tokens(1000), action: { name: "large" } },
    { provide: Layer.succeed(Model, "small"), estimate: tokens(100), action: { name: "small" } }
  ])
  const options = { estimate: CurrentRung.estimate, action: CurrentRung.action }
  const poor = (calls: Array<Call>, script?: (call: Call) => Fault | undefined) =>
    embedded({ calls, budgets: [{ scope, allocated: tokens(150) }], ...(script && { script }) })

  it.effect("an effect runs with the services of the rung that is allowed", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      const ask = guarded(Effect.zip(Model, Effect.map(CurrentReservation, ({ action }) => action.name)), options)
      assert.deepStrictEqual(yield* Effect.withExecutionPlan(ask, plan), ["small", "small"])
      assert.deepStrictEqual(estimates(calls), [1000, 100])
    }).pipe(Effect.provide(poor(calls)))
  })

  it.effect("a stream goes on with the next rung before its first element", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      const ask = Stream.unwrap(guarded(Effect.map(Model, (name) => Stream.make(name, "answers")), options))
      const parts = yield* Stream.runCollect(
        Stream.withExecutionPlan(ask, plan, { preventFallbackOnPartialStream: true })
      )
      assert.deepStrictEqual([...parts], ["small", "answers"])
      assert.deepStrictEqual(estimates(calls), [1000, 100])
    }).pipe(Effect.provide(poor(calls)))
  })

  it.effect("an error of the work, or one that is no denial, ends the plan", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      const fails = guarded(Effect.fail("no" as const), { ...options, estimate: tokens(10) })
      assert.strictEqual(yield* Effect.flip(Effect.withExecutionPlan(fails, plan)), "no")
      assert.deepStrictEqual(estimates(calls), [10])
      const refused = yield* Effect.flip(Effect.withExecutionPlan(guarded(Effect.void, options), plan))
      assert.strictEqual(refused._tag, "Forbidden")
      assert.deepStrictEqual(estimates(calls), [10, 1000])
    }).pipe(Effect.provide(poor(calls, ({ n }) => n === 2 ? refusal("FORBIDDEN", 403) : undefined)))
  })
})

describe("retry", () => {
  const paced = Schedule.spaced("10 seconds")
  const run = (onDenied: GuardOptions<number>["onDenied"]) =>
    Effect.zip(guarded(Effect.succeed(1), { estimate: tokens(1000), onDenied }), Clock.currentTimeMillis)
  const poor = (calls: Array<Call>, script?: (call: Call) => Fault | undefined) =>
    embedded({ calls, budgets: [{ scope, allocated: tokens(900) }], ...(script && { script }) })
  const looks = (calls: ReadonlyArray<Call>) => calls.filter(({ operation }) => operation === "balances").length

  it.effect("without a reason to try again there is one attempt", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      const error = yield* Effect.flip(run(OnDenied.retry({ schedule: paced })))
      assert.strictEqual(error._tag, "BudgetExceeded")
      assert.deepStrictEqual(estimates(calls), [1000])
    }).pipe(Effect.provide(poor(calls)))
  })

  it.effect("when the authority says when to come again, not before", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      const fiber = yield* Effect.fork(run(OnDenied.retry({ schedule: paced })))
      yield* TestClock.adjust("39 seconds")
      assert.strictEqual(calls.length, 1)
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(yield* Fiber.join(fiber), [1, 40_000])
    }).pipe(Effect.provide(
      embedded({ calls, script: first(refusal("BUDGET_EXCEEDED", 409, { "retry-after": "40" })) })
    ))
  })

  it.effect("on a signal", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      const signal = yield* Deferred.make<void>()
      const fiber = yield* Effect.fork(
        run(OnDenied.retry({ schedule: Schedule.recurs(3), until: Deferred.await(signal) }))
      )
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(calls.length, 1)
      yield* Deferred.succeed(signal, undefined)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(fiber), [1, 3_600_000])
    }).pipe(Effect.provide(embedded({ calls, script: first(refusal("BUDGET_FROZEN", 409)) })))
  })

  it.effect("on a change of the balances: looks at the pace of the schedule, asks once there is one", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      const { credit } = yield* Authority.Authority
      const policy = OnDenied.retry({ schedule: paced, until: "balanceChange" })
      const fiber = yield* Effect.fork(run(policy))
      yield* TestClock.adjust("65 seconds")
      assert.deepStrictEqual([estimates(calls), looks(calls)], [[1000], 7])
      yield* credit(scope, tokens(50)) // a change, but not enough of one
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(estimates(calls), [1000, 1000])
      yield* credit(scope, tokens(50))
      yield* TestClock.adjust("10 seconds")
      const [value] = yield* Fiber.join(fiber)
      assert.strictEqual(value, 1)
      assert.deepStrictEqual(estimates(calls), [1000, 1000, 1000])
    }).pipe(Effect.provide(poor(calls)))
  })

  it.effect("gives up with the denial when the schedule is over, also when balances cannot be read", () =>
    Effect.gen(function*() {
      for (
        const script of [undefined, ({ operation }: Call) => operation === "balances" ? { refuse: true } : undefined]
      ) {
        const calls: Array<Call> = []
        const policy = OnDenied.retry({
          schedule: Schedule.intersect(paced, Schedule.recurs(3)),
          until: "balanceChange"
        })
        const fiber = yield* Effect.fork(Effect.flip(Effect.provide(run(policy), poor(calls, script))))
        yield* TestClock.adjust("10 minutes")
        assert.strictEqual((yield* Fiber.join(fiber))._tag, "BudgetExceeded")
        assert.deepStrictEqual(estimates(calls), [1000])
      }
    }))

  it.effect("never for what waiting does not change", () =>
    Effect.gen(function*() {
      for (
        const [code, status] of [["BUDGET_CLOSED", 409], ["TENANT_CLOSED", 409], ["UNIT_MISMATCH", 400], [
          "FORBIDDEN",
          403
        ]] as const
      ) {
        const calls: Array<Call> = []
        const policy = OnDenied.retry({ schedule: paced, until: Effect.void })
        const fault = refusal(code, status, { "retry-after": "1" })
        yield* Effect.flip(Effect.provide(run(policy), embedded({ calls, script: first(fault) })))
        assert.deepStrictEqual(estimates(calls), [1000], code)
      }
    }))

  it.effect("after a ladder: waits, and begins at the top again", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      const { credit } = yield* Authority.Authority
      const both = [
        OnDenied.degrade([{ estimate: tokens(950) }]),
        OnDenied.retry({ schedule: paced, until: "balanceChange" })
      ]
      const fiber = yield* Effect.fork(run(both))
      yield* TestClock.adjust("15 seconds")
      yield* credit(scope, tokens(70))
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(estimates(calls), [1000, 950, 1000, 950])
    }).pipe(Effect.provide(poor(calls)))
  })

  it.effect("an interrupt while it waits returns at once and leaves nothing", () =>
    Effect.gen(function*() {
      const policies = [
        OnDenied.retry({ schedule: paced, until: "balanceChange" }),
        OnDenied.retry({ schedule: paced, until: Effect.never })
      ]
      for (const policy of policies) {
        const fiber = yield* Effect.fork(run(policy))
        yield* TestClock.adjust("25 seconds")
        assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(fiber)))
        assert.deepInclude(yield* ledger(), { reserved: 0n, active: 0 })
      }
    }).pipe(Effect.provide(poor([]))))
})
