/**
 * Streams across the border to Promise code, whose ends are heard at once on the other side.
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import { CurrentReservation } from "../lifecycle/CurrentReservation.js"
import { iterate, type ReadOptions, type Runner } from "./internal/iterate.js"

export type { ReadOptions, Runner } from "./internal/iterate.js"

/**
 * What to read: there already, or a function that asks for it. The signal is aborted as soon as the stream ends before its own end: give it
 * to the request.
 *
 * @since 0.1.0
 * @category models
 */
export type Opener<S> = S | ((signal: AbortSignal) => S | PromiseLike<S>)

/** One element after the other, and a way to say that no more are wanted. */
interface Reading<A> {
  readonly next: () => PromiseLike<IteratorResult<A, unknown>>
  readonly stop: () => unknown
}

/** What a stop fails with concerns nobody any more. */
const quietly = (stop: () => unknown): void => {
  try {
    const stopped = stop()
    if (Predicate.isPromiseLike(stopped)) stopped.then(undefined, () => {})
  } catch {
    // The other side is gone already.
  }
}

const opening = Effect.fnUntraced(
  function*<S, A, E>(open: Opener<S>, read: (source: S) => Reading<A>, onError: (error: unknown) => E) {
    const controller = new AbortController()
    let over = false
    let current: Reading<A> | undefined
    const stop = () => {
      if (over) return
      over = true
      controller.abort()
      if (current !== undefined) quietly(current.stop)
    }
    yield* Effect.addFinalizer(() => Effect.sync(stop))

    const failed = (error: unknown) => {
      over = true
      return onError(error)
    }
    const begin = (source: S): Reading<A> => {
      current = read(source)
      // The answer has come after the end: nobody reads it.
      if (over) quietly(current.stop)
      return current
    }
    /** An interrupt does not wait for the other side, which may have stalled. */
    const promised = <B>(ask: () => PromiseLike<B>, onFailure: (error: unknown) => E): Effect.Effect<B, E> =>
      Effect.async((resume) => {
        const fail = (error: unknown) => resume(Effect.suspend(() => Effect.fail(onFailure(error))))
        try {
          ask().then((value) => resume(Effect.succeed(value)), fail)
        } catch (error) {
          fail(error)
        }
        return Effect.sync(stop)
      })

    const answered = Effect.flatMap(
      Effect.serviceOption(CurrentReservation),
      Option.match({ onNone: () => Effect.void, onSome: ({ markDispatched }) => markDispatched() })
    )
    const opened = Effect.suspend(() => {
      const source = typeof open === "function"
        ? (open as (signal: AbortSignal) => S | PromiseLike<S>)(controller.signal)
        : open
      return Predicate.isPromiseLike(source)
        ? Effect.zipLeft(promised(() => source.then(begin), onError), answered)
        : Effect.sync(() => begin(source))
    })
    // What was opened and cannot be read is aborted by the finalizer.
    const { next } = yield* Effect.catchAllDefect(opened, (error) => Effect.failSync(() => onError(error)))

    return Stream.repeatEffectChunkOption(
      Effect.flatMap(Effect.mapError(promised(next, failed), Option.some), ({ done, value }) => {
        if (done !== true) return Effect.succeed(Chunk.of(value as A))
        over = true
        return Effect.fail(Option.none())
      })
    )
  }
)

const reading = <S, A, E>(
  open: Opener<S>,
  read: (source: S) => Reading<A>,
  onError: (error: unknown) => E
): Stream.Stream<A, E> => Stream.unwrapScoped(opening(open, read, onError))

/**
 * The elements of an `AsyncIterable`, such as a provider's library gives. It differs from `Stream.fromAsyncIterable` in how it ends: an
 * interrupt aborts the request at once, where `return()` of an async generator would wait for an element that may never come. `onError`
 * makes an error of what the iterable throws.
 *
 * What is aborted: the signal given to the function, and the `controller` of the iterable where it has one, as the streams of the OpenAI and
 * Anthropic libraries do. Inside a guard, an iterable that came by a Promise marks the reservation as dispatched: the provider has answered.
 *
 * @example
 * ```ts
 * import { AbortableStream } from "effect-cycles"
 *
 * declare const openai: {
 *   create: (signal: AbortSignal) => Promise<AsyncIterable<{ readonly text: string }>>
 * }
 *
 * const deltas = AbortableStream.fromAsyncIterable((signal) => openai.create(signal), (error) => new Error(String(error)))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromAsyncIterable = <A, E>(
  open: Opener<AsyncIterable<A>>,
  onError: (error: unknown) => E
): Stream.Stream<A, E> =>
  reading(open, (iterable) => {
    const iterator = iterable[Symbol.asyncIterator]()
    return {
      next: () => iterator.next(),
      stop: () => {
        abortController(iterable)
        return iterator.return?.()
      }
    }
  }, onError)

const abortController = (iterable: object): void => {
  if (
    Predicate.hasProperty(iterable, "controller") && Predicate.hasProperty(iterable.controller, "abort") &&
    Predicate.isFunction(iterable.controller.abort)
  ) iterable.controller.abort()
}

/**
 * The chunks of a web `ReadableStream`, such as the body of a `Response`. An end before its own end aborts the signal and cancels the
 * stream, without waiting for a chunk. `onError` makes an error of what the stream fails with. Inside a guard, a stream that came by a
 * Promise marks the reservation as dispatched.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromReadableStream = <A, E>(
  open: Opener<ReadableStream<A>>,
  onError: (error: unknown) => E
): Stream.Stream<A, E> =>
  reading<ReadableStream<A>, A, E>(open, (stream) => {
    const reader = stream.getReader()
    return { next: () => reader.read(), stop: () => reader.cancel() }
  }, onError)

/**
 * A stream for `for await`. Each iteration runs it anew; nothing runs before the first `next`. `break`, `return` and `throw` end it, interrupt
 * what is under way, and are done when its finalizers are: a guarded stream has settled then, as one that was `stopped`. An abort of
 * `signal` does the same as `interrupted`, and fails what is awaited with the reason of the signal. A failure is thrown as it is, not in a
 * `FiberFailure`.
 *
 * @example
 * ```ts
 * import { AbortableStream, CyclesLive, guardedStream, Amount } from "effect-cycles"
 * import * as ManagedRuntime from "effect/ManagedRuntime"
 * import * as Stream from "effect/Stream"
 *
 * const runtime = ManagedRuntime.make(CyclesLive)
 * const words = Stream.make("To", "be").pipe(
 *   guardedStream({ estimate: Amount.tokens(10) }),
 *   AbortableStream.toAsyncIterable(runtime)
 * )
 * // for await (const word of words) …
 * ```
 *
 * @since 0.1.0
 * @category destructors
 */
export const toAsyncIterable =
  <R>(runner: Runner<R>, options: ReadOptions = {}) => <A, E>(self: Stream.Stream<A, E, R>): AsyncIterable<A> => ({
    [Symbol.asyncIterator]: () => iterate(self, runner, options)
  })

/**
 * A stream as a web `ReadableStream`, for a `Response`, say. Nothing runs before the first read, and nothing is read ahead. `cancel` ends it
 * as `break` ends an iteration; so does an abort of `signal`.
 *
 * @since 0.1.0
 * @category destructors
 */
export const toReadableStream =
  <R>(runner: Runner<R>, options: ReadOptions = {}) => <A, E>(self: Stream.Stream<A, E, R>): ReadableStream<A> => {
    const iterator = iterate(self, runner, options)
    return new ReadableStream<A>({
      pull: (controller) =>
        iterator.next().then((result) => result.done === true ? controller.close() : controller.enqueue(result.value)),
      cancel: () => iterator.return().then(() => {})
    }, { highWaterMark: 0 })
  }
