// Runs against the installed package, in a folder that holds nothing else: one guarded call on the embedded authority.
import { Amount, Cycles, guarded, isCapped, Tokenizer } from "effect-cycles"
import { Authority } from "effect-cycles/authority"
import { GptTokenizer } from "effect-cycles/tokenizer"
import * as Effect from "effect/Effect"
import assert from "node:assert/strict"

const settlements = []

const answer = Effect.succeed({ text: "42", cost: Amount.usd("0.0021") }).pipe(
  guarded({
    action: { kind: "llm.completion", name: "gpt-4o" },
    estimate: Amount.usd("0.05"),
    actual: (reply) => reply.cost,
    onSettled: (settlement) => Effect.sync(() => settlements.push(settlement))
  })
)

const tooMuch = Effect.die("this work must not run").pipe(
  guarded({ estimate: Amount.usd("20") }),
  Effect.catchTag("BudgetExceeded", ({ _tag, requested, scope }) => Effect.succeed({ _tag, requested, scope }))
)

const program = Effect.gen(function*() {
  const { text } = yield* answer
  const denial = yield* tooMuch
  const cycles = yield* Cycles
  const { value } = yield* cycles.getBalances({ tenant: "acme" })
  return { text, denial, balances: value.balances }
})

const { balances, denial, text } = await Effect.runPromise(
  Effect.provide(program, Authority.layer({ budgets: [{ scope: "tenant:acme", allocated: Amount.usd("10") }] }))
)

for (const { _tag, charged } of settlements) console.log(`settlement: ${_tag}, charged ${charged}`)
for (const { remaining, scopePath, spent } of balances) {
  console.log(`balance: ${scopePath}, spent ${spent.value}, remaining ${remaining}`)
}
console.log(`denial: ${denial._tag}`)

assert.equal(text, "42")
assert.deepEqual(settlements.map(({ _tag }) => _tag), ["Committed"])
assert.equal(settlements[0].charged.amount, Amount.usd("0.0021").amount)
assert.equal(isCapped(settlements[0]), false)
assert.equal(denial._tag, "BudgetExceeded")
assert.deepEqual(
  balances.map((
    { remaining, reserved, scopePath, spent }
  ) => [scopePath, `${spent.value}`, `${reserved.value}`, `${remaining}`]),
  [["tenant:acme", "$0.0021", "$0.00", "$9.9979"]]
)

const tokens = await Effect.runPromise(
  Effect.flatMap(Tokenizer, ({ count }) => count("Hello, world!")).pipe(Effect.provide(GptTokenizer.layer()))
)
assert.equal(tokens, 4)
