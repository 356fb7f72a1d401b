/**
 * The embedded authority: one ledger, the clock of the program, and the keys that open it.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Order from "effect/Order"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import type * as Stream from "effect/Stream"
import type { Amount, Unit } from "../protocol/Amount.js"
import type { Caps } from "../protocol/Caps.js"
import type { EvidenceJwks } from "../protocol/Evidence.js"
import { type InvalidInput, invalidInput } from "../protocol/InvalidInput.js"
import type { ReservationDetail } from "../protocol/ReservationQuery.js"
import { type ApiKeyOptions, type MadeKey, makeKey } from "./ApiKeys.js"
import { budgetOf, type BudgetOptions, draftsOf, keyring, type Options } from "./AuthorityOptions.js"
import { type BudgetStatus, type BudgetView, view } from "./Budget.js"
import { type Answers, type Command, type CommandOf, isRefusal, type Refusal } from "./Command.js"
import { makeKeeper } from "./Evidence.js"
import { detail } from "./internal/answer.js"
import { configure } from "./internal/configure.js"
import { freshId } from "./internal/correlation.js"
import { makeDesk } from "./internal/desk.js"
import { makeEvidenceDesk } from "./internal/evidenceDesk.js"
import type { ObserveOptions } from "./internal/observers.js"
import { budgetsOf, reservationsOf } from "./internal/read.js"
import { makeVerifier } from "./internal/secrets.js"
import { makeThrottle, type TurnedAway } from "./internal/throttle.js"
import * as Ledger from "./Ledger.js"
import type { LedgerEvent } from "./LedgerEvent.js"
import { LedgerStore, type LedgerStoreError, memory, type Service as Store } from "./LedgerStore.js"
import { identify, type Principal } from "./Principal.js"
import type { Audit, Reservation, Tenant } from "./Rows.js"
import type { RowChange } from "./RowSet.js"
import type { Settings, State } from "./State.js"

export type { ApiKeyOptions, BudgetOptions, MadeKey, ObserveOptions, Options }

/**
 * `run` is one atomic step of the ledger: an interrupt takes effect before it or after it. Operator commands take effect at once.
 *
 * With a store that keeps the ledger, an answer comes when everything that it tells of is durable. After a write that failed, memory is ahead of
 * the store: every command is refused with `INTERNAL_ERROR`, and looking dies with the `LedgerStoreError`, until the authority is opened anew.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** Runs a command at the present instant of the clock. */
  readonly run: <C extends Command>(command: C) => Effect.Effect<Answers[C["_tag"]], Refusal>
  /** Every budget as it is now, by scope and unit. */
  readonly budgets: Effect.Effect<ReadonlyArray<BudgetView>>
  /** Every reservation as it is now, the oldest first. */
  readonly reservations: Effect.Effect<ReadonlyArray<ReservationDetail>>
  /** Every reservation that is ACTIVE now, the newest first. */
  readonly active: Effect.Effect<ReadonlyArray<ReservationDetail>>
  /** What administrators did on behalf of tenants, the oldest first. */
  readonly audits: Effect.Effect<ReadonlyArray<Audit>>
  /** The signed text of an envelope of evidence. */
  readonly envelope: (id: string) => Effect.Effect<Option.Option<string>>
  /** The public keys of the signer, when evidence is kept. */
  readonly jwks: Option.Option<EvidenceJwks>
  /** What happens from now on. Costs nothing while nobody listens; a slow listener loses events, as `overflow` says, and slows nobody. */
  readonly observe: (options?: ObserveOptions) => Stream.Stream<LedgerEvent>
  /** Lets expire what is over by now, though nobody asks for it; `layerSweeper` does so again and again. */
  readonly sweep: Effect.Effect<void>
  /** Creates or replaces a budget. `InvalidInput` when the options contradict each other. */
  readonly putBudget: (options: BudgetOptions) => Effect.Effect<BudgetView, InvalidInput | Refusal>
  /** Removes a budget. `NOT_FOUND` when there is none. */
  readonly removeBudget: (scope: string, unit: Unit) => Effect.Effect<BudgetView, Refusal>
  /** Adds funds. `NOT_FOUND`, `BUDGET_FROZEN` or `BUDGET_CLOSED` when the budget takes none. */
  readonly credit: (scope: string, amount: Amount) => Effect.Effect<BudgetView, Refusal>
  /** Freezes, closes or reopens a budget. `NOT_FOUND` when there is none. */
  readonly setStatus: (scope: string, unit: Unit, status: BudgetStatus) => Effect.Effect<BudgetView, Refusal>
  /** Sets the caps of new reservations, or takes them away. `NOT_FOUND` when there is no such budget. */
  readonly setCaps: (scope: string, unit: Unit, caps: Caps | undefined) => Effect.Effect<BudgetView, Refusal>
  /** Creates or replaces what is set for a tenant. */
  readonly putTenant: (id: string, tenant: Tenant) => Effect.Effect<Tenant, Refusal>
  /** The holder of a key, or why the key opens nothing. */
  readonly identify: (key: string) => Effect.Effect<Principal, Refusal>
  /** Makes a key for a tenant. The secret is in this answer and nowhere else. */
  readonly createApiKey: (options: ApiKeyOptions) => Effect.Effect<MadeKey, Refusal>
  /** Counts a request of a client to a public endpoint; when it was one too many, says until when. */
  readonly visit: (client: string) => Effect.Effect<Option.Option<TurnedAway>>
  /** Whether a secret is the key of the administrator; nothing when there is no such key. */
  readonly isAdminKey: (secret: string) => Option.Option<boolean>
}

/**
 * The embedded authority. Its `Service` is for operators: it sees and changes budgets, keys and tenants; `httpApp` and clients ask it.
 *
 * @since 0.1.0
 * @category tags
 */
export class Authority extends Context.Tag("effect-cycles/authority/Authority")<Authority, Service>() {}

const build = (options: Options, store: Store): Effect.Effect<Service, InvalidInput | LedgerStoreError> =>
  Effect.gen(function*() {
    const tenants = yield* keyring(options.keys ?? [])
    if (options.adminKey !== undefined && Redacted.value(options.adminKey).trim() === "") {
      return yield* invalidInput("admin_key", "must not be blank")
    }
    const drafts = yield* draftsOf(options.budgets ?? [])
    const keeper = options.evidence === undefined ? undefined : yield* makeKeeper(options.evidence)
    const state = yield* open(drafts, options, store, keeper?.attest)
    const desk = makeDesk(state, store)
    const { look, observe } = desk
    const { envelope, jwks, run } = yield* makeEvidenceDesk(state, desk, keeper)
    const verifier = makeVerifier()
    const { adminKey } = options
    return {
      run,
      observe,
      envelope,
      jwks,
      sweep: look(() => undefined),
      budgets: look(() => budgetsOf(state).map(view).sort(byScope)),
      reservations: look(() => Array.from(reservationsOf(state)).sort(byAge).map(detail)),
      active: look(() => Array.from(state.active.values()).sort(byAge).reverse().map(detail)),
      audits: look(() => Ledger.rowsOf(state).audits),
      putBudget: (options) =>
        Effect.flatMap(
          budgetOf(options),
          (budget) => Effect.map(run({ _tag: "PutBudget", id: freshId(), budget }), view)
        ),
      removeBudget: (scope, unit) => Effect.map(run({ _tag: "RemoveBudget", scope: scope.toLowerCase(), unit }), view),
      credit: (scope, amount) => Effect.map(run({ _tag: "Credit", scope: scope.toLowerCase(), amount }), view),
      setStatus: (scope, unit, status) =>
        Effect.map(run({ _tag: "SetStatus", scope: scope.toLowerCase(), unit, status }), view),
      setCaps: (scope, unit, caps) =>
        Effect.map(run({ _tag: "SetCaps", scope: scope.toLowerCase(), unit, caps }), view),
      putTenant: (id, tenant) => run({ _tag: "PutTenant", id, tenant }),
      identify: identify(state, tenants, verifier, options.permissions === "enforced"),
      visit: makeThrottle(options.publicLimit ?? 300),
      createApiKey: makeKey(run, verifier.remember),
      isAdminKey: (secret) =>
        Option.map(Option.fromNullable(adminKey), (key) => verifier.isSame(secret, Redacted.value(key)))
    }
  })

/** The ledger of a store, as the budgets of the configuration want it. */
const open = (
  drafts: ReadonlyArray<CommandOf<"PutBudget">["budget"]>,
  { ledger, tenants = [] }: Options,
  store: Store,
  attest: Settings["attest"]
): Effect.Effect<State, InvalidInput | LedgerStoreError> =>
  Effect.gen(function*() {
    const state = Ledger.fromRows(yield* store.load, { attest, ...ledger })
    const now = Math.floor(yield* Clock.currentTimeMillis)
    const changes: Array<RowChange> = []
    Ledger.advance(state, now, { changes })
    for (const budget of drafts) {
      if (isRefusal(configure(state, { _tag: "PutBudget", id: freshId(), budget }, now, { changes }))) {
        return yield* invalidInput("allocated", "must leave a remaining amount that an int64 holds", budget.allocated)
      }
    }
    for (const { id, tenant } of tenants) {
      if (!state.tenants.has(id)) Ledger.step(state, { _tag: "PutTenant", id, tenant }, now, { changes })
    }
    if (changes.length > 0) yield* store.append(changes)
    return state
  })

/**
 * An authority of its own, in memory. `InvalidInput` for a scope that is none, units that differ, the same budget or key twice, or a blank
 * key.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<Service, InvalidInput> =>
  Effect.catchTag(build(options, memory), "LedgerStoreError", Effect.die)

/**
 * As `make`, with the ledger that a store keeps. `LedgerStoreError` when the store cannot be read or written.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeStored = (
  options: Options
): Effect.Effect<Service, InvalidInput | LedgerStoreError, LedgerStore> =>
  Effect.flatMap(LedgerStore, (store) => build(options, store))

const byScope = Order.mapInput(Order.string, ({ scope, unit }: BudgetView) => `${scope} ${unit}`)

const byAge = Order.combine(
  Order.mapInput(Order.number, ({ createdAt }: Reservation) => createdAt),
  Order.mapInput(Order.string, ({ id }: Reservation) => id)
)

/**
 * As `make`, as a layer.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<Authority, InvalidInput> => Layer.effect(Authority, make(options))

/**
 * As `makeStored`, as a layer.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerStored = (
  options: Options
): Layer.Layer<Authority, InvalidInput | LedgerStoreError, LedgerStore> => Layer.effect(Authority, makeStored(options))

/**
 * Lets holds expire in time, and forgets what is old, while nobody asks the authority: without it that happens with the next question, which
 * gets the same answer. Wanted where somebody looks at the store or at memory. Every 5 seconds when absent; ends with its scope.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerSweeper = (
  every: Duration.DurationInput = Duration.seconds(5)
): Layer.Layer<never, never, Authority> =>
  Layer.scopedDiscard(
    Effect.flatMap(Authority, ({ sweep }) => Effect.forkScoped(Effect.repeat(sweep, Schedule.spaced(every))))
  )
