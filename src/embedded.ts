/**
 * The embedded authority with a client in front of it: what a test or a single program needs, in one layer.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { httpApp as adminApp } from "./authority/Admin.js"
import { httpApp } from "./authority/App.js"
import * as Room from "./authority/Authority.js"
import * as InProcess from "./authority/InProcess.js"
import type { LedgerStore, LedgerStoreError } from "./authority/LedgerStore.js"
import type * as CyclesConfig from "./client/CyclesConfig.js"
import { Cycles } from "./lifecycle/Cycles.js"
import * as Journal from "./lifecycle/Journal.js"
import type { InvalidInput } from "./protocol/InvalidInput.js"
import { invalidInput } from "./protocol/InvalidInput.js"

export {
  type ApiKeyOptions,
  Authority,
  type BudgetOptions,
  type MadeKey,
  type ObserveOptions,
  type Options as AuthorityOptions,
  type Service
} from "./authority/Authority.js"
export { adminApp, httpApp }

/**
 * Options of the client, except how to reach the authority, and of the authority.
 *
 * @since 0.1.0
 * @category config
 */
export interface Options extends Omit<CyclesConfig.Options, "baseUrl" | "apiKey"> {
  /** The budgets to begin with. In a ledger that is kept, only what they changed since the last time is changed. */
  readonly budgets: ReadonlyArray<Room.BudgetOptions>
  /** Signs evidence of what is answered. None when absent. */
  readonly evidence?: Room.Options["evidence"]
  /** The tenant of the client, and of its default subject. When absent: the one tenant of the budgets. */
  readonly tenant?: string | undefined
}

const tenantOf = ({ budgets, tenant }: Options): Effect.Effect<string, InvalidInput> => {
  if (tenant !== undefined) return Effect.succeed(tenant)
  const [first, ...others] = new Set(
    budgets.flatMap(({ scope }) => /^tenant:([^/]+)/i.exec(scope)?.[1]?.toLowerCase() ?? [])
  )
  return first !== undefined && others.length === 0
    ? Effect.succeed(first)
    : first === undefined && budgets[0] !== undefined
    ? Effect.fail(invalidInput("scope", "must begin with tenant:", budgets[0].scope))
    : Effect.fail(
      invalidInput("tenant", "must be said when the budgets do not name exactly one", [first, ...others].join(", "))
    )
}

/**
 * The authority alone. `InvalidInput` names the budget option that is out of bounds.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerAuthority: (options: Room.Options) => Layer.Layer<Room.Authority, InvalidInput> = Room.layer

/**
 * The authority alone, with the ledger that a store keeps.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerAuthorityStored: (
  options: Room.Options
) => Layer.Layer<Room.Authority, InvalidInput | LedgerStoreError, LedgerStore> = Room.layerStored

/**
 * Lets holds expire in time while nobody asks the authority; every 5 seconds when absent.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerSweeper: (
  every?: Duration.DurationInput
) => Layer.Layer<never, never, Room.Authority> = Room.layerSweeper

/**
 * An `HttpClient` that the authority answers on the caller's fiber, without a socket.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerInProcess: Layer.Layer<HttpClient.HttpClient, never, Room.Authority> = InProcess.layer

/** An `HttpClient` over another: what a test puts between client and authority. */
type Between<B> = Layer.Layer<HttpClient.HttpClient | B, never, HttpClient.HttpClient>

const direct: Between<never> = Layer.context<HttpClient.HttpClient>()

const layerOver = <E, R, B>(
  options: Options,
  authority: (options: Room.Options) => Layer.Layer<Room.Authority, E, R>,
  between: Between<B>
): Layer.Layer<Cycles | Room.Authority | Exclude<B, HttpClient.HttpClient>, InvalidInput | E, R | Journal.Journal> =>
  Layer.unwrapEffect(Effect.gen(function*() {
    const tenant = yield* tenantOf(options)
    const key = yield* Effect.sync(() => Redacted.make(`cyc_embedded_${globalThis.crypto.randomUUID()}`))
    const { budgets, evidence, subject, tenant: _, ...client } = options
    const wire = Layer.provide(between, layerInProcess)
    return Cycles.layer({
      ...client,
      baseUrl: "http://authority.localhost",
      apiKey: key,
      subject: { tenant, ...subject }
    }).pipe(
      Layer.provide(wire),
      // The program's own `HttpClient` stays what it is.
      Layer.merge(Layer.map(wire, Context.omit(HttpClient.HttpClient))),
      Layer.provideMerge(authority({ budgets, evidence, keys: [{ key, tenant }] }))
    )
  }))

/**
 * A `Cycles` that an authority in this process answers, on the clock of the program: for tests, and for programs without a server.
 *
 * @example
 * ```ts
 * import { Amount, guarded } from "effect-cycles"
 * import { Authority } from "effect-cycles/authority"
 * import * as Effect from "effect/Effect"
 *
 * Effect.succeed("hello").pipe(
 *   guarded({ estimate: Amount.usd("0.01"), actual: Amount.usd("0.002") }),
 *   Effect.provide(Authority.layer({ budgets: [{ scope: "tenant:acme", allocated: Amount.usd("10") }] }))
 * )
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<Cycles | Room.Authority, InvalidInput> => layerVia(options, direct)

/**
 * As `layer`, with something between client and authority.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerVia = <B>(
  options: Options,
  between: Between<B>
): Layer.Layer<Cycles | Room.Authority | Exclude<B, HttpClient.HttpClient>, InvalidInput> =>
  Layer.provide(layerOver(options, layerAuthority, between), Journal.layerMemory())

/**
 * As `layer`, with the ledger that a store keeps, and with a journal of choice: one that survives the process settles after a crash what the
 * program had spent before it. On Node, `layerAuthority` of `effect-cycles/node` has both.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerStored = (
  options: Options
): Layer.Layer<Cycles | Room.Authority, InvalidInput | LedgerStoreError, LedgerStore | Journal.Journal> =>
  layerOver(options, layerAuthorityStored, direct)
