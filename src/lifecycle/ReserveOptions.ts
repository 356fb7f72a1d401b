/**
 * What to reserve: options whose parts may be values, functions or effects, resolved into a request.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as Types from "effect/Types"
import type { Amount } from "../protocol/Amount.js"
import * as Idempotency from "../protocol/Idempotency.js"
import { encodeUnknownEither } from "../protocol/internal/codec.js"
import { fromParseError } from "../protocol/internal/issue.js"
import { type InvalidInput, invalidInput } from "../protocol/InvalidInput.js"
import { CreateRequest, type OveragePolicy } from "../protocol/Reservation.js"
import { type Level, levels, type Subject } from "../protocol/Subject.js"
import type { Service } from "./Cycles.js"
import type { Nested } from "./Nested.js"
import { UsageError } from "./UsageError.js"

/**
 * A value, a function that gives it, or an effect of it.
 *
 * @since 0.1.0
 * @category models
 */
export type Resolvable<A, E = never, R = never> = A | (() => A) | Effect.Effect<A, E, R>

/**
 * Levels and dimensions; each may be a value, a function or an effect. An absent or empty level falls back to the configured one.
 *
 * @since 0.1.0
 * @category models
 */
export type SubjectInput =
  & { readonly [L in Level]?: Resolvable<string | undefined> | undefined }
  & { readonly dimensions?: Resolvable<Readonly<Record<string, string>> | undefined> | undefined }

/**
 * Kind and name (`unknown` when absent or empty) and tags; each may be a value, a function or an effect.
 *
 * @since 0.1.0
 * @category models
 */
export interface ActionInput {
  /** What kind of work, such as `llm.completion` or `tool.call`; at most 64 characters. */
  readonly kind?: Resolvable<string | undefined> | undefined
  /** Which one, such as the model or the tool; at most 256 characters. */
  readonly name?: Resolvable<string | undefined> | undefined
  /** At most 10, of at most 64 characters each. */
  readonly tags?: Resolvable<ReadonlyArray<string> | undefined> | undefined
}

/**
 * What to hold, for whom and for what. Only `estimate` is required.
 *
 * @since 0.1.0
 * @category models
 */
export interface ReserveOptions<E = never, R = never> {
  /** How much to hold. */
  readonly estimate: Resolvable<Amount, E, R>
  /** Who spends; completed by the configured subject. */
  readonly subject?: Resolvable<SubjectInput, E, R> | undefined
  /** What for. */
  readonly action?: Resolvable<ActionInput, E, R> | undefined
  /** How long the hold lasts, 1 s to 24 h. Default 60 s; authorities may grant less. */
  readonly ttl?: Duration.DurationInput | undefined
  /** How long after that a commit is still accepted, 0 to 60 s. The authority's default is 5 s. */
  readonly gracePeriod?: Duration.DurationInput | undefined
  /** When the actual is more than the estimate. Default `ALLOW_IF_AVAILABLE`. */
  readonly overagePolicy?: OveragePolicy | undefined
  /** Whether the hold is extended in time while the work runs. Default true. */
  readonly heartbeat?: boolean | undefined
  /** No extend begins after this long: a bound on abandoned work. Default 24 h. */
  readonly maxLifetime?: Duration.DurationInput | undefined
  /** What becomes of spend that the authority refuses to commit: a dead letter (the default), or an event instead. */
  readonly onRejected?: "deadLetter" | "event" | undefined
  /**
   * The key of a job, a message or a workflow step (see `Idempotency.stable`), 1 to 240 visible ASCII characters: however often and wherever
   * it is tried, it is charged once. Work that was charged fails with `AlreadyCharged` and is not run again; what was given back, or whose hold
   * ended unsettled, is run again on a hold of its own. As long as the authority remembers the key: at least 24 hours. Without effect on
   * parts of an outer hold. Default: a fresh key.
   */
  readonly idempotencyKey?: Resolvable<string, E, R> | undefined
  /**
   * When another attempt at the key holds its budget: `fail` with `AttemptInProgress` (the default), or `takeOver`, for callers who know that
   * it is dead: its hold is released, and should it live, it loses its lease and its spend is refused, or an event with `onRejected`.
   */
  readonly whenInProgress?: "fail" | "takeOver" | undefined
  /** Inside the work of another reservation: where the budget comes from. Default `independent`, with one warning. */
  readonly nested?: Nested | undefined
  /** Free JSON values for the ledger, shown by authorities: never a prompt or a secret. */
  readonly metadata?: Readonly<Record<string, unknown>> | undefined
}

/** The value behind a `Resolvable`. A function that throws is a `UsageError`. */
export const resolve = <A, E, R>(field: string, input: Resolvable<A, E, R>): Effect.Effect<A, E | UsageError, R> => {
  if (Effect.isEffect(input)) return input as Effect.Effect<A, E, R>
  return typeof input === "function"
    ? Effect.try({ try: input as () => A, catch: (cause) => new UsageError({ field, cause }) })
    : Effect.succeed(input as A)
}

/** As `resolve`, for a generator: what is a value already is not yielded. */
export const valueOf = function*<A, E, R>(field: string, input: Resolvable<A, E, R>) {
  return typeof input === "function" || Effect.isEffect(input) ? yield* resolve(field, input) : input as A
}

/** A duration, or the error that names the field. */
export const durationOf = (
  field: string,
  input: Duration.DurationInput
): Effect.Effect<Duration.Duration, InvalidInput> =>
  Option.match(Duration.decodeUnknown(input), {
    onNone: () => Effect.fail(invalidInput(field, "must be a duration", input)),
    onSome: Effect.succeed
  })

/** The subject of an input, completed level by level. `InvalidInput` when no level is left. */
export const subjectOf = function*(input: SubjectInput, defaults: { readonly [L in Level]?: string }) {
  const subject: Types.Mutable<Subject> = {}
  let none = true
  for (const level of levels) {
    const given = input[level]
    const value = (given && (yield* valueOf(`subject.${level}`, given))) || defaults[level]
    if (!value) continue
    subject[level] = value
    none = false
  }
  if (none) {
    return yield* invalidInput(
      "subject",
      `must have at least one of ${
        levels.join(", ")
      }: say it with the call, or configure a default such as CYCLES_TENANT`
    )
  }
  const dimensions = yield* valueOf("subject.dimensions", input.dimensions)
  if (dimensions) subject.dimensions = dimensions
  return subject
}

/** The action of an input. */
export const actionOf = function*(input: ActionInput) {
  const tags = yield* valueOf("action.tags", input.tags)
  const kind = (yield* valueOf("action.kind", input.kind)) || "unknown"
  const name = (yield* valueOf("action.name", input.name)) || "unknown"
  return tags ? { kind, name, tags } : { kind, name }
}

const stableKey = (key: string): Effect.Effect<Idempotency.IdempotencyKey, InvalidInput> =>
  typeof key === "string" && /^[\x21-\x7e]{1,240}$/.test(key)
    ? Effect.succeed(Idempotency.IdempotencyKey.make(key))
    : Effect.fail(
      invalidInput("idempotency_key", "must be 1 to 240 visible ASCII characters, see Idempotency.stable", key)
    )

const encodeRequest = encodeUnknownEither(CreateRequest)

/** What the client refuses to send, for work that runs without sending it: its spend could not be recorded either. */
export const checked = (request: CreateRequest): Effect.Effect<void, InvalidInput> =>
  Effect.asVoid(Either.mapLeft(encodeRequest(request), (error) => fromParseError(error, "createReservation")))

const usualTtl = Duration.minutes(1)

/** The request of the options, with their key or a fresh one. */
export const requestOf: <E, R>(
  options: ReserveOptions<E, R>,
  cycles: Service
) => Effect.Effect<CreateRequest, E | UsageError | InvalidInput, R> = Effect.fnUntraced(
  function*<E, R>(options: ReserveOptions<E, R>, { config }: Service) {
    const subject = yield* valueOf("subject", options.subject)
    const action = yield* valueOf("action", options.action)
    if (options.maxLifetime !== undefined) yield* durationOf("maxLifetime", options.maxLifetime)
    return {
      idempotencyKey: options.idempotencyKey === undefined
        ? yield* Idempotency.fresh
        : yield* stableKey(yield* valueOf("idempotency_key", options.idempotencyKey)),
      subject: yield* subjectOf(subject ?? {}, config.subject),
      action: yield* actionOf(action ?? {}),
      estimate: yield* valueOf("estimate", options.estimate),
      ttl: options.ttl === undefined ? usualTtl : yield* durationOf("ttl_ms", options.ttl),
      gracePeriod: options.gracePeriod === undefined
        ? undefined
        : yield* durationOf("grace_period_ms", options.gracePeriod),
      overagePolicy: options.overagePolicy ?? "ALLOW_IF_AVAILABLE",
      metadata: options.metadata
    }
  }
)
