/**
 * A ledger that outlives its process: a directory with an SQLite database, written through libsql.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as FileSystem from "@effect/platform/FileSystem"
import type * as Path from "@effect/platform/Path"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { pid } from "node:process"
import { LedgerStore, type LedgerStoreError, type Service } from "../authority/LedgerStore.js"
import type { RowChange, Rows } from "../authority/RowSet.js"
import * as GroupCommit from "./internal/groupCommit.js"
import * as Sqlite from "./internal/sqlite.js"
import * as Database from "./internal/storeDatabase.js"
import { type StoreError, storeError } from "./internal/storeError.js"
import * as Folder from "./internal/storeFolder.js"
import * as Lock from "./internal/storeLock.js"
import * as Mark from "./internal/storeMark.js"
import { type Migration, migrations } from "./internal/storeMigrations.js"
import * as Places from "./internal/storeRows.js"
import * as Tables from "./internal/storeTables.js"

/**
 * Where the ledger is.
 *
 * @since 0.1.0
 * @category config
 */
export interface Options {
  /**
   * Holds the files of one ledger. Created with mode 0700 when it is not there, with what is missing above it; otherwise left as it is.
   */
  readonly directory: string
}

const warn = (message: string, annotations: Readonly<Record<string, unknown>>) =>
  Effect.annotateLogs(Effect.logWarning(message), { package: "effect-cycles", module: "LedgerStore", ...annotations })

/** The rows, and where each of them is. */
const readLedger = (
  file: string,
  { rows, tip }: Database.Content
): Effect.Effect<{ readonly ledger: Rows; readonly places: Places.Places }, StoreError> =>
  Effect.suspend(() => {
    const places = Places.make(tip)
    const { add, rows: ledger } = Tables.collect()
    for (const row of rows) {
      try {
        if (places.add(add(row.table, row.body), row)) continue
      } catch {
        return storeError("corrupt", `its row ${row.n} is not one of the table ${row.table}`, file)
      }
      return storeError("corrupt", `its row ${row.n} is there twice`, file)
    }
    return Effect.succeed({ ledger, places })
  })

/** What the mark tells must be in the database. */
const expect = (file: string, marked: Option.Option<Mark.Mark>) => ({ sequence }: Places.Tip) =>
  Option.exists(marked, (mark) => mark.sequence > sequence)
    ? storeError(
      "corrupt",
      `ends at group ${sequence}, but ${Option.getOrThrow(marked).sequence} groups were answered: ` +
        "the database is an older one, or its -wal is damaged or missing",
      file
    )
    : Effect.void

/** As `make`, with other versions. */
export const makeWith = (
  { directory }: Options,
  versions: ReadonlyArray<Migration>
): Effect.Effect<Service, StoreError, FileSystem.FileSystem | Path.Path | Scope.Scope> =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    yield* Sqlite.load
    const folder = yield* Folder.open(directory)
    if (folder.isOpen) yield* warn("The directory of the ledger is open to other users", { directory })
    yield* Lock.hold(fs, folder)
    const marked = yield* Mark.read(fs, folder.mark)
    const writeMark = yield* Mark.writer(fs, folder.mark)
    if (Option.isSome(marked)) yield* writeMark({ ...marked.value, pid })
    const isHalfMade = yield* Effect.orElseSucceed(fs.exists(`${folder.database}-journal`), () => false)
    const checked = expect(folder.database, marked)
    const { commit, ...content } = yield* Database.open(folder.database, versions, isHalfMade, checked)
    yield* writeMark({ sequence: content.tip.sequence, pid })
    const { ledger, places } = yield* readLedger(folder.database, content)
    let unread: Rows | undefined = ledger
    let failure: StoreError | undefined
    const write = (groups: ReadonlyArray<ReadonlyArray<RowChange>>) =>
      Effect.suspend(() => {
        if (failure !== undefined) return failure
        const transaction = places.plan(groups.flat().map(Tables.changeOf))
        return Effect.zipRight(commit(transaction), writeMark({ sequence: transaction.tip.sequence, pid }))
      }).pipe(
        Effect.tapError((error) => {
          if (failure !== undefined) return Effect.void
          failure = error
          return warn("The ledger cannot be written: it must be opened anew", { reason: error.reason })
        })
      )
    const append = yield* GroupCommit.make(write, storeError("closed", "the ledger was closed", directory))
    // Whoever reads the rows owns them: what the authority forgets must not stay here.
    const load = Effect.suspend(() => {
      const rows = unread
      unread = undefined
      return rows === undefined ? storeError("closed", "the ledger was read before", directory) : Effect.succeed(rows)
    })
    return { keeps: true, load, append }
  })

/**
 * Opens the ledger of a directory until the end of the scope.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options
): Effect.Effect<Service, StoreError, FileSystem.FileSystem | Path.Path | Scope.Scope> => makeWith(options, migrations)

/**
 * As `make`, as a layer.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<LedgerStore, LedgerStoreError> =>
  Layer.scoped(LedgerStore, make(options)).pipe(Layer.provide([NodeFileSystem.layer, NodePath.layer]))
