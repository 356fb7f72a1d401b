import { assert, describe, it } from "@effect/vitest"
import {
  Amount,
  CurrentReservation,
  Cycles,
  guarded,
  runBudget,
  shadow,
  type ShadowOptions,
  type ShadowReport,
  ShadowReports,
  SignedAmount,
  subBudget,
  Telemetry,
  wouldDeny
} from "effect-cycles"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { embedded, ledger } from "../support/embedded.js"
import type { Call, Fault } from "../support/faults.js"

const tokens = Amount.tokens
const estimate = tokens(1000)

const watched = <A, E, R>(self: Effect.Effect<A, E, R>, options: Partial<ShadowOptions<A>> = {}) => {
  const reports: Array<ShadowReport> = []
  const onReport = (report: ShadowReport) => Effect.sync(() => void reports.push(report))
  return { reports, effect: shadow(self, { estimate, onReport, ...options } as ShadowOptions<A>) }
}

const untouched = { spent: 0n, reserved: 0n, active: 0, committed: 0, released: 0 }

describe("shadow", () => {
  it.effect("allowed: the work runs, nothing is held or charged, and the report says what would have been", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      const { effect, reports } = watched(Effect.succeed("ran"), { actual: tokens(1200) })
      assert.strictEqual(yield* effect, "ran")
      assert.isTrue(yield* Cycles.flush)
      assert.deepInclude(yield* ledger(), untouched)
      assert.strictEqual(reports.length, 1)
      assert.deepInclude(reports[0], {
        estimate,
        actual: Option.some(tokens(1200)),
        source: Option.some("actual" as const)
      })
      assert.strictEqual(reports[0]?.verdict._tag, "Allowed")
      assert.deepStrictEqual(reports[0]?.estimateError, Option.some(new SignedAmount({ unit: "TOKENS", amount: 200n })))
      assert.deepStrictEqual(calls.map(({ body }) => JSON.parse(body).dry_run), [true])
    }).pipe(Effect.provide(embedded({ calls })))
  })

  it.effect("denied: the work runs all the same", () =>
    Effect.gen(function*() {
      const { effect, reports } = watched(Effect.succeed("ran"), { actual: tokens(1) })
      assert.strictEqual(yield* effect, "ran")
      assert.isTrue(yield* Cycles.flush)
      assert.isTrue(reports.every(wouldDeny))
      const [report] = reports
      assert.strictEqual(report?.verdict._tag === "Denied" && report.verdict.error._tag, "BudgetExceeded")
    }).pipe(Effect.provide(embedded({ budgets: [{ scope: "tenant:tenant-a", allocated: tokens(10) }] }))))

  const broken: ReadonlyArray<readonly [string, Fault]> = [
    ["hangs", { before: "10 hours" }],
    ["refuses the connection", { refuse: true }],
    ["refuses the key", { instead: { status: 401 } }],
    ["answers nonsense", { instead: { status: 200, body: "[]" } }]
  ]
  for (const [what, fault] of broken) {
    it.effect(`an authority that ${what} neither stops nor delays nor fails anything`, () =>
      Effect.gen(function*() {
        const { effect, reports } = watched(Effect.succeed("ran"), { actual: tokens(5) })
        // The clock stands still: whatever waited would wait for ever.
        assert.strictEqual(yield* effect, "ran")
        yield* TestClock.adjust("1 minute")
        assert.isTrue(yield* Cycles.flush)
        assert.deepStrictEqual(reports.map(({ verdict }) => verdict._tag), ["Unknown"])
        assert.deepStrictEqual(reports[0]?.actual, Option.some(tokens(5)))
      }).pipe(Effect.provide(embedded({ script: () => fault }))))
  }

  it.live("an authority that hangs does not fill the memory with questions", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      const { effect, reports } = watched(Effect.void)
      yield* Effect.repeatN(effect, 299)
      assert.isBelow(calls.length, 260)
      assert.isTrue(yield* Cycles.flush)
      assert.strictEqual(reports.length, 300)
    }).pipe(Effect.provide(embedded({ calls, script: () => ({ before: "2 seconds" }) })))
  }, 20_000)

  it.effect("failure, defect and interruption come out as they are, and are reported", () =>
    Effect.gen(function*() {
      const say = Effect.flatMap(CurrentReservation, ({ setUsage }) => setUsage(tokens(7)))
      const ends = [Effect.fail("no"), Effect.die("bug"), Effect.interrupt]
      for (const end of ends) {
        for (
          const [work, actual] of [[end, Option.none()], [Effect.zipRight(say, end), Option.some(tokens(7))]] as const
        ) {
          const { effect, reports } = watched(work)
          const exit = yield* Effect.exit(effect)
          assert.strictEqual(
            Exit.isFailure(exit) && exit.cause.toString(),
            (yield* Effect.exit(end)).pipe((exit) => Exit.isFailure(exit) && exit.cause.toString())
          )
          assert.isTrue(yield* Cycles.flush)
          assert.deepStrictEqual(reports[0]?.actual, actual)
        }
      }
      assert.deepInclude(yield* ledger(), untouched)
    }).pipe(Effect.provide(embedded())))

  it.effect("options that cannot be used stop nothing", () =>
    Effect.gen(function*() {
      const bad = () => {
        throw new Error("no price")
      }
      for (const estimate of [bad, undefined, null, 5, Effect.succeed("5")]) {
        const { effect, reports } = watched(Effect.succeed("ran"), { estimate } as never)
        assert.strictEqual(yield* effect, "ran")
        assert.isTrue(yield* Cycles.flush)
        assert.strictEqual(reports[0]?.verdict._tag, "Unknown")
      }
    }).pipe(Effect.provide(embedded())))

  it.effect("record: what was used is an event, so that the next verdicts are right", () =>
    Effect.gen(function*() {
      const { effect, reports } = watched(Effect.void, { actual: tokens(900), record: true })
      yield* Effect.zipRight(effect, Cycles.flush)
      yield* Effect.zipRight(effect, Cycles.flush)
      assert.deepStrictEqual(reports.map(wouldDeny), [false, true])
      assert.deepInclude(yield* ledger(), { spent: 1500n, reserved: 0n })
    }).pipe(Effect.provide(embedded({ budgets: [{ scope: "tenant:tenant-a", allocated: tokens(1500) }] }))))

  it.effect("guards inside are real guards, without a warning and bound by the run around", () =>
    Effect.gen(function*() {
      const inner = guarded(Effect.void, { estimate: tokens(60), actual: tokens(60) })
      const two = watched(Effect.zipRight(inner, Effect.flip(inner))).effect
      const error = yield* Effect.provide(two, runBudget({ limit: tokens(100) }))
      assert.strictEqual(error._tag, "AllocationExceeded")
      assert.deepInclude(yield* ledger(), { spent: 60n, reserved: 0n })
    }).pipe(Effect.provide(embedded())))

  const inside = guarded(Effect.void, { estimate: tokens(60), actual: tokens(60), nested: "split" })

  it.effect("a sub-budget inside is bound by the run around, and never by what is only watched", () =>
    Effect.gen(function*() {
      const { effect } = watched(Effect.provide(inside, subBudget(tokens(60))), {
        estimate: tokens(10),
        actual: tokens(0),
        record: true
      })
      yield* effect
      yield* Cycles.flush
      // The guard has recorded its spend: the watched work around it does not do so again.
      assert.deepInclude(yield* ledger(), { spent: 60n, reserved: 0n })
      const error = yield* Effect.flip(
        Effect.provide(Effect.zipRight(effect, effect), runBudget({ limit: tokens(100) }))
      )
      assert.strictEqual(error._tag, "AllocationExceeded")
      yield* Cycles.flush
      assert.deepInclude(yield* ledger(), { spent: 120n, reserved: 0n, active: 0 })
    }).pipe(Effect.provide(embedded())))

  it.effect("a part of the hold around stays a part of it", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      const outer = { estimate: tokens(100), actual: tokens(1) }
      yield* guarded(watched(inside).effect, outer)
      yield* guarded(watched(watched(inside).effect).effect, outer)
      const error = yield* Effect.flip(guarded(watched(guarded(inside, { ...outer, nested: "forbid" })).effect, outer))
      assert.strictEqual(error._tag, "NestedForbidden")
      yield* Cycles.flush
      assert.deepInclude(yield* ledger(), { spent: 122n, reserved: 0n })
      const holds = calls.filter(({ body, operation }) => operation === "create" && !body.includes("dry_run"))
      assert.strictEqual(holds.length, 3)
    }).pipe(Effect.provide(embedded({ calls })))
  })

  it.effect("as a stream and as metrics", () =>
    Effect.gen(function*() {
      const allowed = Metric.tagged(Telemetry.shadowVerdict, "verdict", "Allowed")
      const before = (yield* Metric.value(allowed)).count
      const uses = (yield* Metric.value(Telemetry.shadowUse)).count
      const { stream } = yield* ShadowReports
      const fiber = yield* Effect.fork(Stream.runHead(stream))
      yield* Effect.yieldNow()
      yield* watched(Effect.void, { actual: tokens(500) }).effect
      const report = Option.getOrThrow(yield* Fiber.join(fiber))
      assert.deepStrictEqual(report.actual, Option.some(tokens(500)))
      assert.strictEqual((yield* Metric.value(allowed)).count - before, 1)
      assert.strictEqual((yield* Metric.value(Telemetry.shadowUse)).count - uses, 1)
    }).pipe(Effect.provide(ShadowReports.layer), Effect.provide(embedded())))
})
