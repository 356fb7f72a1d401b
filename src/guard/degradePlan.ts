/**
 * A ladder of cheaper attempts whose rungs bring their own services, as an execution plan.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as ExecutionPlan from "effect/ExecutionPlan"
import * as Layer from "effect/Layer"
import type { ActionInput } from "../lifecycle/ReserveOptions.js"
import type { Amount } from "../protocol/Amount.js"
import { isDegradable } from "./OnDenied.js"

/**
 * What the attempt that runs may cost and is for. Give `CurrentRung.estimate` and `CurrentRung.action` to the guard.
 *
 * @since 0.1.0
 * @category tags
 */
export class CurrentRung extends Context.Tag("effect-cycles/guard/degradePlan/CurrentRung")<CurrentRung, {
  /** Counts from 0. */
  readonly index: number
  readonly estimate: Amount
  readonly action: ActionInput
}>() {
  static readonly estimate: Effect.Effect<Amount, never, CurrentRung> = Effect.map(
    CurrentRung,
    ({ estimate }) => estimate
  )
  static readonly action: Effect.Effect<ActionInput, never, CurrentRung> = Effect.map(
    CurrentRung,
    ({ action }) => action
  )
}

/**
 * One attempt of a plan: what it uses, how much to hold for it, and what for.
 *
 * @since 0.1.0
 * @category models
 */
export interface PlanRung<P = never, E = never, R = never> {
  /** What the work uses on this rung, such as the layer of a cheaper model. */
  readonly provide?: Context.Context<P> | Layer.Layer<P, E, R> | undefined
  readonly estimate: Amount
  readonly action?: ActionInput | undefined
}

const provided = <P, E, R>(
  { action = {}, estimate, provide }: PlanRung<P, E, R>,
  index: number
): Context.Context<P | CurrentRung> | Layer.Layer<P | CurrentRung, E, R> => {
  const rung = Context.make(CurrentRung, { index, estimate, action })
  return provide === undefined
    ? rung as Context.Context<P | CurrentRung>
    : Context.isContext(provide)
    ? Context.merge(provide, rung)
    : Layer.merge(provide, Layer.succeedContext(rung))
}

/**
 * A plan for `Effect.withExecutionPlan` and `Stream.withExecutionPlan` (there with `preventFallbackOnPartialStream`, so that two answers are
 * never mixed): each rung is tried once, and the next one only after a denial that a cheaper attempt may escape. Every other error, of the
 * work or of the guard, ends the plan as it is.
 *
 * @example
 * ```ts
 * import { Amount, CurrentRung, degradePlan, guarded } from "effect-cycles"
 * import * as Context from "effect/Context"
 * import * as Effect from "effect/Effect"
 *
 * class Model extends Context.Tag("Model")<Model, string>() {}
 *
 * const ask = guarded(Effect.map(Model, (name) => `${name} answers`), {
 *   estimate: CurrentRung.estimate,
 *   action: CurrentRung.action
 * })
 *
 * const answer = Effect.withExecutionPlan(
 *   ask,
 *   degradePlan([
 *     { provide: Context.make(Model, "gpt-4o"), estimate: Amount.usd("0.05") },
 *     { provide: Context.make(Model, "gpt-4o-mini"), estimate: Amount.usd("0.004") }
 *   ])
 * )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const degradePlan = <P = never, E = never, R = never>(
  rungs: NonEmptyReadonlyArray<PlanRung<P, E, R>>
): ExecutionPlan.ExecutionPlan<{ provides: P | CurrentRung; input: unknown; error: E; requirements: R }> => {
  const [first, ...rest] = rungs.map((rung, index) => ({ provide: provided(rung, index), while: isDegradable }))
  return ExecutionPlan.make(first!, ...rest) as never
}
