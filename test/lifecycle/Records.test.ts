/**
 * A journal that refuses: what it has not taken is kept here, sent as if it had, and given to it once it works.
 */
import { assert, describe, it } from "@effect/vitest"
import { assertNone, assertSome } from "@effect/vitest/utils"
import { Amount, Cycles, Journal, reserve, type Settlement } from "effect-cycles"
import { layerJournal } from "effect-cycles/node"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { embedded, ledger, type Options } from "../support/embedded.js"
import type { Call, Fault } from "../support/faults.js"
import { logged, onDisk, temporary } from "./support/journal.js"

const spend = Effect.scoped(
  Effect.flatMap(reserve({ estimate: Amount.tokens(1000) }), ({ commit }) => commit(Amount.tokens(37)))
)

const down = { refuse: true } as const
const refused = {
  instead: { status: 409, body: JSON.stringify({ error: "BUDGET_EXCEEDED", message: "no", request_id: "r" }) }
} as const

const first = (times: number, fault: Fault) => ({ n, operation }: Call) =>
  operation === "commit" && n <= times ? fault : undefined

const commits = (calls: ReadonlyArray<Call>) => calls.filter(({ operation }) => operation === "commit")

const no = new Journal.JournalError({ reason: "unwritable", detail: "no" })

/** A journal in memory that refuses while it is `broken`: with an error, or with a defect. */
const fragile = Effect.gen(function*() {
  const memory = yield* Layer.build(Journal.layerMemory())
  const store = yield* Context.get(memory, Journal.Journal).open({
    baseUrl: "http://authority.localhost",
    tenant: "tenant-a",
    apiKey: Redacted.make("k")
  })
  const state: { broken: undefined | "error" | "defect" } = { broken: undefined }
  const fail = Effect.suspend(() => state.broken === "defect" ? Effect.die("bug") : Effect.fail(no))
  const guard = <A>(real: Effect.Effect<A, Journal.JournalError>) =>
    Effect.suspend(() => state.broken === undefined ? real : fail)
  const broken: Journal.Store = {
    put: (entry) => guard(store.put(entry)),
    remove: (id) => guard(store.remove(id)),
    entries: Effect.suspend(() => state.broken === "defect" ? Effect.die("bug") : store.entries),
    deadLetter: (entry, why) => guard(store.deadLetter(entry, why)),
    deadLetters: store.deadLetters,
    revive: (id) => guard(store.revive(id)),
    forget: (id) => guard(store.forget(id)),
    health: Effect.sync(() => state.broken === undefined ? "ok" : "unwritable")
  }
  return {
    state,
    store,
    journalLayer: Layer.succeed(Journal.Journal, { open: () => Effect.succeed(broken) })
  }
})

/** A client over it whose layer ends when the test says so. */
const client = (options: Options) =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(embedded(options), scope)
    return {
      inside: Effect.provide(context),
      settlements: Context.get(context, Cycles).settlements,
      end: Scope.close(scope, Exit.void)
    }
  })

const idsIn = Effect.map((entries: ReadonlyArray<Journal.Entry>) => entries.length)

describe("spend that the journal refuses", () => {
  for (const broken of ["error", "defect"] as const) {
    it.scoped(`outlives an outage of the authority in memory (${broken})`, () =>
      Effect.gen(function*() {
        const calls: Array<Call> = []
        const { journalLayer, state } = yield* fragile
        const { inside } = yield* client({ calls, journalLayer, script: first(8, down) })
        state.broken = broken
        const [settlement, lines] = yield* logged(inside(spend))
        assert.strictEqual(settlement._tag, "Pending")
        assert.lengthOf(lines, broken === "error" ? 0 : 1)
        yield* TestClock.adjust("30 minutes")
        assert.deepInclude(yield* inside(ledger()), { spent: 37n })
        assert.lengthOf(commits(calls), 9)
        assert.strictEqual(new Set(commits(calls).map(({ body }) => body)).size, 1)
      }))
  }

  it.scoped("is in it as soon as it works again, and never under an older version", () =>
    Effect.gen(function*() {
      const { journalLayer, state, store } = yield* fragile
      const { inside } = yield* client({
        journalLayer,
        script: ({ n, operation }) =>
          operation === "commit" && n === 2
            ? {
              instead: {
                status: 410,
                body: JSON.stringify({ error: "RESERVATION_EXPIRED", message: "no", request_id: "r" })
              }
            }
            : operation === "commit" || operation === "event"
            ? down
            : undefined
      })
      state.broken = "error"
      yield* inside(spend)
      assert.strictEqual(yield* idsIn(store.entries), 0)
      // The second attempt makes an event of it.
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(yield* idsIn(store.entries), 0)
      state.broken = undefined
      yield* TestClock.adjust("2 minutes")
      const [entry] = yield* store.entries
      assert.deepInclude(entry, { mode: "event", commitBody: null })
    }))

  it.scoped("gets a last chance at the end, and what is lost then is said", () =>
    Effect.gen(function*() {
      for (const broken of [undefined, "error"] as const) {
        const { journalLayer, state, store } = yield* fragile
        const [reservationId, lines] = yield* logged(Effect.gen(function*() {
          const { end, inside } = yield* client({ journalLayer, script: first(100, down) })
          state.broken = "error"
          const { reservationId } = yield* inside(spend)
          yield* TestClock.adjust("20 seconds")
          state.broken = broken
          yield* end
          return reservationId
        }))
        const lost = lines.filter((line) => line.includes("Spend is lost with this program"))
        assert.strictEqual(yield* idsIn(store.entries), broken === undefined ? 1 : 0)
        assert.lengthOf(lost, broken === undefined ? 0 : 1)
        if (broken !== undefined) assert.include(lost[0], reservationId)
        assert.isTrue(lines.some((line) => line.includes("it stays in memory")))
      }
    }))

  it.scoped("is a dead letter here, and can be sent again", () =>
    Effect.gen(function*() {
      const calls: Array<Call> = []
      const { journalLayer, state, store } = yield* fragile
      const { inside, settlements } = yield* client({ calls, journalLayer, script: first(1, refused) })
      state.broken = "error"
      const { reservationId } = yield* inside(spend)
      const [letter] = yield* settlements.deadLetters
      assert.deepInclude(letter, { reservationId })
      assert.deepInclude(letter?.deadLetter, { code: "BUDGET_EXCEEDED", status: 409 })
      yield* TestClock.adjust("10 minutes")
      assert.lengthOf(commits(calls), 1)
      assertSome(Option.map(yield* settlements.replayDeadLetter(reservationId), ({ _tag }) => _tag), "Committed")
      assert.deepStrictEqual(yield* settlements.deadLetters, [])
      state.broken = undefined
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual(yield* idsIn(store.entries), 0)
      assert.lengthOf(commits(calls), 2)
      assertNone(yield* settlements.replayDeadLetter(reservationId))
    }))
})

describe("a settled record that cannot be removed", () => {
  it.scoped("is not sent again, is told once, and goes when it can", () =>
    Effect.gen(function*() {
      const calls: Array<Call> = []
      const seen: Array<Settlement["_tag"]> = []
      const { journalLayer, state, store } = yield* fragile
      const { inside, settlements } = yield* client({
        calls,
        journalLayer,
        script: ({ operation }) => {
          if (operation === "commit") state.broken = "error"
          return undefined
        }
      })
      yield* Effect.fork(Stream.runForEach(settlements.events, ({ _tag }) => Effect.sync(() => seen.push(_tag))))
      yield* Effect.repeatN(Effect.yieldNow(), 20)
      yield* inside(spend)
      assert.strictEqual(yield* idsIn(store.entries), 1)
      yield* TestClock.adjust("10 minutes")
      assert.lengthOf(commits(calls), 1)
      assert.deepStrictEqual(seen, ["Committed"])
      state.broken = undefined
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual(yield* idsIn(store.entries), 0)
    }))
})

describe("a directory that is no directory any more", () => {
  it.scoped("has the spend of that time once it is one again", () =>
    onDisk(Effect.gen(function*() {
      const directory = join(yield* temporary, "journal")
      const { end, inside, settlements } = yield* client({
        journalLayer: layerJournal({ directory }),
        retry: { enabled: false },
        script: ({ operation }) => operation === "commit" ? down : undefined
      })
      rmSync(directory, { recursive: true })
      writeFileSync(directory, "in the way")
      yield* inside(spend)
      assert.strictEqual(yield* settlements.health, "unwritable")
      rmSync(directory)
      mkdirSync(directory)
      yield* inside(spend)
      assert.strictEqual(yield* settlements.health, "ok")
      const [own = ""] = readdirSync(directory)
      assert.lengthOf(readdirSync(join(directory, own)), 1)
      yield* end
      assert.lengthOf(readdirSync(join(directory, own)), 2)
    })))
})
