/**
 * What is recorded of work while it runs, and what an end makes of it.
 */
import * as Option from "effect/Option"
import type { Amount } from "../../protocol/Amount.js"
import { merged } from "../../protocol/internal/merged.js"
import type { Metrics } from "../../protocol/Metrics.js"
import type { ActualSource } from "../Settlement.js"

/**
 * What a commit says besides the amount.
 *
 * @since 0.1.0
 * @category models
 */
export interface CommitOptions {
  /** Completes what `setMetrics` recorded. */
  readonly metrics?: Metrics | undefined
  /** Completes what `setMetadata` recorded. */
  readonly metadata?: Readonly<Record<string, unknown>> | undefined
}

/** An amount to record, and where it comes from. */
export interface Known {
  readonly amount: Amount
  readonly source: ActualSource
}

export interface Draft {
  readonly usage: Option.Option<Known>
  readonly dispatched: boolean
  /** What is spent at least once the request is out. */
  readonly atLeast: Amount | undefined
  /** What the guard found out by itself. */
  readonly measured: CommitOptions
  readonly metrics: Metrics
  readonly metadata: Readonly<Record<string, unknown>>
}

export const empty: Draft = {
  usage: Option.none(),
  dispatched: false,
  atLeast: undefined,
  measured: {},
  metrics: {},
  metadata: {}
}

/** What an end that is no success records. `None`: nothing, the hold is given back. */
export const spentBy = ({ atLeast, dispatched, usage }: Draft, estimate: Amount): Option.Option<Known> => {
  const least = atLeast ?? (dispatched && Option.isNone(usage) ? estimate : undefined)
  return least === undefined ||
      Option.exists(usage, ({ amount }) => amount.unit !== least.unit || amount.amount >= least.amount)
    ? usage
    : Option.some({ amount: least, source: "estimate" })
}

/** Both, and for a key of both the one of `that`; in the custom metrics too. */
export const completed = (self: Metrics, that: Metrics = {}): Metrics =>
  Object.assign(
    {},
    self,
    that,
    self.custom && that.custom && { custom: merged(self.custom, that.custom) }
  )
