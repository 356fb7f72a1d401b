/**
 * One writer: an exclusive lock of SQLite on a database with nothing in it. The system drops it with the process, however that ends.
 */
import type { FileSystem } from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { pid } from "node:process"
import * as Sqlite from "./sqlite.js"
import { type StoreError, storeError } from "./storeError.js"
import type { Folder } from "./storeFolder.js"
import * as Mark from "./storeMark.js"

const holder = (fs: FileSystem, { directory, mark }: Folder): Effect.Effect<StoreError> =>
  Effect.map(
    Effect.orElseSucceed(Mark.read(fs, mark), () => Option.none<Mark.Mark>()),
    Option.match({
      onNone: () => "another process",
      onSome: (mark) => mark.pid === pid ? `this process (${pid})` : `process ${mark.pid}`
    })
  ).pipe(Effect.map((who) => storeError("inUse", `${who} has it open, and a ledger has one writer`, directory)))

/** Holds the lock until the end of the scope. `inUse` when somebody else does. */
export const hold = (fs: FileSystem, folder: Folder): Effect.Effect<void, StoreError, Scope.Scope> =>
  Effect.gen(function*() {
    const db = yield* Sqlite.open(folder.lock, folder.lock)
    yield* Effect.acquireRelease(
      // Nothing is ever written, and a journal on the disk would only be left behind.
      Effect.catchIf(
        db.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE"),
        ({ reason }) => reason === "inUse",
        () => Effect.flatMap(holder(fs, folder), Effect.fail)
      ),
      () => Effect.ignore(db.exec("ROLLBACK"))
    )
  })
