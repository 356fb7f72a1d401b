/**
 * The thread of the journal: when there is one, what it shares, how it ends, and that no record depends on it.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Journal from "effect-cycles/lifecycle/Journal"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { spawn } from "node:child_process"
import { mkdirSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Worker } from "node:worker_threads"
import { disk, layerFiles } from "../../src/node/internal/journalDisk.js"
import * as Thread from "../../src/node/internal/journalThread.js"
import {
  current,
  entry,
  fingerprint,
  identity,
  logged,
  nameOf,
  onDisk,
  temporary
} from "../lifecycle/support/journal.js"
import { start } from "./support/journalOnThread.js"

const ids = (count: number) => Array.from({ length: count }, (_, n) => `t${n}`)

const together = <A, E>(count: number, one: (id: string) => Effect.Effect<A, E>) =>
  Effect.forEach(ids(count), one, { concurrency: "unbounded", discard: true })

/** A store in a new directory, the threads that it has started so far, and the names in it. */
const desk = (options: Partial<Thread.Options> & Partial<Journal.FilesOptions> = {}) =>
  Effect.gen(function*() {
    const directory = yield* temporary
    const threads: Array<Worker> = []
    const own = options.start ?? start
    const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
    const layer = layerFiles({
      directory,
      fsync: false,
      ...options,
      start: () => {
        const thread = own()
        threads.push(thread)
        return thread
      }
    })
    const context = yield* Layer.buildWithScope(layer, scope)
    const store = yield* Effect.flatMap(Journal.Journal, (journal) => journal.open(identity)).pipe(
      Effect.provide(context),
      Scope.extend(scope)
    )
    return {
      directory,
      store,
      threads,
      close: Scope.close(scope, Exit.void),
      names: Effect.sync(() => readdirSync(join(directory, fingerprint)).sort())
    }
  })

const named = (count: number) => ids(count).map(nameOf).sort()

describe("the thread of the journal", () => {
  it.live("is started by several records at once, not by one after the other", () =>
    onDisk(Effect.gen(function*() {
      const { names, store, threads } = yield* desk()
      yield* Effect.forEach(ids(20), (id) => store.put(entry(id)))
      assert.lengthOf(threads, 0)
      yield* together(40, (id) => store.put(entry(id)))
      assert.lengthOf(threads, 1)
      yield* Effect.sleep(150)
      yield* together(60, (id) => store.put(entry(id)))
      assert.lengthOf(threads, 1)
      assert.deepStrictEqual(yield* names, named(60))
    })))

  it.live("records that are put together share the sync of their directory", () =>
    onDisk(Effect.gen(function*() {
      const steps: Array<string> = []
      const disturbed = current.disturbed(() => undefined, (step) => steps.push(step))
      const { names, store } = yield* disturbed(desk({ crowd: 0, fsync: true }))
      steps.length = 0
      yield* together(60, (id) => store.put(entry(id)))
      const count = (step: string) => steps.filter((one) => one === step).length
      assert.strictEqual(count("sync"), 60)
      assert.isAtLeast(count("sync directory"), 1)
      assert.isBelow(count("sync directory"), 30)
      assert.isBelow(steps.lastIndexOf("rename"), steps.lastIndexOf("sync directory"))
      assert.deepStrictEqual(yield* names, named(60))
    })))

  it.live("what is asked of one file is done in the order of asking", () =>
    onDisk(Effect.gen(function*() {
      const directory = yield* temporary
      const { remove, replace } = (yield* Thread.make(yield* disk, { crowd: 0, start })).within(directory, true)
      const file = (n: number) => join(directory, `f${n}`)
      yield* Effect.forEach(Array.from({ length: 20 }, (_, n) => file(n)), (file, n) =>
        Effect.all([
          replace(file, "one"),
          n % 2 === 0 ? remove(file) : Effect.void,
          replace(file, "two"),
          n % 3 === 0 ? remove(file) : replace(file, "three")
        ], { concurrency: "unbounded" }), { concurrency: "unbounded" })
      assert.deepStrictEqual(
        readdirSync(directory).filter((name) => !name.endsWith(".tmp"))
          .map((name) => [name, readFileSync(join(directory, name), "utf8").trim()]).sort(),
        Array.from({ length: 20 }, (_, n) => [`f${n}`, "three"]).filter((_, n) => n % 3 !== 0).sort()
      )
    })))

  it.live("ends with its layer, after all that was asked", () =>
    onDisk(Effect.gen(function*() {
      const { close, names, store, threads } = yield* desk({ crowd: 0, fsync: true })
      const fiber = yield* Effect.fork(together(100, (id) => store.put(entry(id))))
      yield* Effect.yieldNow()
      yield* close
      assert.strictEqual(threads[0]?.threadId, -1)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(yield* names, named(100))
      yield* store.remove("t0")
      assert.lengthOf(yield* names, 99)
    })))
})

describe("without the thread no record is lost", () => {
  for (const fsync of [false, true]) {
    it.live(`when it is killed at any moment (fsync ${fsync})`, () =>
      onDisk(Effect.gen(function*() {
        for (let turns = 0; turns < 6; turns++) {
          const { names, store, threads } = yield* desk({ crowd: 0, fsync })
          yield* store.put(entry("gone"))
          const [, lines] = yield* logged(Effect.gen(function*() {
            const fiber = yield* Effect.fork(
              together(50, (id) => Effect.zipRight(store.put(entry(id)), store.put(entry(id, { notBeforeMs: 1 }))))
            )
            const removed = yield* Effect.fork(store.remove("gone"))
            for (let n = 0; n < turns; n++) {
              yield* Effect.async<void>((resume) => void setImmediate(() => resume(Effect.void)))
            }
            yield* Effect.promise(async () => threads[0]?.terminate())
            yield* Fiber.join(fiber)
            yield* Fiber.join(removed)
            yield* store.put(entry("t0", { notBeforeMs: 1 }))
          }))
          assert.lengthOf(lines, 1)
          assert.match(lines.join(), /written without it/)
          assert.include(lines[0], `"logLevel":"WARN"`)
          assert.strictEqual(yield* store.health, "ok")
          assert.deepStrictEqual(yield* names, named(50))
          const found = yield* store.entries
          assert.deepStrictEqual(found.map(({ notBeforeMs }) => notBeforeMs), ids(50).map(() => 1))
        }
      })))
  }

  for (
    const [name, start] of Object.entries({
      "cannot be started": () => {
        throw new Error("no threads here")
      },
      "ends while it starts": () => new Worker("process.exit(3)", { eval: true, execArgv: [], env: {} }),
      "throws when it is asked": () =>
        new Worker("require(\"node:worker_threads\").parentPort.on(\"message\", () => { throw new Error(\"no\") })", {
          eval: true,
          execArgv: [],
          env: {}
        }),
      "has no code": () => new Worker("(", { eval: true, execArgv: [], env: {} })
    })
  ) {
    it.live(`when it ${name}: one warning`, () =>
      onDisk(Effect.gen(function*() {
        const { names, store } = yield* desk({ crowd: 0, start })
        const [, lines] = yield* logged(Effect.zipRight(
          together(50, (id) => store.put(entry(id))),
          together(10, (id) => store.remove(id))
        ))
        assert.lengthOf(lines, 1, lines.join("\n"))
        assert.lengthOf(yield* names, 40)
        assert.strictEqual(yield* store.health, "ok")
      })))
  }
})

describe("a process with a thread", () => {
  const file = fileURLToPath(new URL("../lifecycle/support/journalChild.ts", import.meta.url))
  const run = (directory: string, args: ReadonlyArray<string>) =>
    Effect.async<readonly [number | null, ReadonlyArray<string>]>((resume) => {
      const child = spawn(process.execPath, ["--import", "tsx", file, directory, ...args], {
        stdio: ["ignore", "pipe", "inherit"]
      })
      let text = ""
      child.stdout.on("data", (part) => {
        text += String(part)
      })
      child.on("close", (code) => resume(Effect.succeed([code, text.split("\n").filter((line) => line !== "")])))
      return Effect.sync(() => child.kill("SIGKILL"))
    })

  it.live(
    "ends by itself when nothing is asked any more, and not before all is kept",
    () =>
      onDisk(Effect.gen(function*() {
        const directory = join(yield* temporary, "own")
        mkdirSync(directory)
        const [code, lines] = yield* Effect.timeout(run(directory, ["0", "thread", "20"]), 20_000)
        assert.strictEqual(code, 0)
        assert.lengthOf(lines, 160)
        assert.deepStrictEqual(readdirSync(join(directory, fingerprint)).sort(), lines.map(nameOf).sort())
      })),
    30_000
  )
})
