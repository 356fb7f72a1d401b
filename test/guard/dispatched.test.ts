import { assert, describe, it } from "@effect/vitest"
import { Amount, type CommitOptions, CurrentReservation, guarded, type Reservation, reserve } from "effect-cycles"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import { embedded, ledger } from "../support/embedded.js"
import type { Call } from "../support/faults.js"

const estimate = Amount.tokens(1000)
const tokens = Amount.tokens

type Doing = (reservation: Reservation) => Effect.Effect<void>

const cases: ReadonlyArray<readonly [string, Doing, number | "released", "usage" | "estimate"]> = [
  ["nothing", () => Effect.void, "released", "usage"],
  ["usage", ({ setUsage }) => setUsage(tokens(37)), 37, "usage"],
  ["dispatched", ({ markDispatched }) => markDispatched(), 1000, "estimate"],
  ["dispatched, at least", ({ markDispatched }) => markDispatched(tokens(80)), 80, "estimate"],
  [
    "dispatched, at least, and again without",
    ({ markDispatched }) => Effect.zipRight(markDispatched(tokens(80)), markDispatched()),
    80,
    "estimate"
  ],
  [
    "dispatched, usage",
    ({ markDispatched, setUsage }) => Effect.zipRight(markDispatched(), setUsage(tokens(37))),
    37,
    "usage"
  ],
  [
    "usage below the least",
    ({ markDispatched, setUsage }) => Effect.zipRight(setUsage(tokens(37)), markDispatched(tokens(80))),
    80,
    "estimate"
  ],
  [
    "usage above the least",
    ({ markDispatched, setUsage }) => Effect.zipRight(markDispatched(tokens(80)), setUsage(tokens(90))),
    90,
    "usage"
  ],
  ["usage of zero", ({ setUsage }) => setUsage(tokens(0)), 0, "usage"],
  [
    "dispatched, usage of zero",
    ({ markDispatched, setUsage }) => Effect.zipRight(markDispatched(), setUsage(tokens(0))),
    0,
    "usage"
  ]
]

const interrupted = <A, E, R>(work: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(work)
    yield* TestClock.adjust("1 second")
    return yield* Fiber.interrupt(fiber)
  })

describe("markDispatched", () => {
  for (const [name, doing, expected, source] of cases) {
    const body = Effect.flatMap(CurrentReservation, doing)
    const ends = {
      "guarded, failed": Effect.exit(guarded(Effect.zipRight(body, Effect.fail("failed")), { estimate })),
      "guarded, died": Effect.exit(guarded(Effect.zipRight(body, Effect.die("bug")), { estimate })),
      "guarded, interrupted": interrupted(guarded(Effect.zipRight(body, Effect.never), { estimate })),
      "scope ended": Effect.scoped(Effect.flatMap(reserve({ estimate }), doing)),
      "scope interrupted": interrupted(
        Effect.scoped(Effect.zipRight(Effect.flatMap(reserve({ estimate }), doing), Effect.never))
      )
    }
    for (const [end, run] of Object.entries(ends)) {
      it.effect(`${name}: ${end}`, () => {
        const calls: Array<Call> = []
        return Effect.gen(function*() {
          yield* run
          const released = expected === "released"
          assert.deepInclude(yield* ledger(), {
            spent: released ? 0n : BigInt(expected),
            reserved: 0n,
            active: 0,
            released: released ? 1 : 0
          })
          const { metadata } = JSON.parse(calls.at(-1)?.body ?? "")
          assert.strictEqual(metadata?.actual_source, released || source === "usage" ? undefined : "estimate")
        }).pipe(Effect.provide(embedded({ calls })))
      })
    }
  }

  it.effect("changes nothing about a success: its actual is exact", () =>
    Effect.gen(function*() {
      const body = Effect.flatMap(CurrentReservation, ({ markDispatched }) => markDispatched(tokens(80)))
      yield* guarded(body, { estimate, actual: tokens(3) })
      assert.deepInclude(yield* ledger(), { spent: 3n, reserved: 0n })
      yield* guarded(body, { estimate })
      assert.deepInclude(yield* ledger(), { spent: 1003n, reserved: 0n })
    }).pipe(Effect.provide(embedded())))
})

describe("custom metrics", () => {
  it.effect("of several places are put together", () => {
    const calls: Array<Call> = []
    const more: CommitOptions = { metrics: { custom: { c: 3 } } }
    return Effect.gen(function*() {
      const { commit, setMetrics } = yield* reserve({ estimate })
      yield* setMetrics({ tokensInput: 1, custom: { a: 1, b: 1 } })
      yield* setMetrics({ custom: { b: 2 } })
      yield* commit(tokens(1), more)
      const { latency_ms, ...metrics } = JSON.parse(calls.at(-1)?.body ?? "").metrics
      assert.deepStrictEqual(metrics, { tokens_input: 1, custom: { a: 1, b: 2, c: 3 } })
      assert.isNumber(latency_ms)
    }).pipe(Effect.scoped, Effect.provide(embedded({ calls })))
  })
})
