/**
 * How far the ledger has been answered, and by which process: one line in a file beside the database. SQLite takes a damaged or missing log
 * for the end of the log; the mark tells the difference.
 */
import type { File, FileSystem } from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { crc32 } from "node:zlib"
import { type StoreError, storeError } from "./storeError.js"
import { because, unwritable } from "./storeFolder.js"

export interface Mark {
  /** Every group up to this one is in the database. */
  readonly sequence: number
  readonly pid: number
}

const textOf = ({ pid, sequence }: Mark): string => {
  const facts = `sequence ${String(sequence).padStart(16, "0")} pid ${String(pid).padStart(10, "0")}`
  return `${facts} sum ${crc32(facts).toString(16).padStart(8, "0")}\n`
}

const markOf = (text: string): Option.Option<Mark> => {
  const [, sequence, pid] = /^sequence (\d{16}) pid (\d{10}) /.exec(text) ?? []
  const mark = { sequence: Number(sequence), pid: Number(pid) }
  return text === textOf(mark) ? Option.some(mark) : Option.none()
}

/** None when there is no mark. */
export const read = (fs: FileSystem, file: string): Effect.Effect<Option.Option<Mark>, StoreError> =>
  Effect.gen(function*() {
    const there = yield* Effect.mapError(fs.exists(file), unwritable(file))
    if (!there) return Option.none()
    const mark = markOf(yield* Effect.mapError(fs.readFileString(file), unwritable(file)))
    if (Option.isSome(mark)) return mark
    return yield* storeError("corrupt", "is not as it was written: whether answers are missing would not show", file)
  })

/** Writes the mark again and again. It survives the process at once, and a crash of the machine only some seconds later. */
export const writer = (
  fs: FileSystem,
  file: string
): Effect.Effect<(mark: Mark) => Effect.Effect<void, StoreError>, StoreError, Scope.Scope> =>
  Effect.map(
    // Neither truncates: a mark is always whole.
    fs.open(file, { flag: "r+" }).pipe(
      Effect.catchIf(because("NotFound"), () => fs.open(file, { flag: "wx+", mode: 0o600 })),
      Effect.mapError(unwritable(file))
    ),
    (handle: File) => (mark) =>
      Effect.zipRight(
        handle.seek(0, "start"),
        Effect.mapError(handle.writeAll(encoder.encode(textOf(mark))), unwritable(file))
      )
  )

const encoder = new TextEncoder()
