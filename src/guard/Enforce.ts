/**
 * Caps of the current reservation that are enforced, not only shown.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { CurrentReservation } from "../lifecycle/CurrentReservation.js"
import * as Caps from "../protocol/Caps.js"

/**
 * The caps of the current reservation do not allow this tool: it was not run.
 *
 * @since 0.1.0
 * @category errors
 */
export class ToolNotAllowed
  extends Schema.TaggedError<ToolNotAllowed>("effect-cycles/ToolNotAllowed")("ToolNotAllowed", {
    tool: Schema.String
  })
{
  override get message(): string {
    return `The caps of the reservation do not allow the tool "${this.tool}"`
  }
}

/**
 * As many steps were made as `max_steps_remaining` allows: this one was not run.
 *
 * @since 0.1.0
 * @category errors
 */
export class StepsExhausted
  extends Schema.TaggedError<StepsExhausted>("effect-cycles/StepsExhausted")("StepsExhausted", {
    allowed: Schema.Number
  })
{
  override get message(): string {
    return `The caps of the reservation allow ${this.allowed} steps, and they are made`
  }
}

/**
 * The caps of the current reservation; none is a cap that limits nothing.
 *
 * @since 0.1.0
 * @category getters
 */
export const currentCaps: Effect.Effect<Caps.Caps, never, CurrentReservation> = Effect.map(
  CurrentReservation,
  ({ caps }) => Option.getOrElse(caps, (): Caps.Caps => ({}))
)

/**
 * The number of tokens to ask a model for: what is wanted, at most `max_tokens`.
 *
 * @since 0.1.0
 * @category getters
 */
export const maxTokens = (wanted: number): Effect.Effect<number, never, CurrentReservation> =>
  Effect.map(currentCaps, Caps.clampTokens(wanted))

/**
 * The tools to offer a model, in their order.
 *
 * @since 0.1.0
 * @category getters
 */
export const tools = <T extends string | { readonly name: string }>(
  all: ReadonlyArray<T>
): Effect.Effect<ReadonlyArray<T>, never, CurrentReservation> =>
  Effect.map(currentCaps, (caps) => Caps.filterTools(caps, all))

/**
 * Runs a tool only when the caps allow it, else fails with `ToolNotAllowed`: a model may call what it was not offered.
 *
 * @since 0.1.0
 * @category combinators
 */
export const tool: {
  (
    name: string
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | ToolNotAllowed, R | CurrentReservation>
  <A, E, R>(self: Effect.Effect<A, E, R>, name: string): Effect.Effect<A, E | ToolNotAllowed, R | CurrentReservation>
} = dual(
  2,
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    name: string
  ): Effect.Effect<A, E | ToolNotAllowed, R | CurrentReservation> =>
    Effect.flatMap(
      currentCaps,
      (caps): Effect.Effect<A, E | ToolNotAllowed, R> =>
        Caps.allowsTool(caps, name) ? self : Effect.fail(new ToolNotAllowed({ tool: name }))
    )
)

/**
 * Counts the steps of a loop against `max_steps_remaining`.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepCounter {
  /** How many steps are left; `None` without a cap. */
  readonly remaining: Effect.Effect<Option.Option<number>>
  /** Counts a step and runs it, or fails with `StepsExhausted`. What fails or is interrupted counts too. */
  readonly step: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | StepsExhausted, R>
}

/**
 * A counter for the current reservation, which begins anew with each one.
 *
 * @since 0.1.0
 * @category constructors
 */
export const stepCounter: Effect.Effect<StepCounter, never, CurrentReservation> = Effect.map(
  currentCaps,
  ({ maxStepsRemaining: allowed }) => {
    let made = 0
    return {
      remaining: Effect.sync(() => Option.map(Option.fromNullable(allowed), (allowed) => allowed - made)),
      step: <A, E, R>(self: Effect.Effect<A, E, R>) =>
        Effect.suspend((): Effect.Effect<A, E | StepsExhausted, R> => {
          if (allowed !== undefined && made >= allowed) return new StepsExhausted({ allowed })
          made += 1
          return self
        })
    }
  }
)

/**
 * Makes the next one of these wait until `cooldown_ms` have passed since the last one ended, on the monotonic clock. One at a time.
 *
 * @since 0.1.0
 * @category models
 */
export interface Cooldown {
  readonly after: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/**
 * A cooldown for the current reservation. Without a cap nothing waits.
 *
 * @since 0.1.0
 * @category constructors
 */
export const cooldown: Effect.Effect<Cooldown, never, CurrentReservation> = Effect.flatMap(
  currentCaps,
  ({ cooldownMs = 0 }) =>
    Effect.map(Effect.makeSemaphore(1), (turn) => {
      let nextNanos: bigint | undefined
      const wait = Effect.flatMap(Clock.currentTimeNanos, (now) =>
        nextNanos === undefined || now >= nextNanos
          ? Effect.void
          : Effect.sleep(Duration.nanos(nextNanos - now)))
      const ended = Effect.map(Clock.currentTimeNanos, (now) => {
        nextNanos = now + BigInt(cooldownMs) * 1_000_000n
      })
      return {
        after: (self) =>
          cooldownMs === 0 ? self : turn.withPermits(1)(Effect.zipRight(wait, Effect.ensuring(self, ended)))
      }
    })
)
