import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as Ref from "effect/Ref"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Supervisor from "effect/Supervisor"
import * as TestClock from "effect/TestClock"
import { deadline } from "../../src/client/internal/deadline.js"

const second = deadline(Duration.seconds(1), () => "late" as const)

/** What an effect gives, and how many of the fibers that it started are left after a while. */
const survivors = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const supervisor = yield* Supervisor.track
    const exit = yield* Effect.exit(Effect.supervised(effect, supervisor))
    yield* Effect.forEach(Array.from({ length: 20 }), () => Effect.yieldNow())
    const fibers = yield* supervisor.value
    const statuses = yield* Effect.forEach(fibers, Fiber.status)
    return { exit, left: statuses.filter(({ _tag }) => _tag !== "Done").length }
  })

/** A hung effect that says whether it was interrupted. */
const hung = Effect.gen(function*() {
  const interrupted = yield* Ref.make(false)
  return { interrupted, run: Effect.onInterrupt(Effect.never, () => Ref.set(interrupted, true)) }
})

describe("deadline", () => {
  it.effect("passes a value, a failure and a defect on, and leaves nothing behind", () =>
    Effect.gen(function*() {
      for (const work of [Effect.succeed(1), Effect.fail("no"), Effect.die("bug")]) {
        const { exit, left } = yield* survivors(second(work))
        assert.deepStrictEqual(Exit.map(exit, String), Exit.map(yield* Effect.exit(work), String))
        assert.strictEqual(left, 0)
      }
      const { exit, left } = yield* survivors(second(Effect.interrupt))
      assert.isTrue(Exit.isInterrupted(exit))
      assert.strictEqual(left, 0)
    }))

  it.effect("an answer just in time counts, one at the limit may not", () =>
    Effect.gen(function*() {
      const inTime = yield* Effect.fork(second(Effect.as(Effect.sleep("999 millis"), "here")))
      const late = yield* Effect.fork(Effect.flip(second(Effect.as(Effect.sleep("1001 millis"), "here"))))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(inTime), "here")
      assert.strictEqual(yield* Fiber.join(late), "late")
    }))

  for (
    const [where, region] of [
      ["an interruptible region", Effect.interruptible],
      ["an uninterruptible region", Effect.uninterruptible]
    ] as const
  ) {
    it.effect(`fires in ${where}, and stops the work`, () =>
      Effect.gen(function*() {
        const { interrupted, run } = yield* hung
        const fiber = yield* Effect.fork(survivors(region(second(run))))
        yield* TestClock.adjust("999 millis")
        assert.isNull(fiber.unsafePoll())
        yield* TestClock.adjust("1 millis")
        const { exit, left } = yield* Fiber.join(fiber)
        assert.deepStrictEqual(exit, Exit.fail("late"))
        assert.isTrue(yield* Ref.get(interrupted))
        assert.strictEqual(left, 0)
      }))
  }

  it.effect("fires in a finalizer", () =>
    Effect.gen(function*() {
      const seen = yield* Deferred.make<string>()
      const fiber = yield* Effect.fork(
        Effect.ensuring(
          Effect.void,
          Effect.flip(second(Effect.never)).pipe(Effect.flatMap((e) => Deferred.succeed(seen, e)))
        )
      )
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      assert.strictEqual(yield* Deferred.await(seen), "late")
    }))

  it.effect("fires in the finalizer of a scope that closes on interruption", () =>
    Effect.gen(function*() {
      const outcome = yield* Ref.make("")
      const work = Effect.acquireRelease(
        Effect.void,
        () => Effect.flatMap(Effect.flip(second(Effect.never)), (e) => Ref.set(outcome, e))
      )
      const fiber = yield* Effect.fork(Effect.scoped(Effect.zipRight(work, Effect.never)))
      yield* Effect.yieldNow()
      const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
      yield* TestClock.adjust("999 millis")
      assert.isNull(interrupting.unsafePoll())
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(interrupting)
      assert.strictEqual(yield* Ref.get(outcome), "late")
    }))

  it.effect("does not wait for work that refuses to stop", () =>
    Effect.gen(function*() {
      const stubborn = Effect.uninterruptible(Effect.sleep("1 hour"))
      const fiber = yield* Effect.fork(Effect.flip(second(stubborn)))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "late")
    }))

  it.effect("an interruptible caller passes its interrupt on", () =>
    Effect.gen(function*() {
      const { interrupted, run } = yield* hung
      const fiber = yield* Effect.fork(survivors(Effect.interruptible(Effect.exit(second(run)))))
      yield* TestClock.adjust("10 millis")
      const exit = yield* Fiber.interrupt(fiber)
      yield* Effect.yieldNow()
      assert.isTrue(Exit.isInterrupted(exit))
      assert.isTrue(yield* Ref.get(interrupted))
    }))

  it.effect("an uninterruptible caller waits for the answer", () =>
    Effect.gen(function*() {
      const done = yield* Ref.make("")
      const work = second(Effect.as(Effect.sleep("500 millis"), "committed")).pipe(
        Effect.tap((text) => Ref.set(done, text)),
        Effect.uninterruptible
      )
      const fiber = yield* Effect.fork(work)
      yield* TestClock.adjust("10 millis")
      const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
      yield* TestClock.adjust("480 millis")
      assert.isNull(interrupting.unsafePoll())
      yield* TestClock.adjust("10 millis")
      yield* Fiber.join(interrupting)
      assert.strictEqual(yield* Ref.get(done), "committed")
    }))

  it.effect("works with the caller's context, references and time limit of zero", () =>
    Effect.gen(function*() {
      const reference = FiberRef.unsafeMake("outside")
      const seen = yield* Effect.locally(second(FiberRef.get(reference)), reference, "inside")
      assert.strictEqual(seen, "inside")
      const now = deadline(Duration.zero, () => "late" as const)
      assert.deepStrictEqual(yield* Effect.exit(now(Effect.never)), Exit.fail("late"))
    }))

  it.effect("one in another has the shorter limit", () =>
    Effect.gen(function*() {
      const outer = deadline(Duration.millis(100), () => "outer" as const)
      const fiber = yield* Effect.fork(survivors(Effect.uninterruptible(outer(second(Effect.never)))))
      yield* TestClock.adjust("100 millis")
      const { exit, left } = yield* Fiber.join(fiber)
      assert.deepStrictEqual(exit, Exit.fail("outer"))
      assert.strictEqual(left, 0)
    }))
})

describe("deadline, live", () => {
  const short = deadline(Duration.millis(50), () => "late" as const)

  it.live("fires near its limit, also where nothing can be interrupted", () =>
    Effect.gen(function*() {
      for (const region of [Effect.interruptible, Effect.uninterruptible]) {
        const [elapsed, exit] = yield* Effect.timed(Effect.exit(region(short(Effect.never))))
        assert.deepStrictEqual(exit, Exit.fail("late"))
        assert.isAtLeast(Duration.toMillis(elapsed), 48)
        assert.isBelow(Duration.toMillis(elapsed), 1000)
      }
    }))

  it.live("leaves no fiber behind after many calls", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const calls = Effect.forEach(
        Array.from({ length: 50 }),
        (_, n) => Effect.exit(short(n % 2 === 0 ? Effect.sleep("5 millis") : Effect.never)),
        { concurrency: "unbounded" }
      )
      const { exit, left } = yield* survivors(calls)
      const exits = Exit.isSuccess(exit) ? exit.value : []
      assert.strictEqual(exits.filter(Exit.isSuccess).length, 25)
      assert.strictEqual(left, 0)
      yield* Scope.close(scope, Exit.void)
    }))

  it.live("an interrupted caller returns at once", () =>
    Effect.gen(function*() {
      const long = deadline(Duration.minutes(1), () => "late" as const)
      const { interrupted, run } = yield* hung
      const fiber = yield* Effect.fork(long(run))
      yield* Effect.sleep("20 millis")
      const [elapsed, exit] = yield* Effect.timed(Fiber.interrupt(fiber))
      assert.isTrue(Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause))
      assert.isBelow(Duration.toMillis(elapsed), 1000)
      yield* Effect.repeat(Ref.get(interrupted), { until: (done) => done, schedule: Schedule.spaced("5 millis") })
    }))
})
