/**
 * Before a budget is enforced: let everything run, and see what a guard would have stopped and how good the estimates are.
 */
import { Console, Effect, Option } from "effect"
import { Amount, Cycles, shadow, type ShadowReport, wouldDeny } from "effect-cycles"
import { Authority } from "effect-cycles/authority"

const tell = (report: ShadowReport) =>
  Console.log(
    `  ${report.action.name}: ${wouldDeny(report) ? "would have been stopped" : "would have run"}, ` +
      Option.match(report.estimateError, {
        onNone: () => "its cost is unknown",
        onSome: (error) => `estimate ${report.estimate} was off by ${error}`
      })
  )

const call = (name: string, cost: string) =>
  Effect.succeed({ text: `${name} is done`, cost: Amount.usd(cost) }).pipe(
    shadow({
      action: { kind: "tool.call", name },
      estimate: Amount.usd("0.40"),
      actual: (reply) => reply.cost,
      record: true, // charge what was used, so that the next verdict is what it would be
      onReport: tell // in the background: the authority may hang, the work does not
    }),
    Effect.tap(({ text }) => Console.log(text)),
    Effect.zipLeft(Cycles.flush) // only so that the lines come in order here
  )

const program = Effect.gen(function*() {
  yield* call("search", "0.35")
  yield* call("draw", "0.55")
  yield* call("translate", "0.30") // $0.10 are left by now
})

Effect.runPromise(program.pipe(
  Effect.provide(Authority.layer({ budgets: [{ scope: "tenant:acme", allocated: Amount.usd("1") }] }))
))
