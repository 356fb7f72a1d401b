/**
 * How a guard comes to its hold: one attempt, or as many as its policies ask for.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as Paging from "../../client/Paging.js"
import { Cycles, type Service } from "../../lifecycle/Cycles.js"
import { authoritySource } from "../../lifecycle/internal/authoritySource.js"
import { retryAfter } from "../../lifecycle/internal/backoff.js"
import type { Open } from "../../lifecycle/internal/handle.js"
import type { Restore, Source } from "../../lifecycle/internal/source.js"
import { acquireOpen } from "../../lifecycle/Reservation.js"
import type { CreateRequest } from "../../protocol/Reservation.js"
import { levels } from "../../protocol/Subject.js"
import type { CommonGuardOptions, HoldError } from "../GuardOptions.js"
import { type Denied, descentOf, isDegradable, type OnDenied, type Retry, type Rung } from "../OnDenied.js"
import { isOnPath } from "../OnUnavailable.js"
import { withPolicy } from "./unavailable.js"

type Obtained<E, R> = Effect.Effect<Open, E | HoldError, R | Cycles>

/** One attempt with what a rung says, or without one as the guard says. */
type Opener<E, R> = (rung: Rung<E, R> | undefined) => Obtained<E, R>

/** With what a rung says: what it does not say, or says to be `undefined`, stays. */
const saying = <A extends object>(self: A, rung: { readonly [K in keyof A]?: A[K] | undefined } = {}): A =>
  Object.assign({}, self, Object.fromEntries(Object.entries(rung).filter(([, value]) => value !== undefined)))

/** Goes down the ladder. Each rung is tried once; those that cannot be answered otherwise are left out. */
const degrading = <E, R>(open: Opener<E, R>, rungs: ReadonlyArray<Rung<E, R>>): Opener<E, R> => (rung) => {
  const below = (tried: number) => (error: E | HoldError): Obtained<E, R> => {
    const descent = descentOf(error)
    const n = rungs.findIndex((rung, n) =>
      n >= tried && (descent === "cheaper" || (descent === "elsewhere" && rung.subject !== undefined))
    )
    const next = rungs[n]
    return next === undefined
      ? Effect.fail(error)
      : Effect.catchAll(open(saying(rung ?? next, next)), below(n + 1))
  }
  return Effect.catchAll(open(rung), below(0))
}

const tellsWhen = (error: Denied): boolean => "meta" in error && Option.isSome(error.meta.retryAfter)

/** What the budgets on the path look like; the same text means that nothing has changed. Empty when they could not be read. */
const look = (cycles: Service, { estimate, subject }: CreateRequest): Effect.Effect<ReadonlyArray<string>> => {
  const widest = levels.find((level) => subject[level] !== undefined)
  return widest === undefined
    ? Effect.succeed([])
    : Paging.balances(cycles, { [widest]: subject[widest], includeChildren: true }).pipe(
      Stream.filter(({ remaining }) => remaining.unit === estimate.unit),
      Stream.filter(isOnPath(subject)),
      Stream.map(({ allocated, debt, isOverLimit, overdraftLimit, remaining, scopePath }) => {
        const rest = [allocated, debt, overdraftLimit].map(
          Option.match({ onNone: () => "", onSome: ({ amount }) => amount })
        )
        return [scopePath, remaining.amount, ...rest, Option.getOrElse(isOverLimit, () => "")].join(" ")
      }),
      Stream.runCollect,
      Effect.map((lines) => [...lines].sort()),
      Effect.orElseSucceed(() => [])
    )
}

const differs = (before: ReadonlyArray<string>, now: ReadonlyArray<string>): boolean =>
  now.length > 0 && now.join("\n") !== before.join("\n")

/** Denials that only somebody who undoes them for good could end. */
const isFinal = (error: Denied): boolean => error._tag === "BudgetClosed" || descentOf(error) === "never"

const retrying: <E, R>(
  open: Opener<E, R>,
  policy: Retry<R>,
  restore: Restore,
  lastRequest: () => CreateRequest | undefined,
  rung: Rung<E, R> | undefined
) => Obtained<E, R> = Effect.fnUntraced(
  function*<E, R>(
    open: Opener<E, R>,
    { schedule, until }: Retry<R>,
    restore: Restore,
    lastRequest: () => CreateRequest | undefined,
    rung: Rung<E, R> | undefined
  ) {
    const cycles = yield* Cycles
    const driver = yield* Schedule.driver(schedule.pipe(
      Schedule.whileInput((_: Denied) => true),
      Schedule.passthrough,
      Schedule.modifyDelay((error, delay) => Duration.max(delay, retryAfter(error)))
    ))
    let seen: ReadonlyArray<string> | undefined

    /** Until there is a reason to try again; fails with the denial when the schedule is over. */
    const wait = (error: Denied): Effect.Effect<void, Denied, R> => {
      const next = Effect.mapError(driver.next(error), () => error)
      if (until === undefined || tellsWhen(error)) return Effect.asVoid(next)
      if (until !== "balanceChange") return Effect.zipRight(until, Effect.asVoid(next))
      const request = lastRequest()
      if (request === undefined) return Effect.fail(error)
      const turn: Effect.Effect<void, Denied, R> = next.pipe(
        Effect.zipRight(look(cycles, request)),
        Effect.flatMap((now) => {
          const isNew = seen !== undefined && differs(seen, now)
          if (now.length > 0) seen = now
          return isNew ? Effect.void : turn
        })
      )
      return seen === undefined
        ? Effect.flatMap(look(cycles, request), (now) => {
          if (now.length > 0) seen = now
          return turn
        })
        : turn
    }

    const attempt: Obtained<E, R> = Effect.catchAll(
      open(rung),
      (error) =>
        isDegradable(error) && !isFinal(error) && (until !== undefined || tellsWhen(error))
          ? Effect.zipRight(restore(wait(error)), attempt)
          : Effect.fail(error)
    )
    return yield* attempt
  }
)

const asArray = <A>(self: A | ReadonlyArray<A>): ReadonlyArray<A> => Array.isArray(self) ? self : [self as A]

/** To be called in an uninterruptible region, with its `restore`; whoever calls this settles. */
export const obtain = <E, R>(options: CommonGuardOptions<E, R>, restore: Restore): Obtained<E, R> => {
  const { onDenied, onUnavailable } = options
  const source = onUnavailable === undefined ? authoritySource : withPolicy(onUnavailable)
  if (onDenied === undefined) return acquireOpen(options, restore, source)
  let request: CreateRequest | undefined
  const noting: Source<Effect.Effect.Error<ReturnType<typeof source>>> = (cycles, asked, ...rest) => {
    request = asked
    return source(cycles, asked, ...rest)
  }
  const once: Opener<E, R> = (rung) => acquireOpen(saying(options, rung), restore, noting)
  return asArray<OnDenied<E, R>>(onDenied).reduce<Opener<E, R>>(
    (open, policy) =>
      policy._tag === "Degrade"
        ? degrading(open, policy.rungs)
        : (rung) => retrying(open, policy, restore, () => request, rung),
    once
  )(undefined)
}
