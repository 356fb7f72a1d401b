/**
 * RFC 8785, the text that evidence is hashed and signed over: members sorted by UTF-16 code units, numbers as doubles. Unlike
 * `Json.canonical`, it rounds integers beyond 2^53, as every implementation must, and keeps `null`.
 */
import * as Either from "effect/Either"
import { JsonError } from "../Json.js"

/** Half of a pair of UTF-16 units on its own: no UTF-8 text has it. */
const isLone = (text: string): boolean => /\p{Surrogate}/u.test(text)

const noForm = (what: string) => new JsonError({ reason: `${what} has no canonical form` })

const quote = (text: string): string => {
  if (isLone(text)) throw noForm("half of a surrogate pair")
  return JSON.stringify(text)
}

const number = (n: number): string => {
  if (!Number.isFinite(n)) throw noForm(`the number ${n}`)
  return JSON.stringify(n)
}

const write = (value: unknown): string => {
  if (value === null || typeof value === "boolean") return String(value)
  if (typeof value === "string") return quote(value)
  if (typeof value === "number" || typeof value === "bigint") return number(Number(value))
  if (Array.isArray(value)) return `[${value.map(write).join(",")}]`
  if (typeof value !== "object") throw noForm(`a ${typeof value}`)
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  return `{${members.sort(([a], [b]) => a < b ? -1 : 1).map(([key, v]) => `${quote(key)}:${write(v)}`).join(",")}}`
}

/** The canonical text of a JSON value; a member that is `undefined` counts as absent. */
export const jcs = (value: unknown): Either.Either<string, JsonError> =>
  Either.try({
    try: () => write(value),
    catch: (error) => error instanceof JsonError ? error : noForm("a value nested too deeply")
  })
