/**
 * Guarded calls in bad weather: every dispatched amount is in the ledger once or is a dead letter, to the microcent.
 *
 * `CHAOS_CALLS=10000 npx vitest run test/chaos/Faults.test.ts` is the full run; `CHAOS_SEED` repeats one.
 */
import { assert, describe, it } from "@effect/vitest"
import { Amount, Cycles, guarded, type Settlement } from "effect-cycles"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { embedded, ledger } from "../support/embedded.js"
import { virtually } from "./support/clock.js"
import { kinds, type Story } from "./support/population.js"
import { type Aftermath, storm } from "./support/storm.js"
import { faultNames } from "./support/weather.js"

const calls = Number(process.env["CHAOS_CALLS"] ?? 600)
const seed = Number(process.env["CHAOS_SEED"] ?? crypto.getRandomValues(new Uint32Array(1))[0])

const sum = (amounts: Iterable<bigint>) => [...amounts].reduce((a, b) => a + b, 0n)

const tally = (names: Iterable<string>) => {
  const counts: { [name: string]: number } = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

/** In how many of ledger, journal and dead letters an amount is. */
const places = ({ dead, dispatched, record, waiting }: Aftermath) => {
  const deadIds = new Set<string>(dead.map(({ reservationId }) => reservationId))
  const waitingIds = new Set<string>(waiting.map(({ reservationId }) => reservationId))
  return [...dispatched].map(([id, { actual, key, unit }]) => ({
    id,
    actual,
    unit,
    commit: record.applied.get(`commit ${key}`),
    event: record.applied.get(`event ${key}`),
    isDead: deadIds.has(id),
    isWaiting: waitingIds.has(id)
  }))
}

/** Whether a settlement says what the script of the call allows. */
const allowed = ({ call: { actual, estimate, usage }, stage }: Story, settlement: Settlement): boolean => {
  switch (settlement._tag) {
    case "Released":
    case "Unreleased":
      return stage !== "used"
    default:
      return settlement.source === "usage"
        ? stage !== "begun" && settlement.actual.amount === usage.amount
        : stage === "done" &&
          settlement.actual.amount === (settlement.source === "actual" ? actual : estimate).amount
  }
}

const inLedger = ({ commit, event }: ReturnType<typeof places>[number]) => commit ?? event

const conservation = (after: Aftermath) => {
  const { budgets, dead, dispatched, record, rows, waiting } = after
  assert.deepStrictEqual(record.contradictions, [])
  assert.isTrue(after.flushed)
  assert.strictEqual(after.pending, 0)
  assert.lengthOf(waiting, 0)

  const found = places(after)
  const elsewhere = found.filter(({ commit, event, isDead, isWaiting }) =>
    [commit !== undefined, event !== undefined, isDead, isWaiting].filter((is) => is).length !== 1
  )
  assert.deepStrictEqual(elsewhere, [], "every dispatched amount is in exactly one place")
  for (const place of found) assert.strictEqual(inLedger(place)?.actual ?? place.actual, place.actual)

  // The record of the requests agrees with the ledger itself.
  const committed = rows.filter(({ status }) => status === "COMMITTED")
  assert.strictEqual(committed.length, found.filter(({ commit }) => commit !== undefined).length)
  const byId = new Map(found.map((place) => [place.id, place]))
  for (const { committed: charged, reservationId } of committed) {
    assert.strictEqual(byId.get(reservationId)?.commit?.charged, Option.getOrThrow(charged ?? Option.none()).amount)
  }
  assert.strictEqual(record.applied.size, found.filter((place) => inLedger(place) !== undefined).length)
  const whole = budgets.find(({ scope }) => scope === "tenant:tenant-a")!
  assert.strictEqual(whole.spent.amount, sum([...record.applied.values()].map(({ charged }) => charged)))
  assert.strictEqual(
    sum([...dispatched.values()].map(({ actual }) => actual)),
    sum(found.flatMap((place) => inLedger(place)?.actual ?? [])) +
      sum(dead.flatMap(({ reservationId }) => dispatched.get(reservationId)?.actual ?? []))
  )

  // Nothing stays held.
  assert.deepStrictEqual(rows.filter(({ status }) => status === "ACTIVE"), [])
  for (const { allocated, debt, remaining, reserved, scope, spent } of budgets) {
    assert.strictEqual(reserved.amount, 0n, scope)
    assert.strictEqual(remaining.amount, allocated.amount - spent.amount - debt.amount, scope)
  }
}

const promises = (after: Aftermath) => {
  const rows = new Map(after.rows.map((row) => [row.reservationId as string, row]))
  const found = new Map(places(after).map((place) => [place.id, place]))
  for (const story of after.stories) {
    const { call, final, id, settlement } = story
    const about = `call ${call.n} (${call.kind})`
    const said = final ?? settlement
    if (story.stage !== "begun") assert.isDefined(said, about)
    if (id === undefined || said === undefined) continue
    const place = found.get(id)
    assert.isTrue(allowed(story, settlement ?? said), `${about}: ${JSON.stringify(settlement ?? said)}`)
    assert.isTrue(allowed(story, said), about)
    switch (said._tag) {
      case "Committed":
        assert.strictEqual(
          said.via !== "parent" && said.via !== "none" && place?.[said.via]?.charged,
          said.charged.amount,
          about
        )
        break
      case "Pending":
        assert.isTrue(place !== undefined, about)
        break
      case "Rejected":
        assert.isTrue(place?.isDead, about)
        break
      case "Released":
        assert.strictEqual(rows.get(id)?.status, "RELEASED", about)
        assert.isUndefined(place, about)
        break
      case "Unreleased":
        assert.include(["RELEASED", "EXPIRED"], rows.get(id)?.status, about)
        assert.isUndefined(place, about)
    }
  }
}

const report = (after: Aftermath, wallMs: number) => {
  const found = places(after)
  const isAt = (is: (place: typeof found[number]) => boolean) => found.filter(is).length
  const { record } = after
  const whole = after.budgets.find(({ scope }) => scope === "tenant:tenant-a")!
  console.log([
    `chaos: CHAOS_SEED=${seed} CHAOS_CALLS=${calls} digest ${record.digest >>> 0}`,
    `${sum([...record.requests.values()].map(BigInt))} requests, ${
      JSON.stringify(Object.fromEntries(record.requests))
    }`,
    `faults ${JSON.stringify(Object.fromEntries(record.faults))}`,
    `settlements ${
      JSON.stringify(tally(after.stories.map(({ final, settlement }) => (final ?? settlement)?._tag ?? "none")))
    }`,
    `reservations ${JSON.stringify(tally(after.rows.map(({ status }) => status)))}`,
    `dispatched ${after.dispatched.size} = ${isAt(({ commit }) => commit !== undefined)} commits + ` +
    `${
      isAt(({ event }) => event !== undefined)
    } events + ${after.dead.length} dead letters + ${after.waiting.length} waiting`,
    `spent ${whole.spent.amount} microcents, reserved ${whole.reserved.amount}`,
    `${(after.stormMs / 60_000).toFixed(1)} min of storm, backlog empty ${
      (after.drainMs / 1000).toFixed(0)
    } s later, ` +
    `in ${(wallMs / 1000).toFixed(1)} s`
  ].join("\n  "))
}

describe(`faults at random, CHAOS_SEED=${seed}`, () => {
  it.live(
    `${calls} calls: what was dispatched is in the ledger once, or a dead letter; nothing stays held`,
    () =>
      Effect.gen(function*() {
        const begin = performance.now()
        const after = yield* storm(seed, calls)
        report(after, performance.now() - begin)
        conservation(after)
        promises(after)
        assert.isAbove(after.dead.length, 0)
        if (calls < 1500) return
        assert.sameMembers([...after.record.faults.keys()], [...faultNames])
        assert.sameMembers(Object.keys(tally(after.stories.map(({ call }) => call.kind))), [...kinds])
      }),
    600_000
  )

  it.live("the same seed makes the same storm", () =>
    Effect.gen(function*() {
      const one = yield* storm(seed, 60)
      const other = yield* storm(seed, 60)
      assert.strictEqual(one.record.digest, other.record.digest)
      conservation(one)
    }), 60_000)

  it.live(
    "a sweep leaves alone what is on its way, also when a refused commit becomes an event",
    () =>
      Effect.gen(function*() {
        const spend = (n: number) =>
          guarded(Effect.succeed(Amount.tokens(100 + n)), {
            estimate: Amount.tokens(1),
            overagePolicy: "REJECT",
            onRejected: "event",
            actual: (used) => used
          }).pipe(Effect.delay(n * 1500))
        const after = yield* virtually(
          Effect.gen(function*() {
            yield* Effect.forEach(Array.from({ length: 100 }, (_, n) => n), spend, { concurrency: "unbounded" })
            yield* Effect.sleep("10 minutes")
            const { settlements } = yield* Cycles
            return { ...yield* ledger(), dead: yield* settlements.deadLetters }
          }).pipe(
            Effect.provide(embedded({
              script: ({ operation }) => operation === "commit" || operation === "event" ? { after: 6000 } : undefined
            })),
            Effect.orDie
          )
        )
        assert.deepInclude(after, { dead: [], spent: 14_950n, reserved: 0n, active: 0, committed: 0 })
      }),
    60_000
  )
})
