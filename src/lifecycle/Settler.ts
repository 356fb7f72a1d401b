/**
 * Work that outlives its caller: fibers owned by the layer, which waits for them when it ends.
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import type { CyclesConfig } from "../client/CyclesConfig.js"
import { deadline } from "../client/internal/deadline.js"
import { ownFibers } from "../client/internal/ownFiber.js"
import * as Telemetry from "../protocol/Telemetry.js"

/**
 * What runs beside the callers of one client, until its layer ends.
 *
 * @since 0.1.0
 * @category models
 */
export interface Settler {
  /** Starts a job on a fiber of the layer: the caller neither waits for it nor interrupts it. */
  readonly submit: (job: Effect.Effect<void>) => Effect.Effect<void>
  /**
   * As `submit`, unless so many jobs that were started this way are under way, or the layer has ended; says whether it was started. The
   * job cannot be interrupted but where it says so itself.
   */
  readonly submitAtMost: (limit: number, job: Effect.Effect<void>) => Effect.Effect<boolean>
  /** Ends when the layer has waited half of `flushTimeout` for its jobs: what can be cut short should be, to settle in the other half. */
  readonly closing: Effect.Effect<void>
  /** Waits until no job is left, at most as long as the configured `flushTimeout`; says whether none is left. */
  readonly flush: Effect.Effect<boolean>
  /** How many jobs are under way. */
  readonly pending: Effect.Effect<number>
}

/**
 * A settler whose scope ends when its jobs have ended, or after `flushTimeout`: what is left then is interrupted.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  { flushTimeout, waitUntil }: Pick<CyclesConfig, "flushTimeout" | "waitUntil">
): Effect.Effect<Settler, never, Scope.Scope> =>
  Effect.gen(function*() {
    const jobs = yield* ownFibers
    const closing = yield* Deferred.make<void>()
    let closed = false
    let limited = 0
    const flushWithin = (limit: Duration.Duration) =>
      jobs.awaitEmpty.pipe(
        deadline(limit, () => "late" as const),
        Effect.match({ onFailure: () => false, onSuccess: () => true })
      )
    const half = Duration.times(flushTimeout, 0.5)
    const close = Effect.sync(() => {
      closed = true
    })
    yield* Effect.addFinalizer(() =>
      flushWithin(half).pipe(
        Effect.zipLeft(Deferred.succeed(closing, undefined)),
        Effect.flatMap((empty) => empty ? Effect.void : flushWithin(half)),
        Effect.zipRight(close)
      )
    )
    let pending = 0
    const over = (): void => Telemetry.settlementPending.unsafeUpdate(--pending, [])
    const start = (job: Effect.Effect<void>): Effect.Effect<void> =>
      Effect.withFiberRuntime((caller) => {
        const fiber = jobs.start(caller, job)
        pending += 1
        fiber.addObserver(over)
        waitUntil?.(Runtime.runPromise(Runtime.defaultRuntime)(Fiber.await(fiber)))
        return Effect.void
      })
    return {
      submit: (job) => Effect.suspend(() => closed ? job : start(job)),
      submitAtMost: (limit, job) =>
        Effect.suspend(() => {
          if (closed || limited >= limit) return Effect.succeed(false)
          limited += 1
          const whole = Effect.uninterruptible(Effect.ensuring(job, Effect.sync(() => limited -= 1)))
          return Effect.as(start(whole), true)
        }),
      closing: Deferred.await(closing),
      flush: flushWithin(flushTimeout),
      pending: Effect.sync(jobs.size)
    }
  })
