import { SystemError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import {
  changed,
  current,
  desk,
  entry,
  fingerprint,
  idsOf,
  logged,
  nameOf,
  onDisk,
  open,
  refused,
  temporary
} from "./support/journal.js"

const failing = (method: string, description: string) =>
  Effect.fail(new SystemError({ module: "FileSystem", method, reason: "Unknown", description }))

const full = "ENOSPC: no space left on device, write"

describe("modes", () => {
  it.effect("directories that we create are 0700, records 0600", () =>
    onDisk(Effect.gen(function*() {
      const path = yield* Path.Path
      const { directory, modeOf } = yield* desk()
      const deep = path.join(directory, "made", "here")
      const store = yield* open(deep)
      yield* store.put(entry("a"))
      yield* store.deadLetter(entry("b"), refused)
      for (const made of [path.join(directory, "made"), deep, path.join(deep, fingerprint)]) {
        assert.strictEqual(yield* modeOf(made), "700", made)
      }
      const own = path.join(deep, fingerprint)
      for (const name of [nameOf("a"), nameOf("b").replace(".json", ".dead")]) {
        assert.strictEqual(yield* modeOf(path.join(own, name)), "600", name)
      }
    })))

  it.effect("a directory with 0777 keeps its mode, and says so only where records are open to others", () =>
    onDisk(Effect.gen(function*() {
      const { directory, fs, modeOf } = yield* desk()
      const path = yield* Path.Path
      const shared = path.join(directory, "shared")
      yield* fs.makeDirectory(shared)
      yield* fs.chmod(shared, 0o777)
      const [store, silence] = yield* logged(open(shared))
      yield* store.put(entry("a"))
      yield* store.entries
      yield* store.remove("a")
      assert.strictEqual(yield* modeOf(shared), "777")
      assert.strictEqual(yield* modeOf(path.join(shared, fingerprint)), "700")
      assert.deepStrictEqual(silence, [])

      yield* fs.chmod(path.join(shared, fingerprint), 0o777)
      const [again, lines] = yield* logged(open(shared))
      yield* again.put(entry("a"))
      assert.strictEqual(yield* modeOf(path.join(shared, fingerprint)), "777")
      assert.strictEqual(lines.length, 1)
      assert.include(lines[0], "open to other users")
    })))

  it.effect("a directory that disappears is made again", () =>
    onDisk(Effect.gen(function*() {
      const { fs, modeOf, names, own, store } = yield* desk()
      yield* store.put(entry("a"))
      yield* fs.remove(own, { recursive: true })
      assert.deepStrictEqual(yield* store.entries, [])
      yield* store.remove("a")
      yield* store.put(entry("b"))
      assert.deepStrictEqual(yield* names, [nameOf("b")])
      assert.strictEqual(yield* modeOf(own), "700")
    })))
})

describe("durability", () => {
  const steps = (fsync: boolean) =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const { modeOf, own, store } = yield* current.disturbed(() => undefined, (step) => seen.push(step))(
        desk({ fsync })
      )
      seen.length = 0
      yield* store.put(entry("a"))
      assert.strictEqual(yield* modeOf(`${own}/${nameOf("a")}`), "600")
      return seen
    })

  it.effect("a record reaches the disk before its name, and its name before put returns", () =>
    onDisk(
      Effect.map(steps(true), (seen) =>
        assert.deepStrictEqual(seen, [
          "open",
          "write",
          "sync",
          "close",
          "rename",
          "open directory",
          "sync directory",
          "close"
        ]))
    ))

  it.effect("without fsync nothing waits for the disk", () =>
    onDisk(Effect.map(steps(false), (seen) => assert.deepStrictEqual(seen, ["open", "write", "close", "rename"]))))

  it.effect("a platform that cannot sync a directory is fine", () =>
    onDisk(Effect.gen(function*() {
      const { names, store } = yield* current.disturbed((step) => step === "open directory" ? "EPERM" : undefined)(
        desk({ fsync: true })
      )
      yield* store.put(entry("a"))
      assert.strictEqual(yield* store.health, "ok")
      assert.deepStrictEqual(yield* names, [nameOf("a")])
    })))
})

describe("symbolic links", () => {
  it.effect("a directory of the identity that is one is neither read nor written", () =>
    onDisk(Effect.gen(function*() {
      const { fs, own, store } = yield* desk()
      const elsewhere = yield* temporary
      yield* store.put(entry("kept"))
      yield* fs.copy(own, elsewhere, { overwrite: true })
      yield* fs.remove(own, { recursive: true })
      yield* fs.symlink(elsewhere, own)
      for (const use of [store.put(entry("a")), store.remove("kept"), store.deadLetter(entry("kept"), refused)]) {
        assert.strictEqual((yield* Effect.flip(use)).reason, "symlink")
      }
      const [found, lines] = yield* logged(store.entries)
      assert.deepStrictEqual(found, [])
      assert.match(lines.join(), /could not be read.*symlink|symlink.*could not be read/)
      assert.strictEqual(yield* store.health, "unwritable")
      assert.deepStrictEqual(yield* fs.readDirectory(elsewhere), [nameOf("kept")])
    })))

  it.effect("also one that was there before, or that leads nowhere", () =>
    onDisk(Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const directory = yield* temporary
      const target = path.join(directory, "nowhere")
      yield* fs.symlink(target, path.join(directory, fingerprint))
      const [store, lines] = yield* logged(open(directory))
      assert.strictEqual(yield* store.health, "unwritable")
      assert.strictEqual(lines.length, 1)
      assert.strictEqual((yield* Effect.flip(store.put(entry("a")))).reason, "symlink")
      assert.isFalse(yield* fs.exists(target))
    })))

  it.effect("a record that is one is not followed; put replaces it and leaves what it leads to", () =>
    onDisk(Effect.gen(function*() {
      const { at, fs, names, read, store } = yield* desk()
      yield* store.put(entry("real"))
      const outside = `${yield* temporary}/outside`
      yield* fs.rename(at(nameOf("real")), outside)
      const before = yield* fs.readFileString(outside)
      yield* fs.symlink(outside, at(nameOf("real")))
      const [found, lines] = yield* logged(store.entries)
      assert.deepStrictEqual(found, [])
      assert.match(lines.join(), /left alone/)
      yield* store.put(entry("real", { notBeforeMs: 1 }))
      assert.deepStrictEqual(yield* store.entries, [entry("real", { notBeforeMs: 1 })])
      assert.notStrictEqual(yield* read(nameOf("real")), before)
      assert.strictEqual(yield* fs.readFileString(outside), before)
      yield* store.remove("real")
      assert.deepStrictEqual(yield* names, [])
      assert.isTrue(yield* fs.exists(outside))
    })))

  it.effect("a link as the configured directory is the owner's choice", () =>
    onDisk(Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* temporary
      const link = `${yield* temporary}/link`
      yield* fs.symlink(directory, link)
      const store = yield* open(link)
      yield* store.put(entry("a"))
      assert.deepStrictEqual(idsOf(yield* store.entries), ["a"])
    })))
})

describe("a disk that refuses", () => {
  it.effect("a path below a file: one warning, a flag, an error of every put, and nothing else", () =>
    onDisk(Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const file = `${yield* temporary}/file`
      yield* fs.writeFileString(file, "x")
      const [store, lines] = yield* logged(Effect.gen(function*() {
        const store = yield* open(`${file}/journal`)
        for (const id of ["a", "b", "c"]) {
          assert.strictEqual((yield* Effect.flip(store.put(entry(id)))).reason, "unwritable")
        }
        yield* Effect.flip(store.remove("a"))
        yield* Effect.flip(store.deadLetter(entry("a"), refused))
        yield* Effect.flip(store.revive("a"))
        yield* Effect.flip(store.forget("a"))
        return store
      }))
      assert.strictEqual(yield* store.health, "unwritable")
      assert.strictEqual(lines.length, 1, lines.join("\n"))
      assert.include(lines[0], `"package":"effect-cycles"`)
      assert.include(lines[0], "unwritable")
      assert.deepStrictEqual((yield* logged(store.entries))[0], [])
      assert.deepStrictEqual((yield* logged(store.deadLetters))[0], [])
    })))

  it.effect("a directory that is read-only from the start, and is opened later", () =>
    onDisk(Effect.gen(function*() {
      let readOnly = true
      const guard = current.disturbed((step) => readOnly && step === "open" ? "EROFS" : undefined)
      const [{ store }, lines] = yield* logged(guard(desk()))
      assert.strictEqual(lines.length, 1)
      assert.strictEqual(yield* store.health, "unwritable")
      assert.strictEqual((yield* Effect.flip(store.put(entry("a")))).reason, "unwritable")
      readOnly = false
      yield* store.put(entry("a"))
      assert.strictEqual(yield* store.health, "ok")
      readOnly = true
      const [, second] = yield* logged(Effect.flip(store.put(entry("b"))))
      assert.strictEqual(second.length, 1)
      assert.deepStrictEqual(idsOf(yield* store.entries), ["a"])
    })))

  for (const name of ["write", "sync", "close", "rename"] as const) {
    it.effect(`a full disk at ${name} leaves the earlier record and no temporary file`, () =>
      onDisk(Effect.gen(function*() {
        let broken = false
        const { names, store } = yield* current.disturbed((step) => broken && step === name ? full : undefined)(
          desk({ fsync: true })
        )
        yield* store.put(entry("a"))
        broken = true
        const [error, lines] = yield* logged(Effect.flip(store.put(entry("a", { notBeforeMs: 1 }))))
        assert.strictEqual(error.reason, "unwritable")
        assert.include(error.message, "ENOSPC")
        assert.strictEqual(lines.length, 1)
        assert.strictEqual(yield* store.health, "unwritable")
        broken = false
        assert.deepStrictEqual(yield* names, [nameOf("a")])
        assert.deepStrictEqual(yield* store.entries, [entry("a")])
        yield* store.put(entry("a", { notBeforeMs: 2 }))
        assert.strictEqual(yield* store.health, "ok")
      })))
  }

  it.effect("a full disk keeps a dead letter, without its reason", () =>
    onDisk(Effect.gen(function*() {
      let broken = false
      const { store } = yield* current.disturbed((step) => broken && step === "write" ? full : undefined)(desk())
      yield* store.put(entry("a"))
      broken = true
      assert.strictEqual((yield* Effect.flip(store.deadLetter(entry("a"), refused))).reason, "unwritable")
      assert.deepStrictEqual(yield* store.entries, [])
      assert.deepStrictEqual(yield* store.deadLetters, [entry("a")])
    })))

  it.effect("a record that cannot be read or is no file stays, with a warning", () =>
    onDisk(Effect.gen(function*() {
      const guard = changed((fs) => ({
        readFile: (path) => path.endsWith(nameOf("b")) ? failing("readFile", "EIO") : fs.readFile(path)
      }))
      const { at, fs, names, store } = yield* guard(desk())
      yield* store.put(entry("a"))
      yield* store.put(entry("b"))
      yield* fs.makeDirectory(at("directory.json"))
      const [found, lines] = yield* logged(store.entries)
      assert.deepStrictEqual(idsOf(found), ["a"])
      assert.strictEqual(lines.length, 2)
      assert.strictEqual((yield* names).length, 3)
    })))
})

describe("bounds", () => {
  it.effect("a record over the limit is neither written nor read", () =>
    onDisk(Effect.gen(function*() {
      const { directory, names, store } = yield* desk()
      const large = entry("a", { commitBody: { note: "x".repeat(270_000) } })
      const error = yield* Effect.flip(store.put(large))
      assert.strictEqual(error.reason, "tooLarge")
      assert.notInclude(error.message, "xxx")
      assert.strictEqual(yield* store.health, "ok")
      assert.deepStrictEqual(yield* names, [])
      const generous = yield* open(directory, { maxRecordBytes: 1_000_000 })
      yield* generous.put(large)
      assert.deepStrictEqual(idsOf(yield* generous.entries), ["a"])
      const [found, lines] = yield* logged(store.entries)
      assert.deepStrictEqual(found, [])
      assert.match(lines.join(), /larger than 266240 bytes/)
      assert.deepStrictEqual(yield* names, [nameOf("a")])
    })))

  it.effect("a record that fits can always become a dead letter, whatever the reason", () =>
    onDisk(Effect.gen(function*() {
      const { store } = yield* desk({ maxRecordBytes: 600 })
      const exact = entry("a", { commitBody: { note: "" } })
      let room = 0
      while (Exit.isSuccess(yield* Effect.exit(store.put(entry("a", { commitBody: { note: "x".repeat(room) } }))))) {
        room++
      }
      const fits = { ...exact, commitBody: { note: "x".repeat(room - 1) } }
      yield* store.deadLetter(fits, { ...refused, code: "\"".repeat(999), message: "\u{1f600}\ud800".repeat(999) })
      assert.deepStrictEqual(yield* store.entries, [])
      assert.deepStrictEqual((yield* store.deadLetters).map(({ commitBody }) => commitBody), [fits.commitBody])
      yield* store.revive("a")
      assert.deepStrictEqual(yield* store.entries, [fits])
    })))

  it.effect("a sweep reads the first records and says that there are more", () =>
    onDisk(Effect.gen(function*() {
      const { store } = yield* desk({ maxRecords: 3 })
      const ids = ["a", "b", "c", "d", "e"]
      for (const id of ids) yield* store.put(entry(id))
      const [found, lines] = yield* logged(store.entries)
      assert.deepStrictEqual(idsOf(found).map(nameOf), ids.map(nameOf).sort().slice(0, 3))
      assert.strictEqual(lines.length, 1)
      assert.include(lines[0], "5 of at most 3")
      yield* Effect.forEach(found, ({ reservationId }) => store.remove(reservationId))
      assert.strictEqual((yield* store.entries).length, 2)
    })))
})

describe("a file that another process takes while it is read", () => {
  /** What happens with a record after it has been found and before its bytes are read, each time. */
  const meanwhile = (happens: (fs: FileSystem.FileSystem, file: string, reads: number) => Effect.Effect<void>) => {
    let reads = 0
    return changed((fs) => ({
      readFile: (file) =>
        fs.open(file).pipe(
          Effect.zipLeft(happens(fs, file, ++reads)),
          Effect.flatMap((handle) => handle.readAlloc(100_000)),
          Effect.map((bytes) => Option.getOrElse(bytes, () => new Uint8Array())),
          Effect.scoped
        )
    }))
  }

  it.effect("and writes over: what was read is of no record", () =>
    onDisk(Effect.gen(function*() {
      for (const text of ["", "{\"version\":1,", "other"]) {
        const guard = meanwhile((fs, file) =>
          fs.rename(file, `${file}.1.2.tmp`).pipe(
            Effect.zipRight(
              text === "other" ? fs.readFileString(file.replace(nameOf("a"), "other")) : Effect.succeed(text)
            ),
            Effect.flatMap((text) => fs.writeFileString(`${file}.1.2.tmp`, text)),
            Effect.orDie
          )
        )
        const { at, fs, names, store } = yield* guard(desk())
        yield* store.put(entry("b"))
        yield* fs.rename(at(nameOf("b")), at("other"))
        yield* store.put(entry("a"))
        assert.deepStrictEqual(yield* logged(store.entries), [[], []])
        assert.deepStrictEqual(yield* names, ["other", `${nameOf("a")}.1.2.tmp`].sort())
      }
    })))

  it.effect("and replaces: the new one is read", () =>
    onDisk(Effect.gen(function*() {
      const guard = meanwhile((fs, file, reads) =>
        reads > 1
          ? Effect.void
          : fs.readFileString(file).pipe(
            Effect.flatMap((text) =>
              fs.writeFileString(`${file}.1.2.tmp`, text.replace(`"not_before_ms":1`, `"not_before_ms":2`))
            ),
            Effect.zipRight(fs.rename(`${file}.1.2.tmp`, file)),
            Effect.orDie
          )
      )
      const { store } = yield* guard(desk())
      yield* store.put(entry("a", { notBeforeMs: 1 }))
      assert.deepStrictEqual(yield* logged(store.entries), [[entry("a", { notBeforeMs: 2 })], []])
    })))

  it.effect("and goes on with it without end: it stays, with a warning", () =>
    onDisk(Effect.gen(function*() {
      const guard = meanwhile((fs, file) =>
        Effect.orDie(
          fs.copyFile(file, `${file}.1.2.tmp`).pipe(
            Effect.zipRight(fs.rename(`${file}.1.2.tmp`, file))
          )
        )
      )
      const { names, store } = yield* guard(desk())
      yield* store.put(entry("a"))
      const [found, lines] = yield* logged(store.entries)
      assert.deepStrictEqual(found, [])
      assert.match(lines.join(), /it changes while it is read/)
      assert.deepStrictEqual(yield* names, [nameOf("a")])
    })))
})

describe("crashes", () => {
  it.effect("between the temporary file and its name: the record before it stands; after an hour the rest goes", () =>
    onDisk(Effect.gen(function*() {
      const { at, fs, names, store, write } = yield* desk()
      yield* store.put(entry("a"))
      const mine = `${nameOf("a")}.4711.0000abcd.tmp`
      const young = `${nameOf("b")}.4711.1.tmp`
      yield* write(mine, `{"version":1,"reserv`)
      yield* write(young, "")
      yield* TestClock.adjust("2 hours")
      yield* fs.utimes(at(mine), 3599, 3599)
      yield* fs.utimes(at(young), 3601, 3601)
      assert.deepStrictEqual(yield* store.entries, [entry("a")])
      assert.deepStrictEqual(yield* names, [nameOf("a"), young].sort())
    })))

  it.effect("a record beside its dead letter is dead: it is not sent again", () =>
    onDisk(Effect.gen(function*() {
      const { at, fs, names, store } = yield* desk()
      yield* store.put(entry("a"))
      const dead = nameOf("a").replace(".json", ".dead")
      yield* fs.copyFile(at(nameOf("a")), at(dead))
      assert.deepStrictEqual(yield* store.entries, [])
      assert.deepStrictEqual(yield* names, [dead])
      assert.deepStrictEqual(yield* store.deadLetters, [entry("a")])
    })))

  it.effect("a dead letter that is revived while the directory is read is not dead again", () =>
    onDisk(Effect.gen(function*() {
      const { directory, names, store } = yield* desk()
      yield* store.deadLetter(entry("a"), refused)
      const reader = yield* changed((fs) => ({
        readDirectory: (path) =>
          Effect.flatMap(
            fs.readDirectory(path),
            (names) => Effect.as(Effect.orDie(store.revive("a")), [...names, nameOf("a")])
          )
      }))(open(directory))
      assert.deepStrictEqual(idsOf(yield* reader.entries), ["a"])
      assert.deepStrictEqual(yield* names, [nameOf("a")])
    })))

  it.effect("a dead letter also takes the record under its earlier name", () =>
    onDisk(Effect.gen(function*() {
      const { at, fs, names, store } = yield* desk()
      yield* store.put(entry("a/b"))
      yield* fs.rename(at(nameOf("a/b")), at("a_b.json"))
      yield* store.deadLetter(entry("a/b"), refused)
      assert.deepStrictEqual(yield* names, [nameOf("a/b").replace(".json", ".dead")])
    })))

  it.effect("a dead letter that cannot be read is set aside too", () =>
    onDisk(Effect.gen(function*() {
      const { names, store, write } = yield* desk()
      yield* write("x.dead", "{")
      const [found] = yield* logged(store.deadLetters)
      assert.deepStrictEqual(found, [])
      assert.deepStrictEqual(yield* names, ["x.corrupt"])
    })))

  it.live("interruption leaves a whole record or none, and no temporary file", () =>
    onDisk(Effect.gen(function*() {
      const { names, store } = yield* desk({ fsync: true })
      for (let i = 0; i < 60; i++) {
        const fiber = yield* Effect.fork(store.put(entry(`i${i}`)))
        yield* Effect.sleep(i % 6)
        yield* Fiber.interrupt(fiber)
      }
      const left = yield* names
      assert.deepStrictEqual(left.filter((name) => !name.endsWith(".json")), [])
      assert.strictEqual((yield* store.entries).length, left.length)
    })))
})

it.effect("many puts and removes at once, from two stores on one directory", () =>
  onDisk(Effect.gen(function*() {
    const { directory, names, store } = yield* desk()
    const stores = [store, yield* open(directory)] as const
    const ids = Array.from({ length: 150 }, (_, i) => `c${i}`)
    yield* Effect.forEach(ids, (id, i) =>
      Effect.gen(function*() {
        const [one, other] = i % 2 === 0 ? stores : [stores[1], stores[0]] as const
        yield* Effect.all(
          [one.put(entry(id)), other.put(entry(id)), one.entries.pipe(Effect.when(() => i % 50 === 0))],
          {
            concurrency: "unbounded"
          }
        )
        if (i % 3 === 0) yield* Effect.all([one.remove(id), other.remove(id)], { concurrency: "unbounded" })
        if (i % 3 === 1) yield* other.deadLetter(entry(id), refused)
      }), { concurrency: "unbounded" })
    const left = (rest: number) => ids.filter((_, i) => i % 3 === rest).sort()
    assert.deepStrictEqual([...idsOf(yield* store.entries)].sort(), left(2))
    assert.deepStrictEqual([...idsOf(yield* stores[1].deadLetters)].sort(), left(1))
    assert.strictEqual((yield* names).length, 100)
  })))
