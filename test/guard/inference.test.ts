import { assert, describe, it } from "@effect/vitest"
import {
  Amount,
  type CurrentReservation,
  type Cycles,
  guarded,
  guardedStream,
  type GuardError,
  type GuardOptions,
  OnDenied,
  shadow,
  UsageMeter
} from "effect-cycles"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"

class A extends Data.TaggedError("A") {}
class B extends Data.TaggedError("B") {}
class One extends Context.Tag("One")<One, 1>() {}
class Two extends Context.Tag("Two")<Two, 2>() {}
class Three extends Context.Tag("Three")<Three, 3>() {}

const tokens = Amount.tokens(1)
const estimate: Effect.Effect<Amount, A, One> = Effect.as(One, tokens)
const subject: Effect.Effect<{ readonly agent: string }, B, Two> = Effect.as(Two, { agent: "a" })
const onSettled = (): Effect.Effect<void, never, Three> => Effect.asVoid(Three)

type Same<X, Y> = (<T>() => T extends X ? 1 : 2) extends (<T>() => T extends Y ? 1 : 2) ? true : false

type Channels<X> = X extends Effect.Effect<unknown, infer E, infer R> ? readonly [E, R]
  : X extends Stream.Stream<unknown, infer E, infer R> ? readonly [E, R]
  : never

/** Compiles when the channels are exactly these. */
const same = <X, E, R>(..._: Same<Channels<X>, readonly [E, R]> extends true ? [] : [never]) => {}

/** Own guards around ours, with options of any type. */
const wrapped = <A, E, R, E2, R2>(
  self: Effect.Effect<A, E, R>,
  options: GuardOptions<A, E2, R2>
): Effect.Effect<A, E | E2 | GuardError, Exclude<R, CurrentReservation> | R2 | Cycles> => guarded(self, options)

const piped = <A, E2 = never, R2 = never>(options: GuardOptions<A, E2, R2>) =>
<E, R>(
  self: Effect.Effect<A, E, R>
): Effect.Effect<A, E | E2 | GuardError, Exclude<R, CurrentReservation> | R2 | Cycles> =>
  self.pipe(guarded({ ...options, onSettled: () => Effect.void }))

const preset = <A, E, R>(self: Effect.Effect<A, E, R>, options: Omit<GuardOptions<A>, "estimate">) =>
  guarded(self, { ...options, estimate: tokens })

describe("what is inferred", () => {
  it("a guard of one's own may pass options on", () => {
    const work = Effect.zipRight(Two, Effect.fail(new B()))
    const _x1 = wrapped(work, { estimate })
    same<typeof _x1, A | B | GuardError, One | Two | Cycles>()
    const _x2 = work.pipe(piped({ estimate }))
    same<typeof _x2, A | B | GuardError, One | Two | Cycles>()
    const _x3 = preset(work, {})
    same<typeof _x3, B | GuardError, Two | Cycles>()
    const options: GuardOptions<number, A, One> = { estimate, actual: Amount.tokens }
    const _x4 = Effect.succeed(1).pipe(guarded(options))
    same<typeof _x4, A | GuardError, One | Cycles>()
    assert.isTrue(Effect.isEffect(_x3))
  })

  it("each option may fail and need in its own way", () => {
    const work = Effect.succeed({ n: 1 })
    const all = { estimate, subject, onSettled }
    const _x1 = guarded(work, { estimate, subject, onSettled })
    same<typeof _x1, A | B | GuardError, One | Two | Three | Cycles>()
    const _x2 = work.pipe(guarded({ ...all, actual: (value) => Amount.tokens(value.n) }))
    same<typeof _x2, A | B | GuardError, One | Two | Three | Cycles>()
    const _x3 = guarded(work, { estimate: tokens, actual: () => Effect.zipRight(Three, Effect.fail(new A())) })
    same<typeof _x3, GuardError, Three | Cycles>()
    const _x4 = shadow(work, { estimate, subject, onReport: onSettled })
    same<typeof _x4, never, One | Two | Three | Cycles>()
    const _x5 = guardedStream(Stream.make(1), {
      ...all,
      usage: UsageMeter.incremental((n: number) => Amount.tokens(n))
    })
    same<typeof _x5, A | B | GuardError, One | Two | Three | Cycles>()
    const _x6 = guardedStream(Stream.make(1), {
      estimate: tokens,
      usage: UsageMeter.priced({ follow: (_: number | undefined, n: number) => n, cost: () => Effect.as(Two, tokens) })
    })
    same<typeof _x6, GuardError, Two | Cycles>()
    const _x7 = Stream.make(1).pipe(guardedStream({
      estimate: tokens,
      usage: UsageMeter.make({ initial: 0, step: (n: number, _: number) => n, read: () => UsageMeter.Reading.Absent() })
    }))
    same<typeof _x7, GuardError, Cycles>()
    assert.isTrue(Effect.isEffect(guarded(work, all)))
  })

  it("policies too", () => {
    const ladder = OnDenied.degrade([{ estimate: tokens }, { estimate: Effect.zipRight(Two, Effect.fail(new B())) }])
    const retry = OnDenied.retry({ schedule: Schedule.recurs(1), until: onSettled() })
    const all = [ladder, OnDenied.degrade([{ estimate: tokens }]), retry]
    const _x8 = guarded(Effect.void, { estimate, onDenied: all })
    same<typeof _x8, A | B | GuardError, One | Two | Three | Cycles>()
    const _x9 = guarded(Effect.void, { estimate, onDenied: OnDenied.degrade([{ estimate: tokens }]) })
    same<typeof _x9, A | GuardError, One | Cycles>()
    const _x10 = guarded(Effect.void, { estimate: tokens, onDenied: OnDenied.retry({ schedule: Schedule.recurs(1) }) })
    same<typeof _x10, GuardError, Cycles>()
  })

  it("options of a known type stay as they are, and what is no option is refused", () => {
    const known = (options: GuardOptions<number, B, Two>) => guarded(Effect.succeed(1), options)
    const _x11 = known({ estimate: tokens })
    same<typeof _x11, B | GuardError, Two | Cycles>()
    // @ts-expect-error not an option
    guarded(Effect.void, { estimate: tokens, onSetled: onSettled })
    // @ts-expect-error not an option
    Effect.void.pipe(guarded({ estimate: tokens, onSetled: onSettled }))
    // @ts-expect-error not an option
    OnDenied.degrade([{ estimate: tokens, acton: {} }])
    // @ts-expect-error not an amount
    guarded(Effect.void, { estimate: 5 })
  })
})
