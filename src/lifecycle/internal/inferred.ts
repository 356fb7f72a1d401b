/**
 * What options bring with them. Each of them may fail and need in its own way, and of what it finds in several places TypeScript makes no
 * union for one type parameter: options are inferred as a whole, and looked into.
 */
import type * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"

/** A need that a constructor was given by where it stands is none. */
type Known<R> = unknown extends R ? never : R

type ContextOfEffect<V> = V extends Effect.Effect<unknown, unknown, infer R> ? Known<R> : never

type ErrorIn<V> = V extends Effect.Effect<unknown, infer E, unknown> ? E
  : V extends ReadonlyArray<infer Item> ? ErrorIn<Item>
  : V extends { readonly _tag: "Degrade"; readonly rungs: ReadonlyArray<infer Rung> } ? ErrorIn<Rung[keyof Rung]>
  : never

type ContextIn<V> = V extends Effect.Effect<unknown, unknown, infer R> ? Known<R>
  : V extends (...args: never) => infer Returned ? ContextOfEffect<Returned>
  : V extends ReadonlyArray<infer Item> ? ContextIn<Item>
  : V extends { readonly _tag: "Degrade"; readonly rungs: ReadonlyArray<infer Rung> } ? ContextIn<Rung[keyof Rung]>
  : V extends
    { readonly _tag: "Retry"; readonly schedule: Schedule.Schedule<unknown, never, infer R>; readonly until?: infer U }
    ? Known<R> | ContextOfEffect<U>
  : V extends { readonly start: () => { readonly read: (ended: boolean) => infer Reading } } ? ContextOfEffect<Reading>
  : never

/** The errors of options. The actual never fails what it is asked for. */
export type ErrorOf<O> = ErrorIn<O[Exclude<keyof O, "actual">]>

/** What options need. */
export type ContextOf<O> = ContextIn<O[keyof O]>
