/**
 * A whole storm on a clock of its own, and everything that is known when it is over.
 */
import { Amount, Cycles, Idempotency, Journal } from "effect-cycles"
import { Authority } from "effect-cycles/authority"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import { actualOf } from "../../../src/lifecycle/internal/record.js"
import { seeded } from "../../lifecycle/support/virtualClock.js"
import { virtually } from "./clock.js"
import { callOf, run, type Story } from "./population.js"
import { makeRecord, type Record, weather } from "./weather.js"

const apiKey = Redacted.make("cyc_live_chaos")
const baseUrl = "http://authority.localhost"
const tenant = "tenant-a"

/** What was handed to the journal, by reservation. */
export interface Dispatched {
  readonly key: string
  readonly unit: Amount["unit"]
  readonly actual: bigint
}

const keyOf = (entry: Journal.Entry) => String((entry.commitBody ?? entry.eventFallbackBody)?.["idempotency_key"])

/** A journal in memory that tells what is put into it. */
const watching = (dispatched: Map<string, Dispatched>, contradictions: Array<string>): Layer.Layer<Journal.Journal> =>
  Layer.effect(
    Journal.Journal,
    Effect.map(Journal.Journal, ({ open }) => ({
      open: (identity: Journal.Identity) =>
        Effect.map(open(identity), (store) => ({
          ...store,
          put: (entry: Journal.Entry) => {
            const { amount, unit } = Option.getOrThrow(actualOf(entry))
            const now = { key: keyOf(entry), unit, actual: amount }
            const before = dispatched.get(entry.reservationId)
            if (before !== undefined && (before.key !== now.key || before.actual !== now.actual)) {
              contradictions.push(entry.reservationId)
            }
            dispatched.set(entry.reservationId, now)
            return store.put(entry)
          }
        }))
    }))
  ).pipe(Layer.provide(Journal.layerMemory()))

export interface Aftermath {
  readonly stories: ReadonlyArray<Story>
  readonly dispatched: ReadonlyMap<string, Dispatched>
  readonly record: Record
  readonly budgets: Effect.Effect.Success<Authority.Service["budgets"]>
  readonly rows: Effect.Effect.Success<Authority.Service["reservations"]>
  readonly waiting: ReadonlyArray<Journal.Entry>
  readonly dead: ReadonlyArray<Journal.Entry>
  readonly flushed: boolean
  readonly pending: number
  /** On the clock of the storm: until the last call was over, and then until nothing was left to settle. */
  readonly stormMs: number
  readonly drainMs: number
}

export const storm = (seed: number, calls: number): Effect.Effect<Aftermath> =>
  Effect.suspend(() => {
    const record = makeRecord()
    const dispatched = new Map<string, Dispatched>()
    const source = seeded(seed + 1)
    let keys = 0

    const program = Effect.gen(function*() {
      const cycles = yield* Cycles
      const authority = yield* Authority.Authority
      const store = yield* Effect.flatMap(
        Journal.Journal,
        ({ open }) => Effect.scoped(open({ baseUrl, tenant, apiKey }))
      )
      const start = yield* Clock.currentTimeMillis
      const stories = yield* Effect.forEach(
        Array.from({ length: calls }, (_, n) => callOf(n, source)),
        run,
        { concurrency: 48 }
      )
      const over = yield* Clock.currentTimeMillis
      yield* Cycles.flush
      const isIdle = Effect.map(
        Effect.all([store.entries, cycles.settler.pending]),
        ([entries, pending]) => entries.length === 0 && pending === 0
      )
      yield* Effect.repeat(Effect.zipRight(Effect.sleep(1000), isIdle), { until: (idle) => idle, times: 3600 })
      const drained = yield* Clock.currentTimeMillis
      const flushed = yield* Cycles.flush
      // What nobody released ends with its time, and what is still on the way arrives.
      yield* Effect.sleep("5 minutes")
      return {
        stories,
        dispatched,
        record,
        budgets: yield* authority.budgets,
        rows: yield* authority.reservations,
        waiting: yield* store.entries,
        dead: yield* store.deadLetters,
        flushed,
        pending: yield* cycles.settler.pending,
        stormMs: over - start,
        drainMs: drained - over
      }
    })

    const live = Cycles.layer({ baseUrl, apiKey, subject: { tenant } }).pipe(
      Layer.provideMerge(watching(dispatched, record.contradictions)),
      Layer.provide(weather(record, {
        seed,
        percent: 30,
        outages: { everyMs: 60_000, lastsMs: 6000, untilMs: 36_000_000 }
      })),
      Layer.provide(Authority.layerInProcess),
      Layer.provideMerge(Authority.layerAuthority({
        budgets: [
          { scope: "tenant:tenant-a", allocated: Amount.usdMicrocents(9_000_000_000_000_000_000n) },
          { scope: "tenant:tenant-a/agent:tight", allocated: Amount.usdMicrocents(BigInt(calls) * 30_011n) },
          {
            scope: "tenant:tenant-a/agent:indebted",
            allocated: Amount.usdMicrocents(BigInt(calls) * 30_011n),
            overdraftLimit: Amount.usdMicrocents(1_000_000_000_000_000_000n)
          }
        ],
        keys: [{ key: apiKey, tenant }]
      })),
      Layer.orDie
    )

    return virtually(
      Effect.scoped(Effect.provide(program, live)).pipe(
        Effect.provideService(Idempotency.IdempotencyKeys, Effect.sync(() => `key-${keys++}`)),
        Effect.withRandom(Random.make(seed)),
        Effect.provide(Logger.minimumLogLevel(LogLevel.None))
      )
    )
  })
