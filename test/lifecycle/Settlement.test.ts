import { assert, describe, it } from "@effect/vitest"
import { assertNone } from "@effect/vitest/utils"
import { Amount, Cycles, reserve, type Settlement } from "effect-cycles"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import { embedded, ledger } from "../support/embedded.js"
import type { Call, Fault } from "../support/faults.js"

const estimate = Amount.tokens(1000)
const json = (error: string) => JSON.stringify({ error, message: "no", request_id: "r" })

const only = (operation: Call["operation"], fault: (n: number) => Fault | undefined) => (call: Call) =>
  call.operation === operation ? fault(call.n) : undefined

const upTo = (times: number, fault: Fault) => (n: number) => n <= times ? fault : undefined

const spend37 = Effect.scoped(Effect.gen(function*() {
  const reservation = yield* reserve({ estimate })
  const first = yield* reservation.commit(Amount.tokens(37))
  return { first, final: reservation.settlement }
}))

const hold = Effect.scoped(Effect.map(reserve({ estimate }), ({ settlement }) => settlement))

const keysOf = (calls: ReadonlyArray<Call>, operation: Call["operation"]) =>
  new Set(calls.filter((call) => call.operation === operation).map(({ body }) => JSON.parse(body).idempotency_key))

describe("commit", () => {
  const open: ReadonlyArray<
    readonly [
      string,
      Fault,
      Settlement & { _tag: "Pending" } extends { error: infer E } ? E extends { _tag: infer T } ? T : never : never
    ]
  > = [
    ["the connection is cut after it was applied", { lose: true }, "Transport"],
    ["the connection is refused", { refuse: true }, "Transport"],
    ["500 before it was applied", { instead: { status: 500, body: json("INTERNAL_ERROR") } }, "InternalError"],
    ["502 after it was applied", { answer: { status: 502, body: "<html>" } }, "Ambiguous"],
    ["a 200 with another body", { answer: { status: 200, body: "{}" } }, "Ambiguous"],
    ["a 201", { answer: { status: 201, body: "{}" } }, "Ambiguous"],
    ["a 302", { instead: { status: 302, headers: { location: "http://elsewhere/" } } }, "Ambiguous"],
    ["429", { instead: { status: 429, body: json("LIMIT_EXCEEDED") } }, "LimitExceeded"]
  ]
  for (const [name, fault, tag] of open) {
    it.effect(`goes on with the same key after ${name}, and is charged once`, () => {
      const calls: Array<Call> = []
      return Effect.gen(function*() {
        const { final, first } = yield* spend37
        assert.strictEqual(first._tag, "Pending")
        if (first._tag === "Pending") assert.strictEqual(first.error._tag, tag)
        const fiber = yield* Effect.fork(final)
        yield* TestClock.adjust("1 minute")
        assert.deepInclude(yield* Fiber.join(fiber), { _tag: "Committed", charged: Amount.tokens(37) })
        assert.deepInclude(yield* ledger(), { spent: 37n, reserved: 0n, committed: 1, released: 0 })
        assert.strictEqual(keysOf(calls, "commit").size, 1)
        assert.strictEqual(calls.filter(({ operation }) => operation === "commit").length, 3)
      }).pipe(Effect.provide(embedded({ calls, script: only("commit", upTo(2, fault)) })))
    })
  }

  const kept: typeof open = [
    ["401", { instead: { status: 401, body: json("UNAUTHORIZED") } }, "Unauthorized"],
    ["403", { instead: { status: 403, body: json("FORBIDDEN") } }, "Forbidden"],
    ["a 404 of a proxy", { instead: { status: 404, body: "<html>" } }, "NotFound"],
    ["a code that is not known", { instead: { status: 422, body: json("NEW_CODE") } }, "Refused"]
  ]
  for (const [name, fault, tag] of kept) {
    it.effect(`is kept in the journal after ${name}, and recorded once by a later sweep`, () => {
      const calls: Array<Call> = []
      return Effect.gen(function*() {
        const { final, first } = yield* spend37
        assert.strictEqual(first._tag === "Pending" && first.error._tag, tag)
        yield* TestClock.adjust("20 seconds")
        assert.deepInclude(yield* final, { _tag: "Pending" })
        assert.strictEqual(calls.filter(({ operation }) => operation === "commit").length, 2)
        yield* TestClock.adjust("2 minutes")
        assert.deepInclude(yield* ledger(), { spent: 37n, reserved: 0n, committed: 1, released: 0 })
        assert.strictEqual(keysOf(calls, "commit").size, 1)
      }).pipe(Effect.provide(embedded({ calls, script: only("commit", upTo(2, fault)) })))
    })
  }

  it.effect("a hung authority is waited for no longer than one attempt may take", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.fork(spend37)
      yield* TestClock.adjust("6999 millis")
      assertNone(yield* Fiber.poll(fiber))
      yield* TestClock.adjust("1 millis")
      const { final, first } = yield* Fiber.join(fiber)
      assert.deepInclude(first, { _tag: "Pending" })
      const last = yield* Effect.fork(final)
      yield* TestClock.adjust("1 minute")
      assert.deepInclude(yield* Fiber.join(last), { _tag: "Committed" })
    }).pipe(Effect.provide(embedded({ script: only("commit", upTo(1, { before: "1 hour" })) }))))

  it.effect("Retry-After is a floor, at most an hour", () => {
    const calls: Array<Call> = []
    const busy = (seconds: number): Fault => ({
      instead: { status: 429, body: json("LIMIT_EXCEEDED"), headers: { "retry-after": `${seconds}` } }
    })
    return Effect.gen(function*() {
      const { final } = yield* spend37
      const commits = Effect.sync(() => calls.filter(({ operation }) => operation === "commit").length)
      yield* TestClock.adjust("29 seconds")
      assert.strictEqual(yield* commits, 1)
      yield* TestClock.adjust("1 seconds")
      assert.strictEqual(yield* commits, 2)
      yield* TestClock.adjust("59 minutes")
      assert.strictEqual(yield* commits, 2)
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual(yield* commits, 3)
      assert.deepInclude(yield* final, { _tag: "Committed" })
    }).pipe(Effect.provide(embedded({
      calls,
      script: only("commit", (n) => n === 1 ? busy(30) : n === 2 ? busy(999_999) : undefined)
    })))
  })

  it.effect("gives up after the configured attempts, and says so", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      const { final } = yield* spend37
      const fiber = yield* Effect.fork(final)
      yield* TestClock.adjust("25 seconds")
      assert.deepInclude(yield* Fiber.join(fiber), { _tag: "Pending", actual: Amount.tokens(37) })
      assert.strictEqual(calls.filter(({ operation }) => operation === "commit").length, 6)
      assert.deepInclude(yield* ledger(), { spent: 0n })
    }).pipe(Effect.provide(embedded({ calls, script: only("commit", () => ({ refuse: true })) })))
  })

  it.effect("without retries the first attempt is the last", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      const { final, first } = yield* spend37
      assert.strictEqual(yield* final, first)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(calls.filter(({ operation }) => operation === "commit").length, 1)
    }).pipe(
      Effect.provide(embedded({ calls, retry: { enabled: false }, script: only("commit", () => ({ refuse: true })) }))
    )
  })

  const rejections = [
    "BUDGET_EXCEEDED",
    "UNIT_MISMATCH",
    "RESERVATION_FINALIZED",
    "IDEMPOTENCY_MISMATCH",
    "TENANT_CLOSED"
  ]
  for (const code of rejections) {
    it.effect(`${code} is a rejection: kept as a value, not repeated, never released`, () => {
      const calls: Array<Call> = []
      return Effect.gen(function*() {
        const { final, first } = yield* spend37
        assert.deepInclude(first, { _tag: "Rejected", actual: Amount.tokens(37), source: "actual" })
        assert.strictEqual(yield* final, first)
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(calls.map(({ operation }) => operation), ["create", "commit"])
      }).pipe(
        Effect.provide(
          embedded({ calls, script: only("commit", () => ({ instead: { status: 409, body: json(code) } })) })
        )
      )
    })
  }

  it.effect("metadata or metrics that cannot be sent do not cost the spend", () =>
    Effect.gen(function*() {
      const bad = [{ metadata: { f: () => 1 } }, { metrics: { tokensInput: -1 } }]
      for (const options of bad) {
        const settlement = yield* Effect.scoped(
          Effect.flatMap(reserve({ estimate }), (reservation) => reservation.commit(Amount.tokens(5), options))
        )
        assert.deepInclude(settlement, { _tag: "Committed", charged: Amount.tokens(5) })
      }
      assert.deepInclude(yield* ledger(), { spent: 10n, reserved: 0n })
    }).pipe(Effect.provide(embedded())))

  it.effect("more than the estimate under REJECT is a rejection", () =>
    Effect.gen(function*() {
      const settlement = yield* Effect.scoped(
        Effect.flatMap(reserve({ estimate, overagePolicy: "REJECT" }), (reservation) =>
          reservation.commit(Amount.tokens(1001)))
      )
      assert.strictEqual(settlement._tag === "Rejected" && settlement.error._tag, "BudgetExceeded")
      assert.deepInclude(yield* ledger(), { active: 1, spent: 0n, released: 0 })
    }).pipe(Effect.provide(embedded())))

  it.effect("a bodyless 410 goes to an event, which goes on with the same key", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      const { final, first } = yield* spend37
      assert.strictEqual(first._tag, "Pending")
      const fiber = yield* Effect.fork(final)
      yield* TestClock.adjust("1 minute")
      assert.deepInclude(yield* Fiber.join(fiber), { _tag: "Committed", via: "event" })
      assert.strictEqual(new Set([...keysOf(calls, "commit"), ...keysOf(calls, "event")]).size, 1)
      assert.strictEqual(calls.filter(({ operation }) => operation === "commit").length, 1)
      assert.deepInclude(yield* ledger(), { spent: 37n })
    }).pipe(Effect.provide(embedded({
      calls,
      script: (call) =>
        call.operation === "commit"
          ? { instead: { status: 410 } }
          : call.operation === "event" && call.n <= 2
          ? { lose: true }
          : undefined
    })))
  })

  it.effect("an event that is refused is a rejection", () =>
    Effect.gen(function*() {
      const { first } = yield* spend37
      assert.strictEqual(first._tag === "Rejected" && first.error._tag, "BudgetExceeded")
    }).pipe(Effect.provide(embedded({
      script: (call) =>
        call.operation === "commit"
          ? { instead: { status: 410 } }
          : call.operation === "event"
          ? { instead: { status: 409, body: json("BUDGET_EXCEEDED") } }
          : undefined
    }))))
})

describe("release", () => {
  for (const [name, fault] of [["cut", { lose: true }], ["failing", { instead: { status: 503 } }]] as const) {
    it.effect(`goes on with the same key when the connection is ${name}`, () => {
      const calls: Array<Call> = []
      return Effect.gen(function*() {
        const fiber = yield* Effect.fork(yield* hold)
        yield* TestClock.adjust("1 minute")
        assert.deepInclude(yield* Fiber.join(fiber), { _tag: "Released", released: estimate })
        assert.deepInclude(yield* ledger(), { reserved: 0n, released: 1 })
        assert.strictEqual(keysOf(calls, "release").size, 1)
      }).pipe(Effect.provide(embedded({ calls, script: only("release", upTo(2, fault)) })))
    })
  }

  it.effect("that is refused ends with its time", () =>
    Effect.gen(function*() {
      const settlement = yield* Effect.flatten(hold)
      assert.deepInclude(settlement, { _tag: "Unreleased", reason: "stream_aborted" })
      yield* TestClock.adjust("66 seconds")
      assert.deepInclude(yield* ledger(), { reserved: 0n, expired: 1 })
    }).pipe(
      Effect.provide(
        embedded({ script: only("release", () => ({ instead: { status: 403, body: json("FORBIDDEN") } })) })
      )
    ))
})

describe("an ambiguous reservation", () => {
  const failing = (times: number, fault: Fault) => only("create", upTo(times, fault))

  for (
    const fault of [{ lose: true }, { refuse: true }, {
      answer: { status: 200, body: "{\"decision\":\"ALLOW\",\"affected_scopes\":[]}" }
    }] as const
  ) {
    it.effect(`is tried once more with the same key: ${Object.keys(fault)}`, () => {
      const calls: Array<Call> = []
      return Effect.gen(function*() {
        yield* Effect.scoped(Effect.flatMap(reserve({ estimate }), ({ commit }) => commit(Amount.tokens(3))))
        assert.deepStrictEqual(calls.map(({ operation }) => operation), ["create", "create", "commit"])
        assert.strictEqual(keysOf(calls, "create").size, 1)
        assert.deepInclude(yield* ledger(), { spent: 3n, reserved: 0n, committed: 1, active: 0 })
      }).pipe(Effect.provide(embedded({ calls, script: failing(1, fault) })))
    })

    it.effect(`twice fails, and what was held is looked up and released: ${Object.keys(fault)}`, () => {
      const calls: Array<Call> = []
      return Effect.gen(function*() {
        const error = yield* Effect.flip(Effect.scoped(reserve({ estimate })))
        assert.include(["Transport", "Ambiguous"], error._tag)
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(calls.filter(({ operation }) => operation === "create").length, 2)
        assert.deepInclude(yield* ledger(), { reserved: 0n, active: 0, spent: 0n })
        const [, created] = [...keysOf(calls, "create"), ...keysOf(calls, "create")]
        assert.isDefined(created)
      }).pipe(Effect.provide(embedded({ calls, script: failing(2, fault) })))
    })
  }

  it.effect("whose look-up fails is looked up again", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      yield* Effect.flip(Effect.scoped(reserve({ estimate })))
      assert.deepInclude(yield* ledger(), { active: 1 })
      yield* TestClock.adjust("1 minute")
      assert.deepInclude(yield* ledger(), { active: 0, released: 1 })
      assert.strictEqual(calls.filter(({ operation }) => operation === "list").length, 3)
    }).pipe(Effect.provide(embedded({
      calls,
      script: (call) =>
        call.operation === "create" && call.n <= 2
          ? { lose: true }
          : call.operation === "list" && call.n <= 2
          ? { instead: { status: 500 } }
          : undefined
    })))
  })

  it.effect("that certainly never reached the authority is not looked for", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      yield* Effect.flip(Effect.scoped(reserve({ estimate })))
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(calls.map(({ operation }) => operation), ["create", "create"])
    }).pipe(Effect.provide(embedded({ calls, script: () => ({ refuse: true }) })))
  })

  for (const [name, status, lookedFor] of [["refused for the key", 401, true], ["denied", 409, false]] as const) {
    it.effect(`whose second attempt is ${name} is ${lookedFor ? "" : "not "}looked for`, () => {
      const calls: Array<Call> = []
      return Effect.gen(function*() {
        yield* Effect.flip(Effect.scoped(reserve({ estimate })))
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(calls.some(({ operation }) => operation === "list"), lookedFor)
        assert.deepInclude(yield* ledger(), { active: lookedFor ? 0 : 1 })
      }).pipe(Effect.provide(embedded({
        calls,
        script: only(
          "create",
          (n) =>
            n === 1
              ? { lose: true }
              : { instead: { status, body: json(status === 401 ? "UNAUTHORIZED" : "BUDGET_EXCEEDED") } }
        )
      })))
    })
  }

  it.effect("that cannot be looked up is said in the log, without end of attempts", () => {
    const lines: Array<string> = []
    const logger = Logger.make(({ message }) => {
      lines.push(String(message))
    })
    return Effect.gen(function*() {
      yield* Effect.flip(Effect.scoped(reserve({ estimate })))
      yield* TestClock.adjust("1 hour")
      assert.isTrue(lines.some((line) => line.includes("could not be looked up")))
    }).pipe(
      Effect.provide(embedded({
        script: ({ operation }) =>
          operation === "create" ? { lose: true } : operation === "list" ? { refuse: true } : undefined
      })),
      Effect.provide(Logger.replace(Logger.defaultLogger, logger))
    )
  })

  it.effect("an allowed answer without its caps is not trusted, and nothing stays held", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Effect.scoped(reserve({ estimate })))
      assert.strictEqual(error._tag, "Ambiguous")
      yield* TestClock.adjust("1 minute")
      assert.deepInclude(yield* ledger(), { reserved: 0n, active: 0, released: 1 })
    }).pipe(Effect.provide(embedded({
      script: only("create", () => ({
        answer: {
          status: 200,
          body: "{\"decision\":\"ALLOW_WITH_CAPS\",\"reservation_id\":\"r\",\"affected_scopes\":[\"tenant:tenant-a\"]}"
        }
      }))
    }))))

  it.effect("a denial is never tried again", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      yield* Effect.flip(Effect.scoped(reserve({ estimate: Amount.tokens(2_000_000) })))
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(calls.length, 1)
    }).pipe(Effect.provide(embedded({ calls })))
  })
})

describe("the end of the layer", () => {
  const run = (script: (call: Call) => Fault | undefined, calls: Array<Call> = []) =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(embedded({ script, calls, flushTimeout: "10 seconds" }), scope)
      return {
        calls,
        scope,
        run: <A, E>(effect: Effect.Effect<A, E, Layer.Layer.Success<ReturnType<typeof embedded>>>) =>
          Effect.provide(effect, context)
      }
    })

  it.effect("waits for settlements under way", () =>
    Effect.gen(function*() {
      const { run: inside, scope } = yield* run(only("commit", upTo(1, { lose: true })))
      const { final } = yield* inside(spend37)
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("100 millis")
      assertNone(yield* Fiber.poll(closing))
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(closing)
      assert.deepInclude(yield* final, { _tag: "Committed" })
      assert.deepInclude(yield* inside(ledger()), { spent: 37n })
    }))

  it.effect("waits for a reservation that nobody waits for any more, and it is released", () =>
    Effect.gen(function*() {
      const { run: inside, scope } = yield* run(only("create", () => ({ after: "2 seconds" })))
      const fiber = yield* Effect.fork(inside(Effect.scoped(reserve({ estimate }))))
      yield* TestClock.adjust("100 millis")
      yield* Fiber.interrupt(fiber)
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(closing)
      assert.deepInclude(yield* inside(ledger()), { reserved: 0n, active: 0, released: 1 })
    }))

  it.effect("waits no longer than flushTimeout, and says what was not recorded", () =>
    Effect.gen(function*() {
      const { run: inside, scope } = yield* run(only("commit", () => ({ refuse: true })))
      const { final } = yield* inside(spend37)
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(closing)
      assert.deepInclude(yield* final, { _tag: "Pending" })
    }))

  it.effect("what settles after it is settled at once", () =>
    Effect.gen(function*() {
      const { run: inside, scope } = yield* run(() => undefined)
      const work = yield* Scope.make()
      const reservation = yield* inside(Scope.extend(reserve({ estimate }), work))
      yield* Scope.close(scope, Exit.void)
      yield* reservation.setUsage(Amount.tokens(2))
      yield* Scope.close(work, Exit.void)
      assert.deepInclude(yield* inside(ledger()), { spent: 2n, reserved: 0n })
    }))

  it.effect("a handle that is left over can still be extended, and settled", () =>
    Effect.gen(function*() {
      const { run: inside, scope } = yield* run(() => undefined)
      const reservation = yield* inside(Scope.extend(reserve({ estimate }), yield* Scope.make()))
      yield* Scope.close(scope, Exit.void)
      yield* reservation.extend("10 seconds")
      assert.strictEqual((yield* reservation.commit(Amount.tokens(3)))._tag, "Committed")
      assert.deepInclude(yield* inside(ledger()), { spent: 3n, reserved: 0n })
    }))

  it.effect("flush says whether anything is left", () =>
    Effect.gen(function*() {
      const { final } = yield* spend37
      const early = yield* Effect.fork(Cycles.flush)
      yield* TestClock.adjust("5 minutes")
      assert.isFalse(yield* Fiber.join(early))
      yield* TestClock.adjust("1 hour")
      yield* final
      assert.isTrue(yield* Cycles.flush)
      assert.strictEqual(yield* Effect.flatMap(Cycles, ({ settler }) => settler.pending), 0)
    }).pipe(Effect.provide(embedded({
      script: only("commit", () => ({
        instead: { status: 429, body: json("LIMIT_EXCEEDED"), headers: { "retry-after": "600" } }
      }))
    }))))
})

describe("a defect of the platform's client proves nothing", () => {
  const bug = (operation: Call["operation"], times = 1) =>
    only(operation, (n) => {
      if (n <= times) throw new Error("bug")
      return undefined
    })

  it.effect("a commit goes on with the same key", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      const { final, first } = yield* spend37
      assert.deepInclude(first, { _tag: "Pending" })
      const fiber = yield* Effect.fork(final)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "Committed")
      assert.deepInclude(yield* ledger(), { spent: 37n, reserved: 0n })
      assert.strictEqual(keysOf(calls, "commit").size, 1)
    }).pipe(Effect.provide(embedded({ calls, script: bug("commit", 3) })))
  })

  it.effect("a release goes on", () =>
    Effect.gen(function*() {
      yield* hold
      yield* TestClock.adjust("20 seconds")
      assert.deepInclude(yield* ledger(), { released: 1, active: 0 })
    }).pipe(Effect.provide(embedded({ script: bug("release") }))))

  it.effect("a reservation is tried once more, and looked for", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      assert.strictEqual((yield* Effect.flip(hold))._tag, "Transport")
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(calls.slice(0, 3).map(({ operation }) => operation), ["create", "create", "list"])
      assert.strictEqual(keysOf(calls, "create").size, 1)
    }).pipe(Effect.provide(embedded({ calls, script: bug("create", 2) })))
  })
})
