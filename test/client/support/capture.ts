/**
 * What a program shows of itself: its logs and its spans.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Tracer from "effect/Tracer"

/** Runs an effect at the finest log level and gives its log lines, as JSON, beside its result. */
export const logged = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<readonly [A, ReadonlyArray<string>], E, R> =>
  Effect.suspend(() => {
    const lines: Array<string> = []
    const logger = Logger.map(Logger.jsonLogger, (line) => {
      lines.push(line)
    })
    return effect.pipe(
      Effect.map((value) => [value, lines] as const),
      Effect.provide(Layer.merge(
        Logger.replace(Logger.defaultLogger, logger),
        Logger.minimumLogLevel(LogLevel.All)
      ))
    )
  })

/** Runs an effect under a tracer that keeps every span whole: attributes, events and exit. */
export const traced = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<readonly [A, ReadonlyArray<Tracer.Span>], E, R> =>
  Effect.gen(function*() {
    const spans: Array<Tracer.Span> = []
    const native = yield* Effect.tracer
    const recording = Tracer.make({
      span: (...args) => {
        const span = native.span(...args)
        spans.push(span)
        return span
      },
      context: native.context
    })
    return [yield* Effect.withTracer(effect, recording), spans] as const
  })
