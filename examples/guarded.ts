/**
 * How a guard settles: by how the work ends. The work's own result or error comes out unchanged.
 */
import { Console, Data, Effect } from "effect"
import { Amount, CurrentReservation, guarded, Settlement } from "effect-cycles"
import { Authority } from "effect-cycles/authority"

class ModelDown extends Data.TaggedError("ModelDown") {}

const guard = <A, E, R>(name: string, work: Effect.Effect<A, E, R>) =>
  work.pipe(
    guarded({
      action: { kind: "llm.completion", name },
      estimate: Amount.usd("0.05"),
      actual: Amount.usd("0.0123"),
      onSettled: Settlement.$match({
        Committed: ({ charged, source }) => Console.log(`${name}: charged ${charged} (${source})`),
        Released: ({ released }) => Console.log(`${name}: released ${released}`),
        Pending: ({ error }) => Console.log(`${name}: still being recorded (${error._tag})`),
        Rejected: ({ error }) => Console.log(`${name}: not recorded (${error._tag})`),
        Unreleased: ({ error }) => Console.log(`${name}: still held (${error._tag})`)
      })
    })
  )

/** Says that something was spent already: an end without an answer then costs that much. */
const spendSome = Effect.flatMap(CurrentReservation, ({ setUsage }) => setUsage(Amount.usd("0.004")))

const program = Effect.gen(function*() {
  const answer = yield* guard("success", Effect.succeed("42"))
  yield* Console.log(`the guard gives ${answer}`)

  const error = yield* Effect.flip(guard("failure", new ModelDown()))
  yield* Console.log(`the guard fails with ${error._tag}`)

  yield* Effect.ignore(guard("failure after use", Effect.zipRight(spendSome, new ModelDown())))

  yield* Effect.ignore(Effect.timeout(guard("timeout", Effect.never), "50 millis"))

  yield* Effect.ignore(
    Effect.timeout(guard("timeout after use", Effect.zipRight(spendSome, Effect.never)), "50 millis")
  )
})

Effect.runPromise(program.pipe(
  Effect.provide(Authority.layer({ budgets: [{ scope: "tenant:acme", allocated: Amount.usd("1") }] }))
))
