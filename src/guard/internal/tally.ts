/**
 * What one run of a stream produced: how many elements, since when, and what the meter makes of them.
 */
import * as Cause from "effect/Cause"
import type * as Chunk from "effect/Chunk"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type { Metrics } from "../../protocol/Metrics.js"
import * as Telemetry from "../../protocol/Telemetry.js"
import { type Meter, type Metering, Reading } from "../Meter.js"
import { failed, readingOf } from "./readings.js"

export interface Tally<A, R> {
  readonly add: (chunk: Chunk.Chunk<A>) => Chunk.Chunk<A>
  readonly any: () => boolean
  /** Never fails: a meter that does is a reading less. */
  readonly read: (ended: boolean) => Effect.Effect<Reading, never, R>
  readonly metrics: () => Metrics
  readonly count: Effect.Effect<void>
}

const silent: Metering<unknown> = { add: () => {}, read: () => Reading.Absent() }

const lessSure = (reading: Reading): Reading => reading._tag === "Final" ? Reading.Partial(reading) : reading

export const make = <A, R>(meter: Meter<A, R> | undefined, clock: Clock.Clock): Tally<A, R> => {
  const openedNanos = clock.unsafeCurrentTimeNanos()
  let elements = 0
  let firstNanos: bigint | undefined
  let broken: { readonly error: unknown } | undefined

  const started = (): Metering<A, R> => {
    try {
      return meter?.start() ?? silent
    } catch (error) {
      broken = { error }
      return silent
    }
  }
  const metering = started()

  const weigh = (element: A) => {
    try {
      metering.add(element)
    } catch (error) {
      broken ??= { error }
    }
  }

  const read = (ended: boolean) =>
    Effect.flatMap(
      readingOf(metering, ended),
      (reading) =>
        broken === undefined ? Effect.succeed(reading) : Effect.as(failed(Cause.die(broken.error)), lessSure(reading))
    )

  return {
    add: (chunk) => {
      if (chunk.length === 0) return chunk
      firstNanos ??= clock.unsafeCurrentTimeNanos()
      elements += chunk.length
      if (meter !== undefined) { for (const element of chunk) weigh(element) }
      return chunk
    },
    any: () => elements > 0,
    read,
    metrics: () => ({
      custom: {
        elements,
        ...(firstNanos !== undefined && {
          time_to_first_element_ms: Number((firstNanos - openedNanos + 500_000n) / 1_000_000n)
        })
      }
    }),
    count: Effect.suspend(() => {
      const seconds = (nanos: bigint) => Number(nanos - openedNanos) / 1e9
      return Effect.all([
        Metric.incrementBy(Telemetry.streamElements, elements),
        Metric.update(Telemetry.streamDuration, seconds(clock.unsafeCurrentTimeNanos())),
        firstNanos === undefined ? Effect.void : Metric.update(Telemetry.streamFirstElement, seconds(firstNanos))
      ], { discard: true })
    })
  }
}
