/**
 * A stream inside a budget: its caps are known before it opens, and what it used is read off its elements.
 */
import { Console, Effect, Option, Stream } from "effect"
import { Amount, Caps, guardedStream, Settlement, UsageMeter } from "effect-cycles"
import { Authority } from "effect-cycles/authority"

interface Delta {
  readonly text: string
  readonly usage?: { readonly total_tokens: number }
}

/** Stands in for a model, which says at its end what was used. */
const model = (maxTokens: number): Stream.Stream<Delta> =>
  Stream.concat(
    Stream.make("To ", "be, ", "or ", "not ", "to ", "be").pipe(
      Stream.rechunk(1),
      Stream.take(maxTokens),
      Stream.map((text): Delta => ({ text }))
    ),
    Stream.make<[Delta]>({ text: "", usage: { total_tokens: 20 + maxTokens } })
  )

/** Exact with the last element; until then, one token for four characters. */
const usage = UsageMeter.orElse(
  UsageMeter.final((delta: Delta) => delta.usage && Amount.tokens(delta.usage.total_tokens)),
  UsageMeter.estimated(UsageMeter.incremental(({ text }: Delta) => Amount.tokens(Math.ceil(text.length / 4))))
)

const answer = guardedStream(
  ({ caps }) => model(Option.match(caps, { onNone: () => 100, onSome: Caps.clampTokens(100) })),
  {
    action: { kind: "llm.completion", name: "gpt-4o" },
    estimate: Amount.tokens(200),
    usage,
    onSettled: (settlement) =>
      Settlement.$is("Committed")(settlement)
        ? Console.log(`charged ${settlement.charged} (${settlement.source})`)
        : Console.log(settlement._tag)
  }
)

const program = Effect.gen(function*() {
  yield* Stream.runForEach(answer, ({ text }) => text === "" ? Effect.void : Console.log(text))
  // Who stops early pays for what was produced until then.
  yield* Stream.runDrain(Stream.take(answer, 2))
})

Effect.runPromise(program.pipe(Effect.provide(Authority.layer({
  budgets: [{ scope: "tenant:acme", allocated: Amount.tokens(1000), caps: { maxTokens: 5 } }]
}))))
