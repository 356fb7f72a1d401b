/**
 * What a user's function failed with may hold anything: only its name is logged.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"

const nameOf = (error: unknown): string =>
  Predicate.hasProperty(error, "_tag")
    ? String(error._tag)
    : error instanceof Error
    ? error.name
    : typeof error

export const warn = (message: string, cause: Cause.Cause<unknown>): Effect.Effect<void> =>
  Effect.logWarning(message).pipe(
    Effect.annotateLogs({ package: "effect-cycles", module: "guard", error: nameOf(Cause.squash(cause)) })
  )
