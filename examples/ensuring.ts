/**
 * A stream under a reservation by hand: `Stream.ensuring` commits however the stream ends.
 */
import { Console, Effect, Ref, Stream } from "effect"
import { Amount, Cycles, reserve } from "effect-cycles"
import { Authority } from "effect-cycles/authority"

/** Stands in for a model: each element costs a tenth of a cent. */
const model = Stream.make("To ", "be, ", "or ", "not ", "to ", "be")
const price = Amount.usd("0.001")

const answer = Stream.unwrapScoped(Effect.gen(function*() {
  const reservation = yield* reserve({
    action: { kind: "llm.completion", name: "gpt-4o" },
    estimate: Amount.usd("0.05")
  })
  const spent = yield* Ref.make(Amount.usd("0"))
  return model.pipe(
    Stream.rechunk(1),
    Stream.tap(() => Ref.update(spent, (amount) => Amount.usdMicrocents(amount.amount + price.amount))),
    // An effect, so that it is asked for at the end. A second commit would send nothing.
    Stream.ensuring(Effect.flatMap(Ref.get(spent), (amount) => reservation.commit(amount)))
  )
}))

const show = (what: string) =>
  Effect.gen(function*() {
    const { value } = yield* Effect.flatMap(Cycles, ({ getBalances }) => getBalances({ tenant: "acme" }))
    for (const { remaining } of value.balances) yield* Console.log(`${what}: ${remaining} left`)
  })

const program = Effect.gen(function*() {
  yield* Stream.runDrain(answer)
  yield* show("all six")
  yield* Stream.runDrain(Stream.take(answer, 2))
  yield* show("two of six")
  yield* Effect.ignore(Stream.runForEach(answer, (word) => word === "or " ? Effect.fail("enough") : Effect.void))
  yield* show("a failure at the third")
})

Effect.runPromise(program.pipe(
  Effect.provide(Authority.layer({ budgets: [{ scope: "tenant:acme", allocated: Amount.usd("1") }] }))
))
