import { assert, describe, it } from "@effect/vitest"
import { Amount, type Caps, Enforce, guarded } from "effect-cycles"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import { embedded } from "../support/embedded.js"

const under = (caps: Caps.Caps | undefined) =>
  embedded({ budgets: [{ scope: "tenant:tenant-a", allocated: Amount.tokens(1000), ...(caps && { caps }) }] })

const inside = <A, E, R>(self: Effect.Effect<A, E, R>) => guarded(self, { estimate: Amount.tokens(10) })

const tagOf = <A, E extends { readonly _tag: string }, R>(self: Effect.Effect<A, E, R>) =>
  Effect.match(self, { onFailure: ({ _tag }) => _tag, onSuccess: () => "ran" })

describe("Enforce", () => {
  it.effect("tokens and tools, with caps and without", () =>
    Effect.gen(function*() {
      const look = inside(Effect.all([
        Enforce.maxTokens(1000),
        Enforce.tools(["search", "shell"]),
        tagOf(Enforce.tool(Effect.void, "search")),
        tagOf(Effect.void.pipe(Enforce.tool("shell")))
      ]))
      assert.deepStrictEqual(yield* Effect.provide(look, under({ maxTokens: 9, toolDenylist: ["shell"] })), [
        9,
        ["search"],
        "ran",
        "ToolNotAllowed"
      ])
      assert.deepStrictEqual(yield* Effect.provide(look, under(undefined)), [1000, ["search", "shell"], "ran", "ran"])
    }))

  it.effect("a tool that is not allowed does not run, and is named", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(inside(Enforce.tool(Effect.die("ran"), "shell")))
      assert.include((error as Enforce.ToolNotAllowed).message, "\"shell\"")
    }).pipe(Effect.provide(under({ toolAllowlist: ["search"] }))))

  it.effect("steps: as many as allowed, also side by side, also failing ones; zero allows none", () =>
    Effect.gen(function*() {
      const steps = (n: number) =>
        inside(Effect.gen(function*() {
          const { remaining, step } = yield* Enforce.stepCounter
          const results = yield* Effect.all(
            Array.from({ length: n }, (_, i) =>
              Effect.either(step(i === 0 ? Effect.fail("no" as const) : Effect.yieldNow()))),
            { concurrency: "unbounded" }
          )
          const refused = results.filter((one) =>
            one._tag === "Left" && one.left !== "no"
          ).length
          return [refused, Option.getOrElse(yield* remaining, () => -1)]
        }))
      assert.deepStrictEqual(yield* Effect.provide(steps(5), under({ maxStepsRemaining: 3 })), [2, 0])
      assert.deepStrictEqual(yield* Effect.provide(steps(2), under({ maxStepsRemaining: 0 })), [2, 0])
      assert.deepStrictEqual(yield* Effect.provide(steps(5), under(undefined)), [0, -1])
    }))

  it.effect("cooldown: the next one waits, one at a time, also after a failure", () =>
    Effect.gen(function*() {
      const times = inside(Effect.gen(function*() {
        const { after } = yield* Enforce.cooldown
        const at = after(Effect.zipLeft(Clock.currentTimeMillis, Effect.sleep("1 second")))
        return yield* Effect.all([at, Effect.ignore(after(Effect.fail("no"))), at], { concurrency: "unbounded" })
      }))
      const run = (caps: Caps.Caps | undefined) =>
        Effect.gen(function*() {
          const start = yield* Clock.currentTimeMillis
          const fiber = yield* Effect.fork(times)
          yield* TestClock.adjust("1 minute")
          const [first, , last] = yield* Fiber.join(fiber)
          return [first - start, last - start]
        }).pipe(Effect.provide(under(caps)))
      assert.deepStrictEqual(yield* run({ cooldownMs: 5000 }), [0, 11_000])
      assert.deepStrictEqual(yield* run(undefined), [0, 0])
    }))
})
