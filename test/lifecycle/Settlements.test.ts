import { assert, describe, it } from "@effect/vitest"
import { assertNone, assertSome } from "@effect/vitest/utils"
import { Amount, Cycles, Journal, recordEvent, reserve, type Settlement } from "effect-cycles"
import { Authority } from "effect-cycles/authority"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { JournalError, type Store } from "../../src/lifecycle/Journal.js"
import { embedded, ledger } from "../support/embedded.js"
import type { Call, Fault } from "../support/faults.js"

const estimate = Amount.tokens(1000)
const json = (error: string) => JSON.stringify({ error, message: "no", request_id: "r" })
const spend = (tokens: number, options: Partial<Parameters<typeof reserve>[0]> = {}) =>
  Effect.scoped(
    Effect.flatMap(reserve({ estimate, ...options }), ({ commit }) => commit(Amount.tokens(tokens)))
  ) as Effect.Effect<
    Settlement,
    unknown,
    Cycles
  >
const settlements = Effect.map(Cycles, ({ settlements }) => settlements)

const refusing = (operation: Call["operation"], times: number, fault: Fault) => (call: Call) =>
  call.operation === operation && call.n <= times ? fault : undefined

/** A journal that several layers share, as programs share a directory. */
const shared = Effect.map(Effect.scoped(Layer.build(Journal.layerMemory())), Layer.succeedContext)

describe("dead letters", () => {
  const rejected = { instead: { status: 409, body: json("BUDGET_EXCEEDED") } } as const

  it.effect("keep refused spend with its bodies, and can be sent again", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      assert.strictEqual((yield* spend(37))._tag, "Rejected")
      const { deadLetters, replayDeadLetter } = yield* settlements
      const [letter] = yield* deadLetters
      assert.deepInclude(letter?.deadLetter, { code: "BUDGET_EXCEEDED", status: 409 })
      assert.deepInclude(letter?.commitBody, { actual: { unit: "TOKENS", amount: 37 } })
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(calls.filter(({ operation }) => operation === "commit").length, 1)
      const again = yield* replayDeadLetter(letter?.reservationId ?? "")
      assertSome(Option.map(again, ({ _tag }) => _tag), "Committed")
      assert.deepStrictEqual(yield* deadLetters, [])
      assertNone(yield* replayDeadLetter(letter?.reservationId ?? ""))
      const keys = calls.filter(({ operation }) => operation !== "create").map(({ body }) =>
        JSON.parse(body).idempotency_key
      )
      assert.strictEqual(new Set(keys).size, 1)
      assert.deepInclude(yield* ledger(), { spent: 37n })
    }).pipe(Effect.provide(embedded({ calls, script: refusing("commit", 1, rejected) })))
  })

  it.effect("onRejected: \"event\" records the spend without the reservation", () =>
    Effect.gen(function*() {
      assert.deepInclude(yield* spend(37, { onRejected: "event" }), { _tag: "Committed", via: "event" })
      assert.deepInclude(yield* ledger(), { spent: 37n, active: 1 })
      yield* TestClock.adjust("2 minutes")
      assert.deepInclude(yield* ledger(), { spent: 37n, active: 0, reserved: 0n })
    }).pipe(Effect.provide(embedded({ script: refusing("commit", 1, rejected) }))))
})

describe("two programs over one journal", () => {
  it.effect("agree on what a refused commit becomes", () =>
    Effect.gen(function*() {
      const journalLayer = yield* shared
      const calls: Array<Call> = []
      yield* Effect.provide(
        spend(37, { onRejected: "event" }),
        embedded({
          journalLayer,
          retry: { enabled: false },
          script: refusing("commit", 1, { refuse: true })
        })
      )
      yield* Effect.gen(function*() {
        yield* TestClock.adjust("2 seconds")
        assert.deepStrictEqual(calls.map(({ operation }) => operation), ["commit", "event"])
        assert.deepInclude(yield* ledger(), { spent: 37n })
        assert.deepStrictEqual(yield* Effect.flatMap(settlements, ({ deadLetters }) => deadLetters), [])
      }).pipe(Effect.provide(embedded({
        calls,
        journalLayer,
        script: refusing("commit", 1, { instead: { status: 409, body: json("BUDGET_EXCEEDED") } })
      })))
    }))
})

describe("settlement events", () => {
  it.effect("are what stays, in the order in which it is known", () =>
    Effect.gen(function*() {
      const seen = yield* Queue.unbounded<string>()
      const { events } = yield* settlements
      yield* Effect.fork(Stream.runForEach(events, ({ _tag }) => Queue.offer(seen, _tag)))
      // The stream subscribes.
      yield* Effect.repeatN(Effect.yieldNow(), 20)
      yield* spend(1)
      yield* Effect.scoped(reserve({ estimate }))
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual([...(yield* Queue.takeAll(seen))], ["Released", "Committed"])
    }).pipe(Effect.provide(embedded({ script: refusing("commit", 2, { lose: true }) }))))
})

describe("replay", () => {
  it.effect("the next layer sends what the last one left, with the same key", () =>
    Effect.gen(function*() {
      const journalLayer = yield* shared
      const calls: Array<Call> = []
      const authority = Authority.layerAuthority({ budgets: [] })
      assert.isDefined(authority)
      yield* Effect.gen(function*() {
        const { reservations } = yield* Authority.Authority
        assert.strictEqual((yield* spend(37))._tag, "Pending")
        assert.strictEqual((yield* reservations).length, 1)
      }).pipe(Effect.provide(embedded({
        calls,
        journalLayer,
        retry: { enabled: false },
        script: refusing("commit", 1, { refuse: true })
      })))
      yield* Effect.provide(TestClock.adjust("2 seconds"), embedded({ calls, journalLayer }))
      const commits = calls.filter(({ operation }) => operation === "commit")
      assert.strictEqual(commits.length, 2)
      assert.strictEqual(commits[0]?.body, commits[1]?.body)
    }))

  it.effect("a wait that the authority asked for is respected, at most an hour after the start", () =>
    Effect.gen(function*() {
      const calls: Array<Call> = []
      const busy = {
        instead: { status: 429, body: json("LIMIT_EXCEEDED"), headers: { "retry-after": "86400" } }
      } as const
      yield* Effect.gen(function*() {
        assert.strictEqual((yield* spend(37))._tag, "Pending")
        yield* TestClock.adjust("58 minutes")
        assert.strictEqual(calls.filter(({ operation }) => operation === "commit").length, 1)
        yield* TestClock.adjust("4 minutes")
        assert.deepInclude(yield* ledger(), { spent: 37n })
      }).pipe(Effect.provide(embedded({ calls, script: refusing("commit", 1, busy) })))
    }))
})

describe("a journal that cannot be written", () => {
  for (const reason of ["unwritable", "full"] as const) {
    it.effect(`does not stop the first attempt, nor those after it (${reason})`, () => {
      const broken = Effect.fail(new JournalError({ reason, detail: "no" }))
      const store: Store = {
        put: () => broken,
        remove: () => broken,
        entries: Effect.succeed([]),
        deadLetter: () => broken,
        deadLetters: Effect.succeed([]),
        revive: () => broken,
        forget: () => broken,
        health: Effect.succeed("unwritable")
      }
      return Effect.gen(function*() {
        assert.strictEqual((yield* spend(37))._tag, "Pending")
        yield* TestClock.adjust("20 seconds")
        assert.deepInclude(yield* ledger(), { spent: 37n, committed: 1 })
        const { health, replayDeadLetter } = yield* settlements
        assert.strictEqual(yield* health, "unwritable")
        assertNone(yield* replayDeadLetter("none"))
      }).pipe(Effect.provide(embedded({
        script: refusing("commit", 2, { lose: true }),
        journalLayer: Layer.succeed(Journal.Journal, { open: () => Effect.succeed(store) })
      })))
    })
  }
})

describe("recordEvent", () => {
  it.effect("records spend without a reservation", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      const settlement = yield* recordEvent({
        actual: () => Amount.tokens(12),
        action: { kind: "tool.search", name: () => "web" },
        overagePolicy: "REJECT",
        metrics: { tokensInput: 1 },
        metadata: { a: 1 },
        clientTime: DateTime.unsafeMake(5)
      })
      assert.deepInclude(settlement, { _tag: "Committed", via: "event", charged: Amount.tokens(12) })
      assert.deepInclude(yield* ledger(), { spent: 12n, reserved: 0n })
      const { idempotency_key: _, ...body } = JSON.parse(calls[0]?.body ?? "")
      assert.deepStrictEqual(body, {
        subject: { tenant: "tenant-a" },
        action: { kind: "tool.search", name: "web" },
        actual: { unit: "TOKENS", amount: 12 },
        overage_policy: "REJECT",
        metrics: { tokens_input: 1 },
        client_time_ms: 5,
        metadata: { a: 1 }
      })
    }).pipe(Effect.provide(embedded({ calls })))
  })

  it.effect("once for one key, also when answers are lost", () =>
    Effect.gen(function*() {
      const event = recordEvent({ actual: Amount.tokens(5), idempotencyKey: "job-7" })
      assert.strictEqual((yield* event)._tag, "Pending")
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual((yield* event)._tag, "Committed")
      assert.deepInclude(yield* ledger(), { spent: 5n })
    }).pipe(Effect.provide(embedded({ script: refusing("event", 2, { lose: true }) }))))

  it.effect("a refusal is a dead letter, bad input an error before anything is sent", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      const settlement = yield* recordEvent({ actual: Amount.credits(5) })
      assert.strictEqual(settlement._tag === "Rejected" && settlement.error._tag, "UnitMismatch")
      assert.strictEqual((yield* Effect.flatMap(settlements, ({ deadLetters }) => deadLetters)).length, 1)
      const sent = calls.length
      const bad = recordEvent({ actual: Amount.tokens(1), metadata: { f: () => 1 } })
      assert.deepInclude(yield* Effect.flip(bad), { _tag: "InvalidInput", field: "metadata" })
      assert.deepInclude(yield* Effect.flip(recordEvent({ actual: Amount.tokens(1), idempotencyKey: "" })), {
        _tag: "InvalidInput",
        field: "idempotency_key"
      })
      assert.strictEqual(calls.length, sent)
    }).pipe(Effect.provide(embedded({ calls })))
  })
})

describe("waitUntil", () => {
  it.effect("gets a promise of each job that goes on in the background", () => {
    const works: Array<Promise<unknown>> = []
    return Effect.gen(function*() {
      yield* spend(37)
      assert.strictEqual(works.length, 1)
      const all = yield* Effect.fork(Effect.promise(() => Promise.all(works)))
      yield* TestClock.adjust("20 seconds")
      yield* Fiber.join(all)
      assert.deepInclude(yield* ledger(), { spent: 37n })
    }).pipe(Effect.provide(embedded({
      waitUntil: (work) => works.push(work),
      script: refusing("commit", 1, { lose: true })
    })))
  })
})
