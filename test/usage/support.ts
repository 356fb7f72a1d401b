/** A clock on a day, a layer that collects what is logged, and usage as property tests draw it. */
import type { Usage } from "effect-cycles"
import * as DateTime from "effect/DateTime"
import type * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/TestClock"

export const on = (day: string): Effect.Effect<void> =>
  TestClock.setTime(DateTime.toEpochMillis(DateTime.unsafeMake(`${day}T12:00:00Z`)))

export const warnings = () => {
  const messages: Array<string> = []
  const layer = Logger.replace(
    Logger.defaultLogger,
    Logger.make(({ logLevel, message }) => {
      messages.push(`${logLevel.label} ${String(message)}`)
    })
  )
  return { layer, messages }
}

const count = (max: number) => FastCheck.nat(max)

/** Usage of which every bucket is known. */
export const wholeUsage = (max: number): FastCheck.Arbitrary<Record<Usage.Bucket, number>> =>
  FastCheck.record({
    input: count(max),
    cacheRead: count(max),
    cacheWrite5m: count(max),
    cacheWrite1h: count(max),
    output: count(max),
    reasoning: count(max)
  })

/** A price as text, of up to six digits before and after the point. */
export const price: FastCheck.Arbitrary<string> = FastCheck.stringMatching(/^(0|[1-9]\d{0,3})(\.\d{1,6})?$/)
