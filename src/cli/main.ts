/**
 * The program `effect-cycles`: arguments in, one line for what is wrong, and an exit code (0 done, 1 failed, 2 wrong usage, 128 and the
 * signal's number when a signal ended it).
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import { constants } from "node:os"
import process from "node:process"
import * as Cli from "./Cli.js"
import { dev } from "./Dev.js"
import { type Failure, failure } from "./internal/failure.js"

/** Written by the build. */
declare const VERSION: string

let received: "SIGINT" | "SIGTERM" | undefined
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => received ??= signal)

// Whoever read the output may be gone: the server goes on.
process.stdout.on("error", () => {})

let failed: Failure["code"] | 0 = 0

/** Says what went wrong, and remembers the exit code. */
const tell = (cause: Cause.Cause<Failure>): Effect.Effect<void> => {
  if (Cause.isInterruptedOnly(cause)) return Effect.void
  const { code, message } = Option.getOrElse(Cause.failureOption(cause), () => failure(Cause.pretty(cause)))
  failed = code
  return Console.error(`effect-cycles: ${message}`)
}

/** What the parts of the program have to say beside their results. */
const toStderr = Logger.make(({ annotations, message }) => {
  const text = Array.isArray(message) ? message.join(" ") : String(message)
  const about = Array.from(annotations).filter(([name]) => name !== "package" && name !== "module")
    .map(([name, value]) => ` ${name}=${String(value)}`)
  process.stderr.write(`effect-cycles: ${text}${about.join("")}\n`)
})

Cli.run([dev(process.stdout.isTTY === true)], VERSION, process.argv.slice(2)).pipe(
  Effect.tapErrorCause(tell),
  // This is the entry point.
  // @effect-diagnostics-next-line strictEffectProvide:off
  Effect.provide(Logger.replace(Logger.defaultLogger, toStderr)),
  NodeRuntime.runMain({
    disableErrorReporting: true,
    disablePrettyLogger: true,
    teardown: (_, onExit) => onExit(received === undefined ? failed : 128 + constants.signals[received])
  })
)
