import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { assert, describe, it } from "@effect/vitest"
import { Amount, Cycles, guarded, Idempotency, Prices, recordEvent, reserve } from "effect-cycles"
import { Authority } from "effect-cycles/authority"
import {
  expectCommittedOnce,
  expectConserved,
  expectNothingReserved,
  expectNoUnguardedCall,
  expectSpent,
  Faults,
  layer,
  layerHttp,
  providerCall,
  ProviderCalls,
  run,
  type TestServices,
  Traffic,
  watched
} from "effect-cycles/testing"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"

const scope = "tenant:acme"
const budgets = [{ scope, allocated: Amount.tokens(100) }]

const scoped = (
  name: string,
  test: Effect.Effect<unknown, unknown, TestServices | Scope.Scope>,
  faults?: Faults.Script
) => it.scoped(name, () => Effect.provide(test, layer({ budgets, faults })))

const said = (expectation: Effect.Effect<void, { readonly message: string }, TestServices>) =>
  Effect.map(Effect.flip(expectation), ({ message }) => message)

const spend = (n: number) => guarded(Effect.succeed(n), { estimate: Amount.tokens(10), actual: Amount.tokens(n) })

/** All words, in this order. */
const tells = (message: string, ...words: ReadonlyArray<string>) => {
  let at = 0
  for (const word of words) {
    const found = message.indexOf(word, at)
    assert.isAtLeast(found, at, `"${word}" in:\n${message}`)
    at = found
  }
}

describe("expectNothingReserved", () => {
  scoped(
    "holds before, not while, and again after a reservation",
    Effect.gen(function*() {
      yield* expectNothingReserved
      const reservation = yield* reserve({ estimate: Amount.tokens(10) })
      tells(
        yield* said(expectNothingReserved),
        "expected nothing reserved",
        "1 active reservation, 1 budget with a hold",
        "budget",
        "tenant:acme  100 tokens  90 tokens  10 tokens",
        reservation.id,
        "ACTIVE"
      )
      yield* reservation.release()
      yield* expectNothingReserved
    })
  )

  scoped(
    "says what is still under way, and the fault that keeps it so",
    Effect.gen(function*() {
      const fiber = yield* Effect.fork(spend(7))
      yield* TestClock.adjust("100 millis")
      yield* Fiber.join(fiber)
      tells(
        yield* said(expectNothingReserved),
        "1 settlement under way",
        "commitReservation  1  refused  did not answer"
      )
      yield* TestClock.adjust("1 minute")
      yield* expectNothingReserved
      yield* expectSpent(scope, Amount.tokens(7))
    }),
    Faults.on("commitReservation", [1, 2], Faults.refuse)
  )
})

describe("expectSpent", () => {
  scoped(
    "tells what was spent instead",
    Effect.gen(function*() {
      yield* expectSpent(scope, Amount.tokens(0))
      yield* spend(7)
      yield* expectSpent("Tenant:ACME", Amount.tokens(7))
      tells(yield* said(expectSpent(scope, Amount.tokens(8))), "8 tokens spent on", "7 tokens spent", "COMMITTED")
      tells(
        yield* said(expectSpent(scope, Amount.credits(8))),
        "8 credits spent",
        "no budget of tenant:acme in CREDITS",
        "100 tokens"
      )
    })
  )
})

describe("expectConserved", () => {
  scoped(
    "holds while there is a hold, and after all ways to settle",
    Effect.gen(function*() {
      yield* expectConserved
      const reservation = yield* reserve({ estimate: Amount.tokens(10) })
      yield* expectConserved
      yield* reservation.commit(Amount.tokens(3))
      yield* recordEvent({ actual: Amount.tokens(5) })
      yield* expectConserved
      yield* expectSpent(scope, Amount.tokens(8))
    })
  )

  scoped(
    "finds spend that the authority refused",
    Effect.gen(function*() {
      yield* spend(7)
      tells(
        yield* said(expectConserved),
        "every amount in exactly one place",
        "1 dead letter: spend that the authority refused",
        "ACTIVE",
        "dead letter of"
      )
    }),
    Faults.on("commitReservation", 1, Faults.refusal("BUDGET_CLOSED"))
  )

  scoped(
    "finds spend that is still on its way",
    Effect.gen(function*() {
      const fiber = yield* Effect.fork(spend(7))
      yield* TestClock.adjust("100 millis")
      yield* Fiber.join(fiber)
      tells(yield* said(expectConserved), "1 settlement under way", "refused")
      yield* TestClock.adjust("1 minute")
      yield* expectConserved
    }),
    Faults.on("commitReservation", 1, Faults.refuse)
  )

  it.scoped("finds figures that do not add up, and a hold that nobody holds", () =>
    Effect.gen(function*() {
      const authority = yield* Authority.Authority
      const showing = (change: (view: object) => object) =>
        Effect.provideService(expectConserved, Authority.Authority, {
          ...authority,
          budgets: Effect.map(authority.budgets, (views) => views.map((view) => change(view) as typeof view))
        })
      tells(
        yield* said(showing((view) => ({ ...view, spent: Amount.tokens(1) }))),
        "tenant:acme has 100 tokens, which is not allocated - spent - reserved - debt"
      )
      const held = { remaining: { amount: 98n }, reserved: Amount.tokens(2) }
      tells(
        yield* said(showing((view) => ({ ...view, ...held }))),
        "2 tokens reserved, and its active reservations hold 0 tokens"
      )
    }).pipe(Effect.provide(layer({ budgets }))))
})

describe("expectCommittedOnce", () => {
  const firstKey = Effect.map(
    Effect.flatMap(Traffic, ({ exchanges }) => exchanges),
    ([created]) => String(JSON.parse(created?.body ?? "{}").idempotency_key)
  )

  scoped(
    "by key and by id, also when the answer of the commit was lost",
    Effect.gen(function*() {
      const reservation = yield* reserve({ estimate: Amount.tokens(10) })
      tells(yield* said(expectCommittedOnce(reservation.id)), "exactly one commit of", "one that is ACTIVE")
      const fiber = yield* Effect.fork(reservation.commit(Amount.tokens(3)))
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
      yield* expectCommittedOnce(reservation.id)
      yield* expectCommittedOnce(yield* firstKey)
      tells(yield* said(expectCommittedOnce("nobody")), "found 0 reservations", reservation.id)
    }),
    Faults.on("commitReservation", 1, Faults.lose)
  )

  scoped(
    "a release is no commit",
    Effect.gen(function*() {
      const reservation = yield* reserve({ estimate: Amount.tokens(10) })
      yield* reservation.release()
      tells(yield* said(expectCommittedOnce(reservation.id)), "one that is RELEASED", "RELEASED")
    })
  )

  scoped(
    "finds spend that is in the ledger a second time, as an event",
    Effect.gen(function*() {
      const reservation = yield* reserve({ estimate: Amount.tokens(10) })
      yield* reservation.commit(Amount.tokens(3))
      yield* expectCommittedOnce(reservation.id)
      const { exchanges } = yield* Traffic
      const commit = (yield* exchanges).find(({ operation }) => operation === "commitReservation")
      const cycles = yield* Cycles
      yield* cycles.createEvent({
        idempotencyKey: Idempotency.IdempotencyKey.make(JSON.parse(commit?.body ?? "{}").idempotency_key),
        subject: { tenant: "acme" },
        action: { kind: "k", name: "n" },
        actual: Amount.tokens(3)
      })
      tells(
        yield* said(expectCommittedOnce(reservation.id)),
        "one that is COMMITTED, and its spend in 1 event as well",
        "createEvent"
      )
    })
  )
})

class Model extends Context.Tag("Model")<Model, {
  readonly ask: (prompt: string) => Effect.Effect<string>
  readonly talk: () => Stream.Stream<string>
  readonly ping: Effect.Effect<string>
  readonly legacy: () => unknown
  readonly name: string
}>() {}

const ModelLive = Layer.succeed(Model, {
  ask: (prompt) => Effect.succeed(prompt),
  talk: () => Stream.make("a", "b"),
  ping: Effect.succeed("pong"),
  legacy: () => ({ then: () => {} }),
  name: "model"
})

const inside = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  guarded(self, { estimate: Amount.tokens(1), actual: Amount.tokens(1) })

const names = Effect.map(
  Effect.flatMap(ProviderCalls, ({ calls }) => calls),
  (calls) => calls.map(({ name, reservationId }) => `${name} ${reservationId._tag}`)
)

describe("expectNoUnguardedCall", () => {
  scoped(
    "proves nothing without a call",
    Effect.gen(function*() {
      tells(yield* said(expectNoUnguardedCall), "no provider call at all")
    })
  )

  scoped(
    "a watched service: effects, streams, and what each of them begins",
    Effect.gen(function*() {
      const model = yield* Model
      assert.strictEqual(model.name, "model")
      const ask = model.ask("x")
      assert.deepStrictEqual(yield* names, [])
      assert.strictEqual(yield* inside(ask), "x")
      assert.strictEqual(yield* inside(Effect.flatMap(Effect.fork(model.ping), Fiber.join)), "pong")
      assert.deepStrictEqual(Array.from(yield* inside(Stream.runCollect(model.talk()))), ["a", "b"])
      yield* expectNoUnguardedCall
      yield* ask
      yield* Stream.runDrain(model.talk())
      assert.deepStrictEqual(yield* names, [
        "Model.ask Some",
        "Model.ping Some",
        "Model.talk Some",
        "Model.ask None",
        "Model.talk None"
      ])
      tells(
        yield* said(expectNoUnguardedCall),
        "every provider call inside a guard",
        "2 of 5 calls without a reservation",
        "Model.ask",
        "none"
      )
    }).pipe(Effect.provide(watched(Model, ModelLive)))
  )

  scoped(
    "a method that gives something else cannot be watched, and says so",
    Effect.gen(function*() {
      const { legacy } = yield* Model
      const exit = yield* Effect.exit(legacy() as Effect.Effect<never>)
      tells(String(exit), "Model.legacy gives neither an Effect nor a Stream")
    }).pipe(Effect.provide(watched(Model, ModelLive)))
  )

  scoped(
    "a request of a watched HttpClient, and a marked effect",
    Effect.gen(function*() {
      const fake = Layer.succeed(
        HttpClient.HttpClient,
        HttpClient.make((request) => Effect.succeed(HttpClientResponse.fromWeb(request, new Response("ok"))))
      )
      const get = Effect.flatMap(HttpClient.HttpClient, (client) => client.get("http://provider.example/"))
      const mark = providerCall("sdk")
      yield* Effect.provide(inside(get), Layer.provide(layerHttp("openai"), fake))
      yield* inside(mark(Effect.void))
      yield* expectNoUnguardedCall
      yield* mark(Effect.void)
      yield* Effect.provide(get, Layer.provide(layerHttp("openai"), fake))
      assert.deepStrictEqual(yield* names, ["openai GET Some", "sdk Some", "sdk None", "openai GET None"])
      tells(yield* said(expectNoUnguardedCall), "2 of 4 calls")
    })
  )
})

describe("run", () => {
  it("gives the value, on a clock that begins at 0", () =>
    run(
      Effect.gen(function*() {
        const fiber = yield* Effect.fork(Effect.delay(spend(7), "1 hour"))
        yield* TestClock.adjust("1 hour")
        yield* expectSpent(scope, Amount.tokens(7))
        return yield* Fiber.join(fiber)
      }),
      { budgets }
    ).then((value) => assert.strictEqual(value, 7)))

  it("begins at a date, for what has one", () => {
    const now = "2026-03-01T00:00:00Z"
    const priced = Effect.gen(function*() {
      yield* TestClock.adjust("1 hour")
      return yield* Prices.cost("m", { input: 1_000_000 })
    }).pipe(Effect.provide(Prices.layer({
      source: "a contract",
      effectiveFrom: "2026-02-01",
      prices: [{ model: "m", perMillion: { input: "2.50" } }]
    })))
    return run(priced, { budgets, now }).then((cost) => assert.deepStrictEqual(cost, Amount.usd("2.5")))
  })

  it("is rejected with the failure itself", () =>
    run(expectSpent(scope, Amount.tokens(1)), { budgets }).then(
      () => assert.fail("not rejected"),
      (error) => {
        assert.strictEqual(error._tag, "ExpectationFailed")
        assert.include(error.message, "1 tokens spent on tenant:acme")
      }
    ))

  it("is rejected for budgets that contradict each other", () =>
    run(Effect.void, { budgets: [...budgets, ...budgets] }).then(
      () => assert.fail("not rejected"),
      (error) => assert.strictEqual(error._tag, "InvalidInput")
    ))
})

describe("fractions of a millisecond", () => {
  scoped(
    "of a caller's delay do not stop the clock of the client",
    Effect.gen(function*() {
      const { exchanges, play } = yield* Traffic
      yield* play(Faults.on("extendReservation", "every", Faults.delayAnswer("100.125 millis")))
      const fiber = yield* Effect.fork(
        guarded(Effect.sleep("90000.123456 millis"), { estimate: Amount.tokens(10), actual: Amount.tokens(7) })
      )
      yield* TestClock.adjust("0.3 millis")
      yield* TestClock.adjust("61.7 seconds")
      yield* TestClock.adjust("28500.9 millis")
      yield* Fiber.join(fiber)
      assert.isTrue((yield* exchanges).some(({ operation }) => operation === "extendReservation"))
      yield* expectSpent(scope, Amount.tokens(7))
      yield* expectConserved
    })
  )
})
