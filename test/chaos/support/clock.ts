/**
 * A clock that jumps from one sleeper to the next, for programs that take longer than the test runner waits for a sign of life.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Scheduler from "effect/Scheduler"

interface Sleeper {
  readonly dueMs: number
  readonly wake: () => void
}

const makeClock = () => {
  let nowMs = 1_700_000_000_000
  const sleepers: Array<Sleeper> = []
  const nanos = () => BigInt(Math.round(nowMs * 1000)) * 1000n
  const clock: Clock.Clock = {
    [Clock.ClockTypeId]: Clock.ClockTypeId,
    unsafeCurrentTimeMillis: () => nowMs,
    unsafeCurrentTimeNanos: nanos,
    currentTimeMillis: Effect.sync(() => nowMs),
    currentTimeNanos: Effect.sync(nanos),
    sleep: (duration) =>
      Effect.async((resume) => {
        const sleeper = { dueMs: nowMs + Duration.toMillis(duration), wake: () => resume(Effect.void) }
        const later = sleepers.findIndex(({ dueMs }) => dueMs > sleeper.dueMs)
        sleepers.splice(later < 0 ? sleepers.length : later, 0, sleeper)
        return Effect.sync(() => {
          const index = sleepers.indexOf(sleeper)
          if (index >= 0) sleepers.splice(index, 1)
        })
      })
  }
  const jump = () => {
    const next = sleepers.shift()
    nowMs = Math.max(nowMs, next?.dueMs ?? nowMs)
    next?.wake()
    return next !== undefined
  }
  return { clock, jump }
}

/**
 * Runs an effect that waits for nothing but this clock, always in the same order; the event loop turns every 100 ms of real time.
 */
export const virtually = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.suspend(() => {
    const { clock, jump } = makeClock()
    let tasks: Array<() => void> = []
    const scheduler = Scheduler.make((task) => tasks.push(task))
    const fiber = Effect.runFork(Effect.withClock(effect, clock), { scheduler })
    const turn: Effect.Effect<A, E> = Effect.suspend(() => {
      const until = performance.now() + 100
      while (performance.now() < until) {
        while (tasks.length > 0) {
          const round = tasks
          tasks = []
          for (const task of round) task()
        }
        const exit = fiber.unsafePoll()
        if (exit !== null) return exit
        if (!jump()) return Effect.dieMessage("waits for something else than the clock")
      }
      return Effect.zipRight(Effect.sleep(0), turn)
    })
    return turn
  })
