/**
 * A time limit that holds everywhere, also inside an uninterruptible region.
 */
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

/**
 * Runs an effect on a fiber of its own and waits at most `duration` for it, then answers with `onTimeout` and interrupts it without
 * waiting. The caller's interrupt is passed on where the caller can be interrupted; inside an uninterruptible region it waits for the
 * answer or the limit.
 *
 * `Effect.timeout` does neither: there it waits for a hung call for ever, and made interruptible it drops a call that is under way.
 */
export const deadline =
  <E2>(duration: Duration.Duration, onTimeout: () => E2) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | E2, R> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function*() {
        const answer = yield* Deferred.make<A, E | E2>()
        const work = yield* Effect.forkDaemon(Effect.interruptible(Effect.intoDeferred(self, answer)))
        const timer = yield* Effect.sleep(duration).pipe(
          Effect.zipRight(Deferred.failSync(answer, onTimeout)),
          Effect.zipRight(Fiber.interruptFork(work)),
          Effect.interruptible,
          Effect.forkDaemon
        )
        return yield* restore(Deferred.await(answer)).pipe(
          Effect.onInterrupt(() => Fiber.interruptFork(work)),
          Effect.ensuring(Fiber.interruptFork(timer))
        )
      })
    )
