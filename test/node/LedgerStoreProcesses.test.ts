import * as NodeContext from "@effect/platform-node/NodeContext"
import { assert, describe, it } from "@effect/vitest"
import { make } from "effect-cycles/node/LedgerStoreSql"
import * as Effect from "effect/Effect"
import { chmodSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { bundle, type Options, start } from "../support/child.js"
import { appends, model, texts } from "./support/ledgerRows.js"
import type { Task } from "./support/storeWorker.js"

const program = bundle(fileURLToPath(new URL("support/storeWorker.ts", import.meta.url)))

const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "ledger-"))),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true }))
)

const work = (task: Partial<Task> & Pick<Task, "directory">, options?: Options) =>
  start(program, { seed: 1, count: 10, end: "stay", ...task }, options)

const read = (directory: string) =>
  Effect.scoped(Effect.map(Effect.flatMap(make({ directory }), ({ load }) => load), texts)).pipe(
    Effect.provide(NodeContext.layer)
  )

const written = (seed: number, count: number) => model(appends(seed, count).flat())

describe("a ledger and its processes", () => {
  it.scopedLive("one has it open at a time; the lock ends with a process that is killed", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const first = yield* work({ directory })
      yield* first.said("done")
      const second = yield* work({ directory, seed: 2 })
      assert.strictEqual(
        yield* second.said("refused"),
        `refused inUse The ledger's store failed (inUse): ${directory}: ` +
          `process ${first.pid} has it open, and a ledger has one writer`
      )
      assert.strictEqual(yield* second.ended, 0)
      yield* first.kill
      const third = yield* work({ directory, seed: 2 })
      yield* third.said("done")
      yield* third.kill
      assert.deepStrictEqual(yield* read(directory), model([...appends(1, 10), ...appends(2, 10)].flat()))
    }), 60_000)

  it.scopedLive("without libsql it says what to install", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const worker = yield* work({ directory }, { cwd: directory })
      assert.include(yield* worker.said("refused"), "refused notInstalled")
      assert.include(worker.lines[0], "install it with: npm i libsql@")
      assert.deepStrictEqual(readdirSync(directory), [])
    }), 60_000)

  it.scopedLive(
    "on a disk without room an append fails, and all later ones; what succeeded is there",
    () =>
      Effect.gen(function*() {
        const directory = yield* temporary
        const worker = yield* work({ directory, count: 200, end: "close" }, { maxFileKib: 300 })
        assert.strictEqual(yield* worker.ended, 0)
        const first = worker.lines.findIndex((line) => line.startsWith("failed"))
        assert.isAbove(first, 1)
        assert.match(worker.lines[first] ?? "", /^failed \d+ (full|unwritable) .*ledger\.db: SQLITE_/)
        const count = worker.lines.filter((line) => line.startsWith("appended")).length
        assert.strictEqual(count, first - 1)
        assert.lengthOf(worker.lines.filter((line) => line.startsWith("failed")), 200 - count)
        assert.deepStrictEqual(yield* read(directory), written(1, count))
      }),
    30_000
  )

  for (const name of ["an empty directory", "a ledger"]) {
    it.scopedLive(`${name} that it must not write is refused, and left alone`, () =>
      Effect.gen(function*() {
        const directory = yield* temporary
        const isRoot = process.getuid?.() === 0
        if (name === "a ledger") yield* (yield* work({ directory, end: "close" })).ended
        const content = () =>
          readdirSync(directory).map((file) => `${file} ${readFileSync(join(directory, file), "hex")}`)
        const before = content()
        chmodSync(directory, isRoot ? 0o755 : 0o555)
        const worker = yield* work({ directory }, isRoot ? { uid: 65_534 } : {})
        assert.match((yield* worker.said("refused")) ?? "", /^refused unwritable /)
        assert.strictEqual(yield* worker.ended, 0)
        chmodSync(directory, 0o700)
        assert.deepStrictEqual(content(), before)
      }), 60_000)
  }

  const flips = Number(process.env.STORE_FLIPS ?? 8)

  /** Places in every file, the first and the last byte among them. */
  const places = (directory: string) =>
    readdirSync(directory).flatMap((file) => {
      const { length } = readFileSync(join(directory, file))
      const count = Math.min(length, flips)
      return Array.from({ length: count }, (_, n) =>
        [file, Math.round(n * (length - 1) / Math.max(1, count - 1))] as const)
    })

  for (const end of ["die", "close"] as const) {
    it.scopedLive(
      `a byte that changes after ${end}: what is read is right, or the error names the file`,
      () =>
        Effect.gen(function*() {
          const root = yield* temporary
          const [directory, copy] = [join(root, "ledger"), join(root, "copy")]
          yield* (yield* work({ directory, end })).ended
          const right = written(1, 10)
          const outcomes: Record<string, number> = {}
          for (const [file, at] of places(directory)) {
            cpSync(directory, copy, { recursive: true })
            const bytes = readFileSync(join(copy, file))
            bytes[at] = (bytes[at] ?? 0) ^ 1 << at % 8
            writeFileSync(join(copy, file), bytes)
            const outcome = yield* Effect.either(read(copy))
            if (outcome._tag === "Right") assert.deepStrictEqual(outcome.right, right, `${file} ${at}`)
            else assert.include(outcome.left.file, copy, `${file} ${at} ${outcome.left.message}`)
            const told = `${file} ${outcome._tag === "Right" ? "right" : outcome.left.reason}`
            outcomes[told] = (outcomes[told] ?? 0) + 1
            rmSync(copy, { recursive: true })
          }
          if (process.env.STORE_FLIPS !== undefined) console.log(outcomes)
          assert.isAbove(outcomes[end === "die" ? "ledger.db-wal corrupt" : "ledger.db corrupt"] ?? 0, 0)
        }),
      600_000
    )
  }
})
