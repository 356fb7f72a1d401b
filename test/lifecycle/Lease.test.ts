import { assert, describe, it } from "@effect/vitest"
import { assertNone, assertSome } from "@effect/vitest/utils"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as HashMap from "effect/HashMap"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as Authority from "../../src/authority/Authority.js"
import * as InProcess from "../../src/authority/InProcess.js"
import * as Client from "../../src/client/Client.js"
import * as CyclesConfig from "../../src/client/CyclesConfig.js"
import * as Wheel from "../../src/lifecycle/internal/leaseWheel.js"
import * as Lease from "../../src/lifecycle/Lease.js"
import * as LeasePlan from "../../src/lifecycle/LeasePlan.js"
import { Amount } from "../../src/protocol/Amount.js"
import * as Idempotency from "../../src/protocol/Idempotency.js"
import { invalidInput } from "../../src/protocol/InvalidInput.js"
import {
  ambiguous,
  type Attempt,
  bodiless,
  clamped,
  type Clamps,
  cut,
  type Fault,
  leasesOver,
  ledger,
  recorded,
  refused
} from "./support/leases.js"
import { seeded, virtually } from "./support/virtualClock.js"

const tags = (events: ReadonlyArray<Lease.LeaseEvent>) =>
  events.map((event) => event._tag === "Stopped" ? `Stopped ${event.reason}` : event._tag)

const times = (attempts: ReadonlyArray<Attempt>) => attempts.map(({ atMs }) => Math.round(atMs))

const keys = (attempts: ReadonlyArray<Attempt>) => new Set(attempts.map(({ key }) => key)).size

const only = (n: number, fault: Fault) => (m: number) => m === n ? fault : undefined

/** In virtual time, silently. */
const run = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>) =>
  virtually(Effect.provide(Effect.scoped(effect), Logger.remove(Logger.defaultLogger)))

/** A reservation of the real ledger, kept as long as the scope. */
const kept = (ttl: Duration.DurationInput, options: {
  readonly script?: (n: number) => Fault | undefined
  readonly attemptTimeout?: Duration.DurationInput
  readonly maxLifetime?: Duration.Duration
  readonly maxExtensions?: number
} = {}) =>
  Effect.gen(function*() {
    const attempts: Array<Attempt> = []
    const { authority, extend, left, reserve } = yield* ledger(options.maxExtensions)
    const leases = yield* leasesOver(extend, { attempts, ...options })
    const hold = yield* reserve(ttl)
    const events = yield* recorded(leases)
    const handle = yield* Effect.acquireRelease(leases.start(hold, options.maxLifetime), ({ end }) => end)
    return { attempts, authority, events, handle, hold, leases, left: left(hold.id) }
  })

describe("a virtual day", () => {
  const kinds: ReadonlyArray<Fault> = [
    { error: cut },
    { lose: true },
    { error: refused("INTERNAL_ERROR", 500) },
    { hang: true },
    { error: refused("LIMIT_EXCEEDED", 429, "1 seconds") }
  ]
  for (const seconds of [60, 10, 5]) {
    it.effect(
      `of ${seconds} s leases, every fifth extend failing in one of five ways: no lapse and no end`,
      () =>
        run(Effect.gen(function*() {
          const attempts: Array<Attempt> = []
          const { extend, left, reserve } = yield* ledger()
          const script = (n: number) => n % 5 === 0 ? kinds[(n / 5) % 5] : undefined
          const leases = yield* leasesOver(extend, { attempts, script })
          const hold = yield* reserve(`${seconds} seconds`)
          const handle = yield* leases.start(hold, Duration.infinity)
          yield* Effect.sleep("1 days")
          assertNone(yield* handle.lost)
          assert.isAbove(yield* left(hold.id), 0)
          const beats = keys(attempts)
          assert.approximately(beats, 86_400 / seconds, 2)
          assert.approximately(attempts.length, 1.25 * beats, 2)
        })),
      60_000
    )
  }

  /** How many attempts in succession may fail at once before the plan has to stop. */
  const afforded = (ttlMs: number): number => {
    const timeoutMs = LeasePlan.attemptTimeout(ttlMs, 7000)
    let [state, decision] = LeasePlan.initial(
      { ttlMs, timeoutMs, maxTimeoutMs: 7000, maxLifetimeMs: Infinity },
      { atMs: 0, rttMs: 0, remainingMs: Option.some(ttlMs), expiresAtMs: Option.none() }
    )
    let atMs = 0
    for (let failures = 0;; failures++) {
      if (decision._tag === "Stop") return failures
      atMs += decision.delayMs
      ;[state, decision] = LeasePlan.onFailure(state, LeasePlan.Failure.Transient({ atMs }))
    }
  }

  for (const seconds of [60, 10, 5]) {
    const limit = afforded(seconds * 1000)
    it.effect(
      `of ${seconds} s leases, each extend failing with 20 %: it ends after ${limit} in succession and never else`,
      () =>
        run(Effect.gen(function*() {
          const chance = seeded(seconds)
          let failures = 0
          let forced = 0
          const script = (): Fault | undefined => {
            failures = chance() < 0.2 ? failures + 1 : 0
            if (failures === 0) return undefined
            if (failures === limit) {
              failures = 0
              forced += 1
            }
            return { error: cut }
          }
          const { extend, left, reserve } = yield* ledger()
          const leases = yield* leasesOver(extend, { script })
          const until = (yield* Clock.currentTimeMillis) + 86_400_000
          let ends = 0
          for (;;) {
            const leftOfDay = until - (yield* Clock.currentTimeMillis)
            if (leftOfDay <= 0) break
            const hold = yield* reserve(`${seconds} seconds`)
            const handle = yield* leases.start(hold)
            const exit = yield* Effect.exit(Effect.raceFirst(handle.awaitLost, Effect.sleep(leftOfDay)))
            // It was told no later than the hold ended.
            assert.isAtLeast(yield* left(hold.id), 0)
            yield* handle.end
            if (Exit.isSuccess(exit)) continue
            assertSome(
              Cause.failureOption(exit.cause),
              new Lease.LeaseLost({ reservationId: hold.id, reason: "noSafeRetry" })
            )
            ends += 1
          }
          assert.strictEqual(ends, forced)
        })),
      60_000
    )
  }

  it.effect("over the wire and the embedded authority", () => {
    const key = Redacted.make("cyc_live_test")
    const authority = Authority.layer({
      budgets: [{ scope: "tenant:tenant-a", allocated: Amount.tokens(1000) }],
      keys: [{ key, tenant: "tenant-a" }]
    })
    return run(
      Effect.gen(function*() {
        const { putTenant, reservations } = yield* Authority.Authority
        yield* putTenant("tenant-a", { status: "ACTIVE", maxExtensions: 2000 })
        const config = yield* CyclesConfig.make({ baseUrl: "http://authority.localhost", apiKey: key })
        const client = yield* Client.make(config)
        const leases = yield* Lease.make({ ...client, config })
        const created = yield* client.createReservation({
          idempotencyKey: yield* Idempotency.fresh,
          subject: { tenant: "tenant-a" },
          action: { kind: "llm.completion", name: "model" },
          estimate: Amount.tokens(1),
          ttl: Duration.minutes(1)
        })
        const handle = yield* leases.start({
          id: Option.getOrThrow(created.value.reservationId),
          ttl: Duration.minutes(1),
          created,
          receivedAtNanos: yield* Clock.currentTimeNanos
        })
        yield* Effect.sleep("23 hours")
        assertNone(yield* handle.lost)
        assert.deepStrictEqual((yield* reservations).map(({ status }) => status), ["ACTIVE"])
      }).pipe(Effect.provide(InProcess.layer.pipe(Layer.provideMerge(authority))))
    )
  }, 60_000)
})

describe("an attempt", () => {
  it.effect("has a limit of its own: 5 s leases survive a client that waits 7 s", () =>
    run(Effect.gen(function*() {
      const { attempts, events, handle } = yield* kept("5 seconds", {
        script: (n) => n % 2 === 1 ? { hang: true } : undefined
      })
      yield* Effect.sleep("1 minutes")
      assertNone(yield* handle.lost)
      assert.deepStrictEqual(tags(events).slice(0, 4), ["Retrying", "Extended", "Retrying", "Extended"])
      assert.deepStrictEqual(times(attempts).slice(0, 4), [2000, 3000, 7000, 8000])
    })))

  it.effect("has the limit of the client where that is shorter", () =>
    run(Effect.gen(function*() {
      const { attempts } = yield* kept("60 seconds", { script: only(1, { hang: true }), attemptTimeout: "2 seconds" })
      yield* Effect.sleep("1 minutes")
      assert.deepStrictEqual(times(attempts).slice(0, 2), [55_000, 57_000])
    })))

  it.effect("keeps its key until one succeeds, also when only the answer was lost, and asks for the whole ttl", () =>
    run(Effect.gen(function*() {
      const script = (n: number): Fault | undefined =>
        [undefined, { lose: true }, { error: cut }, undefined, { hang: true }][n - 1]
      const { attempts, left } = yield* kept("60 seconds", { script })
      yield* Effect.sleep("4 minutes")
      const [a, b, c, d, e, f] = attempts.map(({ key }) => key)
      assert.strictEqual(b, c)
      assert.strictEqual(c, d)
      assert.strictEqual(e, f)
      assert.strictEqual(new Set([a, b, e]).size, 3)
      assert.deepStrictEqual([...new Set(attempts.map(({ byMs }) => byMs))], [60_000])
      assert.isAtMost(yield* left, 75_000)
    })))

  it.effect("that has a defect is one that proves nothing", () =>
    run(Effect.gen(function*() {
      const attempts: Array<Attempt> = []
      const { extend, reserve } = yield* ledger()
      const leases = yield* leasesOver(extend, { attempts })
      const hold = yield* reserve("60 seconds")
      const events = yield* recorded(leases)
      let fail = true
      const source = Effect.suspend(() => fail ? Effect.die("no randomness") : Effect.succeed("key-1"))
      yield* Effect.provideService(leases.start(hold), Idempotency.IdempotencyKeys, source)
      yield* Effect.sleep("46 seconds")
      fail = false
      yield* Effect.sleep("10 seconds")
      assert.deepStrictEqual(tags(events), ["Retrying", "Extended"])
      assert.deepStrictEqual(attempts.map(({ key }) => key), ["key-1"])
    })))

  it.effect("begins from when the reservation was answered, not from when its lease began", () =>
    run(Effect.gen(function*() {
      const attempts: Array<Attempt> = []
      const { extend, reserve } = yield* ledger()
      const leases = yield* leasesOver(extend, { attempts })
      const hold = yield* reserve("60 seconds")
      yield* Effect.sleep("40 seconds")
      yield* leases.start(hold)
      const late = yield* reserve("60 seconds")
      yield* Effect.sleep("50 seconds")
      yield* leases.start(late)
      yield* Effect.sleep("1 seconds")
      assert.deepStrictEqual(times(attempts), [45_000, 90_000])
    })))
})

describe("an authority that gives less", () => {
  const over = (ttl: Duration.DurationInput, clamps: Clamps) =>
    Effect.gen(function*() {
      const attempts: Array<Attempt> = []
      const { applied, extend, hold, left } = yield* clamped(ttl, clamps)
      const leases = yield* leasesOver(extend, { attempts })
      const events = yield* recorded(leases)
      const handle = yield* leases.start(hold)
      return { applied, attempts, events, handle, left }
    })

  const lives: ReadonlyArray<readonly [string, Duration.DurationInput, Clamps, number]> = [
    ["bounds the lead to 60 s", "60 seconds", { leadMs: 60_000 }, 80],
    ["bounds the lead to 10 s", "24 hours", { leadMs: 10_000 }, 635],
    ["grants 10 s for each extend", "60 seconds", { firstMs: 10_000, grantMs: 10_000 }, 360],
    ["grants 20 s at first, then all", "60 seconds", { firstMs: 20_000 }, 60],
    ["never says what remains", "60 seconds", { silent: () => true }, 61],
    ["leaves it out now and then", "60 seconds", { silent: (n) => n % 3 === 0 }, 61],
    ["never says it and grants 10 s", "60 seconds", { silent: () => true, firstMs: 10_000, grantMs: 10_000 }, 361],
    ["never says it and bounds the lead", "60 seconds", { silent: () => true, leadMs: 60_000 }, 120]
  ]
  for (const [name, ttl, clamps, beats] of lives) {
    it.effect(`${name}: kept for an hour`, () =>
      run(Effect.gen(function*() {
        const { attempts, events, handle, left } = yield* over(ttl, clamps)
        for (let minute = 0; minute < 60; minute++) {
          yield* Effect.sleep("1 minutes")
          assert.isAbove(yield* left, 0)
        }
        assertNone(yield* handle.lost)
        assert.deepStrictEqual([...new Set(tags(events))], ["Extended"])
        assert.approximately(attempts.length, beats, 2)
      })))
  }

  it.effect("24 h asked and 1 s granted: one more extend, then it says so while the hold stands", () =>
    run(Effect.gen(function*() {
      const { attempts, events, handle, left } = yield* over("24 hours", { leadMs: 1000 })
      yield* Effect.sleep("500 millis")
      assert.strictEqual(attempts.length, 1)
      assert.deepStrictEqual(tags(events), ["Extended", "Stopped tooShort"])
      assert.isAbove(yield* left, 0)
      yield* Effect.sleep("501 millis")
      assert.strictEqual(tags(events).at(-1), "Lost")
      assert.isTrue(Option.isSome(yield* handle.lost))
    })))

  it.effect("its extensions run out: told with what is left, lost when that is over", () =>
    run(Effect.gen(function*() {
      const { events, handle } = yield* over("60 seconds", { maxExtensions: 2 })
      yield* Effect.sleep("166 seconds")
      const stopped = events.at(-1)
      assert.deepInclude(stopped, { _tag: "Stopped", reason: "maxExtensions", disposition: "ending" })
      if (stopped?._tag === "Stopped") assert.deepStrictEqual(stopped.lead, Duration.seconds(15))
      yield* Effect.sleep("13 seconds")
      assertNone(yield* handle.lost)
      yield* Effect.sleep("2 seconds")
      assert.deepStrictEqual(tags(events), ["Extended", "Extended", "Stopped maxExtensions", "Lost"])
    })))

  it.effect("without saying what remains, and bounding the lead: a warning, once", () => {
    const messages: Array<string> = []
    const logger = Logger.make(({ message }) => messages.push(String(message)))
    return virtually(
      over("60 seconds", { silent: () => true, leadMs: 60_000 }).pipe(
        Effect.zipRight(Effect.sleep("10 minutes")),
        Effect.scoped,
        Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
        Effect.as(messages)
      )
    ).pipe(Effect.map((messages) =>
      assert.deepStrictEqual(messages, [
        "The authority seems to bound how far ahead a hold may end: its extensions may run out"
      ])
    ))
  })
})

describe("the end of a lease", () => {
  it.effect("no extend begins after it", () =>
    run(Effect.gen(function*() {
      const { attempts, events, handle } = yield* kept("60 seconds")
      yield* Effect.sleep("50 seconds")
      yield* handle.end
      yield* Effect.sleep("1 hours")
      assert.strictEqual(attempts.length, 1)
      assert.deepStrictEqual(tags(events), ["Extended"])
    })))

  it.effect("does not wait for one under way, whose answer changes nothing", () =>
    run(Effect.gen(function*() {
      for (const fault of [{ after: "3 seconds" }, { hang: true }, { after: "3 seconds", error: cut }] as const) {
        const { attempts, events, handle } = yield* kept("60 seconds", { script: () => fault })
        yield* Effect.sleep("46 seconds")
        const before = yield* Clock.currentTimeMillis
        yield* handle.end
        assert.strictEqual((yield* Clock.currentTimeMillis) - before, 0)
        yield* Effect.sleep("1 hours")
        assert.strictEqual(attempts.length, 1)
        assert.deepStrictEqual(events, [])
      }
    })))

  it.effect("is none for the others", () =>
    run(Effect.gen(function*() {
      const attempts: Array<Attempt> = []
      const { extend, reserve } = yield* ledger()
      const leases = yield* leasesOver(extend, { attempts })
      const handles = yield* Effect.forEach(["10 seconds", "60 seconds", "30 seconds"] as const, (ttl) =>
        Effect.flatMap(reserve(ttl), (hold) => leases.start(hold)))
      yield* handles[2]?.end ?? Effect.void
      yield* Effect.sleep("50 seconds")
      assert.deepStrictEqual(
        attempts.map(({ id }) =>
          id
        ),
        ["r-1", "r-1", "r-1", "r-1", "r-2", "r-1"]
      )
    })))

  it.effect("of the layer ends the stream and every attempt", () =>
    run(Effect.gen(function*() {
      const attempts: Array<Attempt> = []
      const { extend, reserve } = yield* ledger()
      const scope = yield* Scope.make()
      const leases = yield* Scope.extend(leasesOver(extend, { attempts, script: () => ({ hang: true }) }), scope)
      const events = yield* Effect.fork(Stream.runCollect(leases.events))
      yield* leases.start(yield* reserve("60 seconds"))
      yield* Effect.sleep("46 seconds")
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* Fiber.join(events)).length, 0)
      yield* leases.start(yield* reserve("1 seconds"))
      yield* Effect.sleep("1 hours")
      assert.strictEqual(attempts.length, 1)
    })))
})

describe("a lost lease", () => {
  const rows: ReadonlyArray<readonly [string, Fault, LeasePlan.StopReason, number]> = [
    ["410", { error: refused("RESERVATION_EXPIRED", 410) }, "expired", 0],
    ["finalized", { error: refused("RESERVATION_FINALIZED", 409) }, "finalized", 0],
    ["tenant closed", { error: refused("TENANT_CLOSED", 409) }, "tenantClosed", 0],
    ["not found", { error: refused("NOT_FOUND", 404) }, "notFound", 0],
    ["no more extensions", { error: refused("MAX_EXTENSIONS_EXCEEDED", 409) }, "maxExtensions", 15],
    ["unauthorized", { error: refused("UNAUTHORIZED", 401) }, "refused", 15],
    ["forbidden", { error: refused("FORBIDDEN", 403) }, "refused", 15],
    ["a key of another request", { error: refused("IDEMPOTENCY_MISMATCH", 409) }, "refused", 15],
    ["a code that is not known", { error: refused("NEW_CODE", 422) }, "refused", 15],
    ["a 404 of a proxy", { error: bodiless("NOT_FOUND", 404) }, "refused", 15],
    ["a 410 without a body", { error: bodiless("RESERVATION_EXPIRED", 410) }, "expired", 0],
    ["a 400 that is not from the protocol", { error: ambiguous(400) }, "refused", 15],
    ["a request that was never sent", { error: invalidInput("reservation_id", "odd") }, "refused", 15],
    ["429 without a wait", { error: refused("LIMIT_EXCEEDED", 429) }, "throttled", 15],
    ["429 outside the window", { error: refused("LIMIT_EXCEEDED", 429, "8 seconds") }, "throttled", 15]
  ]
  for (const [name, fault, reason, seconds] of rows) {
    it.effect(`after ${name}: ${seconds === 0 ? "at once" : `when its ${seconds} s are over`}, and never before`, () =>
      run(Effect.gen(function*() {
        const { attempts, events, handle, hold } = yield* kept("60 seconds", { script: () => fault })
        const lost = yield* Effect.fork(Effect.timed(Effect.exit(handle.awaitLost)))
        yield* Effect.sleep("2 minutes")
        const [took, exit] = yield* Fiber.join(lost)
        assert.approximately(Duration.toSeconds(took), 45 + seconds, 0.01)
        const loss = new Lease.LeaseLost({ reservationId: hold.id, reason })
        assertSome(yield* handle.lost, loss)
        assert.deepStrictEqual(exit, Exit.fail(loss))
        assert.strictEqual(loss.message, `The lease of reservation r-1 was lost while its work ran (${reason})`)
        assert.deepStrictEqual(tags(events), [`Stopped ${reason}`, "Lost"])
        assert.strictEqual(attempts.length, 1)
      })))
  }

  const transients: ReadonlyArray<readonly [string, Fault]> = [
    ["a cut connection", { error: cut }],
    ["500", { error: refused("INTERNAL_ERROR", 500) }],
    ["a 200 that is not the promised one", { error: ambiguous(200) }],
    ["a 302", { error: ambiguous(302) }],
    ["502 of a proxy", { error: ambiguous(502) }],
    ["a code that is not known, with 429 inside the window", { error: refused("NEW_CODE", 429, "1 seconds") }],
    ["503 with a code that is not known", { error: refused("NEW_CODE", 503) }],
    ["429 inside the window", { error: refused("LIMIT_EXCEEDED", 429, "5 seconds") }]
  ]
  for (const [name, fault] of transients) {
    it.effect(`is none after ${name}`, () =>
      run(Effect.gen(function*() {
        const { events } = yield* kept("60 seconds", { script: only(1, fault) })
        yield* Effect.sleep("1 minutes")
        assert.deepStrictEqual(tags(events), ["Retrying", "Extended"])
      })))
  }

  it.effect("stays lost, and can be seen late", () =>
    run(Effect.gen(function*() {
      const { handle } = yield* kept("60 seconds", { script: () => ({ error: refused("NOT_FOUND", 404) }) })
      const given = yield* Effect.fork(handle.awaitLost)
      yield* Effect.sleep("1 seconds")
      yield* Fiber.interrupt(given)
      yield* Effect.sleep("1 minutes")
      assert.strictEqual((yield* Effect.flip(handle.awaitLost)).reason, "notFound")
    })))

  it.effect("under `interrupt` ends the work at once; under the others the work goes on", () =>
    run(Effect.gen(function*() {
      const { handle } = yield* kept("60 seconds", { script: () => ({ error: refused("NOT_FOUND", 404) }) })
      const cleaned = yield* Deferred.make<void>()
      const work = Effect.onInterrupt(
        Effect.as(Effect.sleep("1 hours"), "done"),
        () => Deferred.succeed(cleaned, void 0)
      )
      const [took, error] = yield* Effect.timed(Effect.flip(Lease.whileHeld(handle, "interrupt")(work)))
      assert.deepInclude(error, { _tag: "LeaseLost", reason: "notFound" })
      assert.approximately(Duration.toSeconds(took), 45, 0.01)
      assert.isTrue(yield* Deferred.isDone(cleaned))
      for (const policy of ["warn", "failOnFinalize"] as const) {
        assert.strictEqual(yield* Lease.whileHeld(handle, policy)(work), "done")
      }
    })))

  it.effect("under `interrupt` the work keeps its result and its cause while the lease is kept", () =>
    run(Effect.gen(function*() {
      const { handle } = yield* kept("60 seconds")
      const held = Lease.whileHeld(handle, "interrupt")
      assert.strictEqual(yield* held(Effect.as(Effect.sleep("10 minutes"), 42)), 42)
      assert.deepStrictEqual(yield* Effect.exit(held(Effect.die("bug"))), Exit.die("bug"))
      assert.deepStrictEqual(yield* Effect.exit(held(Effect.fail("no"))), Exit.fail("no"))
    })))

  it.effect("is what abandoned work comes to after the longest lifetime", () =>
    run(Effect.gen(function*() {
      const { attempts, events } = yield* kept("60 seconds", { maxLifetime: Duration.minutes(10) })
      yield* Effect.sleep("1 hours")
      assert.deepStrictEqual(tags(events.slice(-2)), ["Stopped maxLifetime", "Lost"])
      assert.isAtMost(attempts.at(-1)?.atMs ?? Infinity, 600_001)
      const unspecified = yield* kept("60 seconds")
      yield* Effect.sleep("2 days")
      assert.approximately(unspecified.attempts.length, 1440, 1)
      const short = yield* kept("60 seconds", { maxLifetime: Duration.seconds(10) })
      yield* Effect.sleep("2 minutes")
      assert.deepStrictEqual(tags(short.events), ["Stopped maxLifetime", "Lost"])
    })))
})

describe("an extend by hand", () => {
  it.effect("moves the plan, and is seen", () =>
    run(Effect.gen(function*() {
      const { attempts, events, handle } = yield* kept("60 seconds")
      assert.deepStrictEqual((yield* handle.current).lead, Option.some(Duration.seconds(60)))
      yield* Effect.sleep("10 seconds")
      const lease = yield* handle.extend("10 minutes")
      assert.deepStrictEqual(Option.map(lease.lead, Duration.toSeconds), Option.some(649.999))
      assert.deepStrictEqual(yield* handle.current, lease)
      yield* Effect.sleep("11 minutes")
      assert.deepStrictEqual(tags(events), ["Extended", "Extended"])
      assert.deepStrictEqual(times(attempts), [10_001, 645_000])
    })))

  it.effect("does not start what has stopped, but puts off its end", () =>
    run(Effect.gen(function*() {
      const { attempts, events, handle } = yield* kept("60 seconds", {
        script: only(1, { error: refused("MAX_EXTENSIONS_EXCEEDED", 409) })
      })
      yield* Effect.sleep("50 seconds")
      yield* handle.extend("1 minutes")
      yield* Effect.sleep("65 seconds")
      assert.deepStrictEqual(tags(events), ["Stopped maxExtensions", "Extended"])
      assert.deepStrictEqual(events[1]?.disposition, "ending")
      yield* Effect.sleep("10 seconds")
      assert.strictEqual(tags(events).at(-1), "Lost")
      assert.strictEqual(attempts.length, 2)
    })))

  it.effect("beside one that is under way", () =>
    run(Effect.gen(function*() {
      const { attempts, events, handle } = yield* kept("60 seconds", { script: only(1, { hang: true }) })
      yield* Effect.sleep("46 seconds")
      yield* handle.extend("1 minutes")
      yield* Effect.sleep("3 minutes")
      assert.deepStrictEqual(tags(events).slice(0, 3), ["Extended", "Retrying", "Extended"])
      assert.isAbove(attempts.length, 2)
    })))

  it.effect("refuses what is no duration before anything is sent, and tells a failure as it is", () =>
    run(Effect.gen(function*() {
      const { attempts, handle } = yield* kept("60 seconds", { script: () => ({ error: cut }) })
      const invalid = yield* Effect.flip(handle.extend("soon" as never))
      assert.deepInclude(invalid, { _tag: "InvalidInput", field: "extend_by_ms" })
      assert.strictEqual(attempts.length, 0)
      assert.strictEqual(yield* Effect.flip(handle.extend("1 minutes")), cut)
    })))

  it.effect("works after the end, without a plan", () =>
    run(Effect.gen(function*() {
      const { attempts, handle } = yield* kept("60 seconds")
      yield* handle.end
      const lease = yield* handle.extend("1 minutes")
      assert.deepStrictEqual(yield* handle.current, lease)
      yield* Effect.sleep("1 hours")
      assert.strictEqual(attempts.length, 1)
    })))
})

describe("logs", () => {
  interface Line {
    readonly level: string
    readonly message: string
    readonly about: Readonly<Record<string, unknown>>
  }

  const logged = (
    minimum: LogLevel.LogLevel,
    script: (n: number) => Fault | undefined,
    ttl: Duration.DurationInput = "60 seconds"
  ) => {
    const lines: Array<Line> = []
    const logger = Logger.make(({ annotations, logLevel, message }) =>
      lines.push({
        level: logLevel.label,
        message: String(message),
        about: Object.fromEntries(HashMap.toEntries(annotations))
      })
    )
    return Effect.gen(function*() {
      const { extend, reserve } = yield* ledger()
      const leases = yield* leasesOver(extend, { script })
      // What the caller has, not what the client was made with.
      yield* Effect.flatMap(reserve(ttl), (hold) => leases.start(hold)).pipe(
        Effect.zipRight(Effect.sleep("3 minutes")),
        Effect.annotateLogs("job", "nightly"),
        Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
        Logger.withMinimumLogLevel(minimum)
      )
      return lines
    }).pipe(run)
  }

  it.effect("every event with the reservation and what becomes of it", () =>
    Effect.gen(function*() {
      const script = (n: number): Fault | undefined =>
        n === 1 ? { error: cut } : n === 3 ? { error: refused("FORBIDDEN", 403) } : undefined
      const lines = yield* logged(LogLevel.Debug, script)
      const about = { package: "effect-cycles", module: "lifecycle", reservation: "r-1", job: "nightly" }
      assert.deepStrictEqual(lines, [
        {
          level: "DEBUG",
          message: "An extend did not succeed: the same one follows",
          about: { ...about, disposition: "kept", delayMs: 3750, error: "Transport", detail: "cut" }
        },
        { level: "DEBUG", message: "A lease was extended", about: { ...about, disposition: "kept", leadMs: 71_250 } },
        {
          level: "WARN",
          message: "The lease of running work is not extended any more",
          about: {
            ...about,
            disposition: "ending",
            reason: "refused",
            leadMs: 15_000,
            error: "Forbidden",
            detail: "no (FORBIDDEN, extendReservation, HTTP 403)"
          }
        },
        {
          level: "WARN",
          message: "The lease of running work is lost: its hold is gone, or may be",
          about: { ...about, disposition: "over", reason: "refused" }
        }
      ])
    }))

  it.effect("nothing but warnings unless asked for", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* logged(LogLevel.Info, only(1, { error: cut })), [])
    }))

  it.effect("a ttl that leaves no time to wait, once for each", () => {
    const messages: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => messages.push(`${logLevel.label} ${message}`))
    return Effect.gen(function*() {
      const { extend, reserve } = yield* ledger()
      const leases = yield* leasesOver(extend)
      for (const ttl of ["2 seconds", "2 seconds", "3 seconds", "4 seconds"] as const) {
        const { end } = yield* Effect.flatMap(reserve(ttl), (hold) => leases.start(hold))
        yield* end
      }
      assert.deepStrictEqual(
        messages.map((message) => message.slice(0, 43)),
        [
          "WARN A lease of 2000 ms (ttl 2000 ms) is not",
          "WARN A lease of 3000 ms (ttl 3000 ms) is not"
        ].map((message) => message.slice(0, 43))
      )
    }).pipe(Effect.scoped, Effect.provide(Logger.replace(Logger.defaultLogger, logger)), virtually)
  })
})

describe("the clock", () => {
  it.live("is the real one: a lease of 3.2 s is extended after 0.2 s", () =>
    Effect.gen(function*() {
      const { attempts, events } = yield* kept("3200 millis")
      yield* Effect.sleep("800 millis")
      assert.deepStrictEqual(tags(events), ["Extended"])
      assert.approximately(attempts[0]?.atMs ?? 0, 200, 150)
    }).pipe(Effect.scoped))

  it.effect("is asked once for ten thousand leases that are due together", () =>
    run(Effect.gen(function*() {
      let sleeps = 0
      const clock = yield* Effect.clock
      const counting: Clock.Clock = {
        ...clock,
        sleep: (wait) => Effect.suspend(() => (sleeps += 1, clock.sleep(wait)))
      }
      const attempts: Array<Attempt> = []
      const { extend, hold } = yield* clamped("60 seconds", {})
      const leases = yield* Effect.withClock(leasesOver(extend, { attempts }), counting)
      for (let n = 0; n < 10_000; n++) yield* leases.start(hold)
      yield* Effect.sleep("50 seconds")
      assert.strictEqual(attempts.length, 10_000)
      assert.isAtMost(sleeps, 2)
    })))

  it.scoped("may be TestClock: ten minutes in no time", () =>
    Effect.gen(function*() {
      const { attempts, left } = yield* Effect.withClock(kept("60 seconds"), yield* Effect.clock).pipe(
        Effect.fork,
        Effect.tap(TestClock.adjust("1 seconds")),
        Effect.flatMap(Fiber.join)
      )
      yield* TestClock.adjust("10 minutes")
      assert.approximately(attempts.length, 10, 1)
      assert.isAbove(yield* left, 0)
    }))
})

describe("the wheel", () => {
  const steps = FastCheck.array(
    FastCheck.record({
      entry: FastCheck.nat(19),
      delay: FastCheck.nat(10_000),
      wait: FastCheck.nat(500),
      remove: FastCheck.boolean()
    }),
    { maxLength: 100 }
  )

  it.effect.prop(
    "wakes each entry when it is due, in order, once, and none that was removed",
    [steps],
    ([steps]) =>
      run(Effect.gen(function*() {
        const fired: Array<readonly [number, number]> = []
        const entries = Array.from({ length: 20 }, (_, name) => ({ name, dueMs: 0, slot: -1 }))
        const wheel = yield* Wheel.make<(typeof entries)[number]>(yield* Effect.clock, ({ name }) => {
          fired.push([wheel.nowMs(), name])
        })
        const due = new Map<number, number>()
        const expected: Array<readonly [number, number]> = []
        const settle = (nowMs: number) => {
          for (const [name, dueMs] of [...due].sort(([, a], [, b]) => a - b)) {
            if (dueMs > nowMs) return
            expected.push([dueMs, name])
            due.delete(name)
          }
        }
        for (const { delay, entry: index, remove, wait } of steps) {
          const entry = entries[index]
          if (entry === undefined) continue
          if (remove) {
            wheel.remove(entry)
            due.delete(index)
          } else {
            wheel.set(entry, wheel.nowMs() + delay)
            due.set(index, wheel.nowMs() + delay)
          }
          yield* Effect.sleep(wait)
          settle(wheel.nowMs())
        }
        yield* Effect.sleep("1 minutes")
        settle(Infinity)
        const sorted = (rows: ReadonlyArray<readonly [number, number]>) =>
          rows.map(([at, name]) => `${at} ${name}`).sort()
        assert.deepStrictEqual(sorted(fired), sorted(expected))
        assert.deepStrictEqual(fired.map(([at]) => at), fired.map(([at]) => at).sort((a, b) => a - b))
      }))
  )

  it.effect("sleeps for longer than a timer can", () =>
    run(Effect.gen(function*() {
      const fired: Array<number> = []
      const wheel = yield* Wheel.make(yield* Effect.clock, () => fired.push(wheel.nowMs()))
      wheel.set({ dueMs: 0, slot: -1 }, 90 * 86_400_000)
      yield* Effect.sleep("91 days")
      assert.deepStrictEqual(fired, [90 * 86_400_000])
    })))
})
