/**
 * A budget authority for development: the protocol and the administrator's plane on two ports, and a page that shows what happens.
 */
import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { httpApp } from "../authority/App.js"
import * as Authority from "../authority/Authority.js"
import type { BudgetView } from "../authority/Budget.js"
import type { Amount } from "../protocol/Amount.js"
import { type Failure, failure, usage } from "./internal/failure.js"
import * as Feed from "./internal/feed.js"
import { isLoopback, ownNamesOnly, refused } from "./internal/gate.js"
import { listen } from "./internal/listen.js"
import { withHealth, withSite } from "./internal/site.js"

/**
 * `host` is an address to listen on, or `localhost`; a port of 0 takes a free one. `allowedHosts` are names, besides `localhost` and
 * addresses, that the server may be called by. `adminKey` is the administrator's key.
 *
 * @since 0.1.0
 * @category config
 */
export interface Options {
  readonly host: string
  readonly port: number
  readonly adminPort: number
  readonly allowedHosts: ReadonlyArray<string>
  readonly budgets: ReadonlyArray<{ readonly scope: string; readonly allocated: Amount }>
  readonly adminKey: Redacted.Redacted | undefined
  readonly data: string | undefined
}

/**
 * A server that listens. `keys` has one key for each tenant of the budgets; `adminKey` is there when nobody gave one.
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
  readonly data: string | undefined
}

/** Keys that everybody knows are for a server that only this machine reaches. */
const secret = (host: string, known: string): Redacted.Redacted =>
  Redacted.make(isLoopback(host) ? known : `${known}-${globalThis.crypto.randomUUID()}`)

const tenantOf = (scope: string): string => (scope.split("/")[0] ?? "").slice("tenant:".length)

const nothing: HttpApp.Default = Effect.map(
  HttpServerRequest.HttpServerRequest,
  (request) => refused(request, "NOT_FOUND", "No such route")
)

/**
 * Starts the server; the end of the scope stops it: nothing is accepted any more, answers that are on their way are finished,
 * and open pages are not waited for. `Failure` in one line when a port is in use, an option makes no sense or the data cannot be read.
 *
 * @since 0.1.0
 * @category constructors
 */
export const start = (options: Options): Effect.Effect<Running, Failure, Scope.Scope> =>
  Effect.gen(function*() {
    const { adminPort, allowedHosts, budgets, data, host, port } = options
    if (port !== 0 && port === adminPort) return yield* usage(`--port and --admin-port must differ (both are ${port})`)
    const adminKey = options.adminKey ?? secret(host, "admin-bootstrap-key")
    const keys = Array.from(new Set(budgets.map(({ scope }) => tenantOf(scope))), (tenant) => ({
      tenant,
      key: secret(host, `cyc_dev_${tenant}`)
    }))
    const authority = yield* Authority.make({ budgets, keys, adminKey }).pipe(
      Effect.mapError(({ message }) => failure(message))
    )
    const feed = yield* Feed.make(authority)
    const names = [...allowedHosts, host].map((name) => name.toLowerCase())
    const runtime = httpApp.pipe(Effect.provideService(Authority.Authority, authority))
    const taken = yield* listen({ host, port, option: "--port" }, ownNamesOnly(names, withSite(feed.events, runtime)))
    const admin = yield* listen(
      { host, port: adminPort, option: "--admin-port" },
      ownNamesOnly(names, withHealth(nothing))
    )
    yield* Effect.addFinalizer(() => feed.end)
    const shown = host === "localhost" || host === "0.0.0.0" || host === "::"
      ? "localhost"
      : host.includes(":")
      ? `[${host}]`
      : host
    return {
      url: `http://${shown}:${taken}`,
      adminUrl: `http://${shown}:${admin}`,
      adminKey: options.adminKey === undefined ? adminKey : undefined,
      keys,
      budgets: yield* authority.budgets,
      data
    }
  })
