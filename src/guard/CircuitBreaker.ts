/**
 * Stops asking an authority that does not answer, and lets a few through from time to time to see whether it does again.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Schema from "effect/Schema"
import { durationOf } from "../lifecycle/ReserveOptions.js"
import { type InvalidInput, invalidInput } from "../protocol/InvalidInput.js"
import * as Telemetry from "../protocol/Telemetry.js"

/**
 * The authority was not asked, because it did not answer before. Nothing was run or sent; `retryAfter` is when the next probe may go.
 *
 * @since 0.1.0
 * @category errors
 */
export class CircuitOpen extends Schema.TaggedError<CircuitOpen>("effect-cycles/CircuitOpen")("CircuitOpen", {
  retryAfter: Schema.Duration
}) {
  override get message(): string {
    return `The authority did not answer before and is not asked for another ${Duration.format(this.retryAfter)}`
  }
}

/**
 * When a breaker opens, and how it closes again.
 *
 * @since 0.1.0
 * @category models
 */
export interface CircuitOptions {
  /** How many attempts in a row must prove nothing before it opens, at least 1. Default 5. */
  readonly failures?: number | undefined
  /** How long nobody is asked then. Default 30 s. */
  readonly cooldown?: Duration.DurationInput | undefined
  /** How many may ask at a time after that, until one of them is answered. At least 1, the default. */
  readonly probes?: number | undefined
}

/**
 * `closed`: every call asks. `open`: none does, for the cooldown. `halfOpen`: after it, `probes` at a time do.
 *
 * @since 0.1.0
 * @category models
 */
export type CircuitState = "closed" | "open" | "halfOpen"

/**
 * One breaker for one authority: share it between guards.
 *
 * @since 0.1.0
 * @category models
 */
export interface CircuitBreaker {
  readonly state: Effect.Effect<CircuitState>
  /** Whether the authority may be asked. Who is let through reports how it went. */
  readonly enter: Effect.Effect<void, CircuitOpen>
  /** The end of an attempt: answered, also with a refusal, or not; `undefined` when it was given up before either. */
  readonly report: (answered: boolean | undefined) => Effect.Effect<void>
}

const count = (field: string, n: number): Effect.Effect<number, InvalidInput> =>
  Number.isInteger(n) && n >= 1
    ? Effect.succeed(n)
    : Effect.fail(invalidInput(field, "must be a whole number, at least 1", n))

/**
 * A closed breaker. `InvalidInput` names the option that is out of bounds.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: CircuitOptions = {}): Effect.Effect<CircuitBreaker, InvalidInput> =>
  Effect.gen(function*() {
    const most = yield* count("failures", options.failures ?? 5)
    const probes = yield* count("probes", options.probes ?? 1)
    const cooldown = yield* durationOf("cooldown", options.cooldown ?? "30 seconds")
    let state: CircuitState = "closed"
    let failures = 0
    let probing = 0
    let until = 0n

    const tell = (message: string, isOpen: boolean) =>
      Effect.logWarning(message).pipe(
        Effect.annotateLogs({ package: "effect-cycles", module: "guard" }),
        Effect.zipRight(Metric.set(Telemetry.circuitOpen, isOpen ? 1 : 0))
      )

    const enter = Effect.flatMap(Clock.currentTimeNanos, (now): Effect.Effect<void, CircuitOpen> => {
      if (state === "closed") return Effect.void
      if (state === "open" && now >= until) {
        state = "halfOpen"
        probing = 0
      }
      if (state === "halfOpen" && probing < probes) {
        probing += 1
        return Effect.void
      }
      return new CircuitOpen({ retryAfter: Duration.nanos(until > now ? until - now : 0n) })
    })

    const open = Effect.flatMap(Clock.currentTimeNanos, (now) => {
      const isNew = state === "closed"
      state = "open"
      until = now + BigInt(Math.ceil(Duration.toMillis(cooldown))) * 1_000_000n
      return isNew
        ? tell("The authority does not answer: it is not asked until the circuit breaker lets a probe through", true)
        : Effect.void
    })

    const close = Effect.suspend(() => {
      const isNew = state !== "closed"
      state = "closed"
      failures = 0
      return isNew ? tell("The authority answers again: the circuit breaker is closed", false) : Effect.void
    })

    return {
      state: Effect.sync(() => state),
      enter,
      report: (answered) =>
        Effect.suspend(() => {
          if (state === "halfOpen" && probing > 0) probing -= 1
          if (answered === undefined) return Effect.void
          if (answered) return close
          failures += 1
          return state === "halfOpen" || failures >= most ? open : Effect.void
        })
    }
  })
