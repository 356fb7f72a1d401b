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

const wireName = (name: PropertyKey): string => String(name).replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

/**
 * An `InvalidInput` that names the field as on the wire. The schema's own text repeats the value, which may be anything: it
 * is cut off, and the value rendered safely instead.
 */
export const fromParseError = (error: ParseResult.ParseError, root: string): InvalidInput => {
  const [first] = ParseResult.ArrayFormatter.formatErrorSync(error)
  const path = (first?.path ?? []).map(wireName).join(".")
  const bound = (first?.message ?? "is not valid").replace(/, (?:actual|got) [\s\S]*$/, "")
  return invalidInput(path === "" ? root : path, bound, culprit(error.issue))
}
