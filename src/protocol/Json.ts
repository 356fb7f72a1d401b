/**
 * JSON that keeps every integer: numbers beyond 2^53 are read as `bigint` and written as bare digits.
 */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import * as LosslessJson from "lossless-json"
import { declare } from "./internal/plain.js"

/**
 * A text that is not JSON, or a value that JSON cannot express.
 *
 * @since 0.1.0
 * @category errors
 */
export class JsonError extends Schema.TaggedError<JsonError>("effect-cycles/JsonError")("JsonError", {
  reason: Schema.String
}) {
  override get message(): string {
    return this.reason
  }
}

const isDigit = (text: string, at: number): boolean => {
  const unit = text.charCodeAt(at)
  return unit >= 48 && unit <= 57
}

/** Whether there are 16 digits in a row: every 16th place is in such a row, so that the others are looked at beside a digit alone. */
const hasLongDigits = (text: string): boolean => {
  for (let at = 15; at < text.length; at += 16) {
    if (!isDigit(text, at)) continue
    let first = at
    while (isDigit(text, first - 1)) first--
    let last = at
    while (last - first < 15 && isDigit(text, last + 1)) last++
    if (last - first >= 15) return true
  }
  return false
}

const pollution = /__proto__|constructor|prototype|\\u/
const unsafeKeys: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"])

interface Branch {
  readonly [key: string]: unknown
}

const dropUnsafe = (key: string, value: unknown): unknown => unsafeKeys.has(key) ? undefined : value

const parseNumber = (text: string): number | bigint => {
  const n = Number(text)
  return Number.isSafeInteger(n) || !/^-?\d+$/.test(text) ? n : BigInt(text)
}

/**
 * Reads JSON text. Integers are numbers while a double holds them exactly and `bigint` beyond. The keys `__proto__`,
 * `constructor` and `prototype` are dropped at every depth.
 *
 * @since 0.1.0
 * @category constructors
 */
export const parse = (text: string): Either.Either<unknown, JsonError> =>
  Either.try({
    try: () => {
      const reviver = pollution.test(text) ? dropUnsafe : undefined
      return hasLongDigits(text)
        ? LosslessJson.parse(text, reviver, { parseNumber, onDuplicateKey: ({ newValue }) => newValue })
        : JSON.parse(text, reviver) as unknown
    },
    catch: () => new JsonError({ reason: "not valid JSON" })
  })

/**
 * Writes JSON text, `bigint` as bare digits.
 *
 * @since 0.1.0
 * @category constructors
 */
export const stringify = (value: unknown): Either.Either<string, JsonError> =>
  Either.try({
    try: () => {
      const text = holdsBigint(value) ? LosslessJson.stringify(value) : JSON.stringify(value)
      if (text === undefined) throw new JsonError({ reason: "a value that JSON cannot express" })
      return text
    },
    catch: () => new JsonError({ reason: "a value that JSON cannot express" })
  })

const holdsBigint = (value: unknown): boolean => {
  if (typeof value !== "object" || value === null) return typeof value === "bigint"
  for (const key of Object.keys(value)) if (holdsBigint((value as Branch)[key])) return true
  return false
}

/**
 * The text of a value with its keys sorted at every depth: equal values give equal texts.
 *
 * @since 0.1.0
 * @category constructors
 */
export const canonical = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`
  if (typeof value === "object" && value !== null) {
    return `{${
      Object.entries(value).filter(([, v]) => v !== undefined && v !== null).sort(([a], [b]) => a < b ? -1 : 1)
        .map(([key, v]) => `${JSON.stringify(key)}:${canonical(v)}`).join(",")
    }}`
  }
  return typeof value === "bigint" ? value.toString() : JSON.stringify(value) ?? "null"
}

const maxDepth = 32

const isJson = (value: unknown, depth: number): boolean => {
  switch (typeof value) {
    case "string":
    case "boolean":
      return true
    case "number":
      return Number.isFinite(value)
    case "bigint":
      return true
    case "object":
      return value === null || (depth < maxDepth && isBranch(value as Branch, depth))
    default:
      return false
  }
}

const isBranch = (value: Branch, depth: number): boolean => {
  for (const key of Object.keys(value)) {
    if (unsafeKeys.has(key)) return false
    const member = value[key]
    if (member !== undefined && !isJson(member, depth + 1)) return false
  }
  return true
}

/**
 * A free map from names to JSON values, at most 32 levels deep: `metadata`, `custom`, `details`. Never put a prompt, a
 * completion or a secret in it: authorities show and store it. The keys that `parse` drops are refused.
 *
 * @since 0.1.0
 * @category schemas
 */
export const JsonObject: Schema.Schema<Readonly<Record<string, unknown>>> = declare(
  (u: unknown): u is Readonly<Record<string, unknown>> =>
    typeof u === "object" && u !== null && !Array.isArray(u) && isJson(u, 0),
  {
    description: `an object of finite JSON values, at most ${maxDepth} levels deep`,
    jsonSchema: { type: "object", additionalProperties: true },
    arbitrary: () => (fc) =>
      fc.dictionary(
        fc.string().filter((key) => !unsafeKeys.has(key)),
        fc.oneof(fc.string(), fc.boolean(), fc.integer())
      )
  }
)
