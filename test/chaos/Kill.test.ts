/**
 * Real processes, killed at chosen moments: afterwards every dispatched amount is in exactly one of ledger, journal and dead letters, and
 * the ledger has charged it once.
 */
import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { utimesSync } from "node:fs"
import { join } from "node:path"
import { bundled, desk, holdAfter, holdBefore, keys, open } from "./support/desk.js"

class Bundle extends Context.Tag("test/chaos/Bundle")<Bundle, { readonly file: string }>() {}

const atDesk = Effect.flatMap(Bundle, ({ file }) => desk(file))

const sum = (amounts: ReadonlyArray<number>) => amounts.reduce((a, b) => a + b, 0)

/** Odd amounts, so that no sum of some is a sum of others by chance. */
const amountsOf = (count: number) => Array.from({ length: count }, (_, n) => 3 ** (n % 6) + n)

const namesOf = (amounts: ReadonlyArray<number>) => amounts.map((_, n) => `n${n}`).sort()

type Desk = Effect.Effect.Success<ReturnType<typeof desk>>

/** Everything is in the ledger, once, and nowhere else. */
const allInLedger = ({ accounts, files }: Desk, amounts: ReadonlyArray<number>) =>
  Effect.gen(function*() {
    const after = yield* accounts
    assert.deepStrictEqual(after.names, namesOf(amounts))
    for (const { amount, name } of after.committed) assert.strictEqual(amount, amounts[Number(name.slice(1))])
    assert.deepInclude(after, { spent: sum(amounts), reserved: 0 })
    assert.deepInclude(yield* files, { waiting: [], dead: [] })
  })

layer(Layer.scoped(Bundle, bundled), { excludeTestServices: true })("a process that is killed", (it) => {
  it.scoped("before, during and after the commit request", () =>
    Effect.gen(function*() {
      const site = yield* atDesk
      const amounts = amountsOf(9)
      yield* site.set((spending, apply) =>
        spending.n % 3 === 0 ? apply : (spending.n % 3 === 1 ? holdBefore : holdAfter)(spending, apply)
      )
      const worker = yield* site.work({ amounts })
      yield* worker.until(() => site.spendings.length === 9 && worker.lines.length === 4)
      yield* worker.kill
      assert.lengthOf((yield* site.accounts).names, 6)
      assert.lengthOf((yield* site.files).waiting, 6)
      yield* site.set(open)
      yield* site.replay()
      yield* allInLedger(site, amounts)
      assert.lengthOf(site.spendings, 15)
      assert.lengthOf([...new Set(site.spendings.map(({ key }) => key))], 9)
    }), 40_000)

  it.scoped("between the record and its rename, and right after the rename", () =>
    Effect.gen(function*() {
      const site = yield* atDesk
      for (const disk of ["stops before a rename", "stops after a rename"] as const) {
        const worker = yield* site.work({
          amounts: [5],
          disk,
          ttlMs: 1000,
          prefix: disk.includes("before") ? "b" : "a"
        })
        yield* worker.said("at the rename")
        yield* worker.kill
      }
      assert.lengthOf(site.spendings, 0)
      const { temporary, waiting } = yield* site.files
      assert.lengthOf(temporary, 1)
      assert.lengthOf(waiting, 1)
      const old = new Date(Date.now() - 7_200_000)
      for (const file of temporary) utimesSync(file, old, old)
      yield* site.replay()
      // What had no record was never sent: its hold ends with its time.
      yield* Effect.sleep(1100)
      assert.deepInclude(yield* site.accounts, { spent: 5, reserved: 0 })
      assert.deepStrictEqual(yield* site.files, { waiting: [], dead: [], temporary: [] })
    }), 40_000)

  it.scoped("during replay, and then two that replay one directory at once", () =>
    Effect.gen(function*() {
      const site = yield* atDesk
      const amounts = amountsOf(16)
      yield* site.set((spending, apply) => (spending.n % 2 === 0 ? holdBefore : holdAfter)(spending, apply))
      const first = yield* site.work({ amounts })
      yield* first.until(() => site.spendings.length === 16)
      yield* first.kill
      assert.lengthOf((yield* site.files).waiting, 16)

      yield* site.set((spending, apply) => spending.n <= 20 ? apply : holdAfter(spending, apply))
      const second = yield* site.work({})
      yield* second.until(() => site.spendings.length === 24)
      yield* second.kill
      assert.lengthOf((yield* site.files).waiting, 12)

      yield* site.set((_, apply) => Effect.zipLeft(apply, Effect.sleep(400)))
      yield* Effect.all([site.replay(), site.replay()], { concurrency: 2 })
      yield* allInLedger(site, amounts)
      assert.isAbove(site.spendings.length, 24 + 12)
      assert.lengthOf([...new Set(site.spendings.map(({ key }) => key))], 16)
    }), 40_000)

  it.scoped("at random, twice over one directory", () =>
    Effect.gen(function*() {
      const site = yield* atDesk
      const said: Array<string> = []
      const amounts = amountsOf(2000)
      for (const [round, ms] of [60, 200].entries()) {
        const worker = yield* site.work({ amounts, prefix: `r${round}n`, concurrency: 12, ttlMs: 2000 })
        yield* worker.said("Committed")
        yield* Effect.sleep(ms + crypto.getRandomValues(new Uint8Array(1))[0]! / 4)
        yield* worker.kill
        for (const line of worker.lines) if (line.startsWith("Committed ")) said.push(line.slice(10))
      }
      const { waiting } = yield* site.files
      const recorded = waiting.map((file) => site.read(file).reservation_id)
      yield* site.replay()
      const { committed, names, spent } = yield* site.accounts
      assert.lengthOf([...new Set(names)], names.length)
      assert.includeMembers(names, said)
      for (const { amount, name } of committed) assert.strictEqual(amount, amounts[Number(name.slice(3))])
      assert.strictEqual(spent, sum(committed.map(({ amount }) => amount)))
      assert.includeMembers(site.spendings.map(({ id }) => id), recorded)
      assert.deepInclude(yield* site.files, { waiting: [], dead: [] })
      // What is left of the others is held until its time ends.
      yield* Effect.sleep(2100)
      assert.deepInclude(yield* site.accounts, { spent, reserved: 0 })
    }), 40_000)

  it.scoped(
    "whose hold ends before the replay: an event, once, also when that is killed",
    () =>
      Effect.gen(function*() {
        const site = yield* atDesk
        yield* site.set(holdBefore)
        const first = yield* site.work({ amounts: [41, 43], ttlMs: 1000 })
        yield* first.until(() => site.spendings.length === 2)
        yield* first.kill
        yield* Effect.sleep(1100)
        yield* site.set((spending, apply) => (spending.kind === "event" ? holdAfter : open)(spending, apply))
        const second = yield* site.work({})
        yield* second.until(() => site.spendings.filter(({ kind }) => kind === "event").length === 2)
        yield* second.kill
        assert.lengthOf((yield* site.files).waiting, 2)
        yield* site.set(open)
        yield* site.replay()
        const events = site.spendings.filter(({ kind }) => kind === "event")
        assert.lengthOf([...new Set(events.map(({ key }) => key))], 2)
        assert.deepInclude(yield* site.accounts, { spent: 84, reserved: 0, statuses: ["EXPIRED", "EXPIRED"] })
        assert.deepInclude(yield* site.files, { waiting: [], dead: [] })
      }),
    40_000
  )

  it.scoped(
    "with a key that is refused since: the next program settles with the new key of the same tenant",
    () =>
      Effect.gen(function*() {
        const site = yield* atDesk
        const amounts = amountsOf(4)
        yield* site.set(holdBefore)
        const worker = yield* site.work({ amounts })
        yield* worker.until(() => site.spendings.length === 4)
        yield* worker.kill
        yield* site.revoke(keys[0])
        yield* site.set(open)
        const late = yield* site.work({})
        yield* late.said("ready")
        yield* Effect.sleep(1500)
        yield* late.kill
        assert.deepInclude(yield* site.accounts, { spent: 0 })
        assert.lengthOf((yield* site.files).waiting, 4)
        yield* site.replay({ apiKey: keys[1] })
        yield* allInLedger(site, amounts)
      }),
    40_000
  )
})

layer(Layer.scoped(Bundle, bundled), { excludeTestServices: true })("a journal that cannot be written", (it) => {
  it.scoped("the disk is full: the first attempt runs, and nothing is left behind", () =>
    Effect.gen(function*() {
      const site = yield* atDesk
      const amounts = amountsOf(5)
      const worker = yield* site.work({ amounts, disk: "full" })
      yield* worker.said("done unwritable")
      yield* worker.kill
      yield* allInLedger(site, amounts)
      assert.deepStrictEqual((yield* site.files).temporary, [])
    }), 40_000)

  it.scoped(
    "a directory that cannot be entered: the first attempt runs, also a second one in the background",
    () =>
      Effect.gen(function*() {
        const site = yield* atDesk
        const amounts = amountsOf(5)
        const file = join(site.directory, "file")
        site.write(file, "in the way")
        yield* site.set((spending, apply) => spending.n <= 5 ? Effect.zipRight(apply, Effect.die("lost")) : apply)
        const worker = yield* site.work({ amounts, directory: file })
        yield* worker.said("done unwritable")
        yield* worker.until(() => site.spendings.length === 10)
        yield* worker.kill
        yield* allInLedger(site, amounts)
      }),
    40_000
  )
})
