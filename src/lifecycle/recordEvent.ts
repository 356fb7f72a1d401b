/**
 * Spend that had no reservation, recorded as durably as a commit.
 */
import * as Clock from "effect/Clock"
import type * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type { Amount } from "../protocol/Amount.js"
import * as Idempotency from "../protocol/Idempotency.js"
import type { InvalidInput } from "../protocol/InvalidInput.js"
import type { Metrics } from "../protocol/Metrics.js"
import { type OveragePolicy, ReservationId } from "../protocol/Reservation.js"
import { Cycles } from "./Cycles.js"
import { eventEntry } from "./internal/record.js"
import { type ActionInput, actionOf, type Resolvable, resolve, type SubjectInput, subjectOf } from "./ReserveOptions.js"
import type { Settlement } from "./Settlement.js"
import type { UsageError } from "./UsageError.js"

/**
 * Spend that had no reservation.
 *
 * @since 0.1.0
 * @category models
 */
export interface EventOptions<E = never, R = never> {
  /** How much was spent. */
  readonly actual: Resolvable<Amount, E, R>
  /** Who spent it; completed by the configured subject. */
  readonly subject?: Resolvable<SubjectInput, E, R> | undefined
  /** What for. */
  readonly action?: Resolvable<ActionInput, E, R> | undefined
  /** When the budget cannot cover it. The authority's default is `ALLOW_IF_AVAILABLE`. */
  readonly overagePolicy?: OveragePolicy | undefined
  readonly metrics?: Metrics | undefined
  /** Free JSON values for the ledger: never a prompt or a secret. */
  readonly metadata?: Readonly<Record<string, unknown>> | undefined
  /** When it was spent, on this machine's clock: advice only. */
  readonly clientTime?: DateTime.Utc | undefined
  /** The same key records once, however often this is called with the same spend. Default: a fresh one. */
  readonly idempotencyKey?: string | undefined
}

/**
 * Records spend directly. It is in the journal before the request leaves, repeated with the same key while the outcome is open, and
 * recorded once. `Pending` and `Rejected` are values, as for a commit.
 *
 * @example
 * ```ts
 * import { Amount, recordEvent } from "effect-cycles"
 *
 * const program = recordEvent({ actual: Amount.usd("0.012"), action: { kind: "tool.search", name: "web" } })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const recordEvent: <E = never, R = never>(
  options: EventOptions<E, R>
) => Effect.Effect<Settlement, E | UsageError | InvalidInput, R | Cycles> = Effect.fnUntraced(
  function*<E, R>(options: EventOptions<E, R>) {
    const { config, settlements } = yield* Cycles
    const subject = yield* resolve("subject", options.subject)
    const action = yield* resolve("action", options.action)
    const actual = yield* resolve("actual", options.actual)
    const idempotencyKey = options.idempotencyKey === undefined
      ? yield* Idempotency.fresh
      : Idempotency.IdempotencyKey.make(options.idempotencyKey, { disableValidation: true })
    const entry = yield* eventEntry(
      config.baseUrl,
      ReservationId.make(`effect-cycles-event-${yield* Idempotency.fresh}`),
      {
        idempotencyKey,
        subject: yield* subjectOf(subject ?? {}, config.subject),
        action: yield* actionOf(action ?? {}),
        actual,
        overagePolicy: options.overagePolicy,
        metrics: options.metrics,
        clientTime: options.clientTime,
        metadata: options.metadata
      },
      yield* Clock.currentTimeMillis
    )
    return yield* Effect.uninterruptible(settlements.record(entry, actual))
  }
)
