/**
 * A journal on a real directory below the temporary directory of the system, which is removed at the end.
 */
import * as NodeContext from "@effect/platform-node/NodeContext"
import { SystemError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import * as Journal from "effect-cycles/lifecycle/Journal"
import type { ReservationId } from "effect-cycles/protocol/Reservation"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { createHash } from "node:crypto"

export const baseUrl = "http://localhost:7878"

export const identity: Journal.Identity = { baseUrl, tenant: "acme", apiKey: Redacted.make("cyc_live_test_key") }

/** The directory of `identity`. */
export const fingerprint = "4eb53c28893cdf51"

export const nameOf = (id: string): string => `v2-${createHash("sha256").update(id, "utf8").digest("hex")}.json`

/** A commit of one token under key `k`. */
export const entry = (id: string, more: Partial<Journal.Entry> = {}): Journal.Entry => ({
  reservationId: id as ReservationId,
  baseUrl,
  mode: "commit",
  commitBody: { idempotency_key: "k", actual: { unit: "TOKENS", amount: 1 } },
  eventFallbackBody: {
    idempotency_key: "k",
    subject: { tenant: "acme" },
    action: { kind: "llm.completion", name: "m" },
    actual: { unit: "TOKENS", amount: 1 },
    metadata: { recovered_reservation_id: id, recovery_reason: "commit_after_reservation_expired" }
  },
  recordedAtMs: 1_700_000_000_000,
  notBeforeMs: null,
  ...more
})

/** What happens with a temporary file and its directory, in this order. */
export type Step = "open" | "write" | "sync" | "close" | "rename" | "open directory" | "sync directory"

/**
 * Until the scope ends, on the disk that `effect` takes: `fails` says of each step why it fails, if it does; `saw` hears of each.
 */
export type Disturbed = (
  fails: (step: Step) => string | undefined,
  saw?: (step: Step) => void
) => <A, E, R>(
  effect: Effect.Effect<A, E, R>
) => Effect.Effect<A, E, R | FileSystem.FileSystem | Scope.Scope>

export const refused: Journal.DeadLetter = {
  code: "BUDGET_EXCEEDED",
  status: 409,
  message: "no budget",
  atMs: 1_700_000_000_001
}

/** Temporary, without a directory for `identity` in it. */
export const temporary = Effect.flatMap(
  FileSystem.FileSystem,
  (fs) => Effect.orDie(fs.makeTempDirectoryScoped({ prefix: "journal-" }))
)

/** Which implementation the suites run over. */
export const current: {
  name: "platform" | "node" | "thread"
  layerFiles: typeof Journal.layerFiles
  disturbed: Disturbed
} = {
  name: "platform",
  layerFiles: Journal.layerFiles,
  disturbed: (fails, saw = () => {}) => {
    const strike = <A, E, R>(step: Step, real: Effect.Effect<A, E, R>) =>
      Effect.suspend((): Effect.Effect<A, E | SystemError, R> => {
        saw(step)
        const description = fails(step)
        return description === undefined
          ? real
          : new SystemError({ module: "FileSystem", method: step, reason: "Unknown", description })
      })
    return changed((fs) => ({
      open: (path, options) => {
        const isTemp = options?.flag === "wx"
        return Effect.map(
          strike(isTemp ? "open" : "open directory", fs.open(path, options)).pipe(
            Effect.zipLeft(Effect.addFinalizer(() => Effect.orDie(strike("close", Effect.void))))
          ),
          (file) =>
            over(file, {
              writeAll: (bytes) => strike("write", file.writeAll(bytes)),
              sync: strike(isTemp ? "sync" : "sync directory", file.sync)
            })
        )
      },
      rename: (from, to) => strike("rename", fs.rename(from, to))
    }))
  }
}

/** A file of which some operations are replaced. */
const over = (file: FileSystem.File, change: Partial<FileSystem.File>): FileSystem.File => {
  const properties = Object.entries(change).map(([key, value]) => [key, { value }])
  return Object.create(file, Object.fromEntries(properties)) as FileSystem.File
}

/** A store on `directory`, over the file system of the context. Durability is tested apart: here it would only take time. */
export const open = (directory: string, options: Partial<Journal.FilesOptions> = {}, of = identity) =>
  Effect.gen(function*() {
    const scope = yield* Effect.scope
    const layer = current.layerFiles({ directory, fsync: false, ...options })
    const context = yield* Layer.buildWithScope(layer, scope)
    return yield* Effect.flatMap(Journal.Journal, (journal) => journal.open(of)).pipe(
      Effect.provide(context),
      Scope.extend(scope)
    )
  })

/** A temporary directory with a store, and plain access to the files of `identity`. */
export const desk = (options: Partial<Journal.FilesOptions> = {}) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const directory = yield* temporary
    const own = path.join(directory, fingerprint)
    const at = (name: string) => path.join(own, name)
    const modeOf = (file: string) => Effect.map(fs.stat(file), ({ mode }) => (mode & 0o777).toString(8))
    return {
      fs,
      directory,
      own,
      at,
      modeOf,
      store: yield* open(directory, options),
      write: (name: string, text: string) => fs.writeFileString(at(name), text),
      read: (name: string) => fs.readFileString(at(name)),
      names: Effect.map(fs.readDirectory(own), (names) => names.sort())
    }
  })

/** On the files of Node. */
export const onDisk = <A, E>(
  effect: Effect.Effect<A, E, NodeContext.NodeContext | Scope.Scope>
): Effect.Effect<A, E> => Effect.scoped(Effect.provide(effect, NodeContext.layer))

/** Over a file system of which some operations are replaced. */
export const changed = (change: (fs: FileSystem.FileSystem) => Partial<FileSystem.FileSystem>) =>
  Effect.updateService(FileSystem.FileSystem, (fs: FileSystem.FileSystem) => ({ ...fs, ...change(fs) }))

/** What was logged while `effect` ran: level, message and annotations as JSON lines. */
export const logged = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const lines: Array<string> = []
    return effect.pipe(
      Effect.map((value) => [value, lines] as const),
      Effect.provide(
        Logger.replace(Logger.defaultLogger, Logger.map(Logger.jsonLogger, (line) => void lines.push(line)))
      )
    )
  })

export const idsOf = (entries: ReadonlyArray<Journal.Entry>): ReadonlyArray<string> =>
  entries.map(({ reservationId }) => reservationId)
