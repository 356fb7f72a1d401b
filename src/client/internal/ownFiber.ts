/**
 * Fibers that belong to nobody's caller.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Runtime from "effect/Runtime"
import * as RuntimeFlags from "effect/RuntimeFlags"
import type * as Scope from "effect/Scope"

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

/** The fibers that one owner has started. */
export interface OwnFibers {
  /** As `startLike`. */
  readonly start: typeof startLike
  /** How many are under way. */
  readonly size: () => number
  /** Waits until none is left. */
  readonly awaitEmpty: Effect.Effect<void>
}

/**
 * Fibers of an owner whose scope ends when those that are left have been interrupted. It is no `FiberSet`: in a set that is filled and
 * emptied all the time each table leads to the next one, so that one old table keeps all that came after until the next major collection.
 */
export const ownFibers: Effect.Effect<OwnFibers, never, Scope.Scope> = Effect.suspend(() => {
  /** By slot. */
  const fibers: Array<Fiber.RuntimeFiber<unknown, unknown> | undefined> = []
  const free: Array<number> = []
  let over = false
  const size = () => fibers.length - free.length
  const left = () => fibers.filter((fiber) => fiber !== undefined)
  const owned: OwnFibers = {
    start: (caller, effect, context) => {
      const fiber = startLike(caller, effect, context)
      if (over) fiber.unsafeInterruptAsFork(FiberId.none)
      const slot = free.pop() ?? fibers.length
      fibers[slot] = fiber
      fiber.addObserver(() => {
        fibers[slot] = undefined
        free.push(slot)
      })
      return fiber
    },
    size,
    awaitEmpty: Effect.whileLoop({
      while: () => size() > 0,
      body: () => Fiber.awaitAll(left()),
      step: () => {}
    })
  }
  return Effect.acquireRelease(Effect.succeed(owned), () =>
    Effect.suspend(() => {
      over = true
      return Fiber.interruptAll(left())
    }))
})
