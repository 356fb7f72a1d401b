/**
 * A budget authority for development: the protocol and the administrator's plane on two ports, and a page that shows what happens.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Admin from "../authority/Admin.js"
import { httpApp } from "../authority/App.js"
import * as Authority from "../authority/Authority.js"
import type { BudgetView } from "../authority/Budget.js"
import { LedgerStore, LedgerStoreError } from "../authority/LedgerStore.js"
import type { Budget } from "./internal/budgets.js"
import { type Failure, failure, usage } from "./internal/failure.js"
import * as Feed from "./internal/feed.js"
import { isLoopback, ownNamesOnly } from "./internal/gate.js"
import * as Ledger from "./internal/ledger.js"
import { explain } from "./internal/ledger.js"
import { listen } from "./internal/listen.js"
import { withHealth, withSite } from "./internal/site.js"

/**
 * `host` is an address to listen on, or `localhost`; a port of 0 takes a free one. `allowedHosts` are names, besides `localhost` and
 * addresses, that the server may be called by. `budgets` are those of `Authority.Options`; `otherwise` stands for them when there would be no budget at
 * all. `adminKey` is the administrator's key. `data` is the directory of the ledger; without it, the ledger is in memory.
 *
 * @since 0.1.0
 * @category config
 */
export interface Options {
  readonly host: string
  readonly port: number
  readonly adminPort: number
  readonly allowedHosts: ReadonlyArray<string>
  readonly budgets: ReadonlyArray<Budget>
  readonly otherwise: ReadonlyArray<Budget>
  readonly adminKey: Redacted.Redacted | undefined
  readonly data: string | undefined
}

/**
 * A server that listens. `keys` has one key for each tenant of the budgets; `adminKey` is there when nobody gave one. `failed` fails when the
 * ledger cannot be written any more.
 *
 * @since 0.1.0
 * @category models
 */
export interface Running {
  readonly url: string
  readonly adminUrl: string
  readonly adminKey: Redacted.Redacted | undefined
  readonly keys: ReadonlyArray<{ readonly tenant: string; readonly key: Redacted.Redacted }>
  readonly budgets: ReadonlyArray<BudgetView>
  /** Epoch ms. */
  readonly startedAt: number
  readonly failed: Effect.Effect<never, Failure>
}

/** Keys that everybody knows are for a server that only this machine reaches. */
const secret = (host: string, known: string): Redacted.Redacted =>
  Redacted.make(isLoopback(host) ? known : `${known}-${globalThis.crypto.randomUUID()}`)

const tenantOf = (scope: string): string => (scope.split("/")[0] ?? "").slice("tenant:".length)

const shownAs = (host: string): string =>
  host === "0.0.0.0" || host === "::" ? "localhost" : host.includes(":") ? `[${host}]` : host

/** Looks at the ledger until its store fails: then nothing is answered any more. */
const watch = (authority: Authority.Service, data: string | undefined): Effect.Effect<never, Failure> =>
  authority.budgets.pipe(
    Effect.delay("1 second"),
    Effect.forever,
    Effect.catchAllDefect((defect) =>
      defect instanceof LedgerStoreError ? Effect.fail(explain(data, defect)) : Effect.die(defect)
    )
  )

/** The published guides make keys for this tenant, and take it for granted. */
const ofTheGuides = { id: "acme-corp", tenant: { status: "ACTIVE", name: "Acme Corporation" } } as const

/**
 * Starts the server; the end of the scope stops it: nothing is accepted any more, answers that are on their way are finished,
 * and open pages are not waited for. `Failure` in one line when a port is in use, an option makes no sense or the data cannot be read.
 *
 * @since 0.1.0
 * @category constructors
 */
export const start = (options: Options): Effect.Effect<Running, Failure, Scope.Scope> =>
  Effect.gen(function*() {
    const { adminPort, allowedHosts, data, host, port } = options
    if (port !== 0 && port === adminPort) return yield* usage(`--port and --admin-port must differ (both are ${port})`)
    const { scopes, store } = yield* Ledger.open(data)
    const budgets = options.budgets.length + scopes.length > 0 ? options.budgets : options.otherwise
    const adminKey = options.adminKey ?? secret(host, "admin-bootstrap-key")
    const tenants = new Set([...budgets.map(({ scope }) => scope), ...scopes].map(tenantOf))
    const keys = Array.from(tenants, (tenant) => ({ tenant, key: secret(host, `cyc_dev_${tenant}`) }))
    const known = Array.from(tenants, (id) => ({ id, tenant: { status: "ACTIVE", name: id } }))
    const authority = yield* Authority.makeStored({ budgets, keys, adminKey, tenants: [ofTheGuides, ...known] }).pipe(
      Effect.provideService(LedgerStore, store),
      Effect.mapError((error) => error._tag === "LedgerStoreError" ? explain(data, error) : failure(error.message))
    )
    const feed = yield* Feed.make(authority)
    const names = [...allowedHosts, host].map((name) => name.toLowerCase())
    const serve = Effect.provideService(Authority.Authority, authority)
    const runtime = ownNamesOnly(names, withSite(feed.events, serve(httpApp)))
    const taken = yield* listen({ host, port, option: "--port" }, runtime)
    const plane = ownNamesOnly(names, withHealth(serve(Admin.httpApp)))
    const admin = yield* listen({ host, port: adminPort, option: "--admin-port" }, plane)
    yield* Effect.addFinalizer(() => feed.end)
    return {
      url: `http://${shownAs(host)}:${taken}`,
      adminUrl: `http://${shownAs(host)}:${admin}`,
      adminKey: options.adminKey === undefined ? adminKey : undefined,
      keys,
      budgets: yield* authority.budgets,
      startedAt: yield* Clock.currentTimeMillis,
      failed: watch(authority, data)
    }
  })
