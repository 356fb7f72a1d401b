import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { baseUrl, current, desk, entry, idsOf, logged, nameOf, onDisk } from "./support/journal.js"

const fileOf = (name: string) => fileURLToPath(new URL(`./support/${name}`, import.meta.url))

/** How often the process is killed, each time at another moment. */
const kills = Number(process.env["JOURNAL_KILLS"] ?? 2)

/** A process of its own, with the lines it has written so far. */
const start = (args: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const ended = yield* Deferred.make<number | null>()
    const lines: Array<string> = []
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] })),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    createInterface(child.stdout).on("line", (line) => lines.push(line))
    child.on("close", (code) => Deferred.unsafeDone(ended, Effect.succeed(code)))
    return { child, lines, ended: Deferred.await(ended), isOver: Deferred.isDone(ended) }
  })

describe("several processes", () => {
  it.live(
    "we read while another client writes and deletes: no record is torn, none is lost",
    () =>
      onDisk(Effect.gen(function*() {
        const { names, own, store } = yield* desk()
        const count = 1000
        const other = yield* start([fileOf("journalOther.mjs"), own, baseUrl, String(count)])
        const [, lines] = yield* logged(Effect.gen(function*() {
          let i = 0
          while (!(yield* other.isOver)) {
            for (const found of yield* store.entries) assert.match(found.reservationId, /^[rw]\d+$/)
            yield* store.put(entry(`w${i++}`))
          }
          assert.isAbove(i, 2)
          for (let j = 0; j < i; j++) yield* store.remove(`w${j}`)
        }))
        assert.strictEqual(yield* other.ended, 0)
        assert.deepStrictEqual(lines, [])
        const expected = Array.from({ length: count / 2 }, (_, i) => `r${2 * i + 1}`)
        assert.deepStrictEqual([...idsOf(yield* store.entries)].sort(), [...expected].sort())
        assert.deepStrictEqual(yield* names, expected.map(nameOf).sort())
      })),
    60_000
  )

  it.live("a process that is killed has lost nothing that it was told is kept", () =>
    onDisk(Effect.gen(function*() {
      const { directory, names, store } = yield* desk()
      for (let round = 0; round < kills; round++) {
        const first = String(round * 1_000_000)
        const other = yield* start(["--import", "tsx", fileOf("journalChild.ts"), directory, first, current.name])
        const enough = 1 + Math.floor(Math.random() * 100)
        yield* Effect.repeat(Effect.sleep(2), { until: () => other.lines.length >= enough })
        other.child.kill("SIGKILL")
        yield* other.ended
        const [found, lines] = yield* logged(store.entries)
        assert.includeMembers([...idsOf(found)], other.lines)
        assert.deepStrictEqual(lines, [])
        assert.deepStrictEqual((yield* names).filter((name) => !/\.(json|tmp)$/.test(name)), [])
        yield* Effect.forEach(found, ({ reservationId }) => store.remove(reservationId), { concurrency: 16 })
      }
    })), 60_000 + kills * 5000)
})
