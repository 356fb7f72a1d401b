/**
 * From the arguments of a method to an encoded request, or the reason why nothing is sent. Pure.
 */
import type * as HttpApi from "@effect/platform/HttpApi"
import * as Context from "effect/Context"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import { Access } from "../../protocol/Api.js"
import type { OperationName } from "../../protocol/CyclesError.js"
import { encodeUnknownEither } from "../../protocol/internal/codec.js"
import { fromParseError } from "../../protocol/internal/issue.js"
import { type InvalidInput, invalidInput } from "../../protocol/InvalidInput.js"
import * as Json from "../../protocol/Json.js"
import { levels } from "../../protocol/Subject.js"
import type { Outgoing } from "./exchange.js"

/** One endpoint of the Api value. */
export type Endpoint = Parameters<Parameters<typeof HttpApi.reflect>[1]["onEndpoint"]>[0]

type Wire = Readonly<Record<string, unknown>>
type Encoded<A> = Either.Either<A, InvalidInput>

const encoder = <A, I>(schema: Option.Option<Schema.Schema<A, I>>, root: string): (input: unknown) => Encoded<Wire> => {
  if (Option.isNone(schema)) return () => Either.right({})
  const encode = encodeUnknownEither(schema.value as unknown as Schema.Schema<A, Wire>)
  return (input) => Either.mapLeft(encode(input), (error) => fromParseError(error, root))
}

const visibleAscii = /^[\x21-\x7e]+$/

const headerOf = ({ idempotency_key: key }: Wire): Encoded<string | undefined> =>
  typeof key !== "string"
    ? Either.right(undefined)
    : visibleAscii.test(key)
    ? Either.right(key)
    : Either.left(invalidInput("idempotency_key", "must be visible ASCII, since it also travels as a header", key))

/** Dots alone change the path, and half a surrogate pair cannot be encoded. */
const segment = (name: string, value: string): Encoded<string> =>
  /^\.{1,2}$|\p{Surrogate}/u.test(value)
    ? Either.left(invalidInput(name, "must be a name that a path can hold", value))
    : Either.right(encodeURIComponent(value))

const fillPath = (path: string, values: Wire): Encoded<string> =>
  Either.all(
    path.split("/").map((part) =>
      part.startsWith(":") ? segment(part.slice(1), String(values[part.slice(1)])) : Either.right(part)
    )
  ).pipe(Either.map((parts) => parts.join("/")))

/** A blank value means that it is absent. */
const queryOf = (operation: OperationName, values: Wire): Encoded<string> => {
  const given = Object.entries(values).flatMap(([key, value]) =>
    value === undefined || value === "" ? [] : [[key, String(value)]]
  )
  if (operation === "getBalances" && !levels.some((level) => given.some(([key]) => key === level))) {
    return Either.left(invalidInput(operation, `must have at least one of ${levels.join(", ")}`))
  }
  return Either.right(given.length === 0 ? "" : `?${new URLSearchParams(given)}`)
}

const bodyOf = (operation: OperationName, body: Wire): Encoded<string> =>
  Either.mapLeft(Json.stringify(body), ({ reason }) => invalidInput(operation, `is ${reason}`))

/** What the endpoint makes of its arguments: an id where its path has one, and a request. */
export const outgoing = (
  { endpoint, mergedAnnotations }: Endpoint
): (args: ReadonlyArray<unknown>) => Encoded<Outgoing> => {
  const operation = endpoint.name as OperationName
  const path = encoder(endpoint.pathSchema, operation)
  const query = encoder(endpoint.urlParamsSchema, operation)
  const payload = encoder(endpoint.payloadSchema, operation)
  const isPublic = Context.get(mergedAnnotations, Access) === "public"
  const idName = /:(\w+)/.exec(endpoint.path)?.[1]?.replace(/_(\w)/, (_, letter: string) => letter.toUpperCase())

  const encode = (args: ReadonlyArray<unknown>): Encoded<Outgoing> =>
    Either.gen(function*() {
      const request = requestIn(args)
      const wire = yield* payload(request)
      return {
        operation,
        isPublic,
        method: endpoint.method,
        path: yield* fillPath(endpoint.path, idName === undefined ? {} : yield* path({ [idName]: args[0] })),
        search: yield* queryOf(operation, yield* query(request)),
        body: Option.isSome(endpoint.payloadSchema) ? yield* bodyOf(operation, wire) : undefined,
        idempotencyKey: yield* headerOf(wire)
      }
    })

  return (args) =>
    Either.try({
      try: () => encode(args),
      catch: () => invalidInput(operation, "must be a plain value that can be read")
    }).pipe(Either.flatMap((encoded) => encoded))
}

/** The request is the last argument. */
export const requestIn = (args: ReadonlyArray<unknown>): unknown => args[args.length - 1]
