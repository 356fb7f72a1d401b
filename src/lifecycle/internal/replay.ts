/**
 * Sends again what the journal holds: soon after the start, and from time to time.
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import { sanitize } from "../../protocol/InvalidInput.js"
import type { Entry } from "../Journal.js"
import type { Busy } from "./busy.js"
import { logs } from "./held.js"
import type { Records } from "./records.js"

const hourMs = 3_600_000

const few = { concurrency: 4, discard: true } as const

/** A wait that differs between processes that started together, `atMost` so long. */
const about = (ms: number, atMost = ms) =>
  Effect.flatMap(Random.nextIntBetween(Math.floor(ms / 2), ms), (wait) => Effect.sleep(Math.min(wait, atMost)))

/**
 * When an entry may be sent, in milliseconds of the monotonic clock: the wall clock is asked once, when its `notBeforeMs` is first seen, and
 * not believed for more than an hour.
 */
const makeFloors = (clock: Clock.Clock, nowMs: () => number) => {
  let known = new Map<string, { readonly notBeforeMs: number; readonly dueMs: number }>()
  /** Of the entries that there are now: what is known of others is forgotten. */
  return (entries: ReadonlyArray<Entry>): (entry: Entry) => number => {
    const before = known
    known = new Map()
    const wallMs = clock.unsafeCurrentTimeMillis()
    for (const { notBeforeMs, reservationId } of entries) {
      if (notBeforeMs === null) continue
      const seen = before.get(reservationId)
      const waitMs = Math.min(Math.max(0, notBeforeMs - wallMs), hourMs)
      known.set(
        reservationId,
        seen?.notBeforeMs === notBeforeMs ? seen : { notBeforeMs, dueMs: nowMs() + waitMs }
      )
    }
    return ({ reservationId }) => known.get(reservationId)?.dueMs ?? 0
  }
}

/**
 * A fiber of the scope. Entries that are on their way already are left alone; a `notBeforeMs` is respected, at most for an hour, and the sweep
 * after it follows at once. Several processes may do this at once: the authority knows the keys.
 */
export const replay = (
  records: Records,
  busy: Busy,
  again: (entry: Entry) => Effect.Effect<unknown>
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function*() {
    const clock = yield* Effect.clock
    const nowMs = () => Number(clock.unsafeCurrentTimeNanos()) / 1e6
    const floorsOf = makeFloors(clock, nowMs)
    /** A record that brings about a defect holds up no other. */
    const one = (entry: Entry) =>
      again(entry).pipe(
        Effect.catchAllDefect((defect) =>
          Effect.logWarning("A record of the journal could not be sent").pipe(
            Effect.annotateLogs({ ...logs, reservation: entry.reservationId, detail: sanitize(String(defect)) })
          )
        )
      )
    /** Gives when the first of those that have to wait may be sent. */
    const sweep = Effect.gen(function*() {
      yield* Effect.forEach(records.owed(), (id) => busy.alone(id, records.insist(id), undefined), few)
      const [entries, wereBusy] = yield* busy.during(records.entries)
      const floorOf = floorsOf(entries)
      const now = nowMs()
      const due = entries.filter((entry) => floorOf(entry) <= now && !wereBusy.has(entry.reservationId))
      yield* Effect.forEach(due, (entry) => busy.alone(entry.reservationId, one(entry), undefined), few)
      return entries.reduce((next, entry) => floorOf(entry) > now ? Math.min(next, floorOf(entry)) : next, Infinity)
    })
    const pause = (nextMs: number) => Effect.suspend(() => about(60_000, Math.max(0, Math.ceil(nextMs - nowMs()))))
    yield* about(500).pipe(
      Effect.zipRight(Effect.forever(Effect.flatMap(sweep, pause))),
      Effect.interruptible,
      Effect.forkScoped
    )
  })
