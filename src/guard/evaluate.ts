/**
 * What a reservation would answer, without holding anything.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { AttemptError } from "../lifecycle/Attempt.js"
import { Cycles, type Service } from "../lifecycle/Cycles.js"
import type { NestedError } from "../lifecycle/Nested.js"
import type { ReserveError } from "../lifecycle/Reservation.js"
import { requestOf, type ReserveOptions } from "../lifecycle/ReserveOptions.js"
import type { Amount } from "../protocol/Amount.js"
import type { Balance } from "../protocol/Balance.js"
import type { Caps } from "../protocol/Caps.js"
import {
  type CreateError,
  type Denial,
  isAmbiguous,
  isDenial,
  type NotFound,
  type Refused
} from "../protocol/CyclesError.js"
import type { CreateRequest } from "../protocol/Reservation.js"

/**
 * The answer to a dry run: `Allowed` with the caps that would apply and the balances as they are, or `Denied` with the error that a
 * reservation would fail with. Nothing is held either way, and a later reservation may be answered otherwise.
 *
 * @since 0.1.0
 * @category models
 */
export type Evaluation = Data.TaggedEnum<{
  Allowed: {
    readonly caps: Option.Option<Caps>
    readonly estimate: Amount
    readonly affectedScopes: ReadonlyArray<string>
    readonly balances: ReadonlyArray<Balance>
  }
  Denied: {
    readonly error: Denial
  }
}>

/**
 * Constructors, `$is` and `$match`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const Evaluation = Data.taggedEnum<Evaluation>()

/**
 * Every error of `evaluate`: those of a reservation less the denials. `NotFound` and `Refused` stay for answers that are no decision.
 *
 * @since 0.1.0
 * @category errors
 */
export type EvaluateError = Exclude<ReserveError, Exclude<Denial, NotFound | Refused> | NestedError | AttemptError>

const isDecision = (error: CreateError): error is Extract<CreateError, Denial> =>
  isDenial(error) &&
  (error._tag !== "NotFound" && error._tag !== "Refused" || error.meta.status === 200 || error.meta.status === 409)

/** The dry run of one request. */
export const dryRun = (cycles: Service, request: CreateRequest): Effect.Effect<Evaluation, EvaluateError> => {
  const asked = Object.assign({}, request, { dryRun: true })
  return cycles.createReservation(asked).pipe(
    Effect.catchIf(isAmbiguous, () => cycles.createReservation(asked)),
    Effect.map(({ value }) =>
      Evaluation.Allowed({
        caps: value.caps,
        estimate: request.estimate,
        affectedScopes: value.affectedScopes,
        balances: Option.getOrElse(value.balances, () => [])
      })
    ),
    Effect.catchIf(isDecision, (error) => Effect.succeed(Evaluation.Denied({ error })))
  )
}

/**
 * Asks the authority for a dry run of a reservation. It runs no work and holds no budget. A denial is a value; every other error stays
 * one.
 *
 * @example
 * ```ts
 * import { Amount, evaluate } from "effect-cycles"
 *
 * const verdict = evaluate({ estimate: Amount.usd("0.05") }) // Effect<Evaluation, …, Cycles>
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const evaluate: <E = never, R = never>(
  options: ReserveOptions<E, R>
) => Effect.Effect<Evaluation, E | EvaluateError, R | Cycles> = Effect.fnUntraced(
  function*<E, R>(options: ReserveOptions<E, R>) {
    const cycles = yield* Cycles
    return yield* dryRun(cycles, yield* requestOf(options, cycles))
  }
)
