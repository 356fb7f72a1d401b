/**
 * Reads what a caller sent and says what is wrong with it: the name on the wire, the bound, the value.
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { sanitize } from "../../protocol/InvalidInput.js"
import * as Json from "../../protocol/Json.js"
import { type Refusal, refusal, refuse } from "../Command.js"

const absent = /^Expected (?:null|undefined), actual/
const expectation = /^Expected (.*?), actual (.*)$/s

/** What a value should have been: the alternatives of one place joined, and no object is ever quoted. */
const describe = (messages: ReadonlyArray<string>): string => {
  const [first = "is not valid"] = messages
  const parts = messages.map((message) => expectation.exec(message))
  const actual = parts[0]?.[2]
  if (actual === undefined) return first.replace(/, expected: .*$/s, "")
  const got = /^[[{]/.test(actual) ? "an object or array" : actual
  return `must be ${parts.flatMap((part) => part?.[1] ?? []).join(" or ")} (got ${sanitize(got, 80)})`
}

const explain = (error: ParseResult.ParseError): Refusal => {
  const places = new Map<string, Array<string>>()
  for (const { message, path } of ParseResult.ArrayFormatter.formatErrorSync(error)) {
    if (absent.test(message)) continue
    const place = path.reduce(
      (text: string, key) =>
        typeof key === "number" ? `${text}[${key}]` : text === "" ? String(key) : `${text}.${String(key)}`,
      ""
    )
    const messages = places.get(place)
    if (messages === undefined) places.set(place, [message])
    else messages.push(message)
  }
  const texts = Array.from(places, ([place, messages]) => `${place === "" ? "request" : place}: ${describe(messages)}`)
  return refusal("INVALID_REQUEST", sanitize(`Validation failed: ${texts.join(", ")}`, 500))
}

/** Decodes by a schema; excess properties are an error in bodies and ignored in queries. */
export const decoder = (schema: Schema.Schema<unknown, unknown>, excess: "error" | "ignore") => {
  const decode = Schema.decodeUnknownEither(schema, { onExcessProperty: excess, errors: "all" })
  return (part: unknown): Either.Either<unknown, Refusal> => Either.mapLeft(decode(part), explain)
}

const insensitive: ReadonlySet<string> = new Set(["sort_by", "sort_dir"])

/** Query parameters by name: the first of each, and an empty one counts as absent. */
export const queryOf = (params: Iterable<readonly [string, string]>): Readonly<Record<string, string>> => {
  const query: Record<string, string> = {}
  for (const [name, value] of params) {
    if (value.trim() !== "" && !Object.hasOwn(query, name)) {
      query[name] = insensitive.has(name) ? value.toLowerCase() : value
    }
  }
  return query
}

/** The most bytes that a body may have. */
export const maxBodySize = 1_048_576

const tooLarge = () => refuse("INVALID_REQUEST", `Request body must have at most ${maxBodySize} bytes`)

const isTooLarge = (text: string): boolean =>
  text.length > maxBodySize ||
  (text.length * 3 > maxBodySize && new TextEncoder().encode(text).byteLength > maxBodySize)

const maxDepth = 64

const isDeeper = (value: unknown, levels: number): boolean =>
  typeof value === "object" && value !== null &&
  (levels === 0 || Object.values(value).some((member) => isDeeper(member, levels - 1)))

/** A JSON body. What is nested deeper than any schema allows is turned away before it can exhaust the stack. */
export const readBody = (body: Option.Option<string>): Either.Either<unknown, Refusal> => {
  if (Option.isNone(body) || isTooLarge(body.value)) return tooLarge()
  const json = Json.parse(body.value)
  if (Either.isLeft(json)) return refuse("INVALID_REQUEST", "Malformed request body")
  return isDeeper(json.right, maxDepth)
    ? refuse("INVALID_REQUEST", `Request body must be nested at most ${maxDepth} levels deep`)
    : Either.right(json.right)
}

const bodyKey = (body: unknown): unknown =>
  typeof body === "object" && body !== null && "idempotency_key" in body ? body.idempotency_key : undefined

/** The key of the header, if sent, is that of the body. */
export const checkKey = (header: string | undefined, body: unknown): Either.Either<void, Refusal> =>
  header === undefined || header === bodyKey(body)
    ? Either.void
    : refuse("INVALID_REQUEST", "X-Idempotency-Key header does not match idempotency_key in request body")
