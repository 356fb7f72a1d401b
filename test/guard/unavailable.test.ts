import { assert, describe, it } from "@effect/vitest"
import {
  Amount,
  type Balance,
  CircuitBreaker,
  Cycles,
  guarded,
  type GuardOptions,
  Journal,
  OnUnavailable,
  runBudget,
  type Settlement,
  SignedAmount,
  subBudget,
  Telemetry
} from "effect-cycles"
import type { Authority } from "effect-cycles/authority"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/TestClock"
import { embedded, ledger, type Options } from "../support/embedded.js"
import type { Call, Fault, Operation } from "../support/faults.js"
import { socket } from "../support/socket.js"

const tokens = Amount.tokens
const estimate = tokens(1000)
const used = tokens(37)

/** Its end waits for nothing: the clock stands still then. */
const lab = (options: Options = {}) => embedded({ flushTimeout: 0, ...options })

/** An authority that goes away and comes back. */
const lamp = (fault: Fault = { refuse: true }, operations?: ReadonlyArray<Operation>) => {
  const state = { down: false }
  return {
    state,
    script: ({ operation }: Call) =>
      state.down && (operations === undefined || operations.includes(operation)) ? fault : undefined
  }
}

const run = (onUnavailable: OnUnavailable.OnUnavailable | undefined, options: Partial<GuardOptions<string>> = {}) =>
  guarded(Effect.succeed("ran"), { estimate, actual: used, onUnavailable, ...options } as GuardOptions<string>)

const policies = {
  none: Effect.succeed(undefined),
  fail: Effect.succeed(OnUnavailable.fail),
  allow: OnUnavailable.allow(tokens(5000)),
  allowLastKnown: OnUnavailable.allowLastKnown(),
  allowUnlimited: Effect.succeed(OnUnavailable.allowUnlimited)
} as const

const kinds: ReadonlyArray<readonly [string, Fault, "unavailable" | "refusal"]> = [
  ["connection refused", { refuse: true }, "unavailable"],
  ["hangs", { before: "1 hour" }, "unavailable"],
  ["answer lost", { lose: true }, "unavailable"],
  ["502 of a proxy", { instead: { status: 502, body: "<html>" } }, "unavailable"],
  ["500", {
    instead: { status: 500, body: JSON.stringify({ error: "INTERNAL_ERROR", message: "no", request_id: "r" }) }
  }, "unavailable"],
  ["a 200 that proves nothing", { instead: { status: 200, body: "{}" } }, "unavailable"],
  ["401", { instead: { status: 401 } }, "refusal"],
  ["403", { instead: { status: 403 } }, "refusal"],
  ["404", { instead: { status: 404 } }, "refusal"],
  ["429", { instead: { status: 429, headers: { "retry-after": "1" } } }, "refusal"],
  ["409 budget exceeded", {
    instead: { status: 409, body: JSON.stringify({ error: "BUDGET_EXCEEDED", message: "no", request_id: "r" }) }
  }, "refusal"]
]

const opens = (name: string, kind: string): boolean => kind === "unavailable" && name.startsWith("allow")

describe("what cannot be sent", () => {
  it.effect("does not run behind an open breaker either: its spend could never be recorded", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ failures: 1 })
      yield* breaker.report(false)
      const policy = OnUnavailable.withBreaker(yield* OnUnavailable.allow(estimate), breaker)
      const error = yield* Effect.flip(
        guarded(Effect.die("ran"), { estimate, action: { kind: "k".repeat(65) }, onUnavailable: policy })
      )
      assert.deepInclude(error, { _tag: "InvalidInput", field: "action.kind" })
      assert.strictEqual(yield* run(policy), "ran")
    }).pipe(Effect.provide(lab())))
})

describe("what fails × when × policy", () => {
  for (const [what, fault, kind] of kinds) {
    it.effect(`reserve: ${what}`, () =>
      Effect.gen(function*() {
        for (const [name, make] of Object.entries(policies)) {
          const { script, state } = lamp(fault, ["create", "list"])
          yield* Effect.gen(function*() {
            const policy = yield* make
            yield* run(policy) // sees the balances
            state.down = true
            const fiber = yield* Effect.fork(Effect.exit(run(policy)))
            yield* TestClock.adjust("20 seconds")
            const exit = yield* Fiber.join(fiber)
            state.down = false
            yield* TestClock.adjust("10 minutes")
            assert.isTrue(yield* Cycles.flush)
            const about = `${what}, ${name}`
            assert.strictEqual(Exit.isSuccess(exit), opens(name, kind), about)
            const spent = opens(name, kind) ? 74n : 37n
            assert.deepInclude(yield* ledger(), { spent, reserved: 0n, active: 0 }, about)
          }).pipe(Effect.provide(lab({ script })))
        }
      }), 20_000)
  }

  for (const operation of ["commit", "extend", "release"] as const) {
    it.effect(`${operation}: no policy changes what becomes of it`, () =>
      Effect.gen(function*() {
        for (const [what, fault] of kinds.filter(([what]) => what === "connection refused" || what === "answer lost")) {
          for (const [name, make] of Object.entries(policies)) {
            const { script, state } = lamp(fault, [operation])
            yield* Effect.gen(function*() {
              const policy = yield* make
              state.down = true
              const work = operation === "extend"
                ? guarded(Effect.sleep("40 seconds"), { estimate, actual: used, onUnavailable: policy })
                : operation === "release"
                ? Effect.ignore(guarded(Effect.fail("no"), { estimate, onUnavailable: policy }))
                : run(policy)
              const fiber = yield* Effect.fork(work)
              yield* TestClock.adjust("50 seconds")
              yield* Fiber.join(fiber)
              state.down = false
              yield* TestClock.adjust("10 minutes")
              const spent = operation === "release" ? 0n : 37n
              assert.deepInclude(yield* ledger(), { spent, reserved: 0n, active: 0 }, `${what}, ${name}`)
            }).pipe(Effect.provide(lab({ script })))
          }
        }
      }), 20_000)
  }
})

const outage = <A, E>(use: (state: { down: boolean }) => Effect.Effect<A, E, Cycles | Authority.Authority>) => {
  const { script, state } = lamp()
  return { state, effect: Effect.provide(use(state), lab({ script })) }
}

const tags = (policy: OnUnavailable.OnUnavailable, times: number, options: Partial<GuardOptions<string>> = {}) =>
  Effect.replicateEffect(
    Effect.match(run(policy, options), { onFailure: ({ _tag }) => _tag, onSuccess: (value) => value }),
    times
  )

describe("allow", () => {
  it.effect("bounds what the ledger does not know, and makes room when it does", () =>
    outage((state) =>
      Effect.gen(function*() {
        const policy = yield* OnUnavailable.allow(tokens(1074))
        state.down = true
        // 37 + 37 are spent and not recorded: another estimate of 1000 still fits, a third does not.
        assert.deepStrictEqual(yield* tags(policy, 4), ["ran", "ran", "ran", "Transport"])
        state.down = false
        yield* TestClock.adjust("10 minutes")
        state.down = true
        assert.deepStrictEqual(yield* tags(policy, 4), ["ran", "ran", "ran", "Transport"])
        assert.deepStrictEqual(yield* tags(policy, 1, { estimate: Amount.credits(1) }), ["Transport"])
      })
    ).effect)

  it.effect("side by side never more than the limit; what spent nothing costs nothing", () =>
    outage((state) =>
      Effect.gen(function*() {
        const policy = yield* OnUnavailable.allow(tokens(3500))
        state.down = true
        let running = 0
        let most = 0
        const work = Effect.gen(function*() {
          running += 1
          most = Math.max(most, running)
          yield* Effect.sleep("1 second")
          running -= 1
          return yield* Effect.fail("no" as const)
        })
        const all = Effect.forEach(
          Array.from({ length: 10 }),
          () => Effect.exit(guarded(work, { estimate, onUnavailable: policy })),
          { concurrency: "unbounded" }
        )
        const fiber = yield* Effect.fork(Effect.zipRight(all, all))
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(fiber)
        assert.strictEqual(most, 3)
      })
    ).effect)
})

describe("an actual that stays unknown", () => {
  it.effect("counts as its estimate for the time that a hold would have", () =>
    outage((state) =>
      Effect.gen(function*() {
        for (const policy of [yield* OnUnavailable.allow(estimate), yield* OnUnavailable.allowLastKnown()]) {
          state.down = false
          yield* run(policy, { estimate: tokens(999_000), actual: tokens(0) })
          state.down = true
          const strict = { whenActualUnknown: "fail", actual: undefined, ttl: "10 seconds" } as const
          const small = { estimate: tokens(999_500), actual: tokens(0) }
          const asked = policy.name === "allow" ? {} : small
          assert.deepStrictEqual(yield* tags(policy, 1, strict), ["ActualUnknown"])
          yield* TestClock.adjust("9 seconds")
          assert.deepStrictEqual(yield* tags(policy, 1, asked), ["Transport"])
          yield* TestClock.adjust("1 second")
          assert.deepStrictEqual(yield* tags(policy, 1, asked), ["ran"])
        }
      })
    ).effect)
})

describe("allowLastKnown", () => {
  it.effect("what the ledger has got meanwhile is not there a second time", () =>
    Effect.gen(function*() {
      const { script, state } = lamp()
      yield* Effect.gen(function*() {
        const policy = yield* OnUnavailable.allowLastKnown({ maxAge: "1 day" })
        yield* run(policy, { estimate: tokens(100), actual: tokens(100) }) // 900 are left
        const most = { estimate: tokens(900), actual: tokens(900) }
        state.down = true
        assert.deepStrictEqual(yield* tags(policy, 2, most), ["ran", "Transport"])
        state.down = false
        yield* TestClock.adjust("10 minutes")
        assert.deepInclude(yield* ledger(), { spent: 1000n })
        state.down = true
        assert.deepStrictEqual(yield* tags(policy, 1, { estimate: tokens(1) }), ["Transport"])
      }).pipe(Effect.provide(lab({ script, budgets: [{ scope: "tenant:tenant-a", allocated: tokens(1000) }] })))
    }))

  it.effect("remembers what it has seen lately, and of the rest no more than 10 000", () =>
    Effect.gen(function*() {
      const policy = yield* OnUnavailable.allowLastKnown({ maxAge: "1 minute" })
      const seen = (from: number, to: number) =>
        policy.observe(Array.from({ length: to - from }, (_, n) => ({
          scopePath: `agent:${from + n}`,
          remaining: new SignedAmount({ unit: "TOKENS", amount: 0n })
        } as Balance)))
      // What is known of this one says no; what is not known leaves the tenant's.
      const isKnown = (n: number) =>
        Effect.map(policy.grant({ estimate, subject: { tenant: "t", agent: String(n) } }), Option.isNone)
      const tenant = policy.observe([
        { scopePath: "tenant:t", remaining: new SignedAmount({ unit: "TOKENS", amount: 1_000_000n }) } as Balance
      ])
      yield* seen(0, 20_000)
      yield* tenant
      assert.deepStrictEqual(yield* Effect.forEach([0, 19_999], isKnown), [true, true])
      yield* TestClock.adjust("2 minutes")
      yield* seen(0, 1)
      yield* tenant
      assert.deepStrictEqual(yield* Effect.forEach([0, 1, 10_001, 10_002, 19_999], isKnown), [
        true,
        false,
        false,
        true,
        true
      ])
    }))

  it.effect("nothing known: fails; known: as far as it covers; too old: fails", () =>
    Effect.gen(function*() {
      const { script, state } = lamp()
      yield* Effect.gen(function*() {
        const policy = yield* OnUnavailable.allowLastKnown({ maxAge: "1 minute" })
        state.down = true
        assert.deepStrictEqual(yield* tags(policy, 1), ["Transport"])
        state.down = false
        yield* run(policy) // 2463 are left
        state.down = true
        assert.deepStrictEqual(yield* tags(policy, 3, { actual: tokens(1000) }), ["ran", "ran", "Transport"])
        assert.deepStrictEqual(yield* tags(policy, 1, { estimate: tokens(400), subject: { agent: "unseen" } }), ["ran"])
        yield* TestClock.adjust("2 minutes")
        assert.deepStrictEqual(yield* tags(policy, 1, { estimate: tokens(1) }), ["Transport"])
      }).pipe(Effect.provide(lab({ script, budgets: [{ scope: "tenant:tenant-a", allocated: tokens(2500) }] })))
    }))
})

describe("an opened call", () => {
  it.effect("is logged, counted, and settled by how the work ends", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const settlements: Array<Settlement> = []
      const onSettled = (settlement: Settlement) => Effect.sync(() => void settlements.push(settlement))
      const { effect } = outage((state) =>
        Effect.gen(function*() {
          state.down = true
          const before = (yield* Metric.value(Metric.tagged(Telemetry.guardOpened, "policy", "allowUnlimited"))).count
          yield* run(OnUnavailable.allowUnlimited, { onSettled })
          const fails = guarded(Effect.fail("no"), { estimate, onUnavailable: OnUnavailable.allowUnlimited, onSettled })
          yield* Effect.ignore(fails)
          const after = (yield* Metric.value(Metric.tagged(Telemetry.guardOpened, "policy", "allowUnlimited"))).count
          assert.strictEqual(after - before, 2)
        })
      )
      yield* Effect.provide(
        effect,
        Logger.replace(
          Logger.defaultLogger,
          Logger.map(Logger.logfmtLogger, (line) => void lines.push(line))
        )
      )
      assert.strictEqual(lines.filter((line) => line.includes("runs without a hold")).length, 2)
      assert.isTrue(lines.every((line) => !line.includes("cyc_live_test")))
      assert.deepStrictEqual(settlements.map(({ _tag }) => _tag), ["Pending", "Released"])
    }))

  it.effect("counts against a run and a sub-budget like any other", () =>
    outage((state) =>
      Effect.gen(function*() {
        const policy = OnUnavailable.allowUnlimited
        state.down = true
        const run3 = Effect.provide(tags(policy, 3), runBudget({ limit: tokens(1050), backing: "local" }))
        assert.deepStrictEqual(yield* run3, ["ran", "ran", "AllocationExceeded"])
        const inside = guarded(Effect.provide(tags(policy, 2), subBudget(tokens(1000))), {
          estimate: tokens(2000),
          onUnavailable: policy
        })
        assert.deepStrictEqual(yield* inside, ["ran", "AllocationExceeded"])
        state.down = false
        yield* TestClock.adjust("10 minutes")
        assert.deepInclude(yield* ledger(), { spent: 37n * 3n, reserved: 0n, active: 0 })
      })
    ).effect)

  it.effect("interrupted at every step: nothing held, what was said is recorded", () =>
    Effect.gen(function*() {
      for (let ms = 0; ms < 20; ms += 2) {
        const { script, state } = lamp({ before: 5, refuse: true })
        yield* Effect.gen(function*() {
          state.down = true
          const fiber = yield* Effect.fork(
            guarded(Effect.sleep(5), { estimate, actual: used, onUnavailable: OnUnavailable.allowUnlimited })
          )
          yield* TestClock.adjust(ms)
          const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
          yield* TestClock.adjust("1 second")
          const exit = yield* Fiber.join(interrupting)
          state.down = false
          yield* TestClock.adjust("10 minutes")
          const { spent, ...rest } = yield* ledger()
          assert.deepInclude(rest, { reserved: 0n, active: 0 })
          assert.strictEqual(spent, Exit.isSuccess(exit) || ms >= 15 ? 37n : 0n, `after ${ms} ms`)
        }).pipe(Effect.provide(lab({ script })))
      }
    }))
})

describe("over a real socket", () => {
  it.live("an authority that goes down and comes up gets every opened spend, once", () => {
    const { script, state } = lamp()
    return Effect.gen(function*() {
      const policy = yield* OnUnavailable.allow(tokens(1_000_000))
      yield* run(policy)
      state.down = true
      const outcomes = yield* Effect.replicateEffect(Effect.exit(run(policy)), 20)
      assert.isTrue(outcomes.every(Exit.isSuccess))
      assert.deepInclude(yield* ledger(), { spent: 37n })
      state.down = false
      yield* Effect.retry(
        Effect.filterOrFail(ledger(), ({ spent }) => spent === 37n * 21n),
        Schedule.intersect(Schedule.spaced("50 millis"), Schedule.recurs(200))
      )
      assert.isTrue(yield* Cycles.flush)
      assert.deepInclude(yield* ledger(), { spent: 37n * 21n, reserved: 0n, active: 0 })
    }).pipe(
      Effect.provide(socket({ script, retry: { initialDelay: "50 millis", maxDelay: "200 millis", maxAttempts: 20 } }))
    )
  }, 30_000)

  it.effect("what a program could not record before it ended, the next one does", () =>
    Effect.gen(function*() {
      const journalLayer = Layer.succeed(Journal.Journal, yield* Journal.Journal)
      const { script, state } = lamp()
      state.down = true
      yield* Effect.provide(run(OnUnavailable.allowUnlimited), lab({ script, journalLayer }))
      yield* Effect.gen(function*() {
        yield* TestClock.adjust("1 minute")
        assert.deepInclude(yield* ledger(), { spent: 37n, reserved: 0n })
      }).pipe(Effect.provide(lab({ journalLayer })))
    }).pipe(Effect.provide(Journal.layerMemory())))
})

describe("CircuitBreaker", () => {
  const breaker = CircuitBreaker.make({ failures: 3, cooldown: "30 seconds", probes: 1 })

  it.effect("opens after so many failures in a row, lets one probe through, closes with its answer", () => {
    const { script, state } = lamp()
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      const circuit = yield* breaker
      const policy = OnUnavailable.withBreaker(OnUnavailable.fail, circuit)
      const creates = () => calls.filter(({ operation }) => operation === "create").length
      state.down = true
      assert.deepStrictEqual(yield* tags(policy, 3), ["Transport", "Transport", "CircuitOpen"])
      assert.strictEqual(yield* circuit.state, "open")
      assert.strictEqual(creates(), 4)
      const error = yield* Effect.flip(run(policy))
      assert.isTrue(error._tag === "CircuitOpen" && error.message.includes("30s"))
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(yield* tags(policy, 2), ["Transport", "CircuitOpen"])
      yield* TestClock.adjust("30 seconds")
      state.down = false
      assert.deepStrictEqual(yield* tags(policy, 2), ["ran", "ran"])
      assert.strictEqual(yield* circuit.state, "closed")
    }).pipe(Effect.provide(lab({ script, calls })))
  })

  it.effect("a refusal is an answer; with an allowance in behind, work goes on without asking", () => {
    const { script, state } = lamp()
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      const circuit = yield* breaker
      const policy = OnUnavailable.withBreaker(yield* OnUnavailable.allow(tokens(100_000)), circuit)
      assert.deepStrictEqual(yield* tags(policy, 5, { estimate: tokens(9_000_000) }), Array(5).fill("BudgetExceeded"))
      assert.strictEqual(yield* circuit.state, "closed")
      state.down = true
      assert.deepStrictEqual(yield* tags(policy, 10), Array(10).fill("ran"))
      assert.strictEqual(calls.filter(({ operation }) => operation === "create").length, 5 + 4)
    }).pipe(Effect.provide(lab({ script, calls })))
  })

  it.effect("hears of an attempt whose caller has gone; only one probe at a time", () => {
    const { script, state } = lamp({ before: "1 hour" })
    return Effect.gen(function*() {
      const circuit = yield* CircuitBreaker.make({ failures: 2, cooldown: "10 seconds" })
      const policy = OnUnavailable.withBreaker(OnUnavailable.fail, circuit)
      state.down = true
      const fiber = yield* Effect.fork(run(policy))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(yield* circuit.state, "open")
      yield* TestClock.adjust("10 seconds")
      const probe = yield* Effect.fork(Effect.exit(run(policy)))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* circuit.state, "halfOpen")
      assert.deepStrictEqual(yield* tags(policy, 1), ["CircuitOpen"])
      yield* Fiber.interrupt(probe)
    }).pipe(Effect.provide(lab({ script })))
  })

  it.effect("a probe that is interrupted at any step is not lost", () =>
    Effect.gen(function*() {
      for (let steps = 0; steps < 40; steps += 1) {
        const circuit = yield* CircuitBreaker.make({ failures: 1, cooldown: 0 })
        yield* circuit.report(false)
        const policy = OnUnavailable.withBreaker(OnUnavailable.fail, circuit)
        const probe = yield* Effect.fork(Effect.withMaxOpsBeforeYield(run(policy), 12))
        yield* Effect.repeatN(Effect.yieldNow(), steps)
        yield* Fiber.interrupt(probe)
        yield* TestClock.adjust("1 minute")
        const again = yield* Effect.either(run(policy))
        assert.strictEqual(again._tag, "Right", `after ${steps} steps`)
      }
    }).pipe(Effect.provide(lab())))

  it.effect("refuses bounds that are none", () =>
    Effect.gen(function*() {
      for (const options of [{ failures: 0 }, { probes: 0.5 }]) {
        assert.strictEqual((yield* Effect.flip(CircuitBreaker.make(options)))._tag, "InvalidInput")
      }
    }))
})
