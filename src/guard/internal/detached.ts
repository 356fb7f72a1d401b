/**
 * A stream that does not end with whoever reads it: what is left of it can be read to its end later, by somebody else.
 */
import type * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

export interface Detached<A, E, R> {
  readonly stream: Stream.Stream<A, E, R>
  /** Whether the stream has come to its own end, or failed. */
  readonly over: () => boolean
  /** Reads on to the end, or until there is enough. */
  readonly readOn: <R2>(enough: Effect.Effect<boolean, never, R2>) => Effect.Effect<void, E, R | R2>
  /** Ends the stream and waits for its finalizers. */
  readonly close: (exit: Exit.Exit<unknown, unknown>) => Effect.Effect<void>
}

/** Each pull runs on a fiber of its own: an interrupt of who waits for it leaves it alone. Whoever calls this closes. */
export const make: <A, E, R>(
  self: Stream.Stream<A, E, R>
) => Effect.Effect<Detached<A, E, R>, never, R> = Effect.fnUntraced(
  function*<A, E, R>(self: Stream.Stream<A, E, R>) {
    const scope = yield* Scope.make()
    const upstream = yield* Scope.extend(Stream.toPull(self), scope)
    let pulling: Fiber.Fiber<Chunk.Chunk<A>, Option.Option<E>> | undefined
    let over = false

    const begin = upstream.pipe(
      Effect.onExit((exit) =>
        Effect.sync(() => {
          pulling = undefined
          over = Exit.isFailure(exit)
        })
      ),
      Effect.interruptible,
      Effect.forkDaemon,
      Effect.tap((fiber) => {
        pulling = fiber
      }),
      Effect.uninterruptible
    )
    const pull = Effect.flatMap(
      Effect.suspend(() => pulling === undefined ? begin : Effect.succeed(pulling)),
      Fiber.join
    )
    const readOn = <R2>(enough: Effect.Effect<boolean, never, R2>): Effect.Effect<void, Option.Option<E>, R | R2> =>
      Effect.flatMap(enough, (yes) => yes || over ? Effect.void : Effect.zipRight(pull, readOn(enough)))

    const detached: Detached<A, E, R> = {
      stream: Stream.repeatEffectChunkOption(pull),
      over: () => over,
      readOn: (enough) =>
        Effect.catchAll(readOn(enough), Option.match({ onNone: () => Effect.void, onSome: Effect.fail })),
      close: (exit) =>
        Effect.suspend(() => pulling === undefined ? Effect.void : Fiber.interrupt(pulling)).pipe(
          Effect.zipRight(Scope.close(scope, exit))
        )
    }
    return detached
  }
)
