/**
 * A program that keeps its budgets in a directory and spends all the time, to be killed at any moment. It says what it has committed.
 */
import { Amount, guarded } from "effect-cycles"
import { layerAuthority } from "effect-cycles/node"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { writeSync } from "node:fs"
import { costOf } from "./storm.js"

export interface Task {
  readonly directory: string
  /** What the names of its calls begin with. */
  readonly prefix: string
  /** How many calls it makes; then it waits. */
  readonly calls: number
}

const say = (line: string) => Effect.sync(() => void writeSync(1, `${line}\n`))

const call = (name: string) =>
  Effect.succeed(Amount.tokens(costOf(name))).pipe(
    Effect.delay(2),
    guarded({
      action: { kind: "agent", name },
      estimate: Amount.tokens(100),
      actual: (cost) => cost,
      ttl: "2 seconds",
      gracePeriod: 0,
      onSettled: ({ _tag }) => say(`${_tag} ${name}`)
    }),
    Effect.catchAll((error) => say(`${error._tag} ${name}`))
  )

const run = ({ calls, directory, prefix }: Task) =>
  Effect.forEach(Array.from({ length: calls }, (_, n) => `${prefix}-${n}`), call, { concurrency: 12, discard: true })
    .pipe(
      Effect.zipRight(say("done")),
      Effect.zipRight(Effect.never),
      Effect.provide(layerAuthority({
        directory,
        budgets: [{ scope: "tenant:acme", allocated: Amount.tokens(100_000_000) }]
      })),
      Effect.tapErrorCause((cause) => say(`failed ${cause}`)),
      Effect.provide(Logger.remove(Logger.defaultLogger))
    )

Effect.runFork(run(JSON.parse(process.argv[2] ?? "{}") as Task))
