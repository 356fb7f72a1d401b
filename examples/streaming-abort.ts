/**
 * Promise code around a budget: an iterable of a provider's library goes in, one for `for await` comes out, and `break` settles.
 */
import { Console, ManagedRuntime } from "effect"
import { AbortableStream, Amount, guardedStream, Settlement, UsageMeter } from "effect-cycles"
import { Authority } from "effect-cycles/authority"
import { setTimeout } from "node:timers/promises"

/** Stands in for a provider's library: it listens to the signal. */
async function* create(signal: AbortSignal) {
  signal.addEventListener("abort", () => console.log("  the provider hears of the end"))
  for (let n = 1; n <= 1000; n++) {
    await setTimeout(10, undefined, { signal })
    yield { text: `word ${n}`, tokens: 2 }
  }
}

const runtime = ManagedRuntime.make(Authority.layer({
  budgets: [{ scope: "tenant:acme", allocated: Amount.tokens(100_000) }]
}))

const words = guardedStream(
  () => AbortableStream.fromAsyncIterable((signal) => create(signal), (error) => new Error(String(error))),
  {
    action: { kind: "llm.completion", name: "gpt-4o" },
    estimate: Amount.tokens(5000),
    usage: UsageMeter.incremental(({ tokens }: { readonly tokens: number }) => Amount.tokens(tokens)),
    onSettled: Settlement.$match({
      Committed: ({ charged, released }) =>
        Console.log(`  charged ${charged}, released ${released._tag === "Some" ? released.value : 0}`),
      Released: ({ released }) => Console.log(`  released ${released}`),
      Pending: ({ error }) => Console.log(`  still being recorded (${error._tag})`),
      Rejected: ({ error }) => Console.log(`  not recorded (${error._tag})`),
      Unreleased: ({ error }) => Console.log(`  still held (${error._tag})`)
    })
  }
)

for await (const { text } of AbortableStream.toAsyncIterable(runtime)(words)) {
  console.log(text)
  if (text === "word 3") break
}
console.log("break is over when it is settled")

const reader = AbortableStream.toReadableStream(runtime)(words).getReader()
console.log((await reader.read()).value?.text)
await reader.cancel()
console.log("so is cancel")

await runtime.dispose()
