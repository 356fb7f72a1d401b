/**
 * From a schema's complaint to the field, the bound and the value.
 */
import * as ParseResult from "effect/ParseResult"
import { type InvalidInput, invalidInput } from "../InvalidInput.js"

/** The value that the first complaint is about. */
const culprit = (issue: ParseResult.ParseIssue): unknown => {
  switch (issue._tag) {
    case "Pointer":
    case "Refinement":
    case "Transformation":
      return culprit(issue.issue)
    case "Composite":
      return culprit(Array.isArray(issue.issues) ? issue.issues[0] : issue.issues)
    case "Missing":
      return undefined
    default:
      return issue.actual
  }
}

/** Properties whose name on the wire says more than their own. */
const renamed: Readonly<Record<string, string>> = {
  ttl: "ttl_ms",
  gracePeriod: "grace_period_ms",
  extendBy: "extend_by_ms",
  clientTime: "client_time_ms"
}

const wireName = (name: PropertyKey): string =>
  renamed[String(name)] ?? String(name).replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

/** Members that hold anything, so that an error shows only what kind of value they have. */
const free = /(?:^|\.)(?:metadata|custom)$/

const bound = (message: string): string => message.replace(/, (?:actual|got) [\s\S]*$/, "")

/**
 * An `InvalidInput` that names the field as on the wire, and every alternative of its bound. The schema's own text repeats the value,
 * which may be anything: it is cut off, and the value rendered safely instead.
 */
export const fromParseError = (error: ParseResult.ParseError, root: string): InvalidInput => {
  const issues = ParseResult.ArrayFormatter.formatErrorSync(error).map(({ message, path }) => ({
    field: path.map(wireName).join("."),
    bound: bound(message)
  }))
  const field = issues[0]?.field ?? ""
  const bounds = [...new Set(issues.filter((issue) => issue.field === field).map((issue) => issue.bound))].filter(
    (bound, n) => n === 0 || !/^Expected (?:null|undefined)$/.test(bound)
  )
  const value = culprit(error.issue)
  return invalidInput(
    field === "" ? root : field,
    bounds.map((text, n) => n === 0 ? text : text.replace(/^Expected /, "")).join(" or "),
    free.test(field) && typeof value === "string" ? undefined : value
  )
}
