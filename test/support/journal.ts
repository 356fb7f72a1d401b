/**
 * A journal that keeps nothing, and says what it is asked to keep when somebody wants to know.
 */
import { Journal } from "effect-cycles"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"

export const journalOfNothing = (put: Journal.Store["put"] = () => Effect.void): Layer.Layer<Journal.Journal> =>
  Layer.succeed(Journal.Journal, {
    open: () =>
      Effect.succeed<Journal.Store>({
        put,
        remove: () => Effect.void,
        entries: Effect.succeed([]),
        deadLetter: () => Effect.void,
        deadLetters: Effect.succeed([]),
        revive: () => Effect.succeed(Option.none()),
        forget: () => Effect.void,
        health: Effect.succeed("memory")
      })
  })
