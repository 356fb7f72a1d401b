/**
 * A program that spends or replays, to be killed at any moment. Its one argument is a `Task` as JSON; it says line by line what it has done.
 */
import { Amount, Cycles, guarded, Journal } from "effect-cycles"
import { layerJournal, Transport } from "effect-cycles/node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Redacted from "effect/Redacted"
import fs, { writeSync } from "node:fs"
import { syncBuiltinESMExports } from "node:module"

export interface Task {
  readonly baseUrl: string
  readonly apiKey: string
  readonly directory: string
  /** Spends these amounts, `concurrency` at a time, then stays. None: replays until nothing waits, then ends. */
  readonly amounts?: ReadonlyArray<number>
  readonly concurrency?: number
  /** The call `n` is named `prefix` + `n`. */
  readonly prefix?: string
  readonly ttlMs?: number
  readonly maxAttempts?: number
  readonly disk?: "stops before a rename" | "stops after a rename" | "full"
}

const say = (line: string) => Effect.sync(() => void writeSync(1, `${line}\n`))

/** Where the journal of Node calls `fs`. */
const worsen = (disk: Task["disk"]): void => {
  const { rename } = fs
  const stopped = () => void writeSync(1, "at the rename\n")
  const change: Partial<Record<keyof typeof fs, unknown>> = disk === "stops before a rename"
    ? { rename: stopped }
    : disk === "stops after a rename"
    ? { rename: (from: string, to: string) => rename(from, to, stopped) }
    : disk === "full"
    ? {
      write: (...args: ReadonlyArray<unknown>) =>
        (args[args.length - 1] as (error: Error) => void)(new Error("ENOSPC: no space left on device, write"))
    }
    : {}
  Object.assign(fs, change)
  syncBuiltinESMExports()
}

const task = JSON.parse(process.argv[2] ?? "{}") as Task
const { amounts, apiKey, baseUrl, directory, disk, maxAttempts, prefix = "n", ttlMs = 60_000 } = task
const identity: Journal.Identity = { baseUrl, tenant: "tenant-a", apiKey: Redacted.make(apiKey) }

const spend = (amount: number, n: number) =>
  guarded(Effect.succeed(Amount.tokens(amount)), {
    estimate: Amount.tokens(1000),
    actual: (used) => used,
    action: { kind: "chaos", name: `${prefix}${n}` },
    ttl: ttlMs,
    gracePeriod: 0,
    heartbeat: false,
    onSettled: ({ _tag }) => say(`${_tag} ${prefix}${n}`)
  }).pipe(Effect.catchAll((error) => say(`${error._tag} ${prefix}${n}`)))

const program = Effect.gen(function*() {
  const store = yield* Effect.flatMap(Journal.Journal, ({ open }) => open(identity))
  const { settlements } = yield* Cycles
  yield* say(`ready ${yield* store.health}`)
  if (amounts !== undefined) {
    yield* Effect.forEach(amounts, spend, { concurrency: task.concurrency ?? 16, discard: true })
    yield* say(`done ${yield* settlements.health}`)
    return yield* Effect.never
  }
  yield* Effect.repeat(Effect.zipLeft(store.entries, Effect.sleep(50)), { until: (entries) => entries.length === 0 })
  yield* say("empty")
})

worsen(disk)

const live = Cycles.layer({
  baseUrl,
  apiKey,
  subject: { tenant: "tenant-a" },
  retry: { initialDelay: 50, maxDelay: 100, maxAttempts: maxAttempts ?? 3 },
  flushTimeout: 1000
}).pipe(
  Layer.provide(Transport.layer()),
  Layer.provideMerge(
    layerJournal({ directory })
  )
)

Effect.runFork(
  Effect.scoped(Effect.provide(program, live)).pipe(Effect.provide(Logger.minimumLogLevel(LogLevel.None)))
)
