import { assert, describe, it } from "@effect/vitest"
import * as Names from "effect-cycles/lifecycle/internal/journalNames"
import * as Record from "effect-cycles/lifecycle/internal/journalRecord"
import type { Entry } from "effect-cycles/lifecycle/Journal"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Redacted from "effect/Redacted"
import { baseUrl, desk, entry, fingerprint, idsOf, logged, nameOf, onDisk, refused } from "./support/journal.js"

/** As the other clients write them: a commit that waits, an event at once, an event after a replayed commit. */
const commitBody = `{"idempotency_key":"3f0d7ac9-6f7e-4e0b-a0a4-0d1f3f6e2f11",` +
  `"actual":{"unit":"USD_MICROCENTS","amount":9223372036854775807},"metrics":{"tokens_input":12,"tokens_output":7}}`
const eventBody = `{"idempotency_key":"3f0d7ac9-6f7e-4e0b-a0a4-0d1f3f6e2f11","subject":{"tenant":"acme"},` +
  `"action":{"kind":"llm.completion","name":"gpt-4o"},"actual":{"unit":"USD_MICROCENTS","amount":9223372036854775807},` +
  `"metadata":{"recovered_reservation_id":"rsv_123","recovery_reason":"commit_after_reservation_expired"}}`
const rest = `"event_fallback_body":${eventBody},"recorded_at_ms":1700000000000`
const head = `{"version":1,"reservation_id":"rsv_123","base_url":"http://localhost:7878"`
const shapes = {
  "a commit": `${head},"mode":"commit","commit_body":${commitBody},${rest},"not_before_ms":null}`,
  "a commit that has to wait":
    `${head},"mode":"commit","commit_body":${commitBody},${rest},"not_before_ms":1700000000500}`,
  "an event": `${head},"mode":"event","commit_body":null,${rest},"not_before_ms":null}`,
  "an event with the commit that expired":
    `${head},"mode":"event","commit_body":${commitBody},${rest},"not_before_ms":null}`,
  "a commit without substitute":
    `${head},"mode":"commit","commit_body":${commitBody},"event_fallback_body":null,"recorded_at_ms":0,"not_before_ms":null}`
}

const bytes = (text: string) => new TextEncoder().encode(text)
const textOf = (e: Entry) => Either.getOrThrow(Record.encode(e.baseUrl, e))
const entryOf = (text: string) => Either.getOrThrow(Record.decode(bytes(text))) as Entry

describe("names", () => {
  const vectors: ReadonlyArray<readonly [string, string | undefined, string, string]> = [
    ["http://localhost:7878", "acme", "any", "4eb53c28893cdf51"],
    ["http://localhost:7878/", "acme", "any", "d01463b8ea1e09bf"],
    ["http://localhost:7878", undefined, "cyc_live_test_key", "fd14a7e52f57b7ca"],
    ["http://localhost:7878", "   ", "cyc_live_test_key", "fd14a7e52f57b7ca"],
    ["http://localhost:7878", " acme ", "any", "489ae6306d90225d"],
    ["https://cycles.example.com", "ténant-✓", "any", "45546646846e707a"]
  ]
  for (const [url, tenant, key, expected] of vectors) {
    it.effect(`fingerprint of ${url} with tenant ${tenant === undefined ? "unset" : `"${tenant}"`}`, () =>
      Effect.map(
        Names.fingerprint({ baseUrl: url, tenant, apiKey: Redacted.make(key) }),
        (name) => assert.strictEqual(name, expected)
      ))
  }

  const files: ReadonlyArray<readonly [string, string]> = [
    ["rsv_123", "v2-87d6bfbec3370882047d56f41fb3dad2f6a4ae965d43ed096b105ea0d82d5923.json"],
    ["res/../x", "v2-78e0cf8a9b8e490fc2afcb54ebaafa31d7db6b4b92de1bfb0424b57103b46957.json"],
    ["é✓", "v2-1e77cb71920ad52885fab06465a5fcf2e5f98c0382aab36202689431b93b9fb3.json"],
    ["A", "v2-559aead08264d5795d3909718cdd05abd49572e84fe55590eef31a88a08fdffd.json"]
  ]
  for (const [id, expected] of files) {
    it(`file of ${id}`, () => {
      assert.strictEqual(Names.recordName(id), expected)
      assert.strictEqual(nameOf(id), expected)
    })
  }

  it("earlier names: one underscore for each unit or for each code point", () => {
    assert.deepStrictEqual(Names.legacyNames("rsv_1-Z"), ["rsv_1-Z.json"])
    assert.deepStrictEqual(Names.legacyNames("a/../é"), ["a_____.json"])
    assert.deepStrictEqual(Names.legacyNames("a😀"), ["a__.json", "a_.json"])
  })
})

describe("records", () => {
  for (const [name, text] of Object.entries(shapes)) {
    it(`${name} of another client is read and written back byte for byte`, () => {
      assert.strictEqual(textOf(entryOf(text)), text)
    })
  }

  it("our own facts stand at the end under our own name", () => {
    const ours = entry("a", { attempts: 2, deadLetter: refused })
    const own = `,"x_effect_cycles":{"attempts":2,"dead_letter":` +
      `{"code":"BUDGET_EXCEEDED","status":409,"message":"no budget","at_ms":1700000000001}}}`
    assert.strictEqual(textOf(ours), textOf(entry("a")).slice(0, -1) + own)
    assert.deepStrictEqual(entryOf(textOf(ours)), ours)
  })

  it("what older or newer clients leave out or add", () => {
    const least = entryOf(`{"commit_body":{},"reservation_id":"a","version":1.0}`)
    assert.deepStrictEqual(least, {
      reservationId: "a" as Entry["reservationId"],
      baseUrl: "",
      mode: "commit",
      commitBody: {},
      eventFallbackBody: null,
      recordedAtMs: 0,
      notBeforeMs: null
    })
    const more = `{"version":1,"reservation_id":"a","commit_body":{},"zzz":[1],"x_effect_cycles":`
    for (const own of ["7", "null", `{"attempts":"many"}`, `{"dead_letter":{"code":1}}`, `{"attempts":-1}`]) {
      assert.deepStrictEqual(entryOf(`${more}${own}}`), least, own)
    }
  })

  const good = JSON.parse(shapes["a commit"])
  const corrupt: ReadonlyArray<readonly [string, unknown]> = [
    ["another version", { version: 2 }],
    ["the version as a text", { version: "1" }],
    ["no version", { version: undefined }],
    ["no id", { reservation_id: undefined }],
    ["an empty id", { reservation_id: "" }],
    ["a number for an id", { reservation_id: 7 }],
    ["null for a base URL", { base_url: null }],
    ["null for a mode", { mode: null }],
    ["another mode", { mode: "release" }],
    ["an array for a commit", { commit_body: [] }],
    ["a text for a commit", { commit_body: "{}" }],
    ["a number for an event", { event_fallback_body: 1 }],
    ["no commit in mode commit", { commit_body: null }],
    ["no event in mode event", { mode: "event", event_fallback_body: undefined }],
    ["null for the time of writing", { recorded_at_ms: null }],
    ["a negative time", { recorded_at_ms: -1 }],
    ["a fraction of a millisecond", { not_before_ms: 0.5 }],
    ["a time beyond the safe integers", { not_before_ms: 2 ** 53 }],
    ["a text for a time", { not_before_ms: "1" }]
  ]
  for (const [name, change] of corrupt) {
    it(`is corrupt with ${name}`, () => {
      const record = Record.decode(bytes(JSON.stringify({ ...good, ...change as object })))
      assert.isTrue(Either.isLeft(record))
    })
  }

  it("is corrupt when it is no object, cut off, empty, or not UTF-8", () => {
    const texts = ["null", "[]", "7", "", "{", shapes["a commit"].slice(0, -1), "[".repeat(200_000)]
    for (const text of texts) assert.isTrue(Either.isLeft(Record.decode(bytes(text))), text.slice(0, 20))
    assert.isTrue(Either.isLeft(Record.decode(new Uint8Array([0x7b, 0xff, 0x7d]))))
  })

  // The reader leaves such members out at every depth.
  const unsafe = /__proto__|constructor|prototype/
  const key = FastCheck.string().filter((key) => !unsafe.test(key))
  const json = FastCheck.letrec<{ readonly value: unknown }>((tie) => ({
    value: FastCheck.oneof(
      { maxDepth: 3 },
      FastCheck.constant(null),
      FastCheck.boolean(),
      FastCheck.string({ unit: "binary" }),
      FastCheck.integer(),
      FastCheck.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      FastCheck.double({ noDefaultInfinity: true, noNaN: true }),
      FastCheck.array(tie("value"), { maxLength: 4 }),
      FastCheck.dictionary(key, tie("value"), { maxKeys: 4 })
    )
  })).value
  const body = FastCheck.dictionary(key, json, { maxKeys: 5 })
  const millis = FastCheck.maxSafeNat()
  const entries: FastCheck.Arbitrary<Entry> = FastCheck.record({
    id: FastCheck.string({ minLength: 1, maxLength: 64, unit: "grapheme" }).filter((id) => Record.isUsable(id)),
    mode: FastCheck.constantFrom("commit" as const, "event" as const),
    commitBody: body,
    eventFallbackBody: body,
    other: FastCheck.boolean(),
    recordedAtMs: millis,
    notBeforeMs: FastCheck.option(millis),
    attempts: FastCheck.option(millis, { nil: undefined }),
    message: FastCheck.option(FastCheck.string(), { nil: undefined })
  }).map(({ attempts, id, message, other, ...fields }) =>
    entry(id, {
      ...fields,
      ...(other && fields.mode === "event" ? { commitBody: null } : {}),
      ...(other && fields.mode === "commit" ? { eventFallbackBody: null } : {}),
      ...(attempts === undefined ? {} : { attempts }),
      ...(message === undefined ? {} : { deadLetter: { ...refused, message } })
    })
  )

  it.prop("any entry is the same bytes after it was read", [entries], ([e]) => {
    const text = textOf(e)
    assert.strictEqual(textOf(entryOf(text)), text)
    assert.deepStrictEqual(Object.keys(JSON.parse(text)).slice(0, 8), [
      "version",
      "reservation_id",
      "base_url",
      "mode",
      "commit_body",
      "event_fallback_body",
      "recorded_at_ms",
      "not_before_ms"
    ])
  })

  it.effect.prop(
    "and so is the file",
    [FastCheck.uniqueArray(entries, { selector: (e) => e.reservationId })],
    ([all]) =>
      onDisk(Effect.gen(function*() {
        const { names, read, store } = yield* desk()
        for (const e of all) yield* store.put(e)
        const before = yield* Effect.forEach(yield* names, read)
        for (const e of yield* store.entries) yield* store.put(e)
        assert.deepStrictEqual(yield* names, all.map((e) => nameOf(e.reservationId)).sort())
        assert.deepStrictEqual(yield* Effect.forEach(yield* names, read), before)
      })),
    { fastCheck: { numRuns: 15 } }
  )
})

describe("records of another client in the directory", () => {
  for (const [name, text] of Object.entries(shapes)) {
    it.effect(`${name} is found, and leaves with its settlement`, () =>
      onDisk(Effect.gen(function*() {
        const { names, store, write } = yield* desk()
        yield* write(nameOf("rsv_123"), text)
        assert.deepStrictEqual(yield* store.entries, [entryOf(text)])
        yield* store.remove("rsv_123")
        assert.deepStrictEqual(yield* names, [])
      })))
  }

  it.effect("are written by us under the same names, in the same shape", () =>
    onDisk(Effect.gen(function*() {
      const { names, read, store } = yield* desk()
      yield* store.put(entryOf(shapes["an event"]))
      assert.deepStrictEqual(yield* names, [nameOf("rsv_123")])
      assert.strictEqual(yield* read(nameOf("rsv_123")), shapes["an event"])
    })))

  it.effect("come in the order of their names, those of another base URL stay where they are", () =>
    onDisk(Effect.gen(function*() {
      const { names, store, write } = yield* desk()
      const ids = ["a", "b", "c", "d", "e"]
      for (const id of ids) yield* write(nameOf(id), textOf(entry(id)))
      yield* write(nameOf("foreign"), textOf(entry("foreign", { baseUrl: `${baseUrl}/` })))
      yield* write(nameOf("old"), `{"version":1,"reservation_id":"old","commit_body":{}}`)
      assert.deepStrictEqual(idsOf(yield* store.entries).map(nameOf), ids.map(nameOf).sort())
      assert.strictEqual((yield* names).length, 7)
    })))

  it.effect("a corrupt one is set aside with a warning, in place of an older one, and the others are found", () =>
    onDisk(Effect.gen(function*() {
      const { names, read, store, write } = yield* desk()
      yield* write("bad.json", `{"secret":"half`)
      yield* write("bad.corrupt", "older")
      yield* write(nameOf("next"), `{"version":2,"reservation_id":"next","commit_body":{}}`)
      yield* write(nameOf("a"), textOf(entry("a")))
      const [found, lines] = yield* logged(store.entries)
      assert.deepStrictEqual(idsOf(found), ["a"])
      assert.deepStrictEqual(
        yield* names,
        ["bad.corrupt", nameOf("a"), nameOf("next").replace(".json", ".corrupt")].sort()
      )
      assert.strictEqual(yield* read("bad.corrupt"), `{"secret":"half`)
      assert.strictEqual(lines.length, 2)
      for (const line of lines) assert.include(line, `"logLevel":"WARN"`)
      assert.match(lines.join(), /bad\.json.*not JSON|not JSON.*bad\.json/)
      assert.match(lines.join(), /not supported/)
      assert.notInclude(lines.join(), "secret")
      const [again, silence] = yield* logged(store.entries)
      assert.deepStrictEqual([idsOf(again), silence], [["a"], []])
    })))

  it.effect("an id that no path can hold is left alone with a warning", () =>
    onDisk(Effect.gen(function*() {
      const { names, store, write } = yield* desk()
      for (const id of ["..", "x".repeat(129)]) {
        yield* write(nameOf(id), textOf(entry("a")).replace(`"reservation_id":"a"`, `"reservation_id":"${id}"`))
      }
      const [found, lines] = yield* logged(store.entries)
      assert.deepStrictEqual(found, [])
      assert.strictEqual(lines.length, 2)
      assert.strictEqual((yield* names).length, 2)
    })))

  it.effect("an id with a path in it stays an id", () =>
    onDisk(Effect.gen(function*() {
      const { directory, fs, names, store } = yield* desk()
      for (const id of ["../../x", "res/../x", "../balances?x=1#", "a\u0000b", "C:\\x"]) {
        yield* store.put(entry(id))
        assert.deepStrictEqual(yield* names, [nameOf(id)])
        assert.deepStrictEqual(yield* store.entries, [entry(id)])
        yield* store.remove(id)
      }
      assert.deepStrictEqual(yield* fs.readDirectory(directory), [fingerprint])
    })))
})

describe("earlier names", () => {
  it.effect("become today's", () =>
    onDisk(Effect.gen(function*() {
      const { names, store, write } = yield* desk()
      yield* write("a_b.json", textOf(entry("a/b")))
      assert.deepStrictEqual(yield* store.entries, [entry("a/b")])
      assert.deepStrictEqual(yield* names, [nameOf("a/b")])
    })))

  it.effect("give way to today's name of the same id", () =>
    onDisk(Effect.gen(function*() {
      const { names, store, write } = yield* desk()
      yield* write("a_b.json", textOf(entry("a/b", { recordedAtMs: 1 })))
      yield* write("a__b.json", textOf(entry("a/b", { recordedAtMs: 2 })))
      yield* write(nameOf("a/b"), textOf(entry("a/b", { recordedAtMs: 3 })))
      assert.deepStrictEqual(yield* store.entries, [entry("a/b", { recordedAtMs: 3 })])
      assert.deepStrictEqual(yield* names, [nameOf("a/b")])
    })))

  it.effect("stay when today's name holds another id, and both are found", () =>
    onDisk(Effect.gen(function*() {
      const { names, store, write } = yield* desk()
      yield* write("v1.json", textOf(entry("a/b")))
      yield* write(nameOf("a/b"), textOf(entry("other")))
      yield* write(nameOf("other"), textOf(entry("other")))
      const [found] = yield* logged(store.entries)
      assert.includeMembers([...idsOf(found)], ["a/b", "other"])
      assert.include(yield* names, nameOf("other"))
      const [later] = yield* logged(store.entries)
      assert.sameMembers([...idsOf(later)], ["a/b", "other"])
    })))

  it.effect("that a list has shown leave with the settlement; one that came later is found by the next list", () =>
    onDisk(Effect.gen(function*() {
      const { names, store, write } = yield* desk()
      yield* write("a_b.json", textOf(entry("a/b")))
      yield* write(nameOf("a/b"), textOf(entry("other")))
      assert.sameMembers([...idsOf((yield* logged(store.entries))[0])], ["a/b", "other"])
      yield* store.remove("a/b")
      assert.notInclude(yield* names, "a_b.json")

      yield* store.remove("other")
      assert.deepStrictEqual(yield* store.entries, [])
      yield* write("a_b.json", textOf(entry("a/b")))
      yield* store.remove("a/b")
      assert.deepStrictEqual(yield* names, ["a_b.json"])
      assert.deepStrictEqual(yield* store.entries, [entry("a/b")])
      yield* store.remove("a/b")
      assert.deepStrictEqual(yield* names, [])
    })))

  it.effect("leave with the settlement, unless they hold another id", () =>
    onDisk(Effect.gen(function*() {
      const { names, store, write } = yield* desk()
      yield* write("a_b.json", textOf(entry("a/b")))
      yield* store.remove("a/b")
      assert.deepStrictEqual(yield* names, [])
      yield* write("a_b.json", textOf(entry("a.b")))
      yield* store.remove("a/b")
      assert.deepStrictEqual(yield* names, ["a_b.json"])
      yield* write("a__.json", textOf(entry("a😀")))
      yield* write("a_.json", textOf(entry("a😀")))
      yield* store.remove("a😀")
      assert.deepStrictEqual(yield* names, ["a_b.json"])
    })))
})
