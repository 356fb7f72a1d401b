/**
 * The files of settled records, which the thread of the journal writes over: when it does, and that no reader sees what is neither the one
 * record nor the other.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Journal from "effect-cycles/lifecycle/Journal"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as fc from "fast-check"
import { spawn } from "node:child_process"
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  linkSync,
  lstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync
} from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { layerFiles } from "../../src/node/internal/journalDisk.js"
import {
  current,
  entry,
  fingerprint,
  identity,
  idsOf,
  logged,
  nameOf,
  onDisk,
  type Step,
  temporary
} from "../lifecycle/support/journal.js"
import { start } from "./support/journalOnThread.js"

const deskIn = Effect.fn(function*(directory: string) {
  const own = join(directory, fingerprint)
  const context = yield* Layer.build(layerFiles({ directory, crowd: 0, start }))
  const store = yield* Effect.flatMap(Journal.Journal, (journal) => journal.open(identity)).pipe(
    Effect.provide(context)
  )
  const at = (id: string) => join(own, nameOf(id))
  const spares = () => readdirSync(own).filter((name) => name.endsWith(".tmp")).map((name) => join(own, name))
  return {
    own,
    store,
    at,
    spares,
    inode: (id: string) => statSync(at(id)).ino,
    text: (id: string) => readFileSync(at(id), "utf8"),
    /** A record is put and settled, and its file may be written over. */
    settled: (id: string) =>
      Effect.gen(function*() {
        yield* store.put(entry(id))
        const { ino } = statSync(at(id))
        yield* store.remove(id)
        yield* store.put(entry("synced"))
        const spare = spares().find((file) => statSync(file).ino === ino)
        if (spare === undefined) throw new Error("it is not kept")
        return { ino, spare }
      })
  }
})

const desk = Effect.flatMap(temporary, deskIn)

const fileOf = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** How often the process is killed, each time at another moment. */
const kills = Number(process.env["JOURNAL_KILLS"] ?? 2)

/** The id of a record, all of whose parts are of one. */
const recordIn = (text: string): string => {
  const record = JSON.parse(text) as { reservation_id: string; commit_body: { idempotency_key: string } }
  assert.strictEqual(record.commit_body.idempotency_key, record.reservation_id)
  return record.reservation_id
}

/** A process that puts and settles records, with what it has said so far. */
const startChurn = Effect.fn(function*(directory: string, first = 0) {
  const args = ["--import", "tsx", fileOf("./support/journalChurn.ts"), directory, String(first)]
  const env = { ...process.env, TSX_TSCONFIG_PATH: fileOf("../tsconfig.json") }
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"], env })),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )
  const said: Array<string> = []
  createInterface(child.stdout).on("line", (line) => said.push(line))
  const ended = Effect.async<void>((resume) => void child.on("close", () => resume(Effect.void)))
  return { child, said, ended }
})

const bytesOf = (file: string) => readFileSync(file).toString("latin1")

describe("the file of a settled record", () => {
  it.live("is written over by the next one, once its directory has been synced", () =>
    onDisk(Effect.gen(function*() {
      const { inode, spares, store } = yield* desk
      yield* store.put(entry("a"))
      const first = inode("a")
      yield* store.remove("a")
      assert.lengthOf(spares(), 1)
      // Its name may still be there after a crash.
      yield* store.put(entry("b"))
      assert.notStrictEqual(inode("b"), first)
      yield* store.put(entry("c"))
      assert.strictEqual(inode("c"), first)
      assert.lengthOf(spares(), 0)
      assert.deepStrictEqual([...idsOf(yield* store.entries)].sort(), ["b", "c"])
    })))

  it.live("is a whole page with mode 0600 that every client reads", () =>
    onDisk(Effect.gen(function*() {
      const { at, inode, store, text } = yield* desk
      const starts = new Map<number, Array<number>>()
      for (let n = 0; n < 12; n++) {
        const id = `r${n}`
        yield* store.put(entry(id, { notBeforeMs: n }))
        const { mode, size } = statSync(at(id))
        assert.strictEqual(mode & 0o777, 0o600)
        assert.strictEqual(size, 4096)
        assert.include(JSON.parse(text(id)), { reservation_id: id, not_before_ms: n })
        const before = starts.get(inode(id)) ?? []
        starts.set(inode(id), [...before, text(id).indexOf("{")])
        yield* store.remove(id)
      }
      assert.strictEqual(starts.size, 2)
      for (const of of starts.values()) assert.deepStrictEqual(of, [0, 2048, 0, 2048, 0, 2048])
    })))

  it.live("no more of them than records that waited at one time", () =>
    onDisk(Effect.gen(function*() {
      const { own, store } = yield* desk
      const lane = (n: number) =>
        Effect.forEach(Array.from({ length: 50 }, (_, i) => `${n}.${i}`), (id) =>
          Effect.zipRight(store.put(entry(id)), store.remove(id)))
      yield* Effect.forEach(
        Array.from({ length: 10 }, (_, n) =>
          n),
        lane,
        { concurrency: "unbounded" }
      )
      assert.isAtLeast(readdirSync(own).length, 1)
      assert.isAtMost(readdirSync(own).length, 20)
      yield* Effect.repeat(Effect.sleep(100), { until: () => readdirSync(own).length === 0 }).pipe(
        Effect.timeoutFail({ duration: "15 seconds", onTimeout: () => "they stay though nothing is asked" })
      )
      yield* store.put(entry("after"))
      assert.deepStrictEqual(readdirSync(own), [nameOf("after")])
    })), 20_000)

  it.live("goes with the layer", () =>
    onDisk(Effect.gen(function*() {
      const directory = yield* temporary
      const own = yield* Effect.scoped(Effect.gen(function*() {
        const { own, settled, spares } = yield* deskIn(directory)
        yield* settled("a")
        assert.lengthOf(spares(), 1)
        return own
      }))
      assert.deepStrictEqual(readdirSync(own), [nameOf("synced")])
    })))

  it.live("a record that is too large for half of the page gets a file of its own size", () =>
    onDisk(Effect.gen(function*() {
      const { at, inode, settled, spares, store } = yield* desk
      const { ino } = yield* settled("a")
      // 1 100 characters, 3 300 bytes.
      const large = entry("large", { eventFallbackBody: null, commitBody: { note: "✓".repeat(1100) } })
      yield* store.put(large)
      assert.notStrictEqual(inode("large"), ino)
      assert.notStrictEqual(statSync(at("large")).size, 4096)
      assert.deepStrictEqual((yield* store.entries).find(({ reservationId }) => reservationId === "large"), large)
      yield* store.remove("large")
      yield* store.put(entry("b"))
      yield* store.put(entry("c"))
      yield* store.put(entry("d"))
      assert.lengthOf(spares(), 0)
      for (const id of ["b", "c", "d"]) assert.strictEqual(statSync(at(id)).size, 4096)
    })))
})

describe("a file that is not ours alone is not written over", () => {
  const outside = "what nobody may touch"
  const cases: Readonly<Record<string, (spare: string, other: string) => string>> = {
    "with a second name, as a backup makes it": (spare, other) => {
      linkSync(spare, other)
      return bytesOf(other)
    },
    "that is a symbolic link": (spare, other) => {
      writeFileSync(other, outside.padEnd(4096), { mode: 0o600 })
      unlinkSync(spare)
      symlinkSync(other, spare)
      return bytesOf(other)
    },
    "that others may read": (spare, other) => {
      chmodSync(spare, 0o640)
      copyFileSync(spare, other)
      return bytesOf(other)
    },
    "of another size": (spare, other) => {
      appendFileSync(spare, " ")
      copyFileSync(spare, other)
      return bytesOf(other)
    },
    "that is gone": (spare, other) => {
      renameSync(spare, other)
      return bytesOf(other)
    }
  }
  for (const [name, change] of Object.entries(cases)) {
    it.live(name, () =>
      onDisk(Effect.gen(function*() {
        const { at, settled, spares, store } = yield* desk
        const { spare } = yield* settled("a")
        const other = join(yield* temporary, "other")
        const before = change(spare, other)
        yield* store.put(entry("b"))
        assert.strictEqual(bytesOf(other), before)
        const stats = lstatSync(at("b"))
        assert.deepStrictEqual(
          [stats.isFile(), stats.nlink, stats.size, stats.mode & 0o777],
          [true, 1, 4096, 0o600]
        )
        assert.deepStrictEqual(spares(), [])
        assert.deepStrictEqual([...idsOf(yield* store.entries)].sort(), ["b", "synced"])
      })))
  }
})

describe("a disk that refuses", () => {
  for (const step of ["open", "write", "sync", "close", "rename"] as const) {
    it.live(`at ${step}: the record is refused, and nothing of it is left`, () =>
      onDisk(Effect.gen(function*() {
        let broken: Step | undefined
        const disturbed = current.disturbed((one) => one === broken ? "EIO: input/output error" : undefined)
        const { own, settled, store } = yield* disturbed(desk)
        yield* settled("a")
        broken = step
        const [error, lines] = yield* logged(Effect.flip(store.put(entry("b"))))
        assert.strictEqual(error.reason, "unwritable")
        assert.lengthOf(lines, 1)
        broken = undefined
        assert.deepStrictEqual(readdirSync(own), [nameOf("synced")])
        yield* store.put(entry("b"))
        assert.deepStrictEqual([...idsOf(yield* store.entries)].sort(), ["b", "synced"])
      })))
  }

  it.live("a directory that cannot be synced: no file is written over", () =>
    onDisk(Effect.gen(function*() {
      let broken = false
      const disturbed = current.disturbed((step) => broken && step === "sync directory" ? "EIO" : undefined)
      const { spares, store } = yield* disturbed(desk)
      yield* store.put(entry("a"))
      yield* store.remove("a")
      assert.lengthOf(spares(), 1)
      broken = true
      yield* store.put(entry("b"))
      assert.lengthOf(spares(), 0)
    })))
})

describe("whoever reads a file that is written over", () => {
  it.live("has one record or no JSON, wherever the new text meets the old one", () =>
    onDisk(Effect.gen(function*() {
      const { at, inode, store } = yield* desk
      const written = new Map<number, Array<Buffer>>()
      const notes = fc.sample(fc.string({ unit: "grapheme", maxLength: 300 }), 10)
      for (const [n, note] of notes.entries()) {
        const id = `r${n}`
        yield* store.put(entry(id, { commitBody: { idempotency_key: id, note }, eventFallbackBody: null }))
        written.set(inode(id), [...(written.get(inode(id)) ?? []), readFileSync(at(id))])
        yield* store.remove(id)
      }
      const idOf = (page: Buffer): string | undefined => {
        try {
          return recordIn(page.toString())
        } catch (error) {
          if (error instanceof SyntaxError) return undefined
          throw error
        }
      }
      const seen = { whole: 0, torn: 0 }
      for (const pages of written.values()) {
        for (const [n, before] of pages.slice(0, -1).entries()) {
          const after = pages[n + 1]!
          const either = [undefined, idOf(before), idOf(after)]
          for (let cut = 0; cut <= 4096; cut++) {
            for (const [head, tail] of [[before, after], [after, before]] as const) {
              const id = idOf(Buffer.concat([head.subarray(0, cut), tail.subarray(cut)]))
              assert.include(either, id)
              seen[id === undefined ? "torn" : "whole"]++
            }
          }
        }
      }
      assert.isAbove(seen.whole, 10_000)
      assert.isAbove(seen.torn, 10_000)
    })), 60_000)

  it.live(
    "does so while a process puts and settles records as fast as it can: other clients and we",
    () =>
      onDisk(Effect.gen(function*() {
        const directory = yield* temporary
        const { own, store } = yield* deskIn(directory)
        const { child } = yield* startChurn(directory)
        let foreign = 0
        const ours = new Set<string>()
        const [, lines] = yield* logged(Effect.gen(function*() {
          while (ours.size < 100 || foreign < 1000) {
            for (const { commitBody, reservationId } of yield* store.entries) {
              assert.strictEqual(commitBody?.["idempotency_key"], reservationId)
              ours.add(reservationId)
            }
            for (let turns = 0; turns < 4; turns++) {
              for (const name of readdirSync(own).filter((name) => name.endsWith(".json"))) {
                try {
                  recordIn(readFileSync(join(own, name), "utf8"))
                  foreign++
                } catch (error) {
                  const isGone = error instanceof Error && "code" in error && error.code === "ENOENT"
                  if (!isGone && !(error instanceof SyntaxError)) throw error
                }
              }
            }
            yield* Effect.sleep(1)
          }
        })).pipe(Effect.timeout("30 seconds"))
        assert.isNull(child.exitCode)
        assert.deepStrictEqual(lines, [])
      })),
    60_000
  )
})

describe("a process that is killed", () => {
  it.live(
    "has kept every record that it was told is kept and has not settled, and none that is half another",
    () =>
      onDisk(Effect.gen(function*() {
        const directory = yield* temporary
        const { own, store } = yield* deskIn(directory)
        for (let round = 0; round < kills; round++) {
          const { child, ended, said } = yield* startChurn(directory, round * 1_000_000)
          const enough = 2000 + Math.floor(Math.random() * 2000)
          yield* Effect.repeat(Effect.sleep(2), { until: () => said.length >= enough || child.exitCode !== null })
          const over = yield* Effect.fork(ended)
          child.kill("SIGKILL")
          yield* Fiber.join(over)
          const [found, lines] = yield* logged(store.entries)
          assert.deepStrictEqual(lines, [])
          for (const { commitBody, reservationId } of found) {
            assert.strictEqual(commitBody?.["idempotency_key"], reservationId)
            assert.strictEqual(recordIn(readFileSync(join(own, nameOf(reservationId)), "utf8")), reservationId)
          }
          const of = (sign: string) => said.filter((line) => line.startsWith(sign)).map((line) => line.slice(1))
          const settled = new Set(of("-"))
          assert.includeMembers([...idsOf(found)], of("+").filter((id) => !settled.has(id)))
          assert.isAtMost(found.length, 16)
          yield* Effect.forEach(found, ({ reservationId }) => store.remove(reservationId), { concurrency: 16 })
        }
        assert.isAtLeast(readdirSync(own).filter((name) => name.endsWith(".tmp")).length, 1)
      })),
    60_000 + kills * 10_000
  )
})
