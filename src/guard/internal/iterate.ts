/**
 * A stream as an async iterator: each `next` runs on a fiber, and every end closes the scope of the stream.
 */
import * as Cause from "effect/Cause"
import type * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

/**
 * What runs effects: a `Runtime`, or a `ManagedRuntime`.
 *
 * @since 0.1.0
 * @category models
 */
export type Runner<R> =
  | Runtime.Runtime<R>
  | { readonly runFork: <A, E>(effect: Effect.Effect<A, E, R>) => Fiber.RuntimeFiber<A, unknown> }

/**
 * How a stream is read by Promise code.
 *
 * @since 0.1.0
 * @category models
 */
export interface ReadOptions {
  /** Ends the stream when it is aborted: the signal of a request whose sender may go away. */
  readonly signal?: AbortSignal | undefined
}

export interface Iteration<A> extends AsyncIterator<A, undefined> {
  readonly next: () => Promise<IteratorResult<A, undefined>>
  readonly return: () => Promise<IteratorResult<A, undefined>>
  readonly throw: (error: unknown) => Promise<never>
}

const done = { done: true, value: undefined } as const

const exitOf = <A, E>(fiber: Fiber.RuntimeFiber<A, E>): Promise<Exit.Exit<A, E>> =>
  Effect.runPromise(Fiber.await(fiber))

export const iterate = <A, E, R>(
  self: Stream.Stream<A, E, R>,
  runner: Runner<R>,
  { signal }: ReadOptions
): Iteration<A> => {
  const runFork = "runFork" in runner ? runner.runFork : Runtime.runFork(runner)
  const scope = Effect.runSync(Scope.make())
  let pull: Effect.Effect<Chunk.Chunk<A>, Option.Option<E>, R> | undefined
  let pulling: Fiber.RuntimeFiber<Chunk.Chunk<A>, unknown> | undefined
  let elements: Iterator<A> = [][Symbol.iterator]()
  let ending: Promise<unknown> | undefined
  let last: Promise<unknown> = Promise.resolve()
  let aborted = false

  const end = (exit: Exit.Exit<unknown, unknown>) => {
    signal?.removeEventListener("abort", abort)
    ending ??= exitOf(runFork(
      Effect.zipRight(pulling === undefined ? Effect.void : Fiber.interrupt(pulling), Scope.close(scope, exit))
    ))
    return ending
  }
  function abort() {
    aborted = ending === undefined
    void end(Exit.interrupt(FiberId.none))
  }

  const ended = (): Promise<typeof done> =>
    Promise.resolve(ending).then(() => {
      if (!aborted) return done
      aborted = false
      throw signal?.reason
    })

  const begin = Effect.flatMap(Scope.extend(Stream.toPull(self), scope), (upstream) => {
    pull = upstream
    return upstream
  })

  const step = (): Promise<IteratorResult<A, undefined>> => {
    if (ending !== undefined) return ended()
    const element = elements.next()
    if (element.done !== true) return Promise.resolve(element)
    if (signal?.aborted === true) {
      abort()
      return ended()
    }
    if (pull === undefined) signal?.addEventListener("abort", abort, { once: true })
    const fiber = runFork(pull ?? begin)
    pulling = fiber
    return exitOf(fiber).then((exit) => {
      if (ending !== undefined) return ended()
      pulling = undefined
      if (Exit.isSuccess(exit)) {
        elements = exit.value[Symbol.iterator]()
        return step()
      }
      const failure = Cause.flipCauseOption(exit.cause as Cause.Cause<Option.Option<E>>)
      return Option.match(failure, {
        onNone: () => end(Exit.void).then(() => done),
        onSome: (cause) =>
          end(Exit.failCause(cause)).then(() => {
            throw Cause.squash(cause)
          })
      })
    })
  }

  const finish = () => end(Exit.void).then(() => done)
  return {
    next: () => {
      const next = last.then(step)
      last = next.catch(() => {})
      return next
    },
    return: finish,
    throw: (error) =>
      finish().then(() => {
        throw error
      })
  }
}
