import { assert, describe, it } from "@effect/vitest"
import {
  Authority,
  layerSweeper,
  make,
  makeStored,
  type Options,
  type Service
} from "effect-cycles/authority/Authority"
import * as Ledger from "effect-cycles/authority/Ledger"
import type { LedgerEvent } from "effect-cycles/authority/LedgerEvent"
import { LedgerStore, LedgerStoreError, type Service as Store } from "effect-cycles/authority/LedgerStore"
import { Amount } from "effect-cycles/protocol/Amount"
import { IdempotencyKey } from "effect-cycles/protocol/Idempotency"
import type { OveragePolicy } from "effect-cycles/protocol/Reservation"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { makeStore } from "./support/store.js"

const tenant = "acme"
const scope = "tenant:acme"
const options: Options = { budgets: [{ scope, allocated: Amount.tokens(100), overdraftLimit: Amount.tokens(50) }] }
const who = { subject: { tenant }, action: { kind: "k", name: "n" } }

const open = (store: Store, more: Options = {}) =>
  Effect.provideService(makeStored({ ...options, ...more }), LedgerStore, store)

const reserve = (id: string, n: number, overagePolicy: OveragePolicy = "REJECT") => ({
  _tag: "Reserve",
  tenant,
  id,
  request: { idempotencyKey: IdempotencyKey.make(id), ...who, estimate: Amount.tokens(n), overagePolicy }
} as const)

const commit = (reservationId: string, n: number) => ({
  _tag: "Commit",
  tenant,
  reservationId,
  request: { idempotencyKey: IdempotencyKey.make("c"), actual: Amount.tokens(n) }
} as const)

const balances = { _tag: "Balances", tenant, filter: { tenant } } as const

const reserved = (authority: Service) =>
  Effect.map(authority.budgets, ([budget]) => Number(budget?.reserved.amount ?? -1n))

const failed = new LedgerStoreError({ reason: "full", detail: "the disk has no room" })

describe("a ledger that is kept", () => {
  it.effect("answers when the step is durable, and so do a repetition and a read that tell of it", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const { store } = makeStore((call) => call === 2 ? Deferred.await(gate) : Effect.void)
      const authority = yield* open(store)
      const asked: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
        authority.run(reserve("a", 10)),
        authority.run(reserve("a", 10)),
        authority.run(balances)
      ]
      const fibers = yield* Effect.forEach(asked, (answer) => Effect.fork(answer))
      yield* Effect.repeatN(Effect.yieldNow(), 20)
      for (const fiber of fibers) assert.isTrue(Option.isNone(yield* Fiber.poll(fiber)))
      yield* Deferred.succeed(gate, undefined)
      const [first, again] = yield* Fiber.join(Fiber.all(fibers))
      assert.deepStrictEqual(again, first)
    }))

  it.effect("refuses everything after a write that failed, and is whole again when it is opened anew", () =>
    Effect.gen(function*() {
      for (const problem of [Effect.fail(failed), Effect.die("a defect"), Effect.interrupt]) {
        const { calls, store } = makeStore((call) => call === 3 ? problem : Effect.void)
        const authority = yield* open(store)
        yield* authority.run(reserve("a", 10))
        for (const command of [reserve("b", 10), reserve("a", 10), commit("a", 10), balances]) {
          const refusal = yield* Effect.flip(
            authority.run(command) as Effect.Effect<unknown, { readonly code: string }>
          )
          assert.strictEqual(refusal.code, "INTERNAL_ERROR")
        }
        const looked = yield* Effect.exit(authority.budgets)
        assert.instanceOf(Exit.isFailure(looked) && Cause.squash(looked.cause), LedgerStoreError)
        assert.strictEqual(calls(), 3)
        const opened = yield* open(store)
        assert.strictEqual(yield* reserved(opened), 10)
        yield* opened.run(reserve("b", 10))
        assert.strictEqual(yield* reserved(opened), 20)
      }
    }))

  it.effect("an interrupt waits for the write: the step is done and kept", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const { kept, store } = makeStore((call) => call === 2 ? Deferred.await(gate) : Effect.void)
      const authority = yield* open(store)
      const fiber = yield* Effect.fork(authority.run(reserve("a", 10)))
      yield* Effect.yieldNow()
      const interrupt = yield* Effect.fork(Fiber.interrupt(fiber))
      yield* Effect.repeatN(Effect.yieldNow(), 20)
      assert.isTrue(Option.isNone(yield* Fiber.poll(interrupt)))
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(interrupt)
      assert.strictEqual(kept.active.size, 1)
      assert.strictEqual(yield* reserved(authority), 10)
    }))

  it.effect("goes on where it ended: budgets, holds, answers, keys", () =>
    Effect.gen(function*() {
      const { store } = makeStore()
      const tenants = [{ id: tenant, tenant: { status: "ACTIVE", maxExtensions: 3 } }]
      const first = yield* open(store, { tenants })
      const answer = yield* first.run(reserve("a", 10))
      yield* first.run(reserve("b", 20))
      const committed = yield* first.run(commit("b", 15))
      const { key, secret } = yield* first.createApiKey({ tenant, name: "k" })
      assert.notInclude(JSON.stringify(key), Redacted.value(secret))
      const second = yield* open(store)
      assert.deepStrictEqual(yield* second.run(reserve("a", 10)), answer)
      assert.deepStrictEqual(yield* second.run(commit("b", 15)), committed)
      const [budget] = yield* second.budgets
      assert.deepStrictEqual([budget?.reserved, budget?.spent], [Amount.tokens(10), Amount.tokens(15)])
      // The first time it costs a derivation, then it is remembered.
      for (let i = 0; i < 2; i++) assert.strictEqual((yield* second.identify(Redacted.value(secret))).tenant, tenant)
      const wrong = `${key.prefix}${"x".repeat(27)}`
      assert.strictEqual((yield* Effect.flip(second.identify(wrong))).message, "INVALID_KEY")
    }))

  it.effect("a hold that expires is given back once, whenever it is opened", () =>
    Effect.gen(function*() {
      const { kept, store } = makeStore()
      const first = yield* open(store)
      yield* first.run(reserve("a", 10))
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual(yield* reserved(first), 0)
      const second = yield* open(store)
      assert.strictEqual(yield* reserved(second), 0)
      yield* second.run(reserve("b", 10))
      yield* TestClock.adjust("2 minutes")
      const third = yield* open(store)
      assert.strictEqual(yield* reserved(third), 0)
      assert.isTrue(Ledger.rowsOf(kept).reservations.every(({ status }) => status === "EXPIRED"))
    }))

  it.scoped("a sweeper lets holds expire that nobody asks for", () =>
    Effect.gen(function*() {
      const { kept, store } = makeStore()
      const authority = yield* open(store)
      yield* Layer.build(Layer.provide(layerSweeper(), Layer.succeed(Authority, authority)))
      yield* authority.run(reserve("a", 10))
      yield* TestClock.adjust("65 seconds")
      assert.strictEqual(kept.active.size, 1)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(kept.active.size, 0)
    }))

  it.effect("a store that cannot be read is an error of the layer", () =>
    Effect.gen(function*() {
      const { store } = makeStore()
      const broken = new LedgerStoreError({ reason: "corrupt", detail: "no such table" })
      const error = yield* Effect.flip(open({ ...store, load: Effect.fail(broken) }))
      assert.strictEqual(error.message, "The ledger's store failed (corrupt): no such table")
    }))
})

/** What a listener hears of some work. */
const heard = (authority: Service, work: Effect.Effect<unknown, unknown>, listening = authority.observe()) =>
  Effect.gen(function*() {
    const events: Array<LedgerEvent> = []
    const fiber = yield* Effect.fork(Stream.runForEach(listening, (event) => Effect.sync(() => events.push(event))))
    yield* Effect.repeatN(Effect.yieldNow(), 20)
    yield* Effect.exit(work)
    yield* Effect.repeatN(Effect.yieldNow(), 200)
    yield* Fiber.interrupt(fiber)
    return events
  })

const tagsOf = (events: ReadonlyArray<LedgerEvent>) => events.map(({ _tag }) => _tag)

describe("observers", () => {
  const hears = (
    name: string,
    work: (authority: Service) => Effect.Effect<unknown, unknown>,
    expected: ReadonlyArray<string>
  ) =>
    it.effect(name, () =>
      Effect.gen(function*() {
        const events = yield* Effect.flatMap(make(options), (authority) => heard(authority, work(authority)))
        assert.deepStrictEqual(tagsOf(events), expected)
        assert.isString(JSON.stringify(events))
      }))

  hears("a life, and nothing of its repetition", ({ run }) =>
    Effect.gen(function*() {
      yield* run(reserve("a", 10))
      yield* run(reserve("a", 10))
      yield* run({
        _tag: "Extend",
        tenant,
        reservationId: "a",
        request: { idempotencyKey: IdempotencyKey.make("x"), extendBy: Duration.seconds(1) }
      })
      yield* run(commit("a", 10))
      yield* run(commit("a", 10))
      yield* run(reserve("b", 10))
      yield* run({ _tag: "Release", tenant, reservationId: "b", request: { idempotencyKey: IdempotencyKey.make("r") } })
      yield* run({
        _tag: "Event",
        tenant,
        id: "e",
        request: { idempotencyKey: IdempotencyKey.make("e"), ...who, actual: Amount.tokens(1) }
      })
    }), ["Reserved", "Extended", "Committed", "Reserved", "Released", "SpendApplied"])

  hears("exhausted", ({ run }) => run(reserve("a", 100)), ["Exhausted", "Reserved"])

  hears("debt", ({ run }) => Effect.andThen(run(reserve("a", 50, "ALLOW_WITH_OVERDRAFT")), run(commit("a", 120))), [
    "Reserved",
    "DebtIncurred",
    "Overage",
    "Committed"
  ])

  hears("over the limit, and denied because of it", ({ run }) =>
    Effect.gen(function*() {
      yield* run(reserve("a", 50, "ALLOW_IF_AVAILABLE"))
      yield* run(commit("a", 120))
      yield* run(reserve("b", 0))
    }), ["Reserved", "Exhausted", "OverLimitEntered", "Overage", "Committed", "Denied"])

  hears("what an operator does", ({ credit, run, setStatus }) =>
    Effect.gen(function*() {
      yield* credit(scope, Amount.tokens(1))
      yield* setStatus(scope, "TOKENS", "FROZEN")
      yield* setStatus(scope, "TOKENS", "FROZEN")
      yield* setStatus(scope, "TOKENS", "ACTIVE")
      yield* run({ _tag: "CreateTenant", id: tenant, tenant: { name: "Acme" } })
      yield* run(reserve("a", 1))
      yield* run({ _tag: "UpdateTenant", id: tenant, patch: { status: "CLOSED" } })
    }), ["Funded", "StatusChanged", "StatusChanged", "Reserved", "Released", "StatusChanged", "TenantClosed"])

  hears(
    "a hold that expires, though nobody asks",
    ({ run }) => Effect.andThen(run(reserve("a", 1)), TestClock.adjust("67 seconds")),
    ["Reserved", "Expired"]
  )

  it.effect("a denial says what was asked, and of whom", () =>
    Effect.gen(function*() {
      const authority = yield* make(options)
      const [event] = yield* heard(authority, authority.run(reserve("a", 101)))
      assert.deepInclude(event, {
        _tag: "Denied",
        operation: "reserve",
        code: "BUDGET_EXCEEDED",
        scope,
        path: scope,
        requested: Amount.tokens(101)
      })
    }))

  it.effect("a slow listener loses the oldest or the newest, by its choice, and slows nobody", () =>
    Effect.gen(function*() {
      for (const [overflow, expected] of [["sliding", ["c", "d"]], ["dropping", ["b", "c"]]] as const) {
        const authority = yield* make(options)
        const gate = yield* Deferred.make<void>()
        const seen: Array<string> = []
        const fiber = yield* authority.observe({ capacity: 2, overflow }).pipe(
          Stream.runForEach((event) =>
            "reservation" in event
              ? Effect.zipRight(
                Effect.sync(() => seen.push(event.reservation.reservationId)),
                Deferred.await(gate)
              )
              : Effect.void
          ),
          Effect.fork
        )
        yield* Effect.repeatN(Effect.yieldNow(), 20)
        yield* authority.run(reserve("a", 1))
        yield* Effect.repeatN(Effect.yieldNow(), 200)
        for (const id of ["b", "c", "d"]) yield* authority.run(reserve(id, 1))
        yield* Deferred.succeed(gate, undefined)
        yield* Effect.repeatN(Effect.yieldNow(), 200)
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual(seen, ["a", ...expected])
      }
    }))

  it.effect("two listeners hear the same, and one that left hears nothing", () =>
    Effect.gen(function*() {
      const authority = yield* make(options)
      const [one, two] = yield* Effect.all(
        [heard(authority, authority.run(reserve("a", 1))), heard(authority, Effect.repeatN(Effect.yieldNow(), 60))],
        { concurrency: 2 }
      )
      assert.deepStrictEqual(tagsOf(one), ["Reserved"])
      assert.deepStrictEqual(two, one)
      yield* authority.run(reserve("b", 1))
      assert.lengthOf(one, 1)
    }))
})
