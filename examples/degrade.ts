/**
 * When the budget says no: go down a ladder of cheaper attempts, or wait until somebody adds funds. Nothing is asked twice in vain.
 */
import { Console, Effect, Fiber, Schedule } from "effect"
import { Amount, CurrentReservation, guarded, type GuardOptions, OnDenied } from "effect-cycles"
import { Authority } from "effect-cycles/authority"

const model = (name: string) => ({ kind: "llm.completion", name })

/** The reservation says which attempt it is. */
const ask = Effect.map(CurrentReservation, ({ action, estimate }) => `${action.name} answers, for at most ${estimate}`)

const answer = (onDenied: GuardOptions<string>["onDenied"]) =>
  ask.pipe(
    guarded({
      action: model("gpt-4o"),
      estimate: Amount.usd("0.05"),
      actual: Amount.usd("0.0015"),
      onDenied
    }),
    // Not even the last rung was allowed. What is no denial, such as a wrong unit, never comes here.
    Effect.catchIf(OnDenied.isDegradable, ({ _tag }) => Effect.succeed(`an old answer from the cache: ${_tag}`)),
    Effect.flatMap(Console.log)
  )

const ladder = OnDenied.degrade([
  { action: model("gpt-4o-mini"), estimate: Amount.usd("0.004") },
  { action: model("local"), estimate: Amount.usd("0.002") }
])

const patience = OnDenied.retry({
  schedule: Schedule.upTo(Schedule.spaced("100 millis"), "10 seconds"),
  until: "balanceChange" // or an effect that ends when it is worth another try
})

const program = Effect.gen(function*() {
  const { credit } = yield* Authority.Authority
  yield* answer(ladder) // $0.0055 is left: enough for the second attempt
  yield* answer(ladder)
  yield* answer(ladder) // $0.0025 is left: enough for the third
  yield* answer(ladder) // too little for any

  const waiting = yield* Effect.fork(answer(patience))
  yield* Effect.sleep("300 millis")
  yield* Console.log("somebody adds funds")
  yield* credit("tenant:acme", Amount.usd("1"))
  yield* Fiber.join(waiting)
})

Effect.runPromise(program.pipe(
  Effect.provide(Authority.layer({ budgets: [{ scope: "tenant:acme", allocated: Amount.usd("0.0055") }] }))
))
