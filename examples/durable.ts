/**
 * Budgets that outlive the program: the ledger is in a directory, and the next run goes on where the last one ended.
 */
import { Console, Effect } from "effect"
import { Amount, Cycles, guarded } from "effect-cycles"
import { layerAuthority } from "effect-cycles/node"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

// A program of yours has a place of its own, such as `${homedir()}/.my-agent`.
const directory = mkdtempSync(join(tmpdir(), "budgets-"))

const call = Effect.succeed("an answer").pipe(
  guarded({
    action: { kind: "llm.completion", name: "gpt-4o" },
    estimate: Amount.usd("0.40"),
    actual: Amount.usd("0.30")
  })
)

const balance = Effect.gen(function*() {
  const { value } = yield* Effect.flatMap(Cycles, ({ getBalances }) => getBalances({ tenant: "acme" }))
  for (const { remaining } of value.balances) yield* Console.log(`  ${remaining} left`)
})

/** One run of a program: the layer opens the ledger, and closes it at the end. */
const run = (name: string, allocated: string) =>
  Console.log(`${name}, with $${allocated} in its configuration`).pipe(
    Effect.zipRight(balance),
    Effect.zipRight(call),
    Effect.matchEffect({
      onSuccess: () => balance,
      onFailure: (error) => Console.log(`  not called: ${error._tag}`)
    }),
    Effect.provide(layerAuthority({ directory, budgets: [{ scope: "tenant:acme", allocated: Amount.usd(allocated) }] }))
  )

const program = Effect.gen(function*() {
  yield* run("the first run", "1")
  yield* run("the second", "1")
  yield* run("the third", "1")
  // The configuration has a dollar more: so has the budget. What was spent stays spent.
  yield* run("the fourth", "2")
}).pipe(Effect.ensuring(Effect.sync(() => rmSync(directory, { recursive: true }))))

Effect.runPromise(program)
