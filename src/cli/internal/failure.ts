/**
 * Why a command did not do what was asked: one line, and the exit code.
 */
import * as Data from "effect/Data"
import { sanitize } from "../../protocol/InvalidInput.js"

/** `code` is 2 when the command line is wrong, 1 for everything else. */
export class Failure extends Data.TaggedError("Failure")<{ readonly message: string; readonly code: 1 | 2 }> {}

/** What was asked cannot be done here and now. */
export const failure = (message: string): Failure => new Failure({ message: sanitize(message, 500), code: 1 })

/** What was asked makes no sense. */
export const usage = (message: string): Failure => new Failure({ message: sanitize(message, 500), code: 2 })
