/**
 * Keeps leases: carries out what their plans decide, and tells what happens.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import type { Reply } from "../../client/Client.js"
import { type ExtendError, Transport } from "../../protocol/CyclesError.js"
import * as Idempotency from "../../protocol/Idempotency.js"
import { invalidInput } from "../../protocol/InvalidInput.js"
import type { ExtendResponse, ReservationId } from "../../protocol/Reservation.js"
import type { Service } from "../Cycles.js"
import { type Lease, LeaseEvent, LeaseLost, leaseOf } from "../LeaseEvent.js"
import * as LeasePlan from "../LeasePlan.js"
import { logs } from "./held.js"
import type { Attempt, KeptLease } from "./keptLease.js"
import { failureOf, successOf } from "./leaseAnswer.js"
import type { Wheel } from "./leaseWheel.js"

/** What extends a lease. */
export type Extender = Pick<Service, "config" | "extendReservation">

export interface Keeper {
  /** Begins with the decision on a new reservation. */
  readonly begin: (entry: KeptLease, decision: LeasePlan.Decision) => Effect.Effect<void>
  /** Does what an entry asks for that is due. */
  readonly due: (entry: KeptLease) => void
  /** One extend besides those of the plan, which goes on from its answer. */
  readonly extend: (entry: KeptLease, by: Duration.DurationInput) => Effect.Effect<Lease, ExtendError>
  /** No attempt begins any more. */
  readonly end: (entry: KeptLease) => Effect.Effect<void>
}

/** One attempt, with a fresh key. */
export const ask: (
  cycles: Pick<Service, "extendReservation">,
  id: ReservationId,
  by: Duration.DurationInput
) => Effect.Effect<Reply<ExtendResponse>, ExtendError> = Effect.fnUntraced(
  function*(cycles, id, by) {
    const extendBy = yield* Duration.decodeUnknown(by).pipe(
      Option.match({
        onNone: () => Effect.fail(invalidInput("extend_by_ms", "must be a duration", by)),
        onSome: Effect.succeed
      })
    )
    return yield* cycles.extendReservation(id, { idempotencyKey: yield* Idempotency.fresh, extendBy })
  }
)

const unanswered = (reason: "timeout" | "other", message: string) =>
  new Transport({ operation: "extendReservation", reason, message: `${message} (extendReservation)` })

/** One attempt, with the key of those before it that did not succeed. */
const send = (cycles: Extender, entry: KeptLease): Effect.Effect<Reply<ExtendResponse>, ExtendError> =>
  Effect.catchAllDefect(
    Effect.flatMap(entry.key === undefined ? Idempotency.fresh : Effect.succeed(entry.key), (idempotencyKey) => {
      entry.key = idempotencyKey
      return cycles.extendReservation(entry.id, {
        idempotencyKey,
        extendBy: Duration.millis(entry.plan.settings.ttlMs)
      })
    }),
    () => Effect.fail(unanswered("other", "The attempt did not come to an end"))
  )

const warnBounded = (entry: KeptLease) =>
  Effect.annotateLogs(
    Effect.logWarning("The authority seems to bound how far ahead a hold may end: its extensions may run out"),
    { ...logs, reservation: entry.id, disposition: "kept" }
  )

type Emit = (event: LeaseEvent) => Effect.Effect<void>

/** From now on the hold is gone, or may be. */
const lose = (emit: Emit, entry: KeptLease, reason: LeasePlan.StopReason): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (entry.ended || entry.loss !== undefined) return Effect.void
    const { id: reservationId, waiting } = entry
    const loss = new LeaseLost({ reservationId, reason })
    entry.loss = loss
    entry.waiting = []
    for (const resume of waiting) resume(Effect.fail(loss))
    return emit(LeaseEvent.Lost({ reservationId, disposition: "over", reason }))
  })

/** After its last extend the hold stands for the rest of its time. */
const runOut = (
  emit: Emit,
  wheel: Wheel<KeptLease>,
  entry: KeptLease,
  { reason }: LeasePlan.Stop
): Effect.Effect<void> => {
  const nowMs = wheel.nowMs()
  const leadMs = LeasePlan.leadAt(entry.plan, nowMs)
  if (leadMs === 0) return lose(emit, entry, reason)
  wheel.set(entry, nowMs + leadMs)
  return Effect.void
}

const carryOut = (
  emit: Emit,
  wheel: Wheel<KeptLease>,
  entry: KeptLease,
  decision: LeasePlan.Decision,
  atMs: number,
  error: Option.Option<ExtendError>
): Effect.Effect<void> => {
  const reservationId = entry.id
  switch (decision._tag) {
    case "Sleep":
      // While an attempt is under way the wheel holds its time limit, and the schedule follows its answer.
      if (entry.attempt === undefined) wheel.set(entry, atMs + decision.delayMs)
      return Effect.void
    case "Retry": {
      const { delayMs } = decision
      wheel.set(entry, atMs + delayMs)
      return emit(LeaseEvent.Retrying({ reservationId, disposition: "kept", delay: Duration.millis(delayMs), error }))
    }
    case "Stop": {
      const { disposition, reason } = decision
      const lead = Duration.millis(LeasePlan.leadAt(entry.plan, atMs))
      return Effect.zipRight(
        emit(LeaseEvent.Stopped({ reservationId, disposition, reason, lead, error })),
        runOut(emit, wheel, entry, decision)
      )
    }
  }
}

/** `fork` runs an effect for an entry on a fiber of its own. */
export const make = (
  cycles: Extender,
  wheel: Wheel<KeptLease>,
  emit: Emit,
  fork: (entry: KeptLease, effect: Effect.Effect<void>) => Fiber.RuntimeFiber<void>
): Keeper => {
  const extended = (entry: KeptLease, reply: Reply<ExtendResponse>): Effect.Effect<void> =>
    Effect.suspend(() => {
      const { id: reservationId, plan: before } = entry
      const atMs = wheel.nowMs()
      const [plan, decision] = LeasePlan.onSuccess(before, successOf(reply, atMs))
      entry.plan = plan
      entry.key = undefined
      if (entry.ended) return Effect.void
      const stop = Option.getOrUndefined(before.stop)
      const next = stop === undefined
        ? carryOut(emit, wheel, entry, decision, atMs, Option.none())
        : runOut(emit, wheel, entry, stop)
      const event = emit(
        LeaseEvent.Extended({ reservationId, disposition: stop?.disposition ?? "kept", lease: leaseOf(reply) })
      )
      return Effect.zipRight(
        plan.bounded && !before.bounded ? Effect.zipRight(event, warnBounded(entry)) : event,
        next
      )
    })

  const failed = (entry: KeptLease, error: ExtendError): Effect.Effect<void> => {
    if (Option.isSome(entry.plan.stop)) return Effect.void
    const atMs = wheel.nowMs()
    const [plan, decision] = LeasePlan.onFailure(entry.plan, failureOf(error, atMs))
    entry.plan = plan
    return carryOut(emit, wheel, entry, decision, atMs, Option.some(error))
  }

  const beat = (entry: KeptLease): void => {
    const attempt: Attempt = { fiber: undefined }
    entry.attempt = attempt
    wheel.set(entry, wheel.nowMs() + entry.plan.timeoutMs)
    const answered = (next: () => Effect.Effect<void>): Effect.Effect<void> => {
      if (entry.attempt !== attempt) return Effect.void
      entry.attempt = undefined
      return entry.ended ? Effect.void : next()
    }
    attempt.fiber = fork(
      entry,
      Effect.matchEffect(send(cycles, entry), {
        onFailure: (error) => answered(() => failed(entry, error)),
        onSuccess: (reply) => answered(() => extended(entry, reply))
      })
    )
  }

  const late = (entry: KeptLease, { fiber }: Attempt): void => {
    entry.attempt = undefined
    fiber?.unsafeInterruptAsFork(FiberId.none)
    const error = unanswered("timeout", "The authority did not answer within the time limit of one extend attempt")
    fork(entry, Effect.suspend(() => failed(entry, error)))
  }

  return {
    begin: (entry, decision) => carryOut(emit, wheel, entry, decision, entry.plan.atMs, Option.none()),
    due: (entry) => {
      const stop = Option.getOrUndefined(entry.plan.stop)
      if (stop !== undefined) fork(entry, lose(emit, entry, stop.reason))
      else if (entry.attempt !== undefined) late(entry, entry.attempt)
      else beat(entry)
    },
    extend: (entry, by) =>
      ask(cycles, entry.id, by).pipe(
        Effect.tap((reply) => extended(entry, reply)),
        Effect.map(leaseOf)
      ),
    end: (entry) =>
      Effect.sync(() => {
        entry.ended = true
        wheel.remove(entry)
      })
  }
}
