import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { type Fault, keys, refusal, type Request, serve } from "./authority.js"
import { scenario } from "./evidence.js"
import { leaveCommit, start, until, untilTrue } from "./process.js"
import { type Disk, disk as makeDisk, fileNameOf, textOf } from "./records.js"
import { wire } from "./spend.js"

const idOf = ({ path }: Request): string => decodeURIComponent(path.split("/").at(-2) ?? "")

const afterRestart = (names: ReadonlyArray<string>) => names.map((name) => `${name}_after_restart`)

const settled = (disk: Disk) => untilTrue(() => disk.names().length === 0)

/** Longer than a new process waits before it replays. */
const aWhile = Effect.sleep(1000)

scenario("CR-DURABLE-001", ({ asserts, requests }) =>
  Effect.gen(function*() {
    let disk: Disk | undefined
    let seen: ReadonlyArray<unknown> = []
    let inFlight = false
    const authority = yield* serve(({ n, operation }): Fault | undefined =>
      operation !== "commit" || n > 1 ? undefined : {
        before: Effect.sync(() => {
          seen = disk?.records() ?? []
        }),
        after: Effect.zipRight(
          Effect.sync(() => {
            inFlight = true
          }),
          Effect.never
        )
      }
    )
    const own = disk = yield* makeDisk(authority.baseUrl)
    const options = { baseUrl: authority.baseUrl, disk: own }

    const first = yield* start(["spend"], options)
    yield* untilTrue(() => inFlight)
    yield* first.kill
    const [commit] = authority.of("commit")
    asserts("journal_write_precedes_first_settlement_request", () => {
      assert.strictEqual(seen.length, 1)
      assert.deepInclude(seen[0], { mode: "commit", commit_body: commit?.body })
    })
    asserts("unresolved_record_survives_restart", () => {
      assert.isUndefined(first.lines.find((line) => "settled" in line))
      assert.deepStrictEqual(own.records(), seen)
    })

    yield* start(["replay"], options)
    yield* settled(own)
    const [, again] = authority.of("commit")
    const { reserved, spent, statuses } = yield* authority.ledger
    asserts("successful_replay_removes_record", () => {
      assert.deepStrictEqual(own.names(), [])
      assert.deepStrictEqual(again?.body, commit?.body)
    })
    asserts("settlement_occurs_at_most_once", () => {
      assert.deepStrictEqual([spent, reserved, statuses], [37n, 0n, ["COMMITTED"]])
    })
    const [name, ...others] = authority.names()
    requests([name ?? "", ...afterRestart(others)])
  }))

scenario("CR-DURABLE-002", ({ asserts, requests }) =>
  Effect.gen(function*() {
    const authority = yield* serve(({ operation }) =>
      operation === "commit" ? { instead: refusal(410, "RESERVATION_EXPIRED") } : undefined
    )
    const disk = yield* makeDisk(authority.baseUrl)
    const options = { baseUrl: authority.baseUrl, disk }
    const { key, record } = yield* leaveCommit(options)

    const second = yield* start(["replay"], { ...options, killAfter: "event" })
    assert.strictEqual(yield* second.ended, "SIGKILL")
    asserts("event_mode_is_persisted_before_event_attempt", () => {
      assert.deepStrictEqual(authority.names(key), ["commit_same_key"])
      const [switched] = disk.records()
      assert.deepInclude(switched, { mode: "event", event_fallback_body: record.event_fallback_body })
      assert.deepInclude(record.event_fallback_body, { ...wire, idempotency_key: key })
    })

    yield* start(["replay"], options)
    yield* settled(disk)
    const { spent } = yield* authority.ledger
    asserts("successful_event_removes_record", () => {
      assert.deepStrictEqual(disk.names(), [])
      assert.deepStrictEqual(authority.of("event").map(({ body }) => body), [record.event_fallback_body])
    })
    asserts("settlement_occurs_at_most_once", () => assert.strictEqual(spent, 37n))
    requests(afterRestart(authority.names(key)))
  }))

scenario("CR-DURABLE-003", ({ asserts, requests }) =>
  Effect.gen(function*() {
    const waitSeconds = 4
    const authority = yield* serve(({ n, operation }) =>
      operation === "commit" && n === 1
        ? { instead: refusal(429, "LIMIT_EXCEEDED", { "retry-after": `${waitSeconds}` }) }
        : undefined
    )
    const disk = yield* makeDisk(authority.baseUrl)
    const options = { baseUrl: authority.baseUrl, disk }

    const first = yield* start(["spend"], options)
    const notBeforeMs = yield* until(() =>
      disk.records().find((record) => record.not_before_ms !== null)?.not_before_ms
    )
    yield* first.kill

    const second = yield* start(["replay"], options)
    const ready = yield* second.line("ready")
    yield* settled(disk)
    const [commit, again] = authority.of("commit")
    asserts("no_retry_before_persisted_not_before", () => {
      assert.isAtLeast(notBeforeMs ?? 0, (commit?.atMs ?? Infinity) + waitSeconds * 1000)
      assert.isBelow(Number(ready["atMs"]), notBeforeMs ?? 0)
      assert.isAtLeast(again?.atMs ?? 0, notBeforeMs ?? Infinity)
    })
    asserts("successful_replay_removes_record", () => {
      assert.deepStrictEqual(disk.names(), [])
      assert.deepStrictEqual(again?.body, commit?.body)
    })
    assert.deepInclude(yield* authority.ledger, { spent: 37n, reserved: 0n })
    const [name, ...others] = authority.names()
    requests([name ?? "", ...others.map((name) => `${name}_after_retry_after`)])
  }))

scenario("CR-DURABLE-004", ({ asserts, requests }) =>
  Effect.gen(function*() {
    let rotated = false
    const authority = yield* serve(({ apiKey }) =>
      rotated && apiKey === keys.first ? { instead: refusal(401, "UNAUTHORIZED") } : undefined
    )
    const disk = yield* makeDisk(authority.baseUrl)
    const options = { baseUrl: authority.baseUrl, disk }
    const { key } = yield* leaveCommit(options)
    const stored = disk.everything()
    rotated = true

    yield* start(["replay"], { ...options, apiKey: keys.second })
    yield* settled(disk)
    const { spent, statuses } = yield* authority.ledger
    asserts("new_tenant_credential_finds_record", () => {
      assert.deepStrictEqual(authority.of("commit").map(({ apiKey }) => apiKey), [keys.second])
      assert.deepStrictEqual([spent, statuses], [37n, ["COMMITTED"]])
    })
    asserts("old_api_key_is_not_stored", () => {
      assert.include(stored, String(key))
      for (const secret of Object.values(keys)) {
        assert.notInclude(stored, secret)
        assert.notInclude(disk.everything(), secret)
      }
    })
    requests(afterRestart(authority.names(key)))
  }))

scenario("CR-DURABLE-005", ({ asserts, requests }) =>
  Effect.gen(function*() {
    const authority = yield* serve()
    const disk = yield* makeDisk(authority.baseUrl)
    const options = { baseUrl: authority.baseUrl, disk }
    const { record } = yield* leaveCommit(options)
    const bad = {
      corrupt: { id: "rsv_corrupt", text: textOf(authority.baseUrl, "rsv_corrupt").slice(0, -20) },
      unsupported: { id: "rsv_future", text: textOf(authority.baseUrl, "rsv_future", 2) }
    }
    for (const { id, text } of Object.values(bad)) disk.write(fileNameOf(id), text)

    const worker = yield* start(["replay"], options)
    yield* untilTrue(() => !disk.names().some((name) => name.endsWith(".json")))
    yield* aWhile
    const isSetAside = ({ id, text }: typeof bad.corrupt) => () => {
      const aside = fileNameOf(id).replace(".json", ".corrupt")
      assert.include(disk.names(), aside)
      assert.strictEqual(disk.read(aside), text)
    }
    asserts("corrupt_record_is_quarantined", isSetAside(bad.corrupt))
    asserts("unsupported_record_version_is_quarantined", isSetAside(bad.unsupported))
    const commits = authority.of("commit")
    const ledger = yield* authority.ledger
    asserts("other_valid_records_still_replay", () => {
      assert.deepStrictEqual(commits.map(({ body }) => body), [record.commit_body])
      assert.deepInclude(ledger, { spent: 37n, statuses: ["COMMITTED"] })
    })
    asserts("corruption_is_reported", () => {
      const warnings = worker.lines.filter(({ logLevel }) => logLevel === "WARN")
      const files = warnings.map(({ annotations }) => (annotations as Readonly<Record<string, unknown>>)["file"])
      assert.sameMembers(files, Object.values(bad).map(({ id }) => fileNameOf(id)))
    })
    const ids: ReadonlyArray<string> = Object.values(bad).map(({ id }) => id)
    requests(commits.filter((commit) => ids.includes(idOf(commit))).map(({ operation }) => operation))
  }))

scenario("CR-DURABLE-006", ({ asserts, requests }) =>
  Effect.gen(function*() {
    const both = Effect.unsafeMakeLatch()
    const authority = yield* serve(({ n, operation }) => {
      if (operation !== "commit") return undefined
      return { before: n === 1 ? both.await : both.open }
    })
    const disk = yield* makeDisk(authority.baseUrl)
    const options = { baseUrl: authority.baseUrl, disk }
    const { key } = yield* leaveCommit(options)

    // The first request waits for the second: both are under way when the authority sees one of them.
    yield* Effect.all([start(["replay"], options), start(["replay"], options)])
    yield* settled(disk)
    yield* aWhile
    const { reserved, spent, statuses } = yield* authority.ledger
    const names = authority.names(key)
    assert.deepStrictEqual(names, ["commit_same_key", "commit_same_key"])
    asserts("settlement_occurs_at_most_once", () => {
      assert.deepStrictEqual([spent, reserved, statuses], [37n, 0n, ["COMMITTED"]])
    })
    asserts("terminal_record_is_removed", () => assert.deepStrictEqual(disk.names(), []))
    requests([...new Set(names)].map((name) => `concurrent_${name}`))
  }))

scenario("CR-DURABLE-007", ({ asserts, requests }) =>
  Effect.gen(function*() {
    const authority = yield* serve()
    const disk = yield* makeDisk(authority.baseUrl)
    const options = { baseUrl: authority.baseUrl, disk }
    const carryOut = (...steps: ReadonlyArray<readonly [string, string?]>) =>
      Effect.gen(function*() {
        const { line, lines } = yield* start(["journal", JSON.stringify(steps)], options)
        yield* line("done")
        return lines.find((line) => "entries" in line)?.["entries"]
      })
    const idIn = (name: string): string => JSON.parse(disk.read(name)).reservation_id

    const ids = ["r/1", "r:1", "r_1", "R_1", "é✓", "e\u0301✓", "r 1 "]
    yield* carryOut(...ids.map((id) => ["put", id] as const))
    asserts("standard_filename_is_sha256_of_exact_utf8_identifier", () => {
      assert.deepStrictEqual(disk.names(), ids.map(fileNameOf).sort())
    })
    asserts("distinct_identifiers_never_share_a_journal_file", () => {
      for (const id of ids) assert.strictEqual(idIn(fileNameOf(id)), id)
    })

    // `r/1` and `r:1` were both `r_1.json`: the file that is there belongs to one of them only.
    yield* carryOut(...ids.map((id) => ["remove", id] as const))
    assert.deepStrictEqual(disk.names(), [])
    const legacy = "r_1.json"
    const text = textOf(authority.baseUrl, "r/1")
    disk.write(legacy, text)
    yield* carryOut(["put", "r:1"], ["remove", "r:1"], ["put", "r:1"])
    const before = disk.names()
    const entries = yield* carryOut(["entries"])
    asserts("matching_legacy_record_migrates_without_deleting_collision", () => {
      assert.deepStrictEqual(before, [legacy, fileNameOf("r:1")])
      assert.sameMembers(entries as Array<string>, ["r/1", "r:1"])
      assert.deepStrictEqual(disk.names(), ["r/1", "r:1"].map(fileNameOf).sort())
      assert.strictEqual(disk.read(fileNameOf("r/1")), text)
      assert.strictEqual(idIn(fileNameOf("r:1")), "r:1")
    })
    requests(authority.names())
  }))
