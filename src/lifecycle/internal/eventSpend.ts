/**
 * Spend of work that had no hold at the authority, recorded as an event: in the journal first, repeated with one key, once.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Idempotency from "../../protocol/Idempotency.js"
import type { Service } from "../Cycles.js"
import { Settlement, type Spend } from "../Settlement.js"
import { logs } from "./held.js"
import type { Outcome } from "./outcome.js"
import { eventEntry, type Spender } from "./record.js"

export const recordAsEvent = (
  { config, settlements }: Service,
  { action, id, subject }: Spender,
  { actual, metadata, metrics, source }: Spend,
  final: Outcome<Settlement>
): Effect.Effect<Settlement> =>
  Effect.flatMap(Effect.all([Idempotency.fresh, Clock.currentTimeMillis]), ([idempotencyKey, nowMs]) => {
    const entry = (metadata: Spend["metadata"], metrics: Spend["metrics"] | undefined) =>
      eventEntry(config.baseUrl, id, { idempotencyKey, subject, action, actual, metrics, metadata }, nowMs)
    return entry(metadata, metrics).pipe(
      Effect.catchAll((error) =>
        Effect.logWarning("Metrics or metadata cannot be sent: the spend is recorded without them").pipe(
          Effect.annotateLogs({ ...logs, reservation: id, error: error._tag, detail: error.message }),
          Effect.zipRight(entry({}, undefined))
        )
      ),
      Effect.matchEffect({
        onFailure: (error) =>
          Effect.logWarning("Spend cannot be sent: nothing records it").pipe(
            Effect.annotateLogs({
              ...logs,
              reservation: id,
              actual: `${actual.amount} ${actual.unit}`,
              error: error._tag,
              detail: error.message
            }),
            Effect.zipRight(final.succeed(Settlement.Rejected({ reservationId: id, actual, source, error })))
          ),
        onSuccess: (entry) => settlements.record(entry, actual, source, final)
      })
    )
  })
