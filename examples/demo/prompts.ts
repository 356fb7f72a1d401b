/**
 * The questions: one a line, blank lines left out.
 */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { resolve } from "node:path"
import { fileURLToPath } from "node:url"

/** Why a file gives no questions, in one line. */
export class BadFile extends Data.TaggedError("BadFile")<{ readonly message: string }> {}

/** How the demo is called. */
export const usage = "usage: npm run demo [-- FILE], where FILE has one question a line"

const ownFile = fileURLToPath(new URL("prompts.txt", import.meta.url))
const mostBytes = 1024 * 1024
const longest = 10_000

const reasons: Readonly<Record<string, string>> = {
  NotFound: "there is no such file",
  PermissionDenied: "it may not be read"
}

const textOf = (bytes: Uint8Array): string | undefined => {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes)
    return text.includes("\0") ? undefined : text
  } catch {
    return undefined
  }
}

/** The questions of a file, or of the repository's own. A relative path starts where npm was called. */
export const readPrompts = (
  args: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<string>, BadFile, FileSystem.FileSystem> =>
  Effect.gen(function*() {
    const [file, ...more] = args
    const option = args.find((arg) => arg.startsWith("-"))
    if (option !== undefined) return yield* new BadFile({ message: `unknown option ${option}; ${usage}` })
    if (more.length > 0) return yield* new BadFile({ message: `more than one file; ${usage}` })
    const path = file === undefined ? ownFile : resolve(process.env.INIT_CWD ?? ".", file)
    const bad = (why: string) => new BadFile({ message: `cannot take questions from ${file || "\"\""}: ${why}` })
    if (file === "") return yield* bad("the name is empty")
    const fs = yield* FileSystem.FileSystem
    const unreadable = (error: { readonly _tag: string; readonly reason?: string }) =>
      bad(reasons[error.reason ?? ""] ?? "it cannot be read")
    const { size, type } = yield* Effect.mapError(fs.stat(path), unreadable)
    if (type === "Directory") return yield* bad("it is a directory")
    if (type !== "File" && type !== "FIFO") return yield* bad("it is not a file")
    if (size > mostBytes) return yield* bad("it is larger than 1 MiB")
    const text = textOf(yield* Effect.mapError(fs.readFile(path), unreadable))
    if (text === undefined) return yield* bad("it is not UTF-8 text")
    const prompts = text.split(/\r\n|\r|\n/).map((line) => line.trim()).filter((line) => line !== "")
    if (prompts.some(({ length }) => length > longest)) {
      return yield* bad(`a line is longer than ${longest} characters`)
    }
    return prompts.length > 0 ? prompts : yield* bad("it has no questions in it")
  })
