/**
 * Work that is only watched: its handle, and the report on it. The authority is asked beside it, and nobody waits for the answer.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import { CurrentReservation } from "../../lifecycle/CurrentReservation.js"
import { Cycles, type Service } from "../../lifecycle/Cycles.js"
import { allocationOf, Watched } from "../../lifecycle/internal/allocation.js"
import { recordAsEvent } from "../../lifecycle/internal/eventSpend.js"
import { type Backing, type Open, openOn } from "../../lifecycle/internal/handle.js"
import { localId, unheld, unleased } from "../../lifecycle/internal/local.js"
import type { Restore } from "../../lifecycle/internal/source.js"
import { requestOf } from "../../lifecycle/ReserveOptions.js"
import { Settlement, type Spend } from "../../lifecycle/Settlement.js"
import { Amount, SignedAmount } from "../../protocol/Amount.js"
import * as Idempotency from "../../protocol/Idempotency.js"
import { encodeUnknownEither } from "../../protocol/internal/codec.js"
import { merged } from "../../protocol/internal/merged.js"
import type { CreateRequest } from "../../protocol/Reservation.js"
import * as Telemetry from "../../protocol/Telemetry.js"
import { dryRun, type EvaluateError } from "../evaluate.js"
import type { WatchOptions } from "../shadow.js"
import { type ShadowReport, ShadowReports, type ShadowVerdict } from "../ShadowReport.js"
import type { Obtain } from "./session.js"
import { warn } from "./warn.js"

/** So many verdicts may be waited for: an authority that hangs must not fill the memory. */
const mostWaiting = 256

const unknown = (error?: EvaluateError | { readonly _tag: string }): ShadowVerdict => ({
  _tag: "Unknown",
  error: Option.fromNullable(error)
})

const encodeAmount = encodeUnknownEither(Amount)

/** Options that cannot be sent stop nothing here: they make a report without a verdict. */
const askedFor = <E, R>(cycles: Service, options: WatchOptions<E, R>, restore: Restore) =>
  Effect.matchCauseEffect(restore(Effect.tap(requestOf(options, cycles), ({ estimate }) => encodeAmount(estimate))), {
    onFailure: (cause) =>
      Effect.zipRight(
        warn("The options of watched work cannot be used", cause),
        Effect.map(Idempotency.fresh, (idempotencyKey) => ({
          request: {
            idempotencyKey,
            subject: {},
            action: { kind: "unknown", name: "unknown" },
            estimate: Amount.zero("USD_MICROCENTS")
          } as CreateRequest,
          verdict: Option.some(unknown({ _tag: "InvalidOptions" }))
        }))
      ),
    onSuccess: (request) => Effect.succeed({ request, verdict: Option.none<ShadowVerdict>() })
  })

const verdictOf = (cycles: Service, request: CreateRequest): Effect.Effect<ShadowVerdict> =>
  dryRun(cycles, request).pipe(
    Effect.catchAll((error) => Effect.succeed(unknown(error))),
    Effect.catchAllCause(() => Effect.succeed(unknown()))
  )

const reportOf = (
  { action, estimate, subject }: CreateRequest,
  verdict: ShadowVerdict,
  spend: Option.Option<Spend>
): ShadowReport => ({
  verdict,
  subject,
  action,
  estimate,
  actual: Option.map(spend, ({ actual }) => actual),
  source: Option.map(spend, ({ source }) => source),
  estimateError: spend.pipe(
    Option.filter(({ actual, source }) => actual.unit === estimate.unit && source !== "estimate"),
    Option.map(({ actual: { amount, unit } }) => new SignedAmount({ unit, amount: amount - estimate.amount }))
  )
})

const count = ({ estimate, estimateError, verdict }: ShadowReport): Effect.Effect<void> =>
  Effect.zipRight(
    Metric.increment(Metric.tagged(Telemetry.shadowVerdict, "verdict", verdict._tag)),
    Option.match(estimateError, {
      onNone: () => Effect.void,
      onSome: ({ amount }) =>
        estimate.amount > 0n
          ? Metric.update(Telemetry.shadowUse, 1 + Number(amount) / Number(estimate.amount))
          : Effect.void
    })
  )

/** A handle that nobody holds anything for. The authority is asked on a fiber of the settler, and nobody waits for it. */
const watching: <E, R>(
  options: WatchOptions<E, R>,
  restore: Restore
) => Effect.Effect<Open, never, R | Cycles> = Effect.fnUntraced(
  function*<E, R>(options: WatchOptions<E, R>, restore: Restore) {
    const cycles = yield* Cycles
    const context = yield* Effect.context<R>()
    const outer = Option.getOrUndefined(Option.map(yield* Effect.serviceOption(CurrentReservation), allocationOf))
    const reports = yield* Effect.serviceOption(ShadowReports)
    const { request, verdict: known } = yield* askedFor(cycles, options, restore)
    const verdict = yield* Deferred.make<ShadowVerdict>()
    const isFull = (yield* cycles.settler.pending) >= mostWaiting
    if (Option.isSome(known)) yield* Deferred.succeed(verdict, known.value)
    else if (isFull) yield* Deferred.succeed(verdict, unknown())
    else yield* cycles.settler.submit(Effect.asVoid(Effect.intoDeferred(verdictOf(cycles, request), verdict)))

    const tell = (spend: Option.Option<Spend>) =>
      cycles.settler.submit(
        Deferred.await(verdict).pipe(
          Effect.map((verdict) => reportOf(request, verdict, spend)),
          Effect.tap(count),
          Effect.tap((report) =>
            Option.match(reports, { onNone: () => Effect.void, onSome: (r) => r.publish(report) })
          ),
          Effect.flatMap((report) => options.onReport?.(report) ?? Effect.void),
          Effect.provide(context),
          Effect.catchAllCause((cause) => warn("onReport failed", cause))
        )
      )
    const id = yield* localId("shadow")
    const unrecorded = (spend: Spend): Settlement =>
      Settlement.Committed({
        reservationId: id,
        actual: spend.actual,
        charged: Amount.zero(spend.actual.unit),
        released: Option.none(),
        balances: [],
        source: spend.source,
        via: "none"
      })
    const backing: Backing = {
      facts: unheld(id, request),
      lease: unleased,
      onRejected: "deadLetter",
      record: (spend, final) =>
        Effect.zipRight(
          tell(Option.some(spend)),
          options.record === true && Option.isNone(known)
            ? cycles.settler.submit(
              Effect.asVoid(recordAsEvent(cycles, { id, subject: request.subject, action: request.action }, {
                ...spend,
                metadata: merged(spend.metadata, { shadow: true })
              }, final))
            ).pipe(Effect.as(unrecorded(spend)))
            : final.succeed(unrecorded(spend))
        ),
      giveBack: (reason, final) =>
        Effect.zipRight(
          tell(Option.none()),
          final.succeed(Settlement.Released({
            reservationId: id,
            released: Amount.zero(request.estimate.unit),
            reason,
            balances: []
          }))
        )
    }
    return yield* openOn(backing, new Watched(request.estimate, outer))
  }
)

/** What guards of any shape need to watch instead. */
export const watchBy = <E, R>(options: WatchOptions<E, R>): Obtain => (_, restore) =>
  watching(options, restore) as never
