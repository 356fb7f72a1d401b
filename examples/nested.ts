/**
 * Guards inside guards: `nested` says where the inner one takes its budget from, and the outer one knows what its children cost.
 */
import { Console, Effect } from "effect"
import { Amount, CurrentReservation, guarded, type Nested } from "effect-cycles"
import { Authority } from "effect-cycles/authority"

const search = (nested: Nested) =>
  Effect.succeed("three results").pipe(
    guarded({
      nested,
      action: { kind: "tool.call", name: "search" },
      estimate: Amount.usd("0.02"),
      actual: Amount.usd("0.013")
    })
  )

const agent = (nested: Nested) =>
  Effect.gen(function*() {
    const reservation = yield* CurrentReservation
    yield* reservation.setUsage(Amount.usd("0.03")) // what the agent's own model call cost
    yield* search(nested)
    const { children, inclusive, own } = yield* reservation.cost
    yield* Console.log(
      `${nested}: own ${own} + children ${children} = ${inclusive} of a hold of ${reservation.reserved}`
    )
  }).pipe(
    guarded({
      action: { kind: "agent.run", name: "writer" },
      estimate: Amount.usd("0.10"),
      onSettled: (settlement) =>
        settlement._tag === "Committed" ? Console.log(`  the ledger charges ${settlement.charged}`) : Effect.void
    })
  )

const program = Effect.gen(function*() {
  yield* agent("independent") // besides the outer hold: two reservations, two commits
  yield* agent("split") // a part of the outer hold is set aside: one reservation, one commit
  yield* agent("join") // as it goes, whatever the inner estimate says
  const error = yield* Effect.flip(agent("forbid"))
  yield* Console.log(`forbid: ${error.message}`)
})

Effect.runPromise(program.pipe(
  Effect.provide(Authority.layer({ budgets: [{ scope: "tenant:acme", allocated: Amount.usd("1") }] }))
))
