/**
 * Environment variables that are never guessed: each is absent, valid, or refused with its full name.
 */
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { sanitize } from "../../protocol/InvalidInput.js"

/** What a text means, or what was expected instead. */
type Parse<A> = (text: string) => Either.Either<A, string>

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** Milliseconds, or a value with a unit. A bare number under 100 or a bare fraction is seconds for other clients. */
export const duration: Parse<Duration.Duration> = (text) => {
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h)?$/.exec(text)
  if (match === null) return Either.left("expected milliseconds, or a value with a unit such as \"2s\" or \"500ms\"")
  const [, digits, unit] = match
  const n = Number(digits)
  if (unit !== undefined) return Either.right(Duration.millis(n * (unitsMs[unit] ?? 1)))
  return n === 0 || (Number.isInteger(n) && n >= 100)
    ? Either.right(Duration.millis(n))
    : Either.left(
      `a bare number is milliseconds here, but this one looks like seconds: write "${digits}s" or "${digits}ms"`
    )
}

/** true, false, 1, 0, yes, no, on, off in any case. */
export const boolean: Parse<boolean> = (text) => {
  const word = text.toLowerCase()
  if (["true", "1", "yes", "on"].includes(word)) return Either.right(true)
  if (["false", "0", "no", "off"].includes(word)) return Either.right(false)
  return Either.left("expected true, false, 1, 0, yes, no, on or off")
}

/** A decimal number, not negative. */
export const number: Parse<number> = (text) =>
  /^\d+(\.\d+)?$/.test(text) ? Either.right(Number(text)) : Either.left("expected a number")

/** Readers for the variables of a prefix. A blank variable counts as unset. */
export const variables = (prefix: string) => {
  const filled = <A>(name: string, parse: (text: string) => Either.Either<A, ConfigError.ConfigError>) =>
    Config.string(name).pipe(
      Config.mapOrFail((text) =>
        text.trim() === "" ? Either.left(ConfigError.MissingData([], `${prefix}_${name} is empty`)) : parse(text)
      )
    )
  const optional = <A>(variable: Config.Config<A>): Config.Config<A | undefined> =>
    Config.map(Config.option(variable), Option.getOrUndefined)
  return {
    required: (name: string): Config.Config<string> => filled(name, Either.right),
    text: (name: string): Config.Config<string | undefined> => optional(filled(name, Either.right)),
    parsed: <A>(name: string, parse: Parse<A>): Config.Config<A | undefined> =>
      optional(
        filled(name, (text) =>
          Either.mapLeft(
            parse(text.trim()),
            (expected) => ConfigError.InvalidData([], `${prefix}_${name} is "${sanitize(text, 80)}": ${expected}`)
          ))
      )
  }
}
