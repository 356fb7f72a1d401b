import { assert, describe, it } from "@effect/vitest"
import { assertNone, assertSome } from "@effect/vitest/utils"
import { Amount, Cycles, Idempotency, type InvalidInput, isCapped, reserve, type ReserveOptions } from "effect-cycles"
import { Authority } from "effect-cycles/authority"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { embedded, ledger } from "../support/embedded.js"
import type { Call } from "../support/faults.js"

const estimate = Amount.tokens(1000)

describe("reserve", () => {
  it.effect("refuses a maxLifetime that is no duration before anything is sent", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      const error = yield* Effect.flip(reserve({ estimate, maxLifetime: "long" as never }))
      assert.deepInclude(error, { _tag: "InvalidInput", field: "maxLifetime" })
      assert.deepStrictEqual(calls, [])
    }).pipe(Effect.scoped, Effect.provide(embedded({ calls })))
  })

  for (
    const [name, actual] of [
      ["fails", Effect.fail("no")],
      ["dies", Effect.die("no")],
      ["is interrupted", Effect.interrupt]
    ] as const
  ) {
    it.effect(`commits the estimate when the effect of the actual ${name}`, () =>
      Effect.gen(function*() {
        const reservation = yield* reserve({ estimate })
        const settlement = yield* reservation.commit(actual as Effect.Effect<Amount>)
        assert.deepInclude(settlement, { _tag: "Committed", source: "estimate" })
        assert.deepStrictEqual(yield* reservation.settlement, settlement)
        assert.deepInclude(yield* ledger(), { spent: 1000n, reserved: 0n })
      }).pipe(Effect.scoped, Effect.provide(embedded())))
  }

  it.effect("holds for the scope and says what it holds", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const reservation = yield* Scope.extend(
        reserve({ estimate, action: { kind: "llm.completion", name: "m" } }),
        scope
      )
      assert.strictEqual(reservation.decision, "ALLOW")
      assert.deepStrictEqual(reservation.reserved, estimate)
      assert.deepStrictEqual(reservation.affectedScopes, ["tenant:tenant-a"])
      assertSome(reservation.scopePath, "tenant:tenant-a")
      assertNone(reservation.caps)
      assert.strictEqual(reservation.balances[0]?.remaining.amount, 999_000n)
      assert.deepInclude(yield* ledger(), { reserved: 1000n, active: 1 })
      yield* Scope.close(scope, Exit.void)
      assert.deepInclude(yield* ledger(), { reserved: 0n, released: 1, spent: 0n })
    }).pipe(Effect.provide(embedded())))

  const ends = [
    ["success", Exit.void, "stream_aborted"],
    ["failure", Exit.fail("no"), "stream_failed"],
    ["defect", Exit.die("no"), "stream_failed"]
  ] as const
  for (const [name, exit, reason] of ends) {
    it.effect(`released when the scope ends by ${name}`, () => {
      const calls: Array<Call> = []
      return Effect.gen(function*() {
        const scope = yield* Scope.make()
        const reservation = yield* Scope.extend(reserve({ estimate }), scope)
        yield* Scope.close(scope, exit)
        const settlement = yield* reservation.settlement
        assert.deepInclude(settlement, { _tag: "Released", reason, released: estimate })
        assert.deepInclude(yield* ledger(), { reserved: 0n, released: 1 })
        assert.include(calls.at(-1)?.body ?? "", reason)
      }).pipe(Effect.provide(embedded({ calls })))
    })

    it.effect(`recorded usage is committed when the scope ends by ${name}`, () =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const reservation = yield* Scope.extend(reserve({ estimate }), scope)
        yield* reservation.setUsage(Amount.tokens(5))
        yield* reservation.setUsage(Amount.tokens(37))
        yield* Scope.close(scope, exit)
        assert.deepInclude(yield* reservation.settlement, { _tag: "Committed", source: "usage", via: "commit" })
        assert.deepInclude(yield* ledger(), { spent: 37n, reserved: 0n })
      }).pipe(Effect.provide(embedded())))
  }

  it.effect("an interrupt of the work releases", () =>
    Effect.gen(function*() {
      const ready = yield* Deferred.make<void>()
      const fiber = yield* Effect.fork(Effect.scoped(
        Effect.zipRight(reserve({ estimate }), Effect.zipRight(Deferred.succeed(ready, undefined), Effect.never))
      ))
      yield* Deferred.await(ready)
      yield* Fiber.interrupt(fiber)
      assert.deepInclude(yield* ledger(), { reserved: 0n, released: 1 })
    }).pipe(Effect.provide(embedded())))

  it.effect("only the first of commit, release and the end of the scope counts", () =>
    Effect.gen(function*() {
      const calls: Array<Call> = []
      yield* Effect.gen(function*() {
        const [first, second, third] = yield* Effect.scoped(Effect.gen(function*() {
          const reservation = yield* reserve({ estimate })
          return [
            yield* reservation.commit(Amount.tokens(10)),
            yield* reservation.commit(Amount.tokens(999)),
            yield* reservation.release("later")
          ] as const
        }))
        assert.strictEqual(first, second)
        assert.strictEqual(first, third)
        assert.deepInclude(yield* ledger(), { spent: 10n, reserved: 0n, committed: 1 })
      }).pipe(Effect.provide(embedded({ calls })))
      assert.deepStrictEqual(calls.map(({ operation }) => operation), ["create", "commit"])
    }))

  it.effect("concurrent ends settle once, and all see the one settlement", () =>
    Effect.gen(function*() {
      const settlements = yield* Effect.scoped(Effect.gen(function*() {
        const reservation = yield* reserve({ estimate })
        const fiber = yield* Effect.fork(Effect.all(
          [1, 2, 3, 4, 5, 6].map((n) => n === 4 ? reservation.release() : reservation.commit(Amount.tokens(n))),
          { concurrency: "unbounded" }
        ))
        yield* TestClock.adjust("1 second")
        return yield* Fiber.join(fiber)
      }))
      assert.strictEqual(new Set(settlements).size, 1)
      assert.deepInclude(yield* ledger(), { spent: 1n, committed: 1, released: 0 })
    }).pipe(
      Effect.provide(embedded({ script: ({ operation }) => operation === "commit" ? { after: 50 } : undefined }))
    ))

  it.effect("release says why, within 256 characters", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      const settlement = yield* Effect.scoped(
        Effect.flatMap(reserve({ estimate }), (reservation) => reservation.release("x".repeat(400)))
      )
      assert.deepInclude(settlement, { _tag: "Released", reason: "x".repeat(256) })
    }).pipe(Effect.provide(embedded({ calls })))
  })

  it.effect("a commit takes a value, a function or an effect, and falls back to the estimate", () =>
    Effect.gen(function*() {
      const used = yield* Ref.make(Amount.tokens(7))
      const of = (actual: Parameters<Effect.Effect.Success<ReturnType<typeof reserve>>["commit"]>[0]) =>
        Effect.scoped(Effect.flatMap(reserve({ estimate }), (reservation) => reservation.commit(actual)))
      assert.deepInclude(yield* of(() => Amount.tokens(5)), { actual: Amount.tokens(5), source: "actual" })
      assert.deepInclude(yield* of(Ref.get(used)), { actual: Amount.tokens(7), source: "actual" })
      assert.deepInclude(
        yield* of(() => {
          throw new Error("no usage")
        }),
        { actual: estimate, source: "estimate" }
      )
      assert.deepInclude(yield* of(undefined as never), { actual: estimate, source: "estimate" })
      assert.deepInclude(yield* ledger(), { spent: 2012n, reserved: 0n })
    }).pipe(Effect.provide(embedded())))

  it.effect("an explicit zero is respected", () =>
    Effect.gen(function*() {
      const settlement = yield* Effect.scoped(
        Effect.flatMap(reserve({ estimate }), (reservation) => reservation.commit(Amount.tokens(0)))
      )
      assert.deepInclude(settlement, { _tag: "Committed", charged: Amount.tokens(0), source: "actual" })
    }).pipe(Effect.provide(embedded())))

  it.effect("metrics and metadata travel, the latency by itself", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      yield* Effect.scoped(Effect.gen(function*() {
        const reservation = yield* reserve({ estimate, metadata: { run: 1 } })
        yield* reservation.setMetrics({ tokensInput: 3 })
        yield* reservation.setMetadata({ a: 1 })
        yield* TestClock.adjust("1234567 micros")
        yield* reservation.commit(Amount.tokens(1), { metrics: { tokensOutput: 4 }, metadata: { b: [true] } })
      }))
      const body = JSON.parse(calls.at(-1)?.body ?? "")
      assert.deepStrictEqual(body.metrics, { tokens_input: 3, tokens_output: 4, latency_ms: 1235 })
      assert.deepStrictEqual(body.metadata, { a: 1, b: [true] })
      assert.deepStrictEqual(JSON.parse(calls[0]?.body ?? "").metadata, { run: 1 })
    }).pipe(Effect.provide(embedded({ calls })))
  })

  it.effect("extend moves the expiry, and its errors are typed", () =>
    Effect.scoped(Effect.gen(function*() {
      const reservation = yield* reserve({ estimate, ttl: "10 seconds" })
      const before = yield* reservation.lease
      const after = yield* reservation.extend("30 seconds")
      const grown = Option.zipWith(after.expiresAt, before.expiresAt, (a, b) => Number(a.epochMillis) - b.epochMillis)
      assertSome(grown, 30_000)
      assert.deepStrictEqual(yield* reservation.lease, after)
      assertSome(Option.map(after.lead, Duration.toMillis), 40_000)
      assert.deepInclude(yield* Effect.flip(reservation.extend(0)), { _tag: "InvalidInput", field: "extend_by_ms" })
      assert.deepInclude(yield* Effect.flip(reservation.extend("nonsense" as never)), { _tag: "InvalidInput" })
      yield* reservation.release()
      assert.strictEqual((yield* Effect.flip(reservation.extend(1000)))._tag, "ReservationFinalized")
    })).pipe(Effect.provide(embedded())))

  it.effect("as a stream's finalizer", () =>
    Effect.gen(function*() {
      const used = yield* Ref.make(0)
      yield* Effect.scoped(Effect.gen(function*() {
        const reservation = yield* reserve({ estimate })
        yield* Stream.range(1, 100).pipe(
          Stream.tap((n) => Ref.set(used, n)),
          Stream.take(12),
          Stream.ensuring(reservation.commit(Effect.map(Ref.get(used), Amount.tokens))),
          Stream.runDrain
        )
      }))
      assert.deepInclude(yield* ledger(), { spent: 12n, reserved: 0n })
    }).pipe(Effect.provide(embedded())))

  it.effect("exact beyond 2^53", () => {
    const huge = Amount.tokens(9007199254740993n)
    const all = Amount.tokens(9223372036854775807n)
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      const settlement = yield* Effect.scoped(
        Effect.flatMap(reserve({ estimate: all }), (reservation) => reservation.commit(huge))
      )
      assert.deepInclude(settlement, {
        _tag: "Committed",
        charged: huge,
        released: Option.some(Amount.tokens(9214364837600034814n))
      })
      assert.include(calls[0]?.body, ":9223372036854775807}")
      assert.include(calls[1]?.body, ":9007199254740993}")
      assert.include(JSON.stringify(settlement), "\"9007199254740993\"")
      assert.deepInclude(yield* ledger(), { spent: 9007199254740993n, reserved: 0n })
      const { value } = yield* Effect.flatMap(Cycles, (cycles) => cycles.getBalances({ tenant: "tenant-a" }))
      assert.strictEqual(value.balances[0]?.remaining.amount, 9214364837600034814n)
    }).pipe(Effect.provide(embedded({ calls, budgets: [{ scope: "tenant:tenant-a", allocated: all }] })))
  })

  it.effect("exact through a replay and a log line", () => {
    const lines: Array<string> = []
    return Effect.gen(function*() {
      const cycles = yield* Cycles
      for (const digits of ["9007199254740993", "9223372036854775807"]) {
        const request = {
          idempotencyKey: yield* Idempotency.fresh,
          subject: { tenant: "tenant-a" },
          action: { kind: "k", name: "n" },
          estimate: Amount.tokens(BigInt(digits))
        }
        const first = (yield* cycles.createReservation(request)).value
        const replay = (yield* cycles.createReservation(request)).value
        assert.deepStrictEqual(replay, first)
        assertSome(replay.reserved, request.estimate)
        yield* Effect.log("held", replay)
        assert.include(lines.at(-1), `"amount":"${digits}"`)
        const id = Option.getOrThrow(first.reservationId)
        yield* cycles.releaseReservation(id, { idempotencyKey: yield* Idempotency.fresh })
      }
    }).pipe(
      Effect.provide(embedded({
        budgets: [{ scope: "tenant:tenant-a", allocated: Amount.tokens(9223372036854775807n) }]
      })),
      Effect.provide(Logger.replace(
        Logger.defaultLogger,
        Logger.map(Logger.jsonLogger, (line) => void lines.push(line))
      ))
    )
  })

  it.effect("charged less than the actual is visible", () =>
    Effect.gen(function*() {
      const settlement = yield* Effect.scoped(
        Effect.flatMap(reserve({ estimate }), (reservation) => reservation.commit(Amount.tokens(1500)))
      )
      assert.deepInclude(settlement, { _tag: "Committed", charged: Amount.tokens(1200), actual: Amount.tokens(1500) })
      assert.isTrue(isCapped(settlement))
      assert.isTrue(
        settlement._tag === "Committed" &&
          settlement.balances.some(({ isOverLimit }) => Option.contains(isOverLimit, true))
      )
    }).pipe(
      Effect.provide(embedded({ budgets: [{ scope: "tenant:tenant-a", allocated: Amount.tokens(1200) }] }))
    ))

  it.effect("a lease that ran out is recorded as an event under the commit's key", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      const settlement = yield* Effect.scoped(Effect.gen(function*() {
        const reservation = yield* reserve({
          estimate,
          ttl: "1 second",
          gracePeriod: 0,
          heartbeat: false,
          action: { kind: "k", name: "n" }
        })
        yield* TestClock.adjust("2 seconds")
        return yield* reservation.commit(Amount.tokens(300), { metadata: { a: 1 } })
      }))
      assert.deepInclude(settlement, { _tag: "Committed", via: "event", charged: Amount.tokens(300) })
      assert.deepInclude(yield* ledger(), { spent: 300n, reserved: 0n, expired: 1 })
      const [commit, event] = calls.slice(-2).map(({ body }) => JSON.parse(body))
      assert.strictEqual(event.idempotency_key, commit.idempotency_key)
      assert.deepStrictEqual(event.subject, { tenant: "tenant-a" })
      assert.deepStrictEqual(event.action, { kind: "k", name: "n" })
      assert.deepInclude(event.metadata, { a: 1, recovery_reason: "commit_after_reservation_expired" })
      assert.isString(event.metadata.recovered_reservation_id)
      assert.isUndefined(event.overage_policy)
    }).pipe(Effect.provide(embedded({ calls })))
  })
})

describe("an interrupted caller", () => {
  const slow = [
    ["before the authority applies it", { before: "1 second" }],
    ["after the authority has applied it", { after: "1 second" }]
  ] as const
  for (const [when, fault] of slow) {
    it.effect(`returns at once when the answer is slow ${when}, and the late reservation is released`, () =>
      Effect.gen(function*() {
        const fiber = yield* Effect.fork(Effect.scoped(reserve({ estimate })))
        yield* TestClock.adjust("100 millis")
        const start = yield* Clock.currentTimeMillis
        assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(fiber)))
        assert.strictEqual(yield* Clock.currentTimeMillis, start)
        yield* TestClock.adjust("5 seconds")
        assert.deepInclude(yield* ledger(), { reserved: 0n, active: 0, released: 1 })
      }).pipe(
        Effect.provide(embedded({ script: ({ operation }) => operation === "create" ? fault : undefined }))
      ))

    it.effect(`a timeout returns in time when the answer is slow ${when}`, () =>
      Effect.gen(function*() {
        const fiber = yield* reserve({ estimate }).pipe(
          Effect.scoped,
          Effect.timeout("100 millis"),
          Effect.flip,
          Effect.zip(Clock.currentTimeMillis),
          Effect.fork
        )
        yield* TestClock.adjust("100 millis")
        const [error, at] = yield* Fiber.join(fiber)
        assert.strictEqual(error._tag, "TimeoutException")
        assert.isAtMost(at, 150)
        yield* TestClock.adjust("5 seconds")
        assert.deepInclude(yield* ledger(), { reserved: 0n, active: 0, released: 1 })
      }).pipe(
        Effect.provide(embedded({ script: ({ operation }) => operation === "create" ? fault : undefined }))
      ))
  }

  it.effect("during a commit waits for it, and the commit lands", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.fork(Effect.scoped(
        Effect.flatMap(reserve({ estimate }), (reservation) => reservation.commit(Amount.tokens(9)))
      ))
      yield* TestClock.adjust("100 millis")
      const interrupted = yield* Effect.fork(Fiber.interrupt(fiber))
      yield* TestClock.adjust("50 millis")
      assertNone(yield* Fiber.poll(interrupted))
      yield* TestClock.adjust("1 second")
      assert.isTrue(Exit.isInterrupted(yield* Fiber.join(interrupted)))
      assert.deepInclude(yield* ledger(), { spent: 9n, reserved: 0n })
    }).pipe(
      Effect.provide(embedded({ script: ({ operation }) => operation === "commit" ? { before: 1000 } : undefined }))
    ))
})

describe("what the request says", () => {
  const sent = (options: ReserveOptions) => {
    const calls: Array<Call> = []
    return Effect.scoped(reserve(options)).pipe(
      Effect.exit,
      Effect.provide(embedded({ calls, subject: { tenant: "tenant-a", app: "chat", agent: "" } })),
      Effect.map((exit) => ({ exit, body: calls.length === 0 ? undefined : JSON.parse(calls[0]?.body ?? "") }))
    )
  }

  it.effect("defaults", () =>
    Effect.gen(function*() {
      const { body } = yield* sent({ estimate })
      assert.deepStrictEqual(body.subject, { tenant: "tenant-a", app: "chat" })
      assert.deepStrictEqual(body.action, { kind: "unknown", name: "unknown" })
      assert.strictEqual(body.ttl_ms, 60_000)
      assert.strictEqual(body.overage_policy, "ALLOW_IF_AVAILABLE")
      assert.notProperty(body, "grace_period_ms")
      assert.notProperty(body, "dry_run")
    }))

  it.effect("fields as values, functions and effects; empty ones fall back", () =>
    Effect.gen(function*() {
      const { body } = yield* sent({
        estimate: Effect.succeed(estimate),
        subject: () => ({
          app: "",
          workflow: () => "w",
          agent: Effect.succeed("a"),
          toolset: Effect.succeed(undefined),
          dimensions: { team: "7" }
        }),
        action: Effect.succeed({ kind: () => "k", name: "", tags: ["x"] }),
        gracePeriod: "1 second",
        overagePolicy: "REJECT"
      })
      assert.deepStrictEqual(body.subject, {
        tenant: "tenant-a",
        app: "chat",
        workflow: "w",
        agent: "a",
        dimensions: { team: "7" }
      })
      assert.deepStrictEqual(body.action, { kind: "k", name: "unknown", tags: ["x"] })
      assert.strictEqual(body.grace_period_ms, 1000)
      assert.strictEqual(body.overage_policy, "REJECT")
    }))

  it.effect("a function that throws sends nothing", () =>
    Effect.gen(function*() {
      for (
        const options of [
          {
            estimate: () => {
              throw new Error("no")
            }
          },
          {
            estimate,
            subject: () => {
              throw new Error("no")
            }
          },
          {
            estimate,
            action: {
              name: () => {
                throw new Error("no")
              }
            }
          }
        ]
      ) {
        const { body, exit } = yield* sent(options as never)
        assert.isUndefined(body)
        assert.deepInclude(Exit.isFailure(exit) ? Cause.squash(exit.cause) : exit, { _tag: "UsageError" })
      }
    }))

  it.effect("no subject at all says where one could come from", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Effect.scoped(reserve({ estimate })))
      assert.deepInclude(error, { _tag: "InvalidInput", field: "subject" })
      assert.include(error.message, "CYCLES_TENANT")
    }).pipe(Effect.provide(embedded({ subject: {} }))))

  it.effect("the error of an effect is the caller's", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Effect.scoped(reserve({ estimate: Effect.fail("no price" as const) })))
      assert.strictEqual(error, "no price")
    }).pipe(Effect.provide(embedded())))

  const bad = [
    ["ttl_ms", { estimate, ttl: 999 }, "999"],
    ["ttl_ms", { estimate, ttl: "25 hours" }, "90000000"],
    ["ttl_ms", { estimate, ttl: Number.NaN }, undefined],
    ["ttl_ms", { estimate, ttl: "1500 micros" }, "1.5"],
    ["grace_period_ms", { estimate, gracePeriod: 60_001 }, "60001"],
    ["grace_period_ms", { estimate, gracePeriod: "soon" as never }, "soon"],
    ["subject.tenant", { estimate, subject: { tenant: "t".repeat(129) } }, "ttt"],
    ["action.kind", { estimate, action: { kind: "k".repeat(65) } }, "kkk"],
    ["estimate.amount", { estimate: { unit: "TOKENS", amount: 5 } as never }, "bigint"],
    ["metadata", { estimate, metadata: { f: () => 1 } }, "object"]
  ] as const
  for (const [field, options, value] of bad) {
    it.effect(`${field} out of bounds (${value}) is refused before anything is sent`, () =>
      Effect.gen(function*() {
        const { body, exit } = yield* sent(options)
        assert.isUndefined(body)
        const error = (Exit.isFailure(exit) ? Cause.squash(exit.cause) : exit) as InvalidInput
        assert.deepInclude(error, { _tag: "InvalidInput", field })
        if (value !== undefined) assert.include(error.message, value)
      }))
  }
})

describe("denials", () => {
  it.effect("hold nothing and run nothing", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Effect.scoped(reserve({ estimate: Amount.tokens(1_000_001) })))
      assert.strictEqual(error._tag, "BudgetExceeded")
      if (error._tag === "BudgetExceeded") {
        assertSome(error.requested, Amount.tokens(1_000_001))
        assertSome(error.scope, "tenant:tenant-a")
      }
      assert.deepInclude(yield* ledger(), { reserved: 0n, active: 0 })
      const authority = yield* Authority.Authority
      yield* authority.setStatus("tenant:tenant-a", "TOKENS", "FROZEN")
      assert.strictEqual((yield* Effect.flip(Effect.scoped(reserve({ estimate }))))._tag, "BudgetFrozen")
      assert.strictEqual(
        (yield* Effect.flip(Effect.scoped(reserve({ estimate: Amount.credits(1) }))))._tag,
        "UnitMismatch"
      )
    }).pipe(Effect.provide(embedded())))
})
