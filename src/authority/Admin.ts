/**
 * The administrator's plane over HTTP: tenants, keys and budgets of the same ledger, for a port of its own.
 */
import type * as HttpApp from "@effect/platform/HttpApp"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { Authority, type Service } from "./Authority.js"
import { type Administrator, type Refusal, refusal } from "./Command.js"
import { type AdminRoute, adminRoutes, type Answered } from "./internal/adminRoutes.js"
import {
  appOf,
  type Call,
  isJson,
  methodNotAllowed,
  notJson,
  type Outcome,
  refused,
  type Reply,
  reply
} from "./internal/http.js"
import { queryOf, readBody } from "./internal/input.js"

interface Found {
  readonly route: AdminRoute
  readonly id: string
}

/** The routes of a path, with its id. One without an id comes first. */
const routesOf = (path: string): ReadonlyArray<Found> => {
  const plain = adminRoutes.filter((route) => route.path === path)
  if (plain.length > 0) return plain.map((route) => ({ route, id: "" }))
  const slash = path.lastIndexOf("/")
  const id = Either.getOrElse(Either.try(() => decodeURIComponent(path.slice(slash + 1))), () => path.slice(slash + 1))
  return id === "" ? [] : adminRoutes.filter((route) => route.path === `${path.slice(0, slash)}/*`).map((route) => ({
    route,
    id
  }))
}

/** Who administers. A key of the administrator, once shown, decides; else, where a route takes it, that of a tenant. */
const admit = (
  { identify, isAdminKey }: Service,
  route: AdminRoute | undefined,
  headers: Call["headers"]
): Effect.Effect<Administrator, Refusal> => {
  const shown = headers["x-admin-api-key"]?.trim() ?? ""
  const key = headers["x-cycles-api-key"]?.trim() ?? ""
  const permission = route?.permission
  if (shown !== "" || permission === undefined) {
    if (shown === "") return Effect.fail(refusal("UNAUTHORIZED", "Missing X-Admin-API-Key header"))
    return Option.match(isAdminKey(shown), {
      onNone: () => Effect.fail(refusal("INTERNAL_ERROR", "Server misconfiguration: admin API key not set")),
      onSome: (isRight) => isRight ? Effect.succeed({}) : Effect.fail(refusal("UNAUTHORIZED", "Invalid admin API key"))
    })
  }
  if (key === "") return Effect.fail(refusal("UNAUTHORIZED", "Missing API key"))
  return Effect.flatMap(
    Effect.mapError(identify(key), ({ message }) => refusal("FORBIDDEN", `Invalid API key: ${message}`)),
    ({ may, scopeFilter, tenant }) =>
      may(permission)
        ? Effect.succeed({ tenant, scopeFilter })
        : Effect.fail(refusal("INSUFFICIENT_PERMISSIONS", `API key lacks required permission: ${permission}`))
  )
}

const bodyOf = ({ body: decode, bodyOptional }: AdminRoute, { body }: Call): Either.Either<unknown, Refusal> => {
  if (decode === undefined) return Either.right(undefined)
  if (bodyOptional && Option.exists(body, (text) => text.trim() === "")) return Either.right({})
  return Either.flatMap(readBody(body), decode)
}

const execute: (
  authority: Service,
  found: Found,
  by: Administrator,
  call: Call
) => Effect.Effect<Answered, Refusal> = Effect.fnUntraced(
  function*(authority, { id, route }, by, call) {
    const query = route.query === undefined ? undefined : yield* route.query(queryOf(call.query))
    const body = yield* bodyOf(route, call)
    return yield* route.run(authority, { by, id, query, body })
  }
)

const handle: (authority: Service, call: Call) => Effect.Effect<Outcome> = Effect.fnUntraced(
  function*(authority, call) {
    const candidates = routesOf(call.path)
    const found = candidates.find(({ route }) => route.method === call.method)
    const by = yield* Effect.either(admit(authority, found?.route, call.headers))
    if (Either.isLeft(by)) return refused(by.left)
    if (candidates.length === 0) return refused(refusal("NOT_FOUND", "No such route"))
    if (found === undefined) return methodNotAllowed(candidates.map(({ route }) => route.method))
    if (found.route.body !== undefined && !isJson(call.headers["content-type"])) return notJson()
    const result = yield* Effect.either(execute(authority, found, by.right, call))
    return Either.isRight(result)
      ? { status: result.right.status, headers: {}, result: Either.right(result.right.body) }
      : refused(result.left)
  }
)

const printable = /^[\x21-\x7e]{1,128}$/

/**
 * Answers one call of an administrator. As `App.respond`, except that a request id of the caller is taken over. The secret of a key is in
 * the answer to the request that made it, and nowhere else.
 *
 * @since 0.1.0
 * @category combinators
 */
export const respond = (call: Call): Effect.Effect<Reply, never, Authority> =>
  Effect.flatMap(Authority, (authority) => {
    const requestId = call.headers["x-request-id"]
    const own = requestId !== undefined && printable.test(requestId) ? requestId : undefined
    return reply(call, own, () => handle(authority, call))
  })

/**
 * The administrator's plane as an app for any `HttpServer` of @effect/platform: tenants, API keys and budgets (create, list, fund, change, freeze),
 * under `/v1/admin`. It wants a port of its own, since some of its paths mean something else on the protocol's.
 *
 * @since 0.1.0
 * @category constructors
 */
export const httpApp: HttpApp.Default<never, Authority> = appOf(respond)
