/**
 * A cap on a whole run of an agent, in one line: on money, on steps, on time. The guards inside need not know.
 */
import { Console, Effect, Fiber, Stream } from "effect"
import { Amount, CurrentRun, guarded, runBudget, type RunOptions } from "effect-cycles"
import { Authority } from "effect-cycles/authority"

const think = (cost: string) =>
  Effect.succeed("thought").pipe(
    guarded({
      action: { kind: "llm.completion", name: "gpt-4o" },
      estimate: Amount.usd("0.30"),
      actual: Amount.usd(cost)
    })
  )

/** Goes on until the run stops it. */
const agent = Effect.gen(function*() {
  const { events, remaining, steps } = yield* CurrentRun
  const watch = Stream.runForEach(
    events,
    ({ _tag, limit, spent }) => Console.log(`${_tag} on ${limit}, ${spent} spent`)
  )
  const watching = yield* Effect.forkDaemon(watch) // until the events end, with the run
  yield* Effect.yieldNow()
  const error = yield* Effect.flip(Effect.forever(think("0.25")))
  yield* Console.log(`stopped after ${yield* steps} steps: ${error._tag}, ${yield* remaining} left`)
  return watching
})

const run = (options: RunOptions) => Effect.flatMap(Effect.provide(agent, runBudget(options)), Fiber.join)

const program = Effect.gen(function*() {
  yield* Console.log("at most $1.50:")
  yield* run({ limit: Amount.usd("1.50") })

  yield* Console.log("at most 3 steps:")
  yield* run({ limit: Amount.usd("1.50"), steps: 3, wallClock: "5 minutes" })

  // Nothing is reserved for the run itself: each guard reserves for itself, and the cap is counted here.
  yield* Console.log("at most $0.60, counted in this process:")
  yield* run({ limit: Amount.usd("0.60"), backing: "local" })
})

Effect.runPromise(program.pipe(
  Effect.provide(Authority.layer({ budgets: [{ scope: "tenant:acme", allocated: Amount.usd("5") }] }))
))
