/**
 * The routes of the authority, derived from the Api value.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import type * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import type * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as Context from "effect/Context"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { Access, CyclesApi } from "../../protocol/Api.js"
import type { Refusal } from "../Command.js"
import { decoder } from "./input.js"

type Groups = typeof CyclesApi extends HttpApi.HttpApi<infer _Id, infer G, infer _E, infer _R> ? G : never
type Endpoint = HttpApiGroup.HttpApiGroup.Endpoints<Groups>

/** The names of the operations. */
export type Operation = Endpoint["name"]

/** What a call says, by the schemas of its operation. */
export interface Input<N extends Operation> {
  readonly path: HttpApiEndpoint.HttpApiEndpoint.PathParsed<Extract<Endpoint, { readonly name: N }>>
  readonly query: HttpApiEndpoint.HttpApiEndpoint.UrlParams<Extract<Endpoint, { readonly name: N }>>
  readonly body: HttpApiEndpoint.HttpApiEndpoint.Payload<Extract<Endpoint, { readonly name: N }>>
}

/** Decodes one part of a call; a part that an operation does not have decodes to nothing. */
type Decode = (part: unknown) => Either.Either<unknown, Refusal>

export interface Route {
  readonly name: Operation
  readonly method: string
  readonly segments: ReadonlyArray<string>
  readonly access: typeof Access.Service
  readonly path: Decode
  readonly query: Decode
  readonly body: Option.Option<Decode>
  readonly status: number
  readonly success: Schema.Schema<unknown, unknown>
}

const ignore: Decode = () => Either.right(undefined)

const routes: Array<Route> = []

HttpApi.reflect(CyclesApi, {
  onGroup: () => {},
  onEndpoint: ({ endpoint, mergedAnnotations, successes }) => {
    const decode = (schema: Option.Option<Schema.Schema.All>, excess: "error" | "ignore") =>
      Option.map(schema, ({ ast }) => decoder(Schema.make(ast), excess))
    for (const [status, { ast }] of successes) {
      routes.push({
        // The Api value knows its own names.
        name: endpoint.name as Operation,
        method: endpoint.method,
        segments: endpoint.path.split("/").slice(1),
        access: Context.get(mergedAnnotations, Access),
        path: Option.getOrElse(decode(endpoint.pathSchema, "error"), () => ignore),
        query: Option.getOrElse(decode(endpoint.urlParamsSchema, "ignore"), () => ignore),
        body: decode(endpoint.payloadSchema, "error"),
        status,
        success: Schema.make(Option.getOrThrow(ast))
      })
    }
  }
})

/** The routes of a path, with the parameters that it gives them. A parameter that is badly encoded stays as it is. */
export const routesOf = (path: string): ReadonlyArray<{ readonly route: Route; readonly params: Params }> => {
  const parts = path.split("/").slice(1)
  return routes.flatMap((route) => {
    const params: Record<string, string> = {}
    const fits = route.segments.length === parts.length && route.segments.every((segment, i) => {
      const part = parts[i] ?? ""
      if (!segment.startsWith(":")) return segment === part
      params[segment.slice(1)] = unescape(part)
      return true
    })
    return fits ? [{ route, params }] : []
  })
}

type Params = Readonly<Record<string, string>>

const unescape = (part: string): string => Either.getOrElse(Either.try(() => decodeURIComponent(part)), () => part)
