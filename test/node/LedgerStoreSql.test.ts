import * as NodeContext from "@effect/platform-node/NodeContext"
import * as FileSystem from "@effect/platform/FileSystem"
import { assert, describe, it } from "@effect/vitest"
import { Budget } from "effect-cycles/authority/Budget"
import type { RowChange, Rows } from "effect-cycles/authority/RowSet"
import { migrations } from "effect-cycles/node/internal/storeMigrations"
import { makeWith } from "effect-cycles/node/LedgerStoreSql"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import type * as Scope from "effect/Scope"
import Database from "libsql"
import { join } from "node:path"
import { appends, model, texts } from "./support/ledgerRows.js"

const run = <A, E>(effect: Effect.Effect<A, E, NodeContext.NodeContext | Scope.Scope>) =>
  Effect.provide(effect, NodeContext.layer)

const temporary = Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped())

interface Session {
  readonly rows: Rows
  readonly append: (changes: ReadonlyArray<RowChange>) => Effect.Effect<void, unknown>
}

/** Opens the ledger of a directory once. */
const session = <A, E, R>(directory: string, use: (store: Session) => Effect.Effect<A, E, R>, versions = migrations) =>
  Effect.scoped(Effect.gen(function*() {
    const { append, load } = yield* makeWith({ directory }, versions)
    return yield* use({ rows: yield* load, append })
  }))

const read = (directory: string, versions = migrations) =>
  session(directory, ({ rows }) => Effect.succeed(texts(rows)), versions)

const write = (directory: string, seed: number, count = 10) =>
  Effect.as(
    session(directory, ({ append }) => Effect.forEach(appends(seed, count), append, { discard: true })),
    model(appends(seed, count).flat())
  )

/** Of an effect that must fail with an error of the store. */
const refusal = <A, R>(effect: Effect.Effect<A, { readonly reason?: string; readonly message: string }, R>) =>
  Effect.map(Effect.flip(effect), ({ message, reason }) => `${reason} | ${message}`)

const sql = (file: string, ...statements: ReadonlyArray<string>) =>
  Effect.sync(() => {
    const db = new Database(file)
    for (const statement of statements) db.exec(statement)
    db.close()
  })

describe("LedgerStoreSql", { timeout: 30_000 }, () => {
  for (const seed of [1, 2, 3]) {
    it.scoped(`gives back what was appended, exactly (seed ${seed})`, () =>
      Effect.gen(function*() {
        const directory = yield* temporary
        const all: Array<RowChange> = []
        for (let round = 0; round < 4; round++) {
          yield* session(directory, ({ append, rows }) =>
            Effect.gen(function*() {
              assert.deepStrictEqual(texts(rows), model(all))
              const next = appends(seed * 100 + round, 40)
              yield* Effect.forEach(next, append, { concurrency: round === 0 ? 1 : "unbounded", discard: true })
              for (const changes of next) for (const change of changes) all.push(change)
            }))
        }
        assert.deepStrictEqual(yield* read(directory), model(all))
      }).pipe(run))
  }

  it.scoped("keeps every int64, also where a double would not", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const row = Budget.make({
        scope: "tenant:acme",
        unit: "TOKENS",
        allocated: 9223372036854775807n,
        reserved: 9007199254740993n,
        spent: 9007199254740991n,
        debt: 0n,
        overdraftLimit: 4611686018427387905n,
        isOverLimit: false,
        status: "ACTIVE",
        about: { ledgerId: "l", createdAt: 0, updatedAt: 0, metadata: { big: 9007199254740993n, small: -1 } }
      })
      yield* session(directory, ({ append }) => append([{ _tag: "Put", table: "budgets", row }]))
      yield* session(directory, ({ rows }) => Effect.sync(() => assert.deepStrictEqual(rows.budgets, [row])))
    }).pipe(run))

  it.scoped("creates what is missing for the user alone, and changes no mode", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* temporary
      const inner = join(directory, "a", "b ?#%41é")
      const modeOf = (path: string) => Effect.map(fs.stat(path), ({ mode }) => (mode & 0o777).toString(8))
      yield* fs.chmod(directory, 0o755)
      yield* write(inner, 1)
      assert.strictEqual(yield* modeOf(directory), "755")
      assert.strictEqual(yield* modeOf(join(directory, "a")), "700")
      assert.strictEqual(yield* modeOf(inner), "700")
      for (const file of yield* fs.readDirectory(inner)) {
        assert.strictEqual(yield* modeOf(join(inner, file)), "600", file)
      }
      yield* fs.chmod(inner, 0o750)
      const logged: Array<unknown> = []
      yield* read(inner).pipe(
        Effect.provide(Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => void logged.push(message))))
      )
      assert.strictEqual(yield* modeOf(inner), "750")
      assert.deepStrictEqual(logged, [["The directory of the ledger is open to other users"]])
    }).pipe(run))

  it.scoped("follows a link to the directory, and none to a file", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const root = yield* temporary
      const [directory, link] = [join(root, "ledger"), join(root, "link")]
      const right = yield* write(directory, 1)
      yield* fs.symlink(directory, link)
      assert.deepStrictEqual(yield* read(link), right)
      assert.include(
        yield* refusal(session(directory, () => read(link))),
        `inUse | The ledger's store failed (inUse): ${directory}: this process (${process.pid}) has it open`
      )
      for (const name of ["ledger.db", "ledger.lock", "ledger.mark"]) {
        const [file, away] = [join(directory, name), join(root, "away")]
        yield* fs.rename(file, away)
        yield* fs.symlink(away, file)
        assert.include(yield* refusal(read(directory)), `${file}: must be a file of its own, not a symbolic link`)
        yield* fs.remove(file)
        yield* fs.link(away, file)
        assert.include(
          yield* refusal(read(directory)),
          `${file}: must be a file of its own, not one with several hard links`
        )
        yield* fs.remove(away)
        assert.deepStrictEqual(yield* read(directory), right)
      }
      const file = join(root, "file")
      yield* fs.writeFileString(file, "")
      assert.include(yield* refusal(read(file)), `unwritable | The ledger's store failed (unwritable): ${file}: `)
    }).pipe(run))

  it.scoped("knows when answers are missing: an older database, no log, no database", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const root = yield* temporary
      const [directory, old] = [join(root, "ledger"), join(root, "old.db")]
      const database = join(directory, "ledger.db")
      yield* write(directory, 1, 3)
      yield* fs.copyFile(database, old)
      const later = yield* session(directory, ({ append, rows }) =>
        Effect.as(Effect.forEach(appends(2, 4), append), texts(rows)))
      yield* fs.copyFile(old, database)
      assert.include(
        yield* refusal(read(directory)),
        `corrupt | The ledger's store failed (corrupt): ${database}: ends at group 3, but 7 groups were answered`
      )
      yield* fs.remove(database)
      assert.include(yield* refusal(read(directory)), "ends at group 0, but 7 groups were answered")
      // Who wants the older one says so by removing the mark.
      yield* fs.copyFile(old, database)
      yield* fs.remove(join(directory, "ledger.mark"))
      assert.deepStrictEqual(yield* read(directory), later)
    }).pipe(run))

  it.scoped("refuses what is no ledger, and what another program changed in one", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const root = yield* temporary
      const other = join(root, "other")
      yield* fs.makeDirectory(other)
      yield* sql(join(other, "ledger.db"), "CREATE TABLE cats (name TEXT)")
      assert.include(
        yield* refusal(read(other)),
        "corrupt | The ledger's store failed (corrupt): " + join(other, "ledger.db")
      )
      for (
        const statement of [
          "DELETE FROM rows WHERE n = (SELECT min(n) FROM rows)",
          "UPDATE rows SET body = replace(body, '1', '2')",
          "UPDATE rows SET n = n + 1000",
          "UPDATE tip SET sequence = sequence + 1",
          "DELETE FROM tip",
          "DROP TABLE rows",
          "PRAGMA user_version = 0"
        ]
      ) {
        const directory = join(root, statement.replaceAll(/[^a-z=+]/gi, "-"))
        yield* write(directory, 1)
        yield* sql(join(directory, "ledger.db"), statement)
        assert.match(yield* refusal(read(directory)), /^corrupt .*ledger\.db: /, statement)
      }
    }).pipe(run))

  it.scoped("an earlier version is migrated as a whole; a later one is refused in one line", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const file = join(directory, "ledger.db")
      yield* write(directory, 5, 20)
      const before = yield* read(directory)
      const renamed = (from: string, to: string) =>
        `UPDATE rows SET body = json_set(json_remove(body, '$.${from}'), '$.${to}', body ->> '$.${from}') ` +
        `WHERE tbl = 'documents'`
      const second = { version: 2, statements: [renamed("text", "content")] }
      const third = { version: 3, statements: [renamed("content", "text"), "CREATE TABLE later (a INTEGER) STRICT"] }
      // The second version alone does not give rows of today: nothing of it stays.
      const broken = { version: 3, statements: [renamed("content", "text"), "CREATE TABLE rows (a INTEGER)"] }
      assert.include(yield* refusal(read(directory, [...migrations, second, broken])), "table rows already exists")
      assert.deepStrictEqual(yield* read(directory), before)
      assert.deepStrictEqual(yield* read(directory, [...migrations, second, third]), before)
      yield* session(directory, ({ append }) => Effect.forEach(appends(6, 5), append), [...migrations, second, third])
      const now = yield* read(directory, [...migrations, second, third])
      assert.deepStrictEqual(now, model([...appends(5, 20), ...appends(6, 5)].flat()))
      const refused = yield* refusal(read(directory))
      assert.strictEqual(
        refused,
        `newer | The ledger's store failed (newer): ${file}: ` +
          "has version 3, and this program knows none after 1: use a newer one"
      )
      assert.deepStrictEqual(yield* read(directory, [...migrations, second, third]), now)
    }).pipe(run))

  it.scoped("the log is bounded, and what is forgotten leaves room for what comes", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* temporary
      const sizeOf = (name: string) => Effect.map(fs.stat(join(directory, name)), ({ size }) => Number(size))
      const text = "x".repeat(2000)
      const spend = (at: number): RowChange => ({
        _tag: "Put",
        table: "audits",
        row: { id: `${at}`, operation: text, actorType: "admin_on_behalf_of", tenant: "t", resource: "r", at }
      })
      const sizes: Array<number> = []
      yield* session(directory, ({ append }) =>
        Effect.gen(function*() {
          for (let day = 0; day < 6; day++) {
            const rows = Array.from({ length: 2000 }, (_, n) => spend(day * 10_000 + n))
            yield* Effect.forEach(rows, (row) => append([row]), { concurrency: 64, discard: true })
            yield* append([{ _tag: "Forget", table: "audits", before: day * 10_000 }])
            sizes.push(yield* sizeOf("ledger.db"))
            assert.isBelow(yield* sizeOf("ledger.db-wal"), 9_000_000)
          }
        }))
      assert.strictEqual(yield* sizeOf("ledger.db-wal"), 0)
      assert.isBelow(Math.max(...sizes), 2.6 * (sizes[0] ?? 0))
      yield* session(directory, ({ rows }) => Effect.sync(() => assert.lengthOf(rows.audits, 2000)))
    }).pipe(run), 30_000)

  it.scoped("what a crash left of its first moments is taken back", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const root = yield* temporary
      const file = join(root, "ledger.db")
      const db = new Database(file)
      db.exec("PRAGMA cache_size = 1; BEGIN; CREATE TABLE rows (n INTEGER PRIMARY KEY, body TEXT)")
      for (let n = 0; n < 200; n++) db.exec(`INSERT INTO rows VALUES (${n}, '${"x".repeat(1000)}')`)
      const directory = join(root, "ledger")
      yield* fs.makeDirectory(directory)
      for (const name of ["ledger.db", "ledger.db-journal"]) yield* fs.copyFile(join(root, name), join(directory, name))
      db.exec("ROLLBACK")
      db.close()
      assert.isAbove(Number((yield* fs.stat(join(directory, "ledger.db"))).size), 0)
      const right = yield* write(directory, 1)
      assert.deepStrictEqual(yield* read(directory), right)
    }).pipe(run))

  it.scoped("is read once, and not written after its end", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const store = yield* Effect.scoped(Effect.tap(makeWith({ directory }, migrations), ({ load }) =>
        Effect.gen(function*() {
          yield* load
          assert.include(yield* refusal(load), "closed | ")
        })))
      assert.include(yield* refusal(store.append([])), "closed | ")
    }).pipe(run))
})
