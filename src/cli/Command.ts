/**
 * A command of `effect-cycles`, and how its arguments are read: strictly, so that nothing that was asked for is dropped in silence.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { parseArgs, type ParseArgsConfig } from "node:util"
import { type Failure, usage } from "./internal/failure.js"

/**
 * The options that a command knows, by name.
 *
 * @since 0.1.0
 * @category models
 */
export type Flags = NonNullable<ParseArgsConfig["options"]>

/**
 * What was given: each option once, or as a list when it may be repeated.
 *
 * @since 0.1.0
 * @category models
 */
export type Given<F extends Flags> = {
  readonly [K in keyof F]?: F[K] extends { readonly multiple: true } ? ReadonlyArray<Single<F[K]>> : Single<F[K]>
}

type Single<F> = F extends { readonly type: "boolean" } ? boolean : string

/**
 * `help` is the whole text of `--help`; `run` ends when the command is done, or when it is interrupted.
 *
 * @since 0.1.0
 * @category models
 */
export interface Command {
  readonly name: string
  readonly summary: string
  readonly help: string
  readonly run: (args: ReadonlyArray<string>) => Effect.Effect<void, Failure>
}

/** What the parser says in its first sentence, without its advice about `--`. */
const explain = (error: unknown): string => {
  const text = error instanceof Error ? error.message : String(error)
  const missing = /^Option '(-[^ ']+).*argument (?:missing|is ambiguous)/.exec(text)?.[1]
  return missing === undefined
    ? text.replace(/(?<=')\. .*$/s, "").replace(/^./, (first) => first.toLowerCase())
    : `${missing} needs a value`
}

const read = <const F extends Flags>(flags: F, args: ReadonlyArray<string>): Either.Either<Given<F>, Failure> =>
  Either.gen(function*() {
    const { tokens, values } = yield* Either.try({
      try: () => parseArgs({ args: [...args], options: flags, strict: true, tokens: true }),
      catch: (error) => usage(explain(error))
    })
    const seen = new Set<string>()
    for (const token of tokens) {
      if (token.kind !== "option" || flags[token.name]?.multiple === true) continue
      if (seen.has(token.name)) return yield* Either.left(usage(`--${token.name} is given more than once`))
      seen.add(token.name)
    }
    return values as Given<F>
  })

/**
 * A command from its options and its handler. An unknown option, a missing value, an option given twice and a stray argument are
 * a usage error.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <const F extends Flags>(
  { flags, handler, ...description }: Omit<Command, "run"> & {
    readonly flags: F
    readonly handler: (given: Given<F>) => Effect.Effect<void, Failure>
  }
): Command => ({
  ...description,
  run: (args) => Effect.flatMap(read(flags, args), handler)
})
