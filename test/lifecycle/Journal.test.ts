import * as NodeContext from "@effect/platform-node/NodeContext"
import { assert, describe, it } from "@effect/vitest"
import { assertNone, assertSome } from "@effect/vitest/utils"
import * as Journal from "effect-cycles/lifecycle/Journal"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { baseUrl, current, entry, identity, idsOf, refused, temporary } from "./support/journal.js"

const files = Layer.unwrapScoped(
  Effect.map(temporary, (directory) => current.layerFiles({ directory, fsync: false }))
).pipe(Layer.provide(NodeContext.layer))

const loop: Record<string, unknown> = {}
loop["self"] = loop

const withStore = <A, E>(use: (store: Journal.Store) => Effect.Effect<A, E>, of = identity) =>
  Effect.scoped(Effect.flatMap(Journal.Journal, (journal) => Effect.flatMap(journal.open(of), use)))

for (const [name, live] of [["memory", Journal.layerMemory()], ["files", files]] as const) {
  describe(`journal in ${name}`, () => {
    const check = (title: string, use: (store: Journal.Store) => Effect.Effect<void, unknown>, of = identity) =>
      it.effect(title, () => Effect.provide(withStore(use, of), Layer.fresh(live)))

    check("keeps what was put until it is removed", (store) =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* store.entries, [])
        const full = entry("a", { attempts: 3, notBeforeMs: 5 })
        yield* store.put(full)
        yield* store.put(entry("b"))
        assert.deepStrictEqual([...idsOf(yield* store.entries)].sort(), ["a", "b"])
        assert.deepStrictEqual((yield* store.entries).find(({ reservationId }) => reservationId === "a"), full)
        yield* store.remove("a")
        yield* store.remove("a")
        assert.deepStrictEqual(idsOf(yield* store.entries), ["b"])
      }))

    check("a second put replaces the first: the switch to the event", (store) =>
      Effect.gen(function*() {
        yield* store.put(entry("a"))
        yield* store.put(entry("a", { mode: "event", commitBody: null }))
        assert.deepStrictEqual(yield* store.entries, [entry("a", { mode: "event", commitBody: null })])
      }))

    check("keeps amounts that a double cannot hold", (store) =>
      Effect.gen(function*() {
        const body = { idempotency_key: "k", actual: { unit: "TOKENS", amount: 9_223_372_036_854_775_807n } }
        yield* store.put(entry("a", { commitBody: body }))
        assert.deepStrictEqual((yield* store.entries).map(({ commitBody }) => commitBody), [body])
      }))

    check("a dead letter waits for nobody, keeps its bodies, and can be revived", (store) =>
      Effect.gen(function*() {
        yield* store.put(entry("a"))
        yield* store.deadLetter(entry("a", { attempts: 2 }), refused)
        assert.deepStrictEqual(yield* store.entries, [])
        assert.deepStrictEqual(yield* store.deadLetters, [entry("a", { attempts: 2, deadLetter: refused })])
        assertSome(yield* store.revive("a"), entry("a", { attempts: 2 }))
        assert.deepStrictEqual(yield* store.entries, [entry("a", { attempts: 2 })])
        assert.deepStrictEqual(yield* store.deadLetters, [])
        assertNone(yield* store.revive("a"))
      }))

    check("a dead letter needs no earlier put, and can be forgotten", (store) =>
      Effect.gen(function*() {
        yield* store.deadLetter(entry("a"), refused)
        assert.deepStrictEqual(idsOf(yield* store.deadLetters), ["a"])
        yield* store.forget("a")
        yield* store.forget("a")
        assert.deepStrictEqual(yield* store.deadLetters, [])
        assert.deepStrictEqual(yield* store.entries, [])
      }))

    check("a record that comes after its dead letter is not sent", (store) =>
      Effect.gen(function*() {
        yield* store.deadLetter(entry("a"), refused)
        yield* store.put(entry("a", { notBeforeMs: 9 }))
        assert.deepStrictEqual(yield* store.entries, [])
        assert.deepStrictEqual(idsOf(yield* store.deadLetters), ["a"])
      }))

    check("the reason of a dead letter cannot forge or flood a log", (store) =>
      Effect.gen(function*() {
        const code = "A\nB".padEnd(9000, "x")
        yield* store.deadLetter(entry("a"), { ...refused, code, message: "m\r\n".repeat(9000) })
        const [dead] = yield* store.deadLetters
        assert.isAtMost(JSON.stringify(dead?.deadLetter).length, 600)
        assert.notMatch(`${dead?.deadLetter?.code}${dead?.deadLetter?.message}`, /[\r\n]/)
      }))

    const refusals: ReadonlyArray<readonly [string, Journal.Entry]> = [
      ["an empty id", entry("")],
      ["an id of 129 characters", entry("x".repeat(129))],
      ["an id that is a step up", entry("..")],
      ["half a surrogate pair", entry("a\ud800")],
      ["no commit in mode commit", entry("a", { commitBody: null })],
      ["no event in mode event", entry("a", { mode: "event", eventFallbackBody: null })],
      ["an array for a body", entry("a", { commitBody: [] as never })],
      ["a body that writes itself as a text", entry("a", { commitBody: { toJSON: () => "text" } })],
      ["a time with a fraction", entry("a", { recordedAtMs: 1.5 })],
      ["a time before 1970", entry("a", { notBeforeMs: -1 })],
      ["a body that is not JSON", entry("a", { commitBody: { loop } })],
      ["another base URL", entry("a", { baseUrl: `${baseUrl}/` })]
    ]
    for (const [what, bad] of refusals) {
      check(`refuses ${what}`, (store) =>
        Effect.gen(function*() {
          for (const attempt of [store.put(bad), store.deadLetter(bad, refused)]) {
            const error = yield* Effect.flip(attempt)
            assert.strictEqual(error.reason, "invalid")
            assert.notInclude(error.message, "idempotency_key")
          }
          assert.deepStrictEqual(yield* store.entries, [])
          assert.strictEqual(yield* store.health, name === "memory" ? "memory" : "ok")
        }))
    }

    it.effect("keeps identities apart, and a new key of a tenant finds the records of the old one", () =>
      Effect.gen(function*() {
        const key = (value: string) => Redacted.make(value)
        yield* withStore((store) => store.put(entry("a")), { ...identity, apiKey: key("old") })
        const seenBy = (of: Journal.Identity) => Effect.map(withStore((store) => store.entries, of), idsOf)
        assert.deepStrictEqual(yield* seenBy({ ...identity, apiKey: key("new") }), ["a"])
        assert.deepStrictEqual(yield* seenBy({ ...identity, tenant: "other" }), [])
        assert.deepStrictEqual(yield* seenBy({ ...identity, tenant: undefined }), [])
        assert.deepStrictEqual(yield* seenBy({ ...identity, baseUrl: `${baseUrl}/` }), [])

        const alone = { baseUrl, tenant: undefined, apiKey: key("old") }
        yield* withStore((store) => store.put(entry("b")), alone)
        assert.deepStrictEqual(yield* seenBy({ ...alone, tenant: "   " }), ["b"])
        assert.deepStrictEqual(yield* seenBy({ ...alone, apiKey: key("new") }), [])
      }).pipe(Effect.provide(Layer.fresh(live))))
  })
}

it.effect("the journal in memory is bounded, and what it holds can still change", () =>
  withStore((store) =>
    Effect.gen(function*() {
      yield* store.put(entry("a"))
      yield* store.deadLetter(entry("b"), refused)
      const error = yield* Effect.flip(store.put(entry("c")))
      assert.strictEqual(error.reason, "full")
      yield* store.put(entry("a", { notBeforeMs: 1 }))
      yield* store.deadLetter(entry("a"), refused)
      yield* store.forget("b")
      yield* store.put(entry("c"))
      assert.deepStrictEqual(idsOf(yield* store.entries), ["c"])
    })
  ).pipe(Effect.provide(Journal.layerMemory({ maxRecords: 2 }))))
