/**
 * For tests of programs that spend: the embedded authority on the clock of the test, faults on command, and expectations of the ledger.
 * Nothing here needs a particular test runner.
 */
import * as Cause from "effect/Cause"
import type * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import * as TestContext from "effect/TestContext"
import type { Authority } from "./authority/Authority.js"
import { layerVia, type Options as EmbeddedOptions } from "./embedded.js"
import type { Cycles } from "./lifecycle/Cycles.js"
import type { InvalidInput } from "./protocol/InvalidInput.js"
import type { Script } from "./testing/Faults.js"
import * as ProviderCalls from "./testing/ProviderCalls.js"
import * as Traffic from "./testing/Traffic.js"

export {
  ExpectationFailed,
  expectCommittedOnce,
  expectConserved,
  expectNothingReserved,
  expectNoUnguardedCall,
  expectSpent
} from "./testing/Expect.js"
export * as Faults from "./testing/Faults.js"
export { layerHttp, type ProviderCall, providerCall, ProviderCalls, watched } from "./testing/ProviderCalls.js"
export { type Exchange, layer as layerTraffic, Traffic } from "./testing/Traffic.js"

/**
 * Budgets and options of the client as for `Authority.layer`, and the faults in between.
 *
 * @since 0.1.0
 * @category config
 */
export interface Options extends EmbeddedOptions {
  /** Which calls go wrong, and how. None when absent; `Traffic` can change it while the test runs. */
  readonly faults?: Script | undefined
}

/**
 * What a test can use.
 *
 * @since 0.1.0
 * @category models
 */
export type TestServices = Cycles | Authority | Traffic.Traffic | ProviderCalls.ProviderCalls

/**
 * A client, an authority of its own, and the script between them, all on the clock of the program: under `TestClock`, leases expire and retries
 * happen when the test adjusts it.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = ({ faults, ...options }: Options): Layer.Layer<TestServices, InvalidInput> =>
  Layer.merge(layerVia(options, Traffic.layer(faults)), ProviderCalls.layer)

/**
 * What a test begins with: budgets, faults, and the instant of its clock.
 *
 * @since 0.1.0
 * @category config
 */
export interface RunOptions extends Options {
  /**
   * The instant at which the clock of the test begins, for what has a date, such as prices. 1970 when absent. Say it here: a `TestClock` that is
   * set while a client lives lets every minute in between pass.
   */
  readonly now?: DateTime.DateTime.Input | undefined
}

/**
 * Runs a test with a `layer` of its own and a `TestClock` that begins at `now`, as a promise: the test function of any runner can return it. It
 * is rejected with the failure itself, such as an `ExpectationFailed`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const run = <A, E>(
  test: Effect.Effect<A, E, TestServices | Scope.Scope>,
  { now = 0, ...options }: RunOptions
): Promise<A> =>
  Effect.runPromiseExit(
    // A test is an entry point.
    // @effect-diagnostics-next-line strictEffectProvide:off
    TestClock.setTime(now).pipe(
      Effect.zipRight(Effect.provide(Effect.scoped(test), layer(options))),
      Effect.provide(TestContext.TestContext)
    )
  ).then(Exit.match({
    onSuccess: (value) => value,
    onFailure: (cause) => Promise.reject(Cause.squash(cause))
  }))
