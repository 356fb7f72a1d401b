/**
 * Group commit: what is appended while a transaction runs, or in the same turn of the event loop, shares the next one and its fsync.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

interface Waiting<A, E> {
  readonly item: A
  ended: Effect.Effect<void, E> | undefined
  resume: ((ended: Effect.Effect<void, E>) => void) | undefined
}

/** More than this many items wait for the transaction after the next: a burst does not make one that blocks the program. */
const maxGroup = 1024

/** When the event loop has handed over every event that is there now. */
const endOfTurn = Effect.async<void>((resume) => {
  const handle = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(handle))
})

/**
 * `append` takes an item when it is called, so the order of the calls is the order of the items; its effect ends when the group of the item
 * has been written, as that ended. An interrupt stops the waiting, not the write. The end of the scope writes what waits; later appends fail
 * with `closed`.
 */
export const make = <A, E>(
  write: (items: ReadonlyArray<A>) => Effect.Effect<void, E>,
  closed: E
): Effect.Effect<(item: A) => Effect.Effect<void, E>, never, Scope.Scope> =>
  Effect.gen(function*() {
    const queue: Array<Waiting<A, E>> = []
    let isOpen = true
    let wake: (() => void) | undefined
    const rouse = () => {
      wake?.()
      wake = undefined
    }
    const awake = Effect.async<void>((resume) => {
      wake = () => resume(Effect.void)
      if (queue.length > 0 || !isOpen) rouse()
    })
    const writeGroup = Effect.suspend(() => {
      const group = queue.splice(0, maxGroup)
      return Effect.map(Effect.exit(write(group.map(({ item }) => item))), (exit) => {
        for (const waiting of group) {
          waiting.ended = exit
          waiting.resume?.(exit)
        }
      })
    })
    const pump: Effect.Effect<void> = Effect.suspend(() =>
      queue.length > 0
        ? Effect.zipRight(writeGroup, pump)
        : isOpen
        ? awake.pipe(Effect.zipRight(endOfTurn), Effect.zipRight(pump))
        : Effect.void
    )
    const fiber = yield* Effect.forkDaemon(Effect.interruptible(pump))
    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        isOpen = false
        rouse()
        return fiber.await
      })
    )
    return (item) => {
      if (!isOpen) return Effect.fail(closed)
      const waiting: Waiting<A, E> = { item, ended: undefined, resume: undefined }
      queue.push(waiting)
      rouse()
      return Effect.async((resume) => {
        if (waiting.ended !== undefined) resume(waiting.ended)
        else waiting.resume = resume
      })
    }
  })
