/**
 * libsql as far as the store needs it: an optional package, loaded when a store is opened.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { sanitize } from "../../protocol/InvalidInput.js"
import { type Reason, type StoreError, storeError } from "./storeError.js"

/** A value of a column, as it is bound and as it is read. */
export type Cell = string | number | null

/** `run` is synchronous. `all` reads to the end: a statement that is left half way would keep the log from being emptied. */
export interface Statement {
  readonly run: (cells: ReadonlyArray<Cell>) => void
  readonly all: () => Promise<ReadonlyArray<ReadonlyArray<unknown>>>
  readonly raw: () => Statement
}

interface Connection {
  readonly prepare: (sql: string) => Promise<Statement>
  readonly exec: (sql: string) => Promise<unknown>
  readonly close: () => void
}

type Constructor = new(path: string) => Connection

/** A database file. `exec` runs on another thread, so an fsync does not stop the program. */
export interface Sqlite {
  readonly exec: (sql: string) => Effect.Effect<void, StoreError>
  readonly prepare: (sql: string) => Effect.Effect<Statement, StoreError>
  readonly all: (sql: string) => Effect.Effect<ReadonlyArray<ReadonlyArray<unknown>>, StoreError>
}

const reasons: ReadonlyArray<readonly [RegExp, Reason]> = [
  [/^SQLITE_(BUSY|LOCKED)/, "inUse"],
  [/^SQLITE_FULL/, "full"],
  [/^SQLITE_(IOERR|READONLY|CANTOPEN|PERM|AUTH|NOLFS)/, "unwritable"]
]

/** A database that cannot even be opened has no code in its error. */
const reasonOf = (cause: unknown): Reason => {
  const { code, message } = cause as { readonly code?: unknown; readonly message?: unknown }
  if (typeof code === "string" && code !== "") return reasons.find(([codes]) => codes.test(code))?.[1] ?? "corrupt"
  return /ConnectionFailed/.test(String(message)) ? "unwritable" : "corrupt"
}

const detailOf = (cause: unknown): string => {
  const { code, message } = cause as { readonly code?: unknown; readonly message?: unknown }
  return sanitize(typeof code === "string" && code !== "" ? `${code}, ${String(message)}` : String(message ?? cause))
}

/** What libsql throws, as an error of the store about a file. */
export const sqliteError = (file: string) => (cause: unknown): StoreError =>
  storeError(reasonOf(cause), detailOf(cause), file)

/** The package itself, before anything is created for it. */
export const load: Effect.Effect<Constructor, StoreError> = Effect.tryPromise({
  try: () => import("libsql/promise") as Promise<{ readonly default: unknown }>,
  catch: (cause) => storeError("notInstalled", `install it with: npm i libsql@0.5 (${detailOf(cause)})`)
}).pipe(Effect.map((module) => module.default as Constructor))

/**
 * Opens a database until the end of the scope. `path` is a path, or a `file:` URL with `?mode=ro` to leave everything as it is.
 */
export const open = (file: string, path: string): Effect.Effect<Sqlite, StoreError, Scope.Scope> =>
  Effect.gen(function*() {
    const Database = yield* load
    const db = yield* Effect.acquireRelease(
      Effect.try({ try: () => new Database(path), catch: sqliteError(file) }),
      (db) => Effect.sync(() => db.close())
    )
    const attempt = <A>(run: () => Promise<A>) => Effect.tryPromise({ try: run, catch: sqliteError(file) })
    const prepare = (sql: string) => attempt(() => db.prepare(sql))
    return {
      exec: (sql) => Effect.asVoid(attempt(() => db.exec(sql))),
      prepare,
      all: (sql) => Effect.flatMap(prepare(sql), (statement) => attempt(() => statement.raw().all()))
    }
  })
