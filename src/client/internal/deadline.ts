/**
 * A time limit that holds everywhere, also inside an uninterruptible region.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import { startLike } from "./ownFiber.js"
import { makeTimer } from "./timer.js"

/** Runs effects under one time limit; `onTimeout` is the error of the one that it stopped. */
export type Limit = <E2>(
  onTimeout: () => E2
) => <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | E2, R>

/**
 * Runs an effect on a fiber of its own and waits at most `duration` for it, then answers with `onTimeout` and interrupts it without
 * waiting. The caller's interrupt is passed on where the caller can be interrupted; inside an uninterruptible region it waits for the
 * answer or the limit.
 *
 * `Effect.timeout` does neither: there it waits for a hung call for ever, and made interruptible it drops a call that is under way.
 *
 * What runs under one limit at the same time shares one timer.
 */
export const limit = (duration: Duration.Duration): Limit => {
  const timer = makeTimer(duration)
  return <E2>(onTimeout: () => E2) => <A, E, R>(self: Effect.Effect<A, E, R>) =>
    Effect.withFiberRuntime<A, E | E2, R>((caller) =>
      Effect.async((resume) => {
        const work = startLike(caller, self)
        const done = work.unsafePoll()
        if (done !== null) return resume(done)
        const stop = timer(caller, () => {
          resume(Effect.failSync(onTimeout))
          work.unsafeInterruptAsFork(FiberId.none)
        })
        work.addObserver((exit) => {
          stop()
          resume(exit)
        })
        return Effect.sync(() => {
          stop()
          work.unsafeInterruptAsFork(caller.id())
        })
      })
    )
}

/** A limit for one effect alone. */
export const deadline = <E2>(duration: Duration.Duration, onTimeout: () => E2) => limit(duration)(onTimeout)
