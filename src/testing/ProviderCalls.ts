/**
 * The calls that cost money, and whether each of them was made inside a guard.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { CurrentReservation } from "../lifecycle/CurrentReservation.js"
import type { ReservationId } from "../protocol/Reservation.js"

/**
 * A call of a provider: `reservationId` is that of the guard around it, if there was one. `at` is epoch ms.
 *
 * @since 0.1.0
 * @category models
 */
export interface ProviderCall {
  readonly name: string
  readonly at: number
  readonly reservationId: Option.Option<ReservationId>
}

/**
 * What a test knows of the calls of providers.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** Every call so far, in the order in which they began. */
  readonly calls: Effect.Effect<ReadonlyArray<ProviderCall>>
  /** Notes a call by the fiber that runs this. */
  readonly note: (name: string) => Effect.Effect<void>
}

/**
 * The calls of providers that a test has noted.
 *
 * @since 0.1.0
 * @category tags
 */
export class ProviderCalls extends Context.Tag("effect-cycles/testing/ProviderCalls")<ProviderCalls, Service>() {}

/**
 * A book without calls.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<ProviderCalls> = Layer.sync(ProviderCalls, () => {
  const calls: Array<ProviderCall> = []
  return {
    calls: Effect.sync(() => calls.slice()),
    note: (name) =>
      Effect.gen(function*() {
        const current = yield* Effect.serviceOption(CurrentReservation)
        const at = yield* Clock.currentTimeMillis
        calls.push({ name, at, reservationId: Option.map(current, ({ id }) => id) })
      })
  }
})

/**
 * Marks an effect as a call of a provider: it is noted each time that it begins.
 *
 * @since 0.1.0
 * @category combinators
 */
export const providerCall =
  (name: string) => <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | ProviderCalls> =>
    Effect.zipRight(Effect.flatMap(ProviderCalls, ({ note }) => note(name)), self)

type Method = (...args: ReadonlyArray<unknown>) => unknown

const unmarkable = (name: string) =>
  `${name} gives neither an Effect nor a Stream: nobody can tell which fiber calls it. Mark its caller with providerCall.`

const isEffect = (u: unknown): u is Effect.Effect<unknown> => Effect.isEffect(u)

/** What a method gives, with the call noted when it begins. */
const noted = (result: unknown, name: string, note: Effect.Effect<void>): unknown => {
  if (isEffect(result)) return Effect.zipRight(note, result)
  if (typeof result === "object" && result !== null && Stream.StreamTypeId in result) {
    return Stream.concat(Stream.drain(Stream.fromEffect(note)), result as Stream.Stream<unknown>)
  }
  return Effect.dieMessage(unmarkable(name))
}

/**
 * A provider that notes every call: each effect and stream that its service has, and each that its methods give. Put it in the place of the
 * provider's own layer: the program under test stays as it is.
 *
 * @example
 * ```ts
 * import { watched } from "effect-cycles/testing"
 * import * as Context from "effect/Context"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 *
 * class Model extends Context.Tag("Model")<Model, { readonly ask: (prompt: string) => Effect.Effect<string> }>() {}
 *
 * const ModelTest = watched(Model, Layer.succeed(Model, { ask: () => Effect.succeed("42") }))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const watched = <I, S extends object, E, R>(
  tag: Context.Tag<I, S>,
  provider: Layer.Layer<I, E, R>
): Layer.Layer<I, E, R | ProviderCalls> =>
  Layer.effect(
    tag,
    Effect.map(Effect.all([tag, ProviderCalls]), ([service, { note }]) =>
      new Proxy(service, {
        get: (target, property) => {
          const member: unknown = Reflect.get(target, property, target)
          const name = `${tag.key}.${String(property)}`
          if (typeof property === "symbol") return member
          if (typeof member === "function") {
            return (...args: ReadonlyArray<unknown>) =>
              noted((member as Method).apply(target, [...args]), name, note(name))
          }
          return isEffect(member) ? noted(member, name, note(name)) : member
        }
      }))
  ).pipe(Layer.provide(provider))

/**
 * An `HttpClient` for a provider, which notes every request as `name`: provide it to the provider only, not to `Cycles`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerHttp = (
  name: string
): Layer.Layer<HttpClient.HttpClient, never, HttpClient.HttpClient | ProviderCalls> =>
  Layer.effect(
    HttpClient.HttpClient,
    Effect.map(Effect.all([HttpClient.HttpClient, ProviderCalls]), ([client, { note }]) =>
      HttpClient.transform(client, (send, { method }) =>
        Effect.zipRight(note(`${name} ${method}`), send)))
  )
