/**
 * From the arguments of a method to an encoded request, or the reason why nothing is sent. Pure.
 */
import type * as HttpApi from "@effect/platform/HttpApi"
import type { HttpMethod } from "@effect/platform/HttpMethod"
import * as Context from "effect/Context"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import { Access } from "../../protocol/Api.js"
import type { OperationName } from "../../protocol/CyclesError.js"
import { encodeUnknownEither } from "../../protocol/internal/codec.js"
import { fromParseError } from "../../protocol/internal/issue.js"
import { InvalidInput, invalidInput } from "../../protocol/InvalidInput.js"
import * as Json from "../../protocol/Json.js"
import { levels } from "../../protocol/Subject.js"
import { Handover } from "./handover.js"

/** One endpoint of the Api value. */
export type Endpoint = Parameters<Parameters<typeof HttpApi.reflect>[1]["onEndpoint"]>[0]

/**
 * A request, encoded. It is no literal: V8 comes to make what is written as one and lives for an exchange among the old objects at once, and
 * all that such an object holds then stays until the next major collection.
 */
export class Outgoing {
  readonly operation: OperationName
  readonly method: HttpMethod
  readonly path: string
  /** Empty, or with its question mark. */
  readonly search: string
  readonly body: string | undefined
  readonly idempotencyKey: string | undefined
  /** No key, and no path in a span: whoever knows it can read what is there. */
  readonly isPublic: boolean

  constructor(
    { isPublic, method, operation }: Pick<Outgoing, "operation" | "method" | "isPublic">,
    path: string,
    search: string,
    body: string | undefined,
    idempotencyKey: string | undefined
  ) {
    this.operation = operation
    this.method = method
    this.path = path
    this.search = search
    this.body = body
    this.idempotencyKey = idempotencyKey
    this.isPublic = isPublic
  }
}

type Wire = Readonly<Record<string, unknown>>

/** Gives the wire form, or throws the `InvalidInput` that says why there is none. */
type Encode = (input: unknown) => Wire

const noWire: Wire = {}

const encoder = <A, I>(schema: Option.Option<Schema.Schema<A, I>>, root: string): Encode => {
  if (Option.isNone(schema)) return () => noWire
  const encode = encodeUnknownEither(schema.value as unknown as Schema.Schema<A, Wire>)
  return (input) => {
    const encoded = encode(input)
    if (Either.isRight(encoded)) return encoded.right
    throw fromParseError(encoded.left, root)
  }
}

const visibleAscii = /^[\x21-\x7e]+$/

const headerOf = ({ idempotency_key: key }: Wire): string | undefined => {
  if (typeof key !== "string") return undefined
  if (visibleAscii.test(key)) return key
  throw invalidInput("idempotency_key", "must be visible ASCII, since it also travels as a header", key)
}

/** Dots alone change the path, and half a surrogate pair cannot be encoded. */
const segment = (name: string, value: string): string => {
  if (/^\.{1,2}$|\p{Surrogate}/u.test(value)) throw invalidInput(name, "must be a name that a path can hold", value)
  return encodeURIComponent(value)
}

/** A path with the values of its parameters in place of their names. */
const pathOf = (path: string): (values: Wire) => string => {
  const parts = path.split("/")
  if (!parts.some((part) => part.startsWith(":"))) return () => path
  return (values) =>
    parts.map((part) => part.startsWith(":") ? segment(part.slice(1), String(values[part.slice(1)])) : part).join("/")
}

/** A blank value means that it is absent. */
const queryOf = (operation: OperationName, values: Wire): string => {
  const given = Object.entries(values).flatMap(([key, value]) =>
    value === undefined || value === "" ? [] : [[key, String(value)]]
  )
  if (operation === "getBalances" && !levels.some((level) => given.some(([key]) => key === level))) {
    throw invalidInput(operation, `must have at least one of ${levels.join(", ")}`)
  }
  return given.length === 0 ? "" : `?${new URLSearchParams(given)}`
}

const bodyOf = (operation: OperationName, body: Wire): string => {
  const text = Json.stringify(body)
  if (Either.isRight(text)) return text.right
  throw invalidInput(operation, `is ${text.left.reason}`)
}

/** What the endpoint makes of its arguments: an id where its path has one, and a request. */
export const outgoing = (
  { endpoint, mergedAnnotations }: Endpoint
): (args: ReadonlyArray<unknown>) => Either.Either<Outgoing, InvalidInput> => {
  const operation = endpoint.name as OperationName
  const path = encoder(endpoint.pathSchema, operation)
  const query = encoder(endpoint.urlParamsSchema, operation)
  const payload = encoder(endpoint.payloadSchema, operation)
  const fillPath = pathOf(endpoint.path)
  const isPublic = Context.get(mergedAnnotations, Access) === "public"
  const hasBody = Option.isSome(endpoint.payloadSchema)
  const hasQuery = Option.isSome(endpoint.urlParamsSchema)
  const idName = /:(\w+)/.exec(endpoint.path)?.[1]?.replace(/_(\w)/, (_, letter: string) => letter.toUpperCase())

  const kind = { operation, isPublic, method: endpoint.method }

  const encode = (args: ReadonlyArray<unknown>): Outgoing => {
    const request = requestIn(args)
    const wire = payload(request)
    return new Outgoing(
      kind,
      fillPath(idName === undefined ? noWire : path({ [idName]: args[0] })),
      hasQuery ? queryOf(operation, query(request)) : "",
      hasBody ? bodyOf(operation, wire) : undefined,
      headerOf(wire)
    )
  }

  return (args) => {
    try {
      return Either.right(encode(args))
    } catch (error) {
      return Either.left(
        error instanceof InvalidInput ? error : invalidInput(operation, "must be a plain value that can be read")
      )
    }
  }
}

/** The request is the last argument, but for a handover. */
export const requestIn = (args: ReadonlyArray<unknown>): unknown => {
  const last = args[args.length - 1]
  return last instanceof Handover ? args[args.length - 2] : last
}
