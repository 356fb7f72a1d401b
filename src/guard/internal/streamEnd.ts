/**
 * How the reservation of a stream is settled, by how the stream ends.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { deadline } from "../../client/internal/deadline.js"
import type { ActualUnknown } from "../../lifecycle/ActualUnknown.js"
import type { Restore } from "../../lifecycle/internal/source.js"
import type { LeaseLost } from "../../lifecycle/Lease.js"
import { type InvalidInput, invalidInput } from "../../protocol/InvalidInput.js"
import * as Telemetry from "../../protocol/Telemetry.js"
import type { DrainOptions, EarlyEnd, EndPolicy, GuardedStreamOptions } from "../guardedStream.js"
import { Reading } from "../Meter.js"
import type { Detached } from "./detached.js"
import type { Session } from "./session.js"
import type { Tally } from "./tally.js"

type EndOptions<E, R> = Pick<GuardedStreamOptions<never, E, R>, "onEarlyEnd" | "whenActualUnknown">

export const policyOf = <E, R>({ onEarlyEnd }: EndOptions<E, R>, end: EarlyEnd): EndPolicy =>
  (typeof onEarlyEnd === "object" ? onEarlyEnd[end] : onEarlyEnd) ?? "commitKnown"

export const drains = <E, R>(options: EndOptions<E, R>): boolean =>
  (["stopped", "failed", "interrupted"] as const).some((end) => policyOf(options, end) === "drain")

export interface Bounds {
  readonly within: Duration.Duration
  readonly atMost: number
}

/** The bounds of `drain`: known before anything is held. */
export const boundsOf = ({ atMost = 64, within = "10 seconds" }: DrainOptions = {}): Effect.Effect<
  Bounds,
  InvalidInput
> =>
  Number.isInteger(atMost) && atMost >= 0
    ? Option.match(Duration.decodeUnknown(within), {
      onNone: () => Effect.fail(invalidInput("drain.within", "must be a duration", within)),
      onSome: (within) => Effect.succeed({ atMost, within })
    })
    : Effect.fail(invalidInput("drain.atMost", "must be a whole number, at least 0", atMost))

/** A scope closes with success where the reader has enough, just as at the end: only the stream itself knows its end. */
const endOf = (exit: Exit.Exit<unknown, unknown>): EarlyEnd =>
  Exit.isSuccess(exit) ? "stopped" : Exit.isInterrupted(exit) ? "interrupted" : "failed"

/** A stream, as far as its end is concerned. */
interface Run<A, R> {
  readonly session: Session<R>
  readonly tally: Tally<A, R>
  readonly options: EndOptions<unknown, R>
}

const measured = <A, R>(
  { session: { open }, tally }: Run<A, R>,
  end: string,
  reading: Reading,
  metadata: Readonly<Record<string, unknown>>
) =>
  Effect.all([
    tally.count,
    Effect.annotateCurrentSpan(Telemetry.attributes.streamEnd, end),
    open.measured(reading._tag === "Absent" ? Option.none() : Option.some(reading), {
      metrics: tally.metrics(),
      metadata
    })
  ], { discard: true })

/** The stream has said all it has to say: what is missing now is missing for good. */
const settleWhole = Effect.fnUntraced(
  function*<A, R>(run: Run<A, R>, end: string, reading: Reading, metadata: Readonly<Record<string, unknown>>) {
    const { options, session } = run
    const { open } = session
    yield* measured(run, end, reading, metadata)
    const strict = options.whenActualUnknown === "fail"
    const unknown = strict && reading._tag === "Absent" ? yield* open.abandon : Option.none()
    yield* session.settle(open.succeed(Option.none(), reading._tag === "Partial" && !strict))
    if (Option.isSome(unknown)) return yield* unknown.value
  }
)

const settlePart = Effect.fnUntraced(function*<A, R>(run: Run<A, R>, end: EarlyEnd) {
  const { session, tally } = run
  const { open } = session
  const reading = yield* tally.read(false)
  yield* measured(run, end, reading, { stream_end: end })
  if (tally.any()) yield* open.reservation.markDispatched()
  yield* session.settle(
    reading._tag === "Final"
      ? open.succeed(Option.none(), false)
      : open.fail(end === "failed" ? "stream_failed" : "stream_aborted")
  )
})

const release = <A, R>(run: Run<A, R>, end: EarlyEnd) =>
  Effect.zipRight(
    measured(run, end, Reading.Absent(), {}),
    run.session.settle(run.session.open.reservation.release(end === "failed" ? "stream_failed" : "stream_aborted"))
  )

/** Runs in the background: what reads the stream can be interrupted, what settles cannot. */
const drain = Effect.fnUntraced(
  function*<A, E, R, R2>(
    run: Run<A, R>,
    end: EarlyEnd,
    within: Duration.Duration,
    rest: Detached<A, E, R2>,
    exit: Exit.Exit<unknown, unknown>
  ) {
    const { session, tally } = run
    const enough = Effect.map(tally.read(false), Reading.$is("Final"))
    const learned = yield* rest.readOn(enough).pipe(
      Effect.raceFirst(session.settler.closing),
      deadline(within, () => "late"),
      Effect.interruptible,
      Effect.exit
    )
    const whole = Exit.isSuccess(learned) && rest.over()
    // A provider that does not hear of its end must not keep the settlement waiting.
    yield* Effect.forkDaemon(rest.close(exit))
    yield* whole
      ? Effect.flatMap(
        tally.read(true),
        (reading) => Effect.ignore(settleWhole(run, end, reading, { stream_end: end, drained: true }))
      )
      : settlePart(run, end)
  }
)

const endEarly = Effect.fnUntraced(
  function*<A, E, R, R2>(
    run: Run<A, R>,
    { atMost, within }: Bounds,
    detached: Detached<A, E, R2> | undefined,
    exit: Exit.Exit<unknown, unknown>
  ) {
    const end = endOf(exit)
    const policy = policyOf(run.options, end)
    if (policy === "drain" && detached !== undefined && !detached.over()) {
      const context = yield* Effect.context<R | R2>()
      const job = Effect.provide(drain(run, end, within, detached, exit), context)
      if (yield* run.session.settler.submitAtMost(atMost, job)) return
    }
    if (detached !== undefined) yield* detached.close(exit)
    yield* policy === "release" ? release(run, end) : settlePart(run, end)
  }
)

const endWhole = Effect.fnUntraced(
  function*<A, E, R, R2>(run: Run<A, R>, detached: Detached<A, E, R2> | undefined, restore: Restore) {
    if (detached !== undefined) yield* detached.close(Exit.void)
    const reading = yield* Effect.exit(restore(run.tally.read(true)))
    yield* settleWhole(run, "completed", Exit.getOrElse(reading, () => Reading.Absent()), {})
    yield* run.session.finalize
  }
)

export interface Ending<R> {
  /** At the stream's own end, before the reader hears of it. */
  readonly complete: Effect.Effect<void, ActualUnknown | LeaseLost, R>
  /** At the end of the scope: whatever was not complete. */
  readonly early: (exit: Exit.Exit<unknown, unknown>) => Effect.Effect<void, never, R>
}

export const ending = <A, E, E2, R, R2>(
  session: Session<R>,
  tally: Tally<A, R>,
  options: EndOptions<E2, R>,
  bounds: Bounds,
  detached: Detached<A, E, R2> | undefined
): Ending<R | R2> => {
  const run: Run<A, R> = { session, tally, options }
  let ended = false
  return {
    complete: Effect.uninterruptibleMask((restore) => {
      ended = true
      return endWhole(run, detached, restore)
    }),
    early: (exit) =>
      Effect.suspend(() => {
        if (ended) return Effect.void
        ended = true
        return endEarly(run, bounds, detached, exit)
      })
  }
}
