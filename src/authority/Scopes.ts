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
      return Either.left(
        invalidInput(
          "scope",
          `must be like tenant:acme/agent:x, with levels in this order: ${levels.join(", ")}`,
          scope
        )
      )
    }
    previous = level
  }
  return Either.right(lower)
}

const charset = /^[a-zA-Z0-9_.-]+$/

/** A place in the tree of scopes: the scopes down to it, and those below it by level and value. */
interface Place {
  readonly scopes: ReadonlyArray<string>
  readonly below: Array<Map<string, Place> | undefined>
}

/**
 * The scopes that were derived so far. The scopes of a subject that came before are the same strings in the same array: cheap to keep with
 * every reservation, and cheap to look up.
 *
 * @since 0.1.0
 * @category models
 */
export interface Paths {
  root: Place
  size: number
}

const placeOf = (scopes: ReadonlyArray<string>): Place => ({ scopes, below: [] })

/**
 * No scopes yet.
 *
 * @since 0.1.0
 * @category constructors
 */
export const paths = (): Paths => ({ root: placeOf([]), size: 0 })

const maxPlaces = 10_000

/** What is wrong with a subject that a budget path is to be made of, if anything; otherwise its scopes, as by `derive`. */
export const scopesOf = (paths: Paths, subject: Subject): ReadonlyArray<string> | InvalidInput => {
  let place = paths.root
  for (let i = 0; i < levels.length; i++) {
    const level = levels[i] as Level
    const value = subject[level]
    if (value === undefined) continue
    const known = place.below[i]?.get(value)
    if (known === undefined) return learn(paths, subject)
    place = known
  }
  return place.scopes.length === 0 ? noLevel() : place.scopes
}

const noLevel = () => invalidInput("subject", `must have at least one of ${levels.join(", ")}`)

const learn = (paths: Paths, subject: Subject): ReadonlyArray<string> | InvalidInput => {
  const bad = levels.find((level) => subject[level] !== undefined && !charset.test(subject[level]))
  if (bad !== undefined) {
    return invalidInput(`subject.${bad}`, "must contain only letters, digits, \"_\", \".\" and \"-\"", subject[bad])
  }
  if (paths.size >= maxPlaces) Object.assign(paths, { root: placeOf([]), size: 0 })
  const scopes = derive(subject)
  let place = paths.root
  let depth = 0
  for (const [i, level] of levels.entries()) {
    const value = subject[level]
    if (value === undefined) continue
    depth++
    const known = place.below[i]?.get(value)
    const next: Place = known ?? placeOf(scopes.slice(0, depth))
    if (known === undefined) {
      place.below[i] = (place.below[i] ?? new Map<string, Place>()).set(value, next)
      paths.size++
    }
    place = next
  }
  return place.scopes
}
