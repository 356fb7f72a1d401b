/**
 * One timer for many waits of the same length.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as FiberRef from "effect/FiberRef"
import * as Runtime from "effect/Runtime"
import type * as Scheduler from "effect/Scheduler"
import { clockOf } from "./clockOf.js"

interface Wait {
  readonly dueMs: number
  readonly ring: () => void
}

/** Rings once when the time is over, on the clock of `caller`, unless it is stopped before. */
export type Timer = (caller: Fiber.RuntimeFiber<unknown, unknown>, ring: () => void) => () => void

/** The waits on one clock: they are due in the order in which they began, and one fiber sleeps until the first. */
const onClock = (clock: Clock.Clock, scheduler: Scheduler.Scheduler, durationMs: number) => {
  const waits = new Set<Wait>()
  let running = false
  let sleeper: Fiber.RuntimeFiber<void> | undefined
  const nowMs = () => Number(clock.unsafeCurrentTimeNanos()) / 1e6
  const turn: Effect.Effect<void> = Effect.suspend(() => {
    const now = nowMs()
    for (const wait of waits) {
      if (wait.dueMs > now) return Effect.zipRight(clock.sleep(Duration.millis(Math.ceil(wait.dueMs - now))), turn)
      waits.delete(wait)
      wait.ring()
    }
    running = false
    sleeper = undefined
    return Effect.void
  })
  const start = () => {
    running = true
    const fiber = Runtime.runFork(Runtime.defaultRuntime)(turn, { scheduler })
    if (running) sleeper = fiber
  }
  return (ring: () => void) => {
    const wait: Wait = { dueMs: nowMs() + durationMs, ring }
    waits.add(wait)
    if (!running) start()
    return () => {
      // Nobody waits any more: a program that is done must not wait for the timer.
      if (waits.delete(wait) && waits.size === 0) {
        running = false
        sleeper?.unsafeInterruptAsFork(FiberId.none)
        sleeper = undefined
      }
    }
  }
}

/** On the clock of the host, which is nearly every one, a timer of the host for each wait is cheaper than one that starts a fiber. */
const onHost = (durationMs: number) => (ring: () => void) => {
  // @effect-diagnostics-next-line globalTimers:off
  const handle = setTimeout(ring, durationMs)
  return () => clearTimeout(handle)
}

const hostClock = Context.get(DefaultServices.liveServices, Clock.Clock)

/** What `setTimeout` can count. */
const longestMs = 2 ** 31 - 1

interface Known {
  readonly clock: Clock.Clock
  readonly scheduler: Scheduler.Scheduler
  readonly start: ReturnType<typeof onClock>
}

/** A timer of one length. */
export const makeTimer = (duration: Duration.Duration): Timer => {
  const durationMs = Duration.toMillis(duration)
  let known: Known | undefined
  return (caller, ring) => {
    const clock = clockOf(caller)
    const scheduler = caller.getFiberRef(FiberRef.currentScheduler)
    if (known?.clock !== clock || known.scheduler !== scheduler) {
      const isHost = clock === hostClock && durationMs <= longestMs
      known = { clock, scheduler, start: isHost ? onHost(durationMs) : onClock(clock, scheduler, durationMs) }
    }
    return known.start(ring)
  }
}
