/**
 * The commands of `effect-cycles`, and how one of them is chosen.
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import type { Command } from "./Command.js"
import { type Failure, usage } from "./internal/failure.js"

const overview = (commands: ReadonlyArray<Command>): string => {
  const width = Math.max(...commands.map(({ name }) => name.length))
  return [
    "Usage: effect-cycles COMMAND [options]",
    "",
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}   ${summary}`),
    "",
    "effect-cycles COMMAND --help says more; effect-cycles --version says which version this is."
  ].join("\n")
}

const asksForHelp = (arg: string): boolean => arg === "--help" || arg === "-h"

/**
 * Runs the command that the arguments name. `Failure` with code 2 when they name none.
 *
 * @since 0.1.0
 * @category constructors
 */
export const run = (
  commands: ReadonlyArray<Command>,
  version: string,
  [name, ...rest]: ReadonlyArray<string>
): Effect.Effect<void, Failure> => {
  if (name === undefined || name === "help" || asksForHelp(name)) return Console.log(overview(commands))
  if (name === "--version") return Console.log(version)
  const command = commands.find((command) => command.name === name)
  if (command === undefined) {
    const known = commands.map(({ name }) => name).join(", ")
    const what = name.startsWith("-") ? "option" : "command"
    return Effect.fail(
      usage(`there is no ${what} ${JSON.stringify(name)}; the commands are: ${known} (effect-cycles --help says more)`)
    )
  }
  return rest.some(asksForHelp)
    ? Console.log(command.help)
    : Effect.mapError(
      command.run(rest),
      (error) => error.code === 2 ? usage(`${error.message} (effect-cycles ${name} --help says more)`) : error
    )
}
