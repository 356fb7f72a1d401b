/**
 * What a meter is, and what it shows.
 */
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"
import type { ActualSource } from "../lifecycle/Settlement.js"
import type { Amount } from "../protocol/Amount.js"

/**
 * What a meter shows.
 *
 * - `Absent`: nothing was said so far, which is not zero.
 * - `Partial`: at least this was used; more may be.
 * - `Final`: exactly this was used. An explicit zero is one.
 *
 * `source` is `estimate` for an amount that was computed from the text, say, rather than reported.
 *
 * @since 0.1.0
 * @category models
 */
export type Reading = Data.TaggedEnum<{
  Absent: Record<never, never>
  Partial: { readonly amount: Amount; readonly source: Exclude<ActualSource, "actual"> }
  Final: { readonly amount: Amount; readonly source: Exclude<ActualSource, "actual"> }
}>

/**
 * Constructors, `$is` and `$match`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const Reading = Data.taggedEnum<Reading>()

/**
 * One run of a meter: elements go in, a reading comes out.
 *
 * @since 0.1.0
 * @category models
 */
export interface Metering<A, out R = never> {
  add(element: A): void
  /** `ended`: the stream has come to its own end, so that no element follows. */
  read(ended: boolean): Reading | Effect.Effect<Reading, never, R>
}

/**
 * A way to read usage off elements; every run of a stream starts anew. A function of a meter that throws costs the stream nothing: the
 * element is not weighed, and the reading is not `Final` any more. (Its methods are written as methods: a meter is then inferred beside the
 * stream that it meters.)
 *
 * @since 0.1.0
 * @category models
 */
export interface Meter<A, out R = never> {
  start(): Metering<A, R>
}
