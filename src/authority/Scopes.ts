/**
 * From a subject to the scopes whose budgets it draws on.
 */
import * as Either from "effect/Either"
import { type InvalidInput, invalidInput } from "../protocol/InvalidInput.js"
import { type Level, levels, type Subject } from "../protocol/Subject.js"

/**
 * The scopes of a subject, from the widest to the narrowest: `tenant:acme`, `tenant:acme/agent:x`. Absent levels are skipped
 * and case is lowered. The last one is the scope path.
 *
 * @since 0.1.0
 * @category getters
 */
export const derive = (subject: Subject): ReadonlyArray<string> => {
  const scopes: Array<string> = []
  for (const level of levels) {
    const value = subject[level]
    if (value === undefined) continue
    const segment = segmentOf(level, value)
    const parent = scopes[scopes.length - 1]
    scopes.push(parent === undefined ? segment : `${parent}/${segment}`)
  }
  return scopes
}

const segmentOf = (level: Level, value: string): string => `${level}:${value.toLowerCase()}`

/**
 * The last segment of a scope.
 *
 * @since 0.1.0
 * @category getters
 */
export const leafOf = (scope: string): string => scope.slice(scope.lastIndexOf("/") + 1)

/**
 * Whether a scope lies under every given level. A level matches as a whole segment, whatever its case.
 *
 * @since 0.1.0
 * @category guards
 */
export const isWithin = (scope: string, filter: { readonly [L in Level]?: string | undefined }): boolean => {
  const segments = scope.split("/")
  return levels.every((level) => {
    const value = filter[level]
    return value === undefined || segments.includes(segmentOf(level, value))
  })
}

const grammar = /^[a-z0-9](?:[a-z0-9_.-]{0,126}[a-z0-9])?$/

/**
 * Reads the scope of a budget and lowers its case: it begins with `tenant:`, levels keep their order (gaps are fine), and ids have
 * 1 to 128 characters, the first and the last a letter or a digit.
 *
 * @since 0.1.0
 * @category constructors
 */
export const parse = (scope: string): Either.Either<string, InvalidInput> => {
  const lower = scope.toLowerCase()
  let previous = -1
  for (const segment of lower.split("/")) {
    const colon = segment.indexOf(":")
    const level = levels.findIndex((name) => name === segment.slice(0, colon))
    if (level <= previous || (previous === -1 && level !== 0) || !grammar.test(segment.slice(colon + 1))) {
      return Either.left(invalidInput("scope", "must be like tenant:acme/agent:x, with levels in their order", scope))
    }
    previous = level
  }
  return Either.right(lower)
}

const charset = /^[a-zA-Z0-9_.-]+$/

/**
 * What is wrong with a subject that a budget path is to be made of, if anything.
 *
 * @since 0.1.0
 * @category guards
 */
export const problemOf = (subject: Subject): InvalidInput | undefined => {
  const present = levels.filter((level) => subject[level] !== undefined)
  if (present.length === 0) return invalidInput("subject", `must have at least one of ${levels.join(", ")}`)
  const bad = present.find((level) => !charset.test(subject[level] ?? ""))
  return bad === undefined
    ? undefined
    : invalidInput(`subject.${bad}`, "must contain only letters, digits, \"_\", \".\" and \"-\"", subject[bad])
}
