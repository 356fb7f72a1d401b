/**
 * Tests of a program that spends, with the runner of Node: a virtual clock, an authority of its own for each test, and faults on command.
 */
import { Context, Effect, Fiber, Layer, TestClock } from "effect"
import { Amount, guarded } from "effect-cycles"
import * as Testing from "effect-cycles/testing"
import { test } from "node:test"

// The program under test: it asks a model, inside a guard.
class Model extends Context.Tag("Model")<Model, { readonly ask: (prompt: string) => Effect.Effect<string> }>() {}

const answer = (prompt: string) =>
  Effect.flatMap(Model, ({ ask }) => ask(prompt)).pipe(
    guarded({
      action: { kind: "llm.completion", name: "gpt-4o" },
      estimate: Amount.usd("0.05"),
      actual: Amount.usd("0.03")
    })
  )

// A model that takes two minutes, and a kit that notes who calls it.
const slow = Layer.succeed(Model, { ask: () => Effect.delay(Effect.succeed("42"), "2 minutes") })
const ModelTest = Testing.watched(Model, slow)

const options = { budgets: [{ scope: "tenant:acme", allocated: Amount.usd("1") }] }

test("a lost answer is neither lost nor doubled spend", () =>
  Testing.run(
    Effect.gen(function*() {
      const { exchanges, play } = yield* Testing.Traffic
      yield* play(Testing.Faults.on("commitReservation", 1, Testing.Faults.lose))
      const fiber = yield* Effect.fork(Effect.provide(answer("6 * 7"), ModelTest))
      yield* TestClock.adjust("3 minutes") // the lease is kept alive meanwhile, and the commit repeated
      yield* Fiber.join(fiber)

      const [created] = yield* exchanges
      yield* Testing.expectCommittedOnce(JSON.parse(created?.body ?? "{}").idempotency_key)
      yield* Testing.expectSpent("tenant:acme", Amount.usd("0.03"))
      yield* Testing.expectNothingReserved
      yield* Testing.expectConserved
      yield* Testing.expectNoUnguardedCall
    }),
    options
  ))

test("a call without a guard is found", () =>
  Testing.run(
    Effect.gen(function*() {
      yield* Effect.fork(Effect.provide(Effect.flatMap(Model, ({ ask }) => ask("7 * 6")), ModelTest))
      yield* TestClock.adjust("3 minutes")
      const failed = yield* Effect.flip(Testing.expectNoUnguardedCall)
      yield* Effect.sync(() => console.log(failed.message))
    }),
    options
  ))
