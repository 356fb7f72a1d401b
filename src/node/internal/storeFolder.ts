/**
 * The directory of a store and its files: created for the user alone, and never through a link.
 */
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { sanitize } from "../../protocol/InvalidInput.js"
import { type StoreError, storeError } from "./storeError.js"

/** Absolute paths. SQLite keeps `-wal` and `-shm` beside the database, with its mode. */
export interface Folder {
  readonly directory: string
  readonly database: string
  readonly lock: string
  readonly mark: string
  /** Whether other users can enter the directory. */
  readonly isOpen: boolean
}

const loose = 0o077

/** What the system means by a reason, for whoever named the directory. */
const meanings: Readonly<Record<string, string>> = {
  AlreadyExists: "is there, but is no directory",
  BadResource: "is below something that is no directory",
  PermissionDenied: "this user has no permission to write it"
}

export const unwritable = (file: string) => (error: PlatformError): StoreError =>
  storeError("unwritable", (error._tag === "SystemError" && meanings[error.reason]) || sanitize(error.message), file)

/** Whether the system gives this reason. */
export const because = (reason: string) => (error: PlatformError): boolean =>
  error._tag === "SystemError" && error.reason === reason

/** A file with several names could be locked under one and written under another. One that is not there is fine. */
const checkFile = (fs: FileSystem.FileSystem, file: string): Effect.Effect<void, StoreError> =>
  Effect.gen(function*() {
    const refused = (what: string) => storeError("unwritable", `must be a file of its own, not ${what}`, file)
    if (Option.isSome(yield* Effect.option(fs.readLink(file)))) return yield* refused("a symbolic link")
    const found = yield* fs.stat(file).pipe(
      Effect.asSome,
      Effect.catchIf(because("NotFound"), () => Effect.succeedNone),
      Effect.mapError(unwritable(file))
    )
    if (Option.isNone(found)) return
    const { nlink, type } = found.value
    if (type !== "File") return yield* refused(`a ${type.toLowerCase()}`)
    if (Option.exists(nlink, (n) => n > 1)) return yield* refused("one with several hard links")
  })

/** A crash of the machine must not take away the name of what was made. Where a directory cannot be synced, this does nothing. */
const sync = (fs: FileSystem.FileSystem, directory: string): Effect.Effect<void> =>
  Effect.ignore(Effect.scoped(Effect.flatMap(fs.open(directory, { flag: "r" }), (handle) => handle.sync)))

/** Creates what is missing: directories with mode 0700, files with 0600. What is there keeps its mode. */
export const open = (directory: string): Effect.Effect<Folder, StoreError, FileSystem.FileSystem | Path.Path> =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const wanted = path.resolve(directory)
    const orUnwritable = Effect.mapError(unwritable(wanted))
    yield* orUnwritable(fs.makeDirectory(wanted, { recursive: true, mode: 0o700 }))
    const real = yield* orUnwritable(fs.realPath(wanted))
    const at = (name: string) => path.join(real, name)
    const [database, lock, mark] = [at("ledger.db"), at("ledger.lock"), at("ledger.mark")]
    const beside = ["-wal", "-shm", "-journal"].map((end) => `${database}${end}`)
    yield* Effect.forEach([lock, database, mark, ...beside], (file) => checkFile(fs, file))
    for (const file of [lock, database]) {
      // Never opened when it is there: closing it would end the locks that this process has on it.
      yield* Effect.scoped(fs.open(file, { flag: "wx", mode: 0o600 })).pipe(
        Effect.catchIf(because("AlreadyExists"), () => Effect.void),
        Effect.mapError(unwritable(file))
      )
    }
    yield* sync(fs, real)
    yield* sync(fs, path.dirname(real))
    const { mode } = yield* orUnwritable(fs.stat(real))
    return { directory: real, database, lock, mark, isOpen: (mode & loose) !== 0 }
  })
