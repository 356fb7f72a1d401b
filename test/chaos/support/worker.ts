/**
 * A program that spends or replays, to be killed at any moment. Its one argument is a `Task` as JSON; it says line by line what it has done.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { SystemError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import { Amount, Cycles, guarded, Journal } from "effect-cycles"
import { Transport } from "effect-cycles/node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Redacted from "effect/Redacted"
import { writeSync } from "node:fs"

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

const full = new SystemError({
  reason: "Unknown",
  module: "FileSystem",
  method: "writeAll",
  description: "ENOSPC: no space left on device"
})

const worse = (disk: Task["disk"]) => (fs: FileSystem.FileSystem): FileSystem.FileSystem => {
  const stop = Effect.zipRight(say("at the rename"), Effect.never)
  switch (disk) {
    case "stops before a rename":
      return { ...fs, rename: () => stop }
    case "stops after a rename":
      return { ...fs, rename: (from, to) => Effect.zipRight(fs.rename(from, to), stop) }
    case "full":
      return {
        ...fs,
        open: (path, options) => Effect.map(fs.open(path, options), (file) => ({ ...file, writeAll: () => full }))
      }
    default:
      return fs
  }
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

const live = Cycles.layer({
  baseUrl,
  apiKey,
  subject: { tenant: "tenant-a" },
  retry: { initialDelay: 50, maxDelay: 100, maxAttempts: maxAttempts ?? 3 },
  flushTimeout: 1000
}).pipe(
  Layer.provide(Transport.layer()),
  Layer.provideMerge(
    Journal.layerFiles({ directory }).pipe(
      Layer.provide([
        Layer.effect(FileSystem.FileSystem, Effect.map(FileSystem.FileSystem, worse(disk))).pipe(
          Layer.provide(NodeFileSystem.layer)
        ),
        NodePath.layer
      ])
    )
  )
)

Effect.runFork(
  Effect.scoped(Effect.provide(program, live)).pipe(Effect.provide(Logger.minimumLogLevel(LogLevel.None)))
)
