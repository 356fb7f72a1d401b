/**
 * What is asked of several records in several directories over one thread, in any order and at once, while the thread dies, other hands
 * remove its files, and another program reads: at the end there is what a map of them would hold.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Journal from "effect-cycles/lifecycle/Journal"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as fc from "fast-check"
import { readdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { Worker } from "node:worker_threads"
import { layerFiles } from "../../src/node/internal/journalDisk.js"
import { code } from "../../src/node/internal/journalThreadCode.js"
import { entry, identity, logged, onDisk, refused, temporary } from "../lifecycle/support/journal.js"

const rounds = Number(process.env["JOURNAL_ROUNDS"] ?? 3)
const seed = Number(process.env["JOURNAL_SEED"] ?? Date.now() % 2 ** 31)

const tenants = ["acme", "other", "third"]
const ids = ["a", "b", "c", "d"]
const steps = ["put", "put", "put", "remove", "remove", "deadLetter", "revive", "forget"] as const

interface Plan {
  /** Of each record of each tenant, in order. */
  readonly lanes: ReadonlyArray<ReadonlyArray<typeof steps[number]>>
  /** When the thread dies and when a file is removed, in milliseconds; never when negative. */
  readonly diesAfterMs: number
  readonly removesEveryMs: number
}

const plans = fc.record({
  lanes: fc.array(fc.array(fc.constantFrom(...steps), { minLength: 20, maxLength: 40 }), {
    minLength: tenants.length * ids.length,
    maxLength: tenants.length * ids.length
  }),
  diesAfterMs: fc.oneof(fc.constant(-1), fc.integer({ min: 0, max: 120 })),
  removesEveryMs: fc.oneof(fc.constant(-1), fc.integer({ min: 2, max: 20 }))
})

type State = readonly [kind: "waiting" | "dead", version: number] | undefined

/** The whole life of one record; gives where it ends. What fails because of other hands is asked again. */
const live = (store: Journal.Store, id: string, lane: Plan["lanes"][number]) =>
  Effect.gen(function*() {
    let state: State
    const again = <A>(effect: Effect.Effect<A, Journal.JournalError>) =>
      Effect.orDie(Effect.retry(effect, { times: 50 }))
    for (const [n, step] of lane.entries()) {
      const record = entry(id, {
        notBeforeMs: n,
        commitBody: { idempotency_key: `${id} ${n}`, note: "x".repeat(n * 60) }
      })
      switch (step) {
        case "put":
          if (state?.[0] === "dead") break
          yield* again(store.put(record))
          state = ["waiting", n]
          break
        case "remove":
          if (state?.[0] === "dead") break
          yield* again(store.remove(id))
          state = undefined
          break
        case "deadLetter":
          yield* again(store.deadLetter(record, refused))
          state = ["dead", n]
          break
        case "revive": {
          const revived = yield* again(store.revive(id))
          assert.strictEqual(revived._tag === "Some", state?.[0] === "dead")
          if (state?.[0] === "dead") state = ["waiting", state[1]]
          break
        }
        case "forget":
          yield* again(store.forget(id))
          if (state?.[0] === "dead") state = undefined
      }
    }
    return state
  })

const versions = (entries: ReadonlyArray<Journal.Entry>, kind: string) =>
  entries.map(({ commitBody, notBeforeMs, reservationId }) => {
    assert.strictEqual(commitBody?.["idempotency_key"], `${reservationId} ${notBeforeMs}`)
    return `${reservationId} ${kind} ${notBeforeMs}`
  })

const round = ({ diesAfterMs, lanes, removesEveryMs }: Plan) =>
  Effect.gen(function*() {
    const directory = yield* temporary
    const open = (onStart: (thread: Worker) => void = () => {}) =>
      Effect.gen(function*() {
        const layer = layerFiles({
          directory,
          crowd: 0,
          start: () => {
            const thread = new Worker(code, { eval: true, execArgv: [], env: {} })
            onStart(thread)
            return thread
          }
        })
        const context = yield* Layer.build(layer)
        return yield* Effect.forEach(tenants, (tenant) =>
          Effect.flatMap(Journal.Journal, (journal) => journal.open({ ...identity, tenant })).pipe(
            Effect.provide(context)
          ))
      })
    let thread: Worker | undefined
    const stores = yield* open((started) => {
      thread = started
    })
    const readers = yield* open()
    const reading = yield* Effect.fork(
      logged(Effect.forEach(readers, (reader) =>
        Effect.forever(Effect.zipRight(
          Effect.map(reader.entries, (entries) => versions(entries, "")),
          Effect.zipRight(Effect.map(reader.deadLetters, (entries) => versions(entries, "")), Effect.sleep(1))
        )), { concurrency: "unbounded", discard: true })).pipe(Effect.asVoid)
    )
    if (diesAfterMs >= 0) {
      yield* Effect.fork(Effect.delay(Effect.promise(async () => thread?.terminate()), diesAfterMs))
    }
    const remove = Effect.sync(() => {
      for (const own of readdirSync(directory)) {
        const [file] = readdirSync(join(directory, own)).filter((name) => name.endsWith(".tmp"))
        if (file !== undefined) rmSync(join(directory, own, file), { force: true })
      }
    })
    const removing = removesEveryMs < 0 ? Effect.void : Effect.repeatN(Effect.delay(remove, removesEveryMs), 20)
    const hand = yield* Effect.fork(removing)
    const [ends] = yield* logged(Effect.forEach(lanes, (lane, n) =>
      live(stores[n % tenants.length]!, ids[Math.floor(n / tenants.length)]!, lane), { concurrency: "unbounded" }))
    yield* Fiber.interrupt(hand)
    // It dies when what it read was of no record, or of another.
    assert.isNull(reading.unsafePoll())
    yield* Fiber.interrupt(reading)
    const corrupt = readdirSync(directory).flatMap((own) =>
      readdirSync(join(directory, own))
    )
      .filter((name) =>
        name.endsWith(".corrupt")
      )
    assert.deepStrictEqual(corrupt, [])
    for (const  of of[stores, readers]) {
      for (const [n, store] of of.entries()) {
        const found = [...versions(yield* store.entries, "waiting"), ...versions(yield* store.deadLetters, "dead")]
        const expected = ids.flatMap((id, row) => {
          const state = ends[row * tenants.length + n]
          return state === undefined ? [] : [`${id} ${state[0]} ${state[1]}`]
        })
        assert.deepStrictEqual([...found].sort(), expected.sort())
      }
    }
  })

describe("the journal over its thread", () => {
  it.live(`is a map, in ${rounds} rounds`, () =>
    onDisk(Effect.gen(function*() {
      for (const [n, plan] of fc.sample(plans, { seed, numRuns: rounds }).entries()) {
        yield* Effect.scoped(round(plan)).pipe(
          Effect.tapErrorCause(() =>
            Effect.sync(() => {
              const { diesAfterMs, removesEveryMs } = plan
              console.log(`JOURNAL_SEED=${seed} round ${n}: ${JSON.stringify({ diesAfterMs, removesEveryMs })}`)
            })
          )
        )
      }
    })), 30_000 + rounds * 5000)
})
