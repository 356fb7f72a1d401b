/**
 * A cap on everything that a piece of a program spends.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import * as Take from "effect/Take"
import { CurrentReservation } from "../lifecycle/CurrentReservation.js"
import { Cycles } from "../lifecycle/Cycles.js"
import { Allocation, allocationOf, type Gate, type Role } from "../lifecycle/internal/allocation.js"
import type { Open } from "../lifecycle/internal/handle.js"
import { localId, unheld, unleased } from "../lifecycle/internal/local.js"
import { openPart } from "../lifecycle/internal/part.js"
import type { Restore } from "../lifecycle/internal/source.js"
import { RunExhausted } from "../lifecycle/Nested.js"
import { acquireOpen, type ReserveError } from "../lifecycle/Reservation.js"
import { durationOf, requestOf, type ReserveOptions } from "../lifecycle/ReserveOptions.js"
import { Amount } from "../protocol/Amount.js"
import { type InvalidInput, invalidInput } from "../protocol/InvalidInput.js"

/**
 * The bounds of a run, and what its own reservation says: the options of `reserve`, with `limit` as the estimate.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunOptions<E = never, R = never> extends Omit<ReserveOptions<E, R>, "estimate" | "nested"> {
  /** How much all of it may spend. */
  readonly limit: Amount
  /** How many reservations may be made, at least 1. */
  readonly steps?: number | undefined
  /** How long reservations may be made. What runs at the end of it is not interrupted. */
  readonly wallClock?: Duration.DurationInput | undefined
  /**
   * - `authority` (the default): the limit is reserved when the run begins, and what was spent is committed when it ends. The guards inside
   *   draw from that hold and ask nobody.
   * - `local`: nothing is reserved for the run. The guards inside reserve for themselves, and each estimate counts against the limit.
   */
  readonly backing?: "authority" | "local" | undefined
  /** From which part of a limit on a run is `Low`: a number above 0 and below 1, 0.8 when absent. */
  readonly lowAt?: number | undefined
}

/**
 * What a run is about to run out of, or has. Each comes once for each limit: `amount` by what was spent, not by what is held; `Exhausted`
 * also when a guard was refused more than is not spent yet.
 *
 * @since 0.1.0
 * @category models
 */
export type RunEvent = Data.TaggedEnum<{
  Low: { readonly limit: RunLimit; readonly spent: Amount; readonly steps: number }
  Exhausted: { readonly limit: RunLimit; readonly spent: Amount; readonly steps: number }
}>

/**
 * What bounds a run: what it spends, how many reservations it makes, how long it makes them.
 *
 * @since 0.1.0
 * @category models
 */
export type RunLimit = "amount" | "steps" | "wallClock"

/**
 * Constructors, `$is` and `$match`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const RunEvent = Data.taggedEnum<RunEvent>()

/**
 * How a run stands.
 *
 * @since 0.1.0
 * @category models
 */
export interface Run {
  readonly limit: Amount
  /** What was spent so far. */
  readonly spent: Effect.Effect<Amount>
  /** What a guard may draw now: neither spent nor held. */
  readonly remaining: Effect.Effect<Amount>
  /** How many reservations were made. */
  readonly steps: Effect.Effect<number>
  /** The transitions, those that were there before too. Ends with the run. */
  readonly events: Stream.Stream<RunEvent>
}

/**
 * The run around the work.
 *
 * @since 0.1.0
 * @category tags
 */
export class CurrentRun extends Context.Tag("effect-cycles/guard/runBudget/CurrentRun")<CurrentRun, Run>() {}

interface Bounds {
  readonly limit: Amount
  readonly steps: number
  readonly wallClock: Duration.Duration
  readonly lowAt: number
}

const boundsOf = (
  { limit, lowAt = 0.8, steps = Infinity, wallClock = Duration.infinity }: RunOptions<never, unknown>
): Effect.Effect<Bounds, InvalidInput> =>
  lowAt > 0 && lowAt < 1
    ? steps >= 1 && (steps === Infinity || Number.isInteger(steps))
      ? Effect.map(durationOf("wallClock", wallClock), (wallClock) => ({ limit, lowAt, steps, wallClock }))
      : Effect.fail(invalidInput("steps", "must be a whole number, at least 1", steps))
    : Effect.fail(invalidInput("lowAt", "must be above 0 and below 1", lowAt))

/** What watches a run: its gate, its transitions, and who looks at both. */
const watch = Effect.fnUntraced(
  function*({ limit, lowAt, steps: most, wallClock }: Bounds, outer: Gate | undefined) {
    const hub = yield* PubSub.sliding<Take.Take<RunEvent>>({ capacity: 16, replay: 16 })
    const begun = yield* Clock.currentTimeNanos
    const told = new Set<string>()
    // Shares of a limit in steps of a billionth: an amount may be too large for a double.
    const low = BigInt(Math.ceil(lowAt * 1e9))
    let spent = 0n
    let steps = 0

    const tell = (_tag: RunEvent["_tag"], of: RunLimit): void => {
      if (told.has(`${_tag} ${of}`)) return
      told.add(`${_tag} ${of}`)
      hub.unsafeOffer(
        Take.of(RunEvent[_tag]({ limit: of, spent: new Amount({ unit: limit.unit, amount: spent }), steps }))
      )
    }
    const onChange: Role["onChange"] = (allocation, refused) => {
      spent = allocation.spent
      if (spent * 1_000_000_000n >= limit.amount * low) tell("Low", "amount")
      if (spent >= limit.amount || (refused !== undefined && refused.amount > limit.amount - spent)) {
        tell("Exhausted", "amount")
      }
    }
    const check = Effect.flatMap(Clock.currentTimeNanos, (now) => {
      const elapsed = Duration.nanos(now - begun)
      if (Duration.greaterThanOrEqualTo(elapsed, wallClock)) {
        tell("Exhausted", "wallClock")
        return new RunExhausted({ limit: "wallClock", bound: Duration.toMillis(wallClock) })
      }
      if (steps >= most) return new RunExhausted({ limit: "steps", bound: most })
      steps += 1
      if (steps >= most * lowAt) tell("Low", "steps")
      if (steps >= most) tell("Exhausted", "steps")
      return Effect.void
    })
    const gate: Gate = {
      enter: outer === undefined
        ? check
        : Effect.zipRight(outer.enter, Effect.onError(check, () => Effect.sync(outer.leave))),
      leave: () => {
        steps -= 1
        told.delete("Exhausted steps")
        outer?.leave()
      }
    }
    const timer = Effect.sleep(Duration.times(wallClock, lowAt)).pipe(
      Effect.zipRight(Effect.sync(() => tell("Low", "wallClock"))),
      Effect.zipRight(Effect.sleep(Duration.times(wallClock, 1 - lowAt))),
      Effect.zipRight(Effect.sync(() => tell("Exhausted", "wallClock")))
    )
    if (Duration.isFinite(wallClock)) yield* Effect.forkScoped(Effect.interruptible(timer))
    const run = (allocation: Allocation): Run => {
      const amount = (n: bigint) => new Amount({ unit: limit.unit, amount: n })
      return {
        limit,
        spent: Effect.sync(() => amount(allocation.spent)),
        remaining: Effect.sync(() => amount(allocation.free)),
        steps: Effect.sync(() => steps),
        events: Stream.flattenTake(Stream.fromPubSub(hub))
      }
    }
    return { gate, onChange, run, end: Effect.sync(() => void hub.unsafeOffer(Take.end)) }
  }
)

const reserveOptionsOf = <E, R>(options: RunOptions<E, R>): ReserveOptions<E, R> =>
  Object.assign({}, options, { estimate: options.limit })

/** A hold that only this process knows, inside the one around it when there is one. */
const openLocal = Effect.fnUntraced(
  function*<E, R>(options: RunOptions<E, R>, { gate, onChange }: Role, outer: Allocation | undefined) {
    const cycles = yield* Cycles
    const { limit } = options
    const request = yield* requestOf(reserveOptionsOf(options), cycles)
    const around = outer?.cap
    const kind = around?.kind === "backed" ? "backed" : "cap"
    const role: Role = { kind, gate, onChange }
    const allocation = around?.join(limit, role) ?? new Allocation(limit, role)
    const facts = unheld(yield* localId("run"), request)
    return yield* openPart(
      cycles,
      { reserved: limit, ...request },
      kind === "backed" && around?.holder !== undefined ? around.holder : { facts, lease: unleased },
      allocation,
      kind === "backed"
    )
  }
)

/** To be called in an uninterruptible region, with its `restore`. */
const begin = Effect.fnUntraced(
  function*<E, R>(options: RunOptions<E, R>, restore: Restore) {
    const around = yield* Effect.serviceOption(CurrentReservation)
    const outer = around._tag === "Some" ? allocationOf(around.value).ground : undefined
    const { end, gate, onChange, run } = yield* Effect.flatMap(
      boundsOf(options as RunOptions<never, unknown>),
      (bounds) => watch(bounds, outer?.gate)
    )
    const obtain: Effect.Effect<Open, E | ReserveError, R | Cycles> = options.backing === "local"
      ? openLocal(options, { gate, onChange }, outer)
      : acquireOpen(reserveOptionsOf(options), restore, undefined, { kind: "backed", gate, onChange })
    const open = yield* obtain
    yield* Effect.addFinalizer(() => Effect.zipRight(open.fail("run_ended"), end))
    return Context.make(CurrentRun, run(allocationOf(open.reservation))).pipe(
      Context.add(CurrentReservation, open.reservation)
    )
  }
)

/**
 * Caps what the work that it is provided to spends: every guard and every reservation in it, however deep, draws from the limit and fails
 * with `AllocationExceeded` before its work when less is left, or with `RunExhausted` after `steps` or `wallClock`. At the end of the run
 * what was spent is committed, and the rest released.
 *
 * `CurrentRun` tells how it stands. Without a guard inside that says what it used, nothing is charged.
 *
 * @example
 * ```ts
 * import { Amount, guarded, runBudget } from "effect-cycles"
 * import * as Effect from "effect/Effect"
 *
 * const step = Effect.succeed("done").pipe(guarded({ estimate: Amount.usd("0.10"), actual: Amount.usd("0.04") }))
 *
 * const agent = Effect.forever(step).pipe(Effect.provide(runBudget({ limit: Amount.usd("1.50"), steps: 25 })))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const runBudget = <E = never, R = never>(
  options: RunOptions<E, R>
): Layer.Layer<CurrentRun | CurrentReservation, E | ReserveError, R | Cycles> =>
  Layer.scopedContext(Effect.uninterruptibleMask((restore) => begin(options, restore)))
