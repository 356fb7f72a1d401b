/**
 * The database of a store: what is in it is checked as a whole when it is opened, and each transaction leaves it checkable.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { pathToFileURL } from "node:url"
import { crc32 } from "node:zlib"
import { sanitize } from "../../protocol/InvalidInput.js"
import * as Sqlite from "./sqlite.js"
import { type StoreError, storeError } from "./storeError.js"
import { applicationId, type Migration } from "./storeMigrations.js"
import * as Rows from "./storeRows.js"

export interface Content {
  readonly rows: ReadonlyArray<Rows.Stored>
  readonly tip: Rows.Tip
}

export interface Database extends Content {
  /** Durable when it ends. After a failure nothing may follow. */
  readonly commit: (transaction: Rows.Transaction) => Effect.Effect<void, StoreError>
}

type Version = number

const latest = (migrations: ReadonlyArray<Migration>): Version => migrations[migrations.length - 1]?.version ?? 0

const corrupt = (file: string, detail: string) => Effect.fail(storeError("corrupt", detail, file))

const number = (value: unknown): number => typeof value === "number" ? value : NaN

const tipSum = (version: Version, { count, digest, sequence }: Rows.Tip): number =>
  crc32(`${version} ${sequence} ${count} ${digest}`)

/** The version of a database, 0 when there is nothing in it. */
const versionOf = (file: string, db: Sqlite.Sqlite, known: Version): Effect.Effect<Version, StoreError> =>
  Effect.gen(function*() {
    const figure = (sql: string) => Effect.map(db.all(sql), ([row]) => number(row?.[0]))
    const version = yield* figure("PRAGMA user_version")
    const application = yield* figure("PRAGMA application_id")
    const tables = yield* figure("SELECT count(*) FROM sqlite_master")
    if (version === 0 && application === 0 && tables === 0) return 0
    if (application !== applicationId) return yield* corrupt(file, "is not a ledger of effect-cycles")
    if (version > known) {
      const detail = `has version ${version}, and this program knows none after ${known}: use a newer one`
      return yield* storeError("newer", detail, file)
    }
    return version >= 1 ? version : yield* corrupt(file, `cannot have version ${version}`)
  })

/** Text is read as bytes: libsql ends the process when it is not UTF-8. */
const text = (value: unknown): string => value instanceof Uint8Array ? decoder.decode(value) : ""
const decoder = new TextDecoder()

const stored = ([n, table, body, sum]: ReadonlyArray<unknown>): Rows.Stored => ({
  n: number(n),
  table: text(table),
  body: text(body),
  sum: number(sum)
})

const readRows = (db: Sqlite.Sqlite) =>
  Effect.map(
    db.all("SELECT n, CAST(tbl AS BLOB), CAST(body AS BLOB), sum FROM rows ORDER BY n"),
    (rows) => rows.map(stored)
  )

/** Reads everything, and finds every row that is not what was written, is missing, or was not there. */
const check = (file: string, db: Sqlite.Sqlite, version: Version): Effect.Effect<Content, StoreError> =>
  Effect.gen(function*() {
    const [verdict] = yield* db.all("SELECT CAST(quick_check AS BLOB) FROM pragma_quick_check(1)")
    if (text(verdict?.[0]) !== "ok") return yield* corrupt(file, sanitize(text(verdict?.[0])))
    const [line, ...more] = yield* db.all("SELECT sequence, count, digest, sum FROM tip")
    const [sequence = NaN, count = NaN, digest = NaN, sum = NaN] = (line ?? []).map(number)
    const tip = { sequence, count, digest }
    if (more.length > 0 || sum !== tipSum(version, tip)) return yield* corrupt(file, "its tip is not as it was written")
    const rows = yield* readRows(db)
    let found: Rows.Tip = { ...Rows.noTip, sequence }
    for (const row of rows) {
      if (row.sum !== Rows.sumOf(row.n, row.table, row.body)) {
        return yield* corrupt(file, `its row ${row.n} is not as it was written`)
      }
      found = Rows.counted(found, row.sum, 1)
    }
    if (found.count !== count || found.digest !== digest) {
      return yield* corrupt(file, `it has ${found.count} rows, which are not the ${count} that were written`)
    }
    return { rows, tip }
  })

/**
 * Through a connection that cannot write, so a database that is refused stays as it is. Only what a crash left of the first moments of a
 * database, before it had a log, has to be taken back first.
 */
const inspect = (file: string, known: Version, isHalfMade: boolean) =>
  Effect.scoped(Effect.gen(function*() {
    const db = yield* Sqlite.open(file, isHalfMade ? file : `${pathToFileURL(file).href}?mode=ro`)
    const version = yield* versionOf(file, db, known)
    return { version, content: version === 0 ? { rows: [], tip: Rows.noTip } : yield* check(file, db, version) }
  }))

const writeTip = "INSERT OR REPLACE INTO tip (id, sequence, count, digest, sum) VALUES (1, ?, ?, ?, ?)"

const run = (file: string, f: () => void): Effect.Effect<void, StoreError> =>
  Effect.try({ try: f, catch: Sqlite.sqliteError(file) })

/** One transaction, of which nothing is left when it fails. */
const transact = <A>(db: Sqlite.Sqlite, body: Effect.Effect<A, StoreError>): Effect.Effect<A, StoreError> =>
  db.exec("BEGIN IMMEDIATE").pipe(
    Effect.zipRight(body),
    Effect.zipLeft(db.exec("COMMIT")),
    Effect.tapError(() => Effect.ignore(db.exec("ROLLBACK")))
  )

/** Brings a database that was checked to the latest version, and gives its rows and its tip the checksums of that. */
const migrate = (file: string, db: Sqlite.Sqlite, from: Version, migrations: ReadonlyArray<Migration>, tip: Rows.Tip) =>
  transact(
    db,
    Effect.gen(function*() {
      for (const { statements, version } of migrations) {
        if (version > from) yield* Effect.forEach(statements, db.exec)
      }
      const version = latest(migrations)
      yield* db.exec(`PRAGMA user_version = ${version}`)
      const rows = yield* readRows(db)
      const update = yield* db.prepare("UPDATE rows SET sum = ? WHERE n = ?")
      const put = yield* db.prepare(writeTip)
      yield* run(file, () => {
        let sealed: Rows.Tip = { ...Rows.noTip, sequence: tip.sequence }
        for (const { body, n, table } of rows) {
          const sum = Rows.sumOf(n, table, body)
          update.run([sum, n])
          sealed = Rows.counted(sealed, sum, 1)
        }
        put.run([sealed.sequence, sealed.count, sealed.digest, tipSum(version, sealed)])
      })
    })
  )

const pragmas = [
  "synchronous = FULL",
  // Where fsync does not reach the disk by itself.
  "fullfsync = ON",
  "checkpoint_fullfsync = ON",
  "cell_size_check = ON",
  "trusted_schema = OFF",
  "busy_timeout = 1000",
  // The log is emptied into the database every 4 MiB, and is cut after a transaction that was larger.
  "wal_autocheckpoint = 1024",
  "journal_size_limit = 4194304"
]

const committer = (file: string, db: Sqlite.Sqlite, version: Version) =>
  Effect.map(
    Effect.all({
      begin: db.prepare("BEGIN IMMEDIATE"),
      insert: db.prepare("INSERT INTO rows (n, tbl, body, sum) VALUES (?, ?, ?, ?)"),
      update: db.prepare("UPDATE rows SET body = ?, sum = ? WHERE n = ?"),
      remove: db.prepare("DELETE FROM rows WHERE n = ?"),
      put: db.prepare(writeTip)
    }),
    ({ begin, insert, put, remove, update }) => ({ deletes, inserts, tip, updates }: Rows.Transaction) =>
      run(file, () => {
        begin.run([])
        for (const { body, n, sum, table } of inserts) insert.run([n, table, body, sum])
        for (const { body, n, sum } of updates) update.run([body, sum, n])
        for (const n of deletes) remove.run([n])
        put.run([tip.sequence, tip.count, tip.digest, tipSum(version, tip)])
      }).pipe(
        Effect.zipRight(db.exec("COMMIT")),
        Effect.tapError(() => Effect.ignore(db.exec("ROLLBACK")))
      )
  )

/**
 * Opens a database and gives what is in it. `corrupt` when that is not what was written, `newer` when a later version wrote it. `checked`
 * sees the tip before anything is written.
 */
export const open = (
  file: string,
  migrations: ReadonlyArray<Migration>,
  isHalfMade: boolean,
  checked: (tip: Rows.Tip) => Effect.Effect<void, StoreError>
): Effect.Effect<Database, StoreError, Scope.Scope> =>
  Effect.gen(function*() {
    const version = latest(migrations)
    const before = yield* inspect(file, version, isHalfMade)
    yield* checked(before.content.tip)
    const db = yield* Sqlite.open(file, file)
    const [mode] = yield* db.all("PRAGMA journal_mode = WAL")
    if (mode?.[0] !== "wal") return yield* storeError("unwritable", "the file system cannot keep a log beside it", file)
    for (const pragma of pragmas) yield* db.exec(`PRAGMA ${pragma}`)
    const isOld = before.version < version
    if (isOld) yield* migrate(file, db, before.version, migrations, before.content.tip)
    const { rows, tip } = isOld ? yield* check(file, db, version) : before.content
    const commit = yield* committer(file, db, version)
    yield* Effect.addFinalizer(() => Effect.ignore(db.all("PRAGMA wal_checkpoint(TRUNCATE)")))
    return { rows, tip, commit }
  })
