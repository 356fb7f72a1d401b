/**
 * Sends again what the journal holds: soon after the start, and from time to time.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import type { Entry, Store } from "../Journal.js"

const hourMs = 3_600_000

/** A wait that differs between processes that started together, `atMost` so long. */
const about = (ms: number, atMost = ms) =>
  Effect.flatMap(Random.nextIntBetween(Math.floor(ms / 2), ms), (wait) => Effect.sleep(Math.min(wait, atMost)))

/**
 * A fiber of the scope. Entries that are on their way already are left alone; a `notBeforeMs` is respected, at most for an hour after the
 * start, and the sweep after it follows at once. Several processes may do this at once: the authority knows the keys.
 */
export const replay = (
  store: Store,
  busy: Set<string>,
  again: (entry: Entry) => Effect.Effect<unknown>
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function*() {
    const start = yield* Clock.currentTimeMillis
    const one = (entry: Entry) =>
      Effect.suspend(() => {
        if (busy.has(entry.reservationId)) return Effect.void
        busy.add(entry.reservationId)
        return Effect.ensuring(again(entry), Effect.sync(() => busy.delete(entry.reservationId)))
      })
    const sweep = Effect.gen(function*() {
      // What was on its way while the list was read may be settled by the time its turn comes: the list is out of date about it.
      const before = new Set(busy)
      const entries = yield* store.entries
      const isFresh = ({ reservationId }: Entry) => !before.has(reservationId) && !busy.has(reservationId)
      const now = yield* Clock.currentTimeMillis
      const floorOf = ({ notBeforeMs }: Entry) => Math.min(notBeforeMs ?? 0, start + hourMs)
      const due = entries.filter((entry) => floorOf(entry) <= now && isFresh(entry))
      yield* Effect.forEach(due, one, { concurrency: 4, discard: true })
      return entries.reduce((next, entry) => floorOf(entry) > now ? Math.min(next, floorOf(entry)) : next, Infinity)
    })
    const pause = (nextMs: number) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => about(60_000, Math.max(0, Math.ceil(nextMs - now))))
    yield* about(500).pipe(
      Effect.zipRight(Effect.forever(Effect.flatMap(sweep, pause))),
      Effect.interruptible,
      Effect.forkScoped
    )
  })
