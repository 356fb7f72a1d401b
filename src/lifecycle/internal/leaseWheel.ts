/**
 * One timer for many entries: a heap of due times, and one fiber that sleeps until the first.
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberHandle from "effect/FiberHandle"
import type * as Scope from "effect/Scope"

/** What can be due. `slot` is its place in the heap, -1 when it is in none. */
export interface Timed {
  dueMs: number
  slot: number
}

/** Times are milliseconds since the wheel was made, on the monotonic clock. */
export interface Wheel<A extends Timed> {
  readonly nowMs: () => number
  /** Makes an entry due once, instead of what was set before. */
  readonly set: (entry: A, dueMs: number) => void
  readonly remove: (entry: A) => void
}

const swap = (heap: Array<Timed>, a: Timed, b: Timed): void => {
  const slot = a.slot
  heap[a.slot = b.slot] = a
  heap[b.slot = slot] = b
}

const up = (heap: Array<Timed>, entry: Timed): void => {
  for (;;) {
    const parent = heap[(entry.slot - 1) >> 1]
    if (entry.slot === 0 || parent === undefined || parent.dueMs <= entry.dueMs) return
    swap(heap, entry, parent)
  }
}

const down = (heap: Array<Timed>, entry: Timed): void => {
  for (;;) {
    const left = heap[2 * entry.slot + 1]
    const right = heap[2 * entry.slot + 2]
    const child = right !== undefined && left !== undefined && right.dueMs < left.dueMs ? right : left
    if (child === undefined || child.dueMs >= entry.dueMs) return
    swap(heap, entry, child)
  }
}

const drop = (heap: Array<Timed>, entry: Timed): void => {
  if (entry.slot < 0) return
  const last = heap[heap.length - 1]
  if (last !== undefined && last !== entry) swap(heap, entry, last)
  heap.pop()
  entry.slot = -1
  if (last === undefined || last === entry) return
  up(heap, last)
  down(heap, last)
}

/** `setTimeout` does not fire after more than 24 days. */
const longestSleepMs = 3_600_000

/** A wheel whose fiber lives in the scope. `onDue` runs on it and must not wait. */
export const make = <A extends Timed>(
  clock: Clock.Clock,
  onDue: (entry: A) => void
): Effect.Effect<Wheel<A>, never, Scope.Scope> =>
  Effect.gen(function*() {
    const run = yield* FiberHandle.makeRuntime<never, void>()
    const origin = clock.unsafeCurrentTimeNanos()
    const nowMs = () => Number(clock.unsafeCurrentTimeNanos() - origin) / 1e6
    const heap: Array<A> = []
    /** Until when the fiber sleeps: `Infinity` when there is none, `-Infinity` while it runs. */
    let armedMs = Infinity

    const turn: Effect.Effect<void> = Effect.suspend(() => {
      armedMs = -Infinity
      for (;;) {
        const [first] = heap
        if (first === undefined) {
          armedMs = Infinity
          return Effect.void
        }
        const waitMs = Math.floor(first.dueMs - nowMs())
        if (waitMs > 0) {
          armedMs = first.dueMs
          return Effect.zipRight(clock.sleep(Duration.millis(Math.min(waitMs, longestSleepMs))), turn)
        }
        drop(heap, first)
        onDue(first)
      }
    })

    return {
      nowMs,
      set: (entry, dueMs) => {
        drop(heap, entry)
        entry.dueMs = dueMs
        entry.slot = heap.push(entry) - 1
        up(heap, entry)
        if (dueMs >= armedMs) return
        armedMs = dueMs
        run(Effect.interruptible(turn))
      },
      remove: (entry) => drop(heap, entry)
    }
  })
