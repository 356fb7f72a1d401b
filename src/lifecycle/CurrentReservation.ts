/**
 * The reservation that the running work belongs to.
 */
import * as Context from "effect/Context"
import type { Reservation } from "./Reservation.js"

/**
 * Provided inside a guarded effect: caps and lease to read; usage, metrics and metadata to record. Nested guards shadow it.
 *
 * @since 0.1.0
 * @category tags
 */
export class CurrentReservation
  extends Context.Tag("effect-cycles/lifecycle/CurrentReservation")<CurrentReservation, Reservation>()
{}
