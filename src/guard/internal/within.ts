/**
 * The context of a fiber, changed for a while.
 */
import * as Arr from "effect/Array"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as FiberId from "effect/FiberId"
import * as FiberRef from "effect/FiberRef"
import * as FiberRefs from "effect/FiberRefs"

/**
 * The fiber has this context from now on. As `FiberRef.set`, which would first compare it with the one before: that leaves a hash in both of
 * them, and room for sixteen more in each of ten thousand fibers.
 */
export const setContext = (context: Context.Context<never>): Effect.Effect<void> =>
  Effect.updateFiberRefs((fiberId, { locals }) => {
    const next = new Map(locals)
    const first: readonly [FiberId.Runtime, unknown] = [fiberId, context]
    const outer = (locals.get(FiberRef.currentContext) ?? []).filter(([id]) => id !== fiberId)
    // Whoever asks for the references of a fiber gets its flags as they are then.
    next.delete(FiberRef.currentRuntimeFlags)
    return FiberRefs.unsafeMake(next.set(FiberRef.currentContext, Arr.appendAll([first], outer)))
  })
