/**
 * A reservation by hand: whoever reserves settles once, and the end of the scope settles what was left open.
 */
import { Console, Effect } from "effect"
import { Amount, Cycles, reserve, type Settlement } from "effect-cycles"
import { Authority } from "effect-cycles/authority"

const hold = reserve({ action: { kind: "tool.call", name: "search" }, estimate: Amount.usd("0.05") })

const show = (what: string, settlement: Settlement) =>
  Console.log(
    settlement._tag === "Committed"
      ? `${what}: charged ${settlement.charged} (${settlement.source})`
      : settlement._tag === "Released"
      ? `${what}: released ${settlement.released} (${settlement.reason})`
      : `${what}: ${settlement._tag}`
  )

const committed = Effect.gen(function*() {
  const reservation = yield* hold
  yield* show("commit", yield* reservation.commit(Amount.usd("0.02")))
  // The first one counts: these two send nothing and give the same settlement.
  yield* show("commit again", yield* reservation.commit(Amount.usd("0.03")))
  yield* show("release after commit", yield* reservation.release())
}).pipe(Effect.scoped)

const released = Effect.gen(function*() {
  const reservation = yield* hold
  yield* show("release", yield* reservation.release("nothing to search for"))
}).pipe(Effect.scoped)

const leftOpen = Effect.gen(function*() {
  const reservation = yield* Effect.scoped(hold)
  yield* show("end of scope", yield* reservation.settlement)
})

const leftOpenAfterUse = Effect.gen(function*() {
  const reservation = yield* Effect.scoped(Effect.tap(hold, ({ setUsage }) => setUsage(Amount.usd("0.01"))))
  yield* show("end of scope after use", yield* reservation.settlement)
})

const program = Effect.gen(function*() {
  yield* Effect.all([committed, released, leftOpen, leftOpenAfterUse])
  const { value } = yield* Effect.flatMap(Cycles, ({ getBalances }) => getBalances({ tenant: "acme" }))
  for (const { remaining } of value.balances) yield* Console.log(`left: ${remaining}`)
})

Effect.runPromise(program.pipe(
  Effect.provide(Authority.layer({ budgets: [{ scope: "tenant:acme", allocated: Amount.usd("1") }] }))
))
