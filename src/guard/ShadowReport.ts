/**
 * What a guard would have said and cost.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import type { ActualSource } from "../lifecycle/Settlement.js"
import type { Action } from "../protocol/Action.js"
import type { Amount, SignedAmount } from "../protocol/Amount.js"
import type { Subject } from "../protocol/Subject.js"
import type { EvaluateError, Evaluation } from "./evaluate.js"

/**
 * What the authority would have answered. `Unknown`: it could not be asked, or not before too many others waited for it; `error` says why
 * when there was an error.
 *
 * @since 0.1.0
 * @category models
 */
export type ShadowVerdict =
  | Evaluation
  | { readonly _tag: "Unknown"; readonly error: Option.Option<EvaluateError | { readonly _tag: string }> }

/**
 * What would have been.
 *
 * @since 0.1.0
 * @category models
 */
export interface ShadowReport {
  readonly verdict: ShadowVerdict
  readonly subject: Subject
  readonly action: Action
  readonly estimate: Amount
  /** What would have been committed; `None` when the hold would have been given back. */
  readonly actual: Option.Option<Amount>
  /** Where the actual comes from. */
  readonly source: Option.Option<ActualSource>
  /** The actual less the estimate: above zero, the estimate was too low. `None` when the actual is unknown, or of another unit. */
  readonly estimateError: Option.Option<SignedAmount>
}

/**
 * Whether the work would not have run.
 *
 * @since 0.1.0
 * @category guards
 */
export const wouldDeny = ({ verdict }: ShadowReport): boolean => verdict._tag === "Denied"

/**
 * Where the reports of all watched work go, when a program wants them as a stream.
 *
 * @since 0.1.0
 * @category tags
 */
export class ShadowReports extends Context.Tag("effect-cycles/guard/ShadowReport/ShadowReports")<ShadowReports, {
  readonly publish: (report: ShadowReport) => Effect.Effect<void>
  /** From now on. A slow reader misses the oldest. */
  readonly stream: Stream.Stream<ShadowReport>
}>() {
  static readonly layer: Layer.Layer<ShadowReports> = Layer.scoped(
    ShadowReports,
    Effect.map(Effect.acquireRelease(PubSub.sliding<ShadowReport>(1024), PubSub.shutdown), (hub) => ({
      publish: (report) =>
        Effect.flatMap(PubSub.isShutdown(hub), (over) => over ? Effect.void : PubSub.publish(hub, report)),
      stream: Stream.fromPubSub(hub)
    }))
  )
}
