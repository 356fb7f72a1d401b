/**
 * The context of a fiber, changed for a while. To be used in an uninterruptible region: it is changed back by what follows.
 */
import * as Arr from "effect/Array"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as FiberId from "effect/FiberId"
import * as FiberRef from "effect/FiberRef"
import * as FiberRefs from "effect/FiberRefs"
import * as Tracer from "effect/Tracer"
import { clockOf } from "../../client/internal/clockOf.js"
import * as Telemetry from "../../protocol/Telemetry.js"

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

/** Runs as a part of a span, and ends it. */
export const inSpan = <A, E, R>(self: Effect.Effect<A, E, R>, span: Tracer.Span): Effect.Effect<A, E, R> =>
  Effect.withFiberRuntime((fiber) => {
    const outside = fiber.currentContext
    const leave = (exit: Exit.Exit<A, E>) => {
      Telemetry.end(span, clockOf(fiber), exit)
      return Effect.zipRight(setContext(outside), exit)
    }
    return Effect.zipRight(
      setContext(Context.add(outside, Tracer.ParentSpan, span)),
      Effect.matchCauseEffect(self, {
        onFailure: (cause) => leave(Exit.failCause(cause)),
        onSuccess: (value) => leave(Exit.succeed(value))
      })
    )
  })
