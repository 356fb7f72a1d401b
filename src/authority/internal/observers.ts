/**
 * Those who listen to a ledger: each has a bounded queue of its own.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { LedgerEvent } from "../LedgerEvent.js"

/**
 * How a listener is served.
 *
 * @since 0.1.0
 * @category config
 */
export interface ObserveOptions {
  /** How many events may wait for the listener. 1024 when absent. */
  readonly capacity?: number | undefined
  /** What is lost when that many wait: `sliding` (when absent) drops the oldest of them, `dropping` the new one. */
  readonly overflow?: "sliding" | "dropping" | undefined
  /** How often holds that expired are looked for while nobody asks the ledger. 1 second when absent. */
  readonly sweepEvery?: Duration.DurationInput | undefined
}

export const makeObservers = (sweep: () => Effect.Effect<void>) => {
  const queues = new Set<Queue.Queue<LedgerEvent>>()
  return {
    isWatched: () => queues.size > 0,
    tell: (events: ReadonlyArray<LedgerEvent>): Effect.Effect<void> =>
      Effect.forEach(queues, (queue) => Queue.offerAll(queue, events), { discard: true }),
    observe: (
      { capacity = 1024, overflow = "sliding", sweepEvery = Duration.seconds(1) }: ObserveOptions = {}
    ): Stream.Stream<LedgerEvent> =>
      Stream.unwrapScoped(Effect.gen(function*() {
        const make = overflow === "sliding" ? Queue.sliding<LedgerEvent> : Queue.dropping<LedgerEvent>
        const queue = yield* Effect.acquireRelease(
          Effect.tap(make(Math.max(1, Math.floor(capacity))), (queue) => Effect.sync(() => queues.add(queue))),
          (queue) => Effect.zipRight(Effect.sync(() => queues.delete(queue)), Queue.shutdown(queue))
        )
        yield* Effect.forkScoped(Effect.repeat(sweep(), Schedule.spaced(sweepEvery)))
        return Stream.fromQueue(queue)
      }))
  }
}
