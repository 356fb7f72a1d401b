/**
 * Work that outlives its caller: fibers owned by the layer, which waits for them when it ends.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import * as Metric from "effect/Metric"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import type { CyclesConfig } from "../client/CyclesConfig.js"
import { deadline } from "../client/internal/deadline.js"
import * as Telemetry from "../protocol/Telemetry.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface Settler {
  /** Starts a job on a fiber of the layer: the caller neither waits for it nor interrupts it. */
  readonly submit: (job: Effect.Effect<void>) => Effect.Effect<void>
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
    const jobs = yield* FiberSet.make<void>()
    let closed = false
    const flush = FiberSet.awaitEmpty(jobs).pipe(
      deadline(flushTimeout, () => "late" as const),
      Effect.match({ onFailure: () => false, onSuccess: () => true })
    )
    const close = Effect.sync(() => {
      closed = true
    })
    yield* Effect.addFinalizer(() => Effect.zipRight(flush, close))
    const count = Effect.flatMap(FiberSet.size(jobs), (n) => Metric.set(Telemetry.settlementPending, n))
    const start = (job: Effect.Effect<void>) =>
      FiberSet.run(jobs, Effect.ensuring(Effect.interruptible(job), count)).pipe(
        Effect.map((fiber) => waitUntil?.(Runtime.runPromise(Runtime.defaultRuntime)(Fiber.await(fiber))))
      )
    return {
      submit: (job) => Effect.suspend(() => closed ? job : Effect.asVoid(start(job))),
      flush,
      pending: FiberSet.size(jobs)
    }
  })
