/**
 * A process that writes into the ledger of a directory. It says what it has done, line by line.
 */
import * as NodeContext from "@effect/platform-node/NodeContext"
import { make } from "effect-cycles/node/LedgerStoreSql"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { writeSync } from "node:fs"
import { appends } from "./ledgerRows.js"

export interface Task {
  readonly directory: string
  /** Which changes, and how many appends. */
  readonly seed: number
  readonly count: number
  /** What to do after the last append. */
  readonly end: "die" | "stay" | "close"
}

const say = (line: string) => Effect.sync(() => void writeSync(1, `${line}\n`))

const task = JSON.parse(process.argv[2] ?? "{}") as Task

const program = Effect.gen(function*() {
  const { append, load } = yield* make(task)
  yield* load
  yield* say("open")
  yield* Effect.forEach(
    appends(task.seed, task.count),
    (changes, n) =>
      Effect.matchEffect(append(changes), {
        onFailure: ({ message, reason }) => say(`failed ${n} ${reason} ${message}`),
        onSuccess: () => say(`appended ${n}`)
      })
  )
  yield* say("done")
  if (task.end === "die") process.kill(process.pid, "SIGKILL")
  if (task.end === "stay") yield* Effect.never
})

Effect.runFork(
  program.pipe(
    Effect.scoped,
    Effect.catchAll(({ message, reason }) => say(`refused ${reason} ${message}`)),
    Effect.provide([NodeContext.layer, Logger.remove(Logger.defaultLogger)])
  )
)
