/**
 * Caps: an authority may allow with limits. It does not enforce them, the work does.
 */
import { Console, Effect, Option } from "effect"
import { Amount, Caps, CurrentReservation, guarded } from "effect-cycles"
import { Authority } from "effect-cycles/authority"

const tools = ["search", "calculator", "shell"]

const work = Effect.gen(function*() {
  const { caps, decision } = yield* CurrentReservation
  const limits = Option.getOrElse(caps, (): Caps.Caps => ({}))
  return {
    decision,
    maxTokens: Caps.clampTokens(limits, 1024),
    tools: Caps.filterTools(limits, tools).join(", ")
  }
})

const run = (agent: string) =>
  work.pipe(
    guarded({ subject: { agent }, estimate: Amount.tokens(1500), actual: Amount.tokens(400) }),
    Effect.flatMap(({ decision, maxTokens, tools }) =>
      Console.log(`${agent}: ${decision}, at most ${maxTokens} tokens, tools: ${tools}`)
    )
  )

const program = Effect.all([run("editor"), run("intern")])

Effect.runPromise(program.pipe(
  Effect.provide(Authority.layer({
    budgets: [
      { scope: "tenant:acme", allocated: Amount.tokens(100_000) },
      {
        scope: "tenant:acme/agent:intern",
        allocated: Amount.tokens(5_000),
        caps: { maxTokens: 256, toolDenylist: ["shell"] }
      }
    ]
  }))
))
