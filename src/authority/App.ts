/**
 * The authority over HTTP. Routes, schemas and success statuses come from the Api value.
 */
import type * as HttpApp from "@effect/platform/HttpApp"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { Authority, type Service } from "./Authority.js"
import { type Origin, type Refusal, refusal } from "./Command.js"
import { commandOf } from "./internal/commands.js"
import {
  appOf,
  type Call,
  isJson,
  methodNotAllowed,
  notJson,
  type Outcome,
  refused,
  type Reply,
  reply,
  Text
} from "./internal/http.js"
import { checkKey, queryOf, readBody } from "./internal/input.js"
import { type Operation, type Route, routesOf } from "./internal/routes.js"
import type { Permission } from "./Principal.js"

export type { Call, Reply }

type Found = ReturnType<typeof routesOf>[number]

/** What a key must be allowed to do, one of these, where permissions are enforced. */
const needed: { readonly [N in Operation]?: ReadonlyArray<Permission> } = {
  decide: ["decide", "reservations:create"],
  createReservation: ["reservations:create"],
  commitReservation: ["reservations:commit"],
  releaseReservation: ["reservations:release"],
  extendReservation: ["reservations:extend"],
  getReservation: ["reservations:list"],
  listReservations: ["reservations:list"],
  getBalances: ["balances:read"],
  createEvent: ["events:create", "reservations:commit"]
}

interface Admitted {
  readonly tenant: string | undefined
  readonly may: (...anyOf: ReadonlyArray<Permission>) => boolean
}

const anyone: Admitted = { tenant: undefined, may: () => true }

/** Who calls; without a tenant it is the administrator, or anyone on a public route. */
const admit = (
  { identify, isAdminKey }: Service,
  access: Route["access"],
  headers: Call["headers"]
): Effect.Effect<Admitted, Refusal> => {
  if (access === "public") return Effect.succeed(anyone)
  const shown = headers["x-admin-api-key"]?.trim() ?? ""
  if (access === "admin" && shown !== "") {
    return Option.match(isAdminKey(shown), {
      onNone: () => Effect.fail(refusal("INTERNAL_ERROR", "Server misconfiguration: admin API key not set")),
      onSome: (isRight) =>
        isRight ? Effect.succeed(anyone) : Effect.fail(refusal("UNAUTHORIZED", "Invalid admin API key"))
    })
  }
  const key = headers["x-cycles-api-key"]?.trim() ?? ""
  return key === "" ? Effect.fail(refusal("UNAUTHORIZED", "Missing API key")) : identify(key)
}

/** Decodes the parts of a call, in the order in which their faults are told. */
const inputOf = function*({ params, route }: Found, { body, headers, query }: Call) {
  const path = yield* route.path(params)
  const parameters = yield* route.query(queryOf(query))
  if (Option.isNone(route.body)) return { path, query: parameters, body: undefined }
  const json = yield* readBody(body)
  const decoded = yield* route.body.value(json)
  yield* checkKey(headers["x-idempotency-key"], json)
  return { path, query: parameters, body: decoded }
}

const execute = Effect.fnUntraced(
  function*(authority: Service, tenant: string | undefined, found: Found, call: Call, origin: Origin) {
    const { name, success } = found.route
    const input = yield* inputOf(found, call)
    const command = commandOf(name, tenant, input, origin)
    if (command === undefined) return yield* evidence(authority, name, input)
    const value = yield* authority.run(command)
    return { value: yield* Effect.orDie(Schema.encodeUnknown(success)(value)), headers: {} }
  }
)

const cached = (seconds: number, more = "") => ({ "cache-control": `max-age=${seconds}, public${more}` })

/** The two public documents: an envelope is served as it was signed, to the byte. */
const evidence = ({ envelope, jwks }: Service, name: string, { path }: { readonly path: unknown }) =>
  name === "getEvidenceJwks"
    ? Option.match(jwks, {
      onNone: () => Effect.fail(refusal("NOT_FOUND", "This authority publishes no keys")),
      onSome: (value) => Effect.succeed({ value, headers: cached(300) })
    })
    : Effect.flatMap(
      // Decoded by the schema of its operation.
      envelope((path as { readonly evidenceId: string }).evidenceId),
      Option.match({
        onNone: () => Effect.fail(refusal("NOT_FOUND", "No such evidence")),
        onSome: (text) => Effect.succeed({ value: new Text(text), headers: cached(31_536_000, ", immutable") })
      })
    )

const handle: (authority: Service, call: Call, origin: Origin) => Effect.Effect<Outcome> = Effect.fnUntraced(
  function*(authority, call, origin) {
    const candidates = routesOf(call.path)
    const found = candidates.find(({ route }) => route.method === call.method)
    const access = found?.route.access ?? "tenant"
    const admitted = yield* Effect.either(admit(authority, access, call.headers))
    if (Either.isLeft(admitted)) return refused(admitted.left)
    const { may, tenant } = admitted.right
    const turnedAway = access === "public" ? yield* authority.visit(call.client ?? "") : Option.none()
    if (Option.isSome(turnedAway)) return tooMany(turnedAway.value)
    const headers = {
      "x-ratelimit-remaining": "-1",
      "x-ratelimit-reset": "0",
      ...(tenant === undefined ? {} : { "x-cycles-tenant": tenant })
    }
    if (candidates.length === 0) return refused(refusal("NOT_FOUND", "No such route"), headers)
    if (found === undefined) return methodNotAllowed(candidates.map(({ route }) => route.method), headers)
    const permissions = needed[found.route.name]
    if (permissions !== undefined && !may(...permissions)) {
      return refused(refusal("FORBIDDEN", `API key lacks required permission: ${permissions[0]}`), headers)
    }
    if (Option.isSome(found.route.body) && !isJson(call.headers["content-type"])) return notJson(headers)
    const result = yield* Effect.either(execute(authority, tenant, found, call, origin))
    return Either.match(result, {
      onLeft: (refusal) => refused(refusal, headers),
      onRight: ({ headers: more, value }) => ({
        status: found.route.status,
        headers: { ...headers, ...more },
        result: Either.right(value)
      })
    })
  }
)

const tooMany = ({ now, until }: { readonly now: number; readonly until: number }): Outcome => {
  const seconds = Math.max(1, Math.ceil((until - now) / 1000))
  return refused(
    refusal("LIMIT_EXCEEDED", `Rate limit exceeded for public endpoint; retry after ${seconds}s`),
    {
      "retry-after": String(seconds),
      "x-ratelimit-remaining": "0",
      "x-ratelimit-reset": String(Math.floor(until / 1000))
    }
  )
}

/**
 * Answers one call: who calls comes first, then the route, then what was sent, then the ledger. It never fails: a defect is
 * answered with 500 and logged at debug level.
 *
 * @since 0.1.0
 * @category combinators
 */
export const respond = (call: Call): Effect.Effect<Reply, never, Authority> =>
  Effect.flatMap(Authority, (authority) => reply(call, undefined, (origin) => handle(authority, call, origin)))

/**
 * The authority as an app for any `HttpServer` of @effect/platform.
 *
 * @since 0.1.0
 * @category constructors
 */
export const httpApp: HttpApp.Default<never, Authority> = appOf(respond)
