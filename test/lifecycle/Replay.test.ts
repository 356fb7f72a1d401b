/**
 * Sweeps of a journal: when an entry may be sent again, and by whom.
 */
import { assert, describe, it } from "@effect/vitest"
import { assertNone } from "@effect/vitest/utils"
import { Amount, Cycles, Journal, reserve, type Settlement } from "effect-cycles"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { embedded, ledger } from "../support/embedded.js"
import type { Call } from "../support/faults.js"
import { entry } from "./support/journal.js"

const baseUrl = "http://authority.localhost"

/** A journal that others write to as well. */
const shared = Effect.gen(function*() {
  const memory = yield* Layer.build(Journal.layerMemory())
  const journal = Context.get(memory, Journal.Journal)
  const store = yield* journal.open({ baseUrl, tenant: "tenant-a", apiKey: Redacted.make("k") })
  return { store, journalLayer: Layer.succeedContext(memory) }
})

/** The spend of another program: an event of 37 tokens. */
const foreign = (id: string, notBeforeMs: number | null = null) =>
  entry(id, {
    baseUrl,
    notBeforeMs,
    mode: "event",
    commitBody: null,
    eventFallbackBody: {
      idempotency_key: id,
      subject: { tenant: "tenant-a" },
      action: { kind: "llm.completion", name: "m" },
      actual: { unit: "TOKENS", amount: 37 }
    }
  })

const count = (calls: ReadonlyArray<Call>, operation: Call["operation"]) =>
  calls.filter((call) => call.operation === operation).length

const spend = Effect.scoped(
  Effect.flatMap(reserve({ estimate: Amount.tokens(1000) }), ({ commit }) => commit(Amount.tokens(1)))
)

/** What is told from now on. */
const told = Effect.gen(function*() {
  const { settlements } = yield* Cycles
  const seen: Array<Settlement["_tag"]> = []
  yield* Effect.fork(Stream.runForEach(settlements.events, ({ _tag }) => Effect.sync(() => seen.push(_tag))))
  yield* Effect.repeatN(Effect.yieldNow(), 20)
  return seen
})

/** The clock of the test, with a wall clock that can be put forward and back. */
const withWall = <A, E, R>(effect: (put: (byMs: number) => void) => Effect.Effect<A, E, R>) =>
  Effect.flatMap(Effect.clock, (clock) => {
    let offMs = 0
    const wall: Clock.Clock = Object.create(clock, {
      unsafeCurrentTimeNanos: { value: () => clock.unsafeCurrentTimeNanos() },
      unsafeCurrentTimeMillis: { value: () => clock.unsafeCurrentTimeMillis() + offMs },
      currentTimeMillis: { value: Effect.map(clock.currentTimeMillis, (ms) => ms + offMs) }
    })
    return Effect.withClock(effect((byMs) => void (offMs += byMs)), wall)
  })

const hourMs = 3_600_000

describe("a wait that the authority asked another program for", () => {
  const cases: Readonly<
    Record<string, {
      readonly age: number
      readonly waitMs: number
      readonly jumpMs?: number
      readonly after?: number
      readonly sentAfterMs: number
    }>
  > = {
    "is respected by a program that has run for long": {
      age: 5 * hourMs,
      waitMs: 30 * 60_000,
      sentAfterMs: 30 * 60_000
    },
    "is believed for an hour": { age: 5 * hourMs, waitMs: 24 * hourMs, sentAfterMs: hourMs },
    "is over when it is in the past": { age: 0, waitMs: -hourMs, sentAfterMs: 0 },
    "is not longer when the clock is put back": {
      age: 60_000,
      waitMs: 30 * 60_000,
      jumpMs: -9 * hourMs,
      sentAfterMs: 30 * 60_000
    },
    "is not shorter when the clock is put forward": {
      age: 60_000,
      waitMs: 30 * 60_000,
      jumpMs: 9 * hourMs,
      sentAfterMs: 30 * 60_000
    }
  }
  for (const [name, { age, jumpMs = 0, sentAfterMs, waitMs }] of Object.entries(cases)) {
    it.scoped(name, () =>
      withWall((put) =>
        Effect.gen(function*() {
          const calls: Array<Call> = []
          const { journalLayer, store } = yield* shared
          yield* Effect.gen(function*() {
            yield* TestClock.adjust(age)
            yield* store.put(foreign("x", Math.max(0, (yield* Clock.currentTimeMillis) + waitMs)))
            // By then a sweep has seen it.
            yield* TestClock.adjust("61 seconds")
            put(jumpMs)
            const early = sentAfterMs - 61_000 - 2000
            if (early > 0) {
              yield* TestClock.adjust(early)
              assert.strictEqual(count(calls, "event"), 0)
            }
            yield* TestClock.adjust("65 seconds")
            assert.strictEqual(count(calls, "event"), 1)
            assert.deepInclude(yield* ledger(), { spent: 37n })
          }).pipe(Effect.provide(embedded({ calls, journalLayer })))
        })
      ))
  }
})

describe("spend is sent by one fiber at a time", () => {
  it.scoped("what was settled while a sweep read the journal is not sent again", () =>
    Effect.gen(function*() {
      const calls: Array<Call> = []
      const { store } = yield* shared
      const lists: Array<number> = []
      const slow: Journal.Store = {
        ...store,
        entries: Effect.gen(function*() {
          const until = (some: boolean) =>
            Effect.repeat(Effect.zipRight(Effect.sleep(1), store.entries), { until: (now) => now.length > 0 === some })
          // A record that is put after the sweep has begun, and settled before it knows what it read.
          yield* until(false)
          const entries = yield* until(true)
          lists.push(entries.length)
          yield* Effect.sleep(100)
          return entries
        })
      }
      yield* Effect.gen(function*() {
        const seen = yield* told
        for (let n = 0; n < 100; n++) {
          const fiber = yield* Effect.fork(spend)
          yield* TestClock.adjust(10)
          yield* Fiber.join(fiber)
        }
        assert.deepStrictEqual(lists, [1])
        assert.lengthOf(seen, 100)
        assert.strictEqual(count(calls, "commit"), 100)
      }).pipe(Effect.provide(embedded({
        calls,
        journalLayer: Layer.succeed(Journal.Journal, { open: () => Effect.succeed(slow) }),
        script: ({ operation }) => operation === "commit" ? { before: 8 } : undefined
      })))
    }))

  it.effect("a dead letter that is sent again is left alone by sweeps, and by whoever sends it too", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      const { settlements } = yield* Cycles
      const { _tag, reservationId } = yield* spend
      assert.strictEqual(_tag, "Rejected")
      const seen = yield* told
      const fiber = yield* Effect.fork(settlements.replayDeadLetter(reservationId))
      yield* TestClock.adjust("1 minute")
      assertNone(yield* settlements.replayDeadLetter(reservationId))
      yield* TestClock.adjust("5 minutes")
      yield* Fiber.join(fiber)
      assert.strictEqual(count(calls, "commit"), 2)
      assert.deepStrictEqual(seen, ["Committed"])
      assert.deepStrictEqual(yield* settlements.deadLetters, [])
    }).pipe(Effect.provide(embedded({
      calls,
      connectTimeout: "1 minute",
      readTimeout: "3 minutes",
      script: ({ n, operation }) => {
        if (operation !== "commit") return undefined
        const body = JSON.stringify({ error: "BUDGET_EXCEEDED", message: "no", request_id: "r" })
        return n === 1 ? { instead: { status: 409, body } } : { before: "3 minutes" }
      }
    })))
  })

  it.scoped("a defect of the client in one sweep does not end them", () =>
    Effect.gen(function*() {
      const { journalLayer, store } = yield* shared
      yield* store.put(foreign("x"))
      yield* Effect.gen(function*() {
        yield* TestClock.adjust("5 minutes")
        assert.deepInclude(yield* ledger(), { spent: 37n })
      }).pipe(Effect.provide(embedded({
        journalLayer,
        script: ({ n, operation }) => {
          if (operation === "event" && n === 1) throw new Error("bug")
          return undefined
        }
      })))
    }))
})
