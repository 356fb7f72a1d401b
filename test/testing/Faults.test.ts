import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import { Amount, Cycles, Idempotency, type Wire } from "effect-cycles"
import { Authority } from "effect-cycles/authority"
import { Faults, layer, Traffic } from "effect-cycles/testing"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import { operationOf } from "../../src/testing/internal/operation.js"

const budgets = [{ scope: "tenant:acme", allocated: Amount.tokens(100) }]

const request: Wire.CreateRequest = {
  idempotencyKey: Idempotency.IdempotencyKey.make("k"),
  subject: { tenant: "acme" },
  action: { kind: "k", name: "n" },
  estimate: Amount.tokens(10)
}

const held = Effect.map(
  Effect.flatMap(Authority.Authority, ({ budgets }) => budgets),
  ([budget]) => budget?.reserved.amount
)

/** What becomes of a creation that meets a fault, at once and after two minutes: the tag, and what is held. */
const outcome = (fault: Faults.Fault) =>
  Effect.gen(function*() {
    const cycles = yield* Cycles
    const fiber = yield* Effect.fork(Effect.exit(cycles.createReservation(request)))
    yield* Effect.yieldNow()
    yield* TestClock.adjust(0)
    const early = yield* Fiber.poll(fiber)
    const heldEarly = yield* held
    yield* TestClock.adjust("30 seconds")
    const exit = yield* Fiber.join(fiber)
    const { exchanges } = yield* Traffic
    const [exchange] = yield* exchanges
    const tag = Exit.match(exit, {
      onFailure: (cause) => cause._tag === "Fail" ? cause.error._tag : cause._tag,
      onSuccess: () => "ok"
    })
    return [
      tag,
      Option.isSome(early) ? "at once" : "later",
      heldEarly,
      yield* held,
      exchange?.fault,
      exchange?.answered?.status
    ] as const
  }).pipe(Effect.provide(layer({ budgets, faults: Faults.on("createReservation", 1, fault) })))

const faults: ReadonlyArray<
  readonly [
    fault: Faults.Fault,
    tag: string,
    when: "at once" | "later",
    heldEarly: bigint,
    heldLater: bigint,
    answered: number | undefined
  ]
> = [
  [Faults.refuse, "Transport", "at once", 0n, 0n, undefined],
  [Faults.cut, "Transport", "at once", 0n, 0n, undefined],
  [Faults.lose, "Transport", "at once", 10n, 10n, 200],
  [Faults.delay("2 seconds"), "ok", "later", 0n, 10n, 200],
  [Faults.delayAnswer("2 seconds"), "ok", "later", 10n, 10n, 200],
  [Faults.hang(), "Transport", "later", 0n, 0n, undefined],
  [Faults.hang("after"), "Transport", "later", 10n, 10n, 200],
  [Faults.late("20 seconds"), "Transport", "later", 0n, 10n, 200],
  [Faults.serverError(), "InternalError", "at once", 0n, 0n, undefined],
  [Faults.serverError(500, "after"), "InternalError", "at once", 10n, 10n, 200],
  [Faults.serverError(502), "Ambiguous", "at once", 0n, 0n, undefined],
  [Faults.throttle(3), "LimitExceeded", "at once", 0n, 0n, undefined],
  [Faults.throttle(3, "after"), "LimitExceeded", "at once", 10n, 10n, 200],
  [Faults.gone, "Refused", "at once", 0n, 0n, undefined],
  [Faults.refusal("BUDGET_EXCEEDED"), "BudgetExceeded", "at once", 0n, 0n, undefined],
  [Faults.answer({ status: 204 }, "after"), "Ambiguous", "at once", 10n, 10n, 200],
  [Faults.truncate, "Ambiguous", "at once", 10n, 10n, 200],
  [Faults.extraFields({ x_new: "member", x_other: null }), "ok", "at once", 10n, 10n, 200],
  [Faults.rewrite((text) => text.replace("ALLOW", "MAYBE")), "Ambiguous", "at once", 10n, 10n, 200]
]

describe("a fault", () => {
  for (const [fault, tag, when, heldEarly, heldLater, answered] of faults) {
    it.effect(fault.name, () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* outcome(fault), [tag, when, heldEarly, heldLater, fault.name, answered])
      }))
  }

  it.effect("429 says when to come back", () =>
    Effect.gen(function*() {
      const cycles = yield* Cycles
      const error = yield* Effect.flip(cycles.getBalances({ tenant: "acme" }))
      assert.strictEqual(error._tag, "LimitExceeded")
      assert.strictEqual(error._tag, "LimitExceeded")
      if (error._tag === "LimitExceeded") {
        assert.deepStrictEqual(Option.map(error.meta.retryAfter, Duration.toSeconds), Option.some(7))
      }
    }).pipe(Effect.provide(layer({ budgets, faults: Faults.on("getBalances", "every", Faults.throttle(7)) }))))
})

const call = (operation: Faults.Call["operation"], n: number, index = n): Faults.Call => ({
  operation,
  n,
  index,
  at: 0,
  path: "",
  body: ""
})

describe("a script", () => {
  it("names an operation and its calls; the first one with a fault decides", () => {
    const script = Faults.all(
      Faults.on("commitReservation", 2, Faults.lose),
      Faults.on("commitReservation", [1, 3], Faults.cut),
      Faults.on("createReservation", "every", Faults.refuse),
      Faults.calm
    )
    const names = [1, 2, 3, 4].map((n) => script(call("commitReservation", n))?.name)
    assert.deepStrictEqual(names, ["cut", "answer lost", "cut", undefined])
    assert.strictEqual(script(call("createReservation", 99)), Faults.refuse)
    assert.isUndefined(script(call("releaseReservation", 1)))
  })

  it("of weather is the same for the same seed, and another for another", () => {
    const names = (seed: number, percent?: number) =>
      Array.from({ length: 4000 }, (__, i) => {
        const { ending: _, ...fault } = Faults.weather({ seed, percent })(call("decide", 1, i + 1)) ?? { name: "calm" }
        return JSON.stringify(fault)
      })
    assert.deepStrictEqual(names(1), names(1))
    assert.notDeepEqual(names(1), names(2))
    const struck = names(1).filter((text) => !text.includes("calm"))
    assert.isAtLeast(struck.length, 1000)
    assert.isAtMost(struck.length, 1400)
    const drawn = new Set(names(1).map((text) => JSON.parse(text).name))
    for (const [, fault] of Faults.usual) {
      assert.isTrue(drawn.has((typeof fault === "function" ? fault(() => 0) : fault).name))
    }
    assert.isTrue(names(3, 0).every((text) => text.includes("calm")))
    assert.isFalse(names(3, 100).some((text) => text.includes("calm")))
  })

  it.effect("can be changed while the calls go on counting", () =>
    Effect.gen(function*() {
      const cycles = yield* Cycles
      const { exchanges, play } = yield* Traffic
      const ask = cycles.getBalances({ tenant: "acme" })
      yield* ask
      yield* play(Faults.on("getBalances", 2, Faults.refuse))
      assert.strictEqual((yield* Effect.flip(ask))._tag, "Transport")
      yield* play(Faults.calm)
      yield* ask
      assert.deepStrictEqual(
        (yield* exchanges).map((
          { answered, fault, index, n, operation }
        ) => [operation, n, index, fault, answered?.status]),
        [
          ["getBalances", 1, 1, undefined, 200],
          ["getBalances", 2, 2, "refused", undefined],
          ["getBalances", 3, 3, undefined, 200]
        ]
      )
    }).pipe(Effect.provide(layer({ budgets }))))
})

describe("an operation", () => {
  const names: ReadonlyArray<readonly [method: "GET" | "POST", url: string, name: string]> = [
    ["POST", "https://x.example/v1/decide", "decide"],
    ["POST", "https://x.example/a/path/v1/reservations", "createReservation"],
    ["GET", "https://x.example/v1/reservations?limit=2", "listReservations"],
    ["GET", "https://x.example/v1/reservations/r%2F1", "getReservation"],
    ["POST", "https://x.example/v1/reservations/r/commit", "commitReservation"],
    ["POST", "/v1/reservations/r/release?x", "releaseReservation"],
    ["POST", "https://x.example/v1/reservations/r/extend", "extendReservation"],
    ["GET", "https://x.example/v1/balances?tenant=acme", "getBalances"],
    ["POST", "https://x.example/v1/events", "createEvent"],
    ["GET", `https://x.example/v1/evidence/${"0".repeat(64)}`, "getEvidence"],
    ["GET", "https://x.example/v1/.well-known/cycles-jwks.json", "getEvidenceJwks"],
    ["GET", "https://x.example/v1/xwell-known/cycles-jwks.json", "other"],
    ["GET", "https://x.example/v1/decide", "other"]
  ]
  for (const [method, url, name] of names) {
    it(`${method} ${url} is ${name}`, () => {
      assert.strictEqual(operationOf(HttpClientRequest.make(method)(url)), name)
    })
  }
})
