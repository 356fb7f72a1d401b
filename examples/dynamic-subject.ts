/**
 * Who spends and what for may be known only when the work runs: each field takes a value, a function or an effect.
 */
import { Console, Context, Effect } from "effect"
import { Amount, CurrentReservation, guarded } from "effect-cycles"
import { Authority } from "effect-cycles/authority"

interface Request {
  readonly workspace: string
  readonly model: string | undefined
}

class CurrentRequest extends Context.Tag("examples/CurrentRequest")<CurrentRequest, Request>() {}

let calls = 0

const work = Effect.flatMap(
  CurrentReservation,
  ({ action, affectedScopes, subject }) =>
    Console.log(
      `${affectedScopes.at(-1)} spends on ${action.kind} ${action.name}, ${JSON.stringify(subject.dimensions)}`
    )
)

const answer = guarded(work, {
  estimate: Amount.credits(2),
  actual: Amount.credits(1),
  // An effect with requirements gives the whole subject or action; `workspace` comes from the request.
  subject: Effect.map(CurrentRequest, ({ workspace }) => ({
    workspace, // a value
    agent: () => `worker-${++calls}`, // a function, called once for each reservation
    app: undefined, // absent: falls back to the configured subject
    dimensions: Effect.succeed({ region: "eu" }) // an effect
  })),
  // An absent name is sent as "unknown".
  action: Effect.map(CurrentRequest, ({ model }) => ({ kind: "llm.completion", name: model }))
})

const program = Effect.gen(function*() {
  yield* Effect.provideService(answer, CurrentRequest, { workspace: "prod", model: "gpt-4o" })
  yield* Effect.provideService(answer, CurrentRequest, { workspace: "test", model: undefined })
})

Effect.runPromise(program.pipe(
  Effect.provide(Authority.layer({
    subject: { app: "chat" },
    budgets: [{ scope: "tenant:acme", allocated: Amount.credits(100) }]
  }))
))
