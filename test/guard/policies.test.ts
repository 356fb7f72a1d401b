import { assert, describe, it } from "@effect/vitest"
import { Amount, Cycles, guarded, type GuardOptions, LeaseEvent, type Settlement } from "effect-cycles"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { embedded, ledger } from "../support/embedded.js"
import type { Call } from "../support/faults.js"
import { journalOfNothing } from "../support/journal.js"

const estimate = Amount.tokens(1000)
const used = Amount.tokens(37)

const long = (options: Partial<Omit<GuardOptions<string>, "actual" | "estimate">> = {}) =>
  guarded(Effect.as(Effect.sleep("10 minutes"), "done"), { estimate, actual: used, ...options })

const afterMinutes = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(Effect.zip(Effect.exit(effect), Clock.currentTimeMillis))
    yield* TestClock.adjust("12 minutes")
    return yield* Fiber.join(fiber)
  })

const gone = ({ operation }: Call) => operation === "extend" ? { refuse: true } : undefined

describe("the lease of a guard", () => {
  it.effect("is extended while the work runs, and not after it", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      const [exit] = yield* afterMinutes(long())
      assert.deepStrictEqual(exit, Exit.succeed("done"))
      const extended = calls.filter(({ operation }) => operation === "extend").length
      assert.isAbove(extended, 8)
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(calls.filter(({ operation }) => operation === "extend").length, extended)
      assert.deepInclude(yield* ledger(), { spent: 37n, committed: 1, reserved: 0n, expired: 0 })
    }).pipe(Effect.provide(embedded({ calls })))
  })

  it.effect("is not extended without a heartbeat, nor beyond maxLifetime", () =>
    Effect.gen(function*() {
      for (const options of [{ heartbeat: false }, { maxLifetime: "1 minute" }] as const) {
        const calls: Array<Call> = []
        yield* Effect.provide(afterMinutes(long(options)), embedded({ calls }))
        assert.isBelow(calls.filter(({ operation }) => operation === "extend").length, 3)
        assert.strictEqual(calls.at(-1)?.operation, "event")
      }
    }))

  const lost: ReadonlyArray<readonly [GuardOptions<string>["onLeaseLost"], string, boolean]> = [
    [undefined, "done", false],
    ["warn", "done", false],
    ["failOnFinalize", "LeaseLost", false],
    ["interrupt", "LeaseLost", true]
  ]
  for (const [onLeaseLost, result, early] of lost) {
    it.effect(`lost under ${onLeaseLost ?? "the default"}: ${result}`, () =>
      Effect.gen(function*() {
        const settlements: Array<Settlement> = []
        const [exit, at] = yield* afterMinutes(long({
          onLeaseLost,
          onSettled: (settlement) => Effect.sync(() => void settlements.push(settlement))
        }))
        const outcome = Exit.isSuccess(exit) ? exit.value : (yield* Effect.flip(exit))._tag
        assert.strictEqual(outcome, result)
        assert.strictEqual(at < 300_000, early)
        assert.strictEqual(settlements.length, 1)
        if (!early) assert.deepInclude(settlements[0], { _tag: "Committed", via: "event" })
        assert.deepInclude(yield* ledger(), { reserved: 0n, active: 0 })
      }).pipe(Effect.provide(embedded({ script: gone }))))
  }

  it.live("under interrupt, work in an uninterruptible region ends when it is done", () =>
    Effect.gen(function*() {
      const work = guarded(Effect.succeed("done"), { estimate, actual: used, onLeaseLost: "interrupt" })
      const value = Effect.timeout(Effect.disconnect(Effect.uninterruptible(work)), "2 seconds")
      assert.strictEqual(yield* value, "done")
      assert.deepInclude(yield* ledger(), { spent: 37n, active: 0 })
    }).pipe(Effect.provide(embedded())))

  it.effect("tells what happens to it", () =>
    Effect.gen(function*() {
      const tags: Array<string> = []
      const { leases } = yield* Cycles
      yield* Effect.fork(Stream.runForEach(leases.events, (event) =>
        Effect.sync(() => {
          assert.isString(event.reservationId)
          assert.isDefined(event.disposition)
          tags.push(event._tag)
          if (LeaseEvent.$is("Extended")(event)) assert.isTrue(event.lease.expiresAt._tag === "Some")
        })))
      yield* Effect.yieldNow()
      yield* afterMinutes(long())
      assert.includeMembers(tags, ["Extended", "Retrying"])
    }).pipe(Effect.provide(embedded({
      script: ({ n, operation }) => operation === "extend" && n % 3 === 0 ? { lose: true } : undefined
    }))))
})

describe("settle: \"background\"", () => {
  it.effect("returns when the work is done, and settles all the same", () =>
    Effect.gen(function*() {
      const settlements: Array<Settlement> = []
      const fiber = yield* Effect.fork(guarded(Effect.succeed(5), {
        estimate,
        actual: used,
        settle: "background",
        onSettled: (settlement) => Effect.sync(() => void settlements.push(settlement))
      }))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), 5)
      assert.strictEqual(settlements.length, 0)
      yield* TestClock.adjust("5 seconds")
      assert.deepInclude(settlements[0], { _tag: "Committed" })
      assert.deepInclude(yield* ledger(), { spent: 37n, reserved: 0n })
    }).pipe(Effect.provide(embedded({
      script: ({ operation }) => operation === "commit" ? { before: "3 seconds" } : undefined
    }))))

  it.effect("is waited for at the end of the layer", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.fork(
        guarded(Effect.succeed(5), { estimate, actual: used, settle: "background" }).pipe(
          Effect.zipLeft(Effect.void),
          Effect.provide(
            embedded({ script: ({ operation }) => operation === "commit" ? { before: "3 seconds" } : undefined })
          )
        )
      )
      yield* TestClock.adjust("2 seconds")
      assert.isTrue((yield* Fiber.poll(fiber))._tag === "None")
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), 5)
    }))

  it.effect("is in the journal, also when nobody waits for the end of the layer", () =>
    Effect.gen(function*() {
      const kept: Array<string> = []
      const slowDisk = journalOfNothing(({ reservationId }) =>
        Effect.delay(Effect.sync(() => void kept.push(reservationId)), "1 second")
      )
      const fiber = yield* Effect.fork(
        guarded(Effect.succeed(5), { estimate, actual: used, settle: "background" }).pipe(
          Effect.provide(embedded({ journalLayer: slowDisk, flushTimeout: 0 }))
        )
      )
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), 5)
      assert.strictEqual(kept.length, 1)
    }))
})
