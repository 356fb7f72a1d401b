/**
 * The service that users meet: the operations of the client, its configuration, and the settler of its layer.
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Client from "../client/Client.js"
import * as CyclesConfig from "../client/CyclesConfig.js"
import { layerFetch } from "../client/internal/fetchClient.js"
import * as Paging from "../client/Paging.js"
import type { Balance, BalanceFilter } from "../protocol/Balance.js"
import type { BalancesError, ListError } from "../protocol/CyclesError.js"
import type { InvalidInput } from "../protocol/InvalidInput.js"
import type { ReservationFilter, ReservationSummary } from "../protocol/ReservationQuery.js"
import * as Records from "./internal/records.js"
import * as Journal from "./Journal.js"
import * as Lease from "./Lease.js"
import * as Notices from "./Notices.js"
import * as Settlements from "./Settlements.js"
import * as Settler from "./Settler.js"

/**
 * The operations of the protocol, each one HTTP exchange, and what goes on beside them: settlements and leases.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service extends Client.Detachable {
  /** What it was made with; the key is redacted. */
  readonly config: CyclesConfig.CyclesConfig
  /** What runs in the background until the layer ends. For the library alone: see `Cycles.flush`. */
  readonly settler: Settler.Settler
  /** Settlements as they come (`events`), spend that was refused for good (`deadLetters`, `replayDeadLetter`), and the health of the journal. */
  readonly settlements: Settlements.Settlements
  /** What happens to leases (`events`). */
  readonly leases: Lease.Leases
  /** What is said only once. For the library alone. */
  readonly notices: Notices.Notices
}

const make = (
  options: CyclesConfig.Options
): Effect.Effect<Service, InvalidInput, HttpClient.HttpClient | Journal.Journal | Scope.Scope> =>
  Effect.gen(function*() {
    const config = yield* CyclesConfig.make(options)
    const client = yield* Client.make(config)
    const { apiKey, baseUrl, subject } = config
    const store = yield* Effect.flatMap(
      Journal.Journal,
      ({ open }) => open({ baseUrl, tenant: subject.tenant, apiKey })
    )
    const records = yield* Records.make(store)
    const settler = yield* Settler.make(config)
    const settlements = yield* Settlements.make(client, config, settler, records)
    const leases = yield* Lease.make({ ...client, config })
    return { ...client, config, settler, settlements, leases, notices: yield* Notices.make }
  })

/**
 * The Cycles client. Its 11 operations are one HTTP exchange each; `reserve` and `guarded` need it and add the life cycle.
 *
 * @example
 * ```ts
 * import { Cycles, CyclesLive } from "effect-cycles"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function*() {
 *   const cycles = yield* Cycles
 *   const { value } = yield* cycles.getBalances({ tenant: "acme" })
 *   return value.balances
 * })
 *
 * program.pipe(Effect.provide(CyclesLive)) // CYCLES_BASE_URL, CYCLES_API_KEY
 * ```
 *
 * @since 0.1.0
 * @category tags
 */
export class Cycles extends Context.Tag("effect-cycles/lifecycle/Cycles")<Cycles, Service>() {
  /**
   * From options. `InvalidInput` names the option that is out of bounds. Asks for the `HttpClient` to use and for the `Journal` that keeps
   * spend until the ledger has it.
   */
  static layer(
    options: CyclesConfig.Options
  ): Layer.Layer<Cycles, InvalidInput, HttpClient.HttpClient | Journal.Journal> {
    return Layer.scoped(Cycles, make(options))
  }

  /** From configuration: the environment variables of `CyclesConfig.config` unless said otherwise. */
  static layerConfig(
    config: Config.Config.Wrap<CyclesConfig.Options> = CyclesConfig.config()
  ): Layer.Layer<Cycles, InvalidInput | ConfigError.ConfigError, HttpClient.HttpClient | Journal.Journal> {
    return Layer.scoped(Cycles, Effect.flatMap(Config.unwrap(config), make))
  }

  /** All reservations of a filter, page by page. `limit` is the size of a page. */
  static reservations(filter: ReservationFilter): Stream.Stream<ReservationSummary, ListError, Cycles> {
    return Stream.unwrap(Effect.map(Cycles, (cycles) => Paging.reservations(cycles, filter)))
  }

  /** All balances of a filter, page by page. The filter needs at least one level; `limit` is the size of a page. */
  static balances(filter: BalanceFilter): Stream.Stream<Balance, BalancesError, Cycles> {
    return Stream.unwrap(Effect.map(Cycles, (cycles) => Paging.balances(cycles, filter)))
  }

  /** Waits for settlements under way, at most `flushTimeout`; says whether none is left. */
  static readonly flush: Effect.Effect<boolean, never, Cycles> = Effect.flatMap(Cycles, ({ settler }) => settler.flush)
}

/**
 * The portable client: environment configuration, `fetch`, and a journal in memory.
 *
 * @since 0.1.0
 * @category layers
 */
export const CyclesLive: Layer.Layer<Cycles, InvalidInput | ConfigError.ConfigError> = Cycles.layerConfig().pipe(
  Layer.provide([layerFetch, Journal.layerMemory()])
)
