/**
 * One directory of records: whole files appear and disappear, and nothing is followed through a symbolic link.
 */
import type { PlatformError } from "@effect/platform/Error"
import type { File } from "@effect/platform/FileSystem"
import type { Path } from "@effect/platform/Path"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Option from "effect/Option"
import { sanitize } from "../../protocol/InvalidInput.js"
import { isMissing, type Steps } from "./journalDisk.js"
import { JournalError } from "./journalError.js"
import { type Disk, makeTemps } from "./journalWhole.js"

export interface Options {
  readonly directory: string
  readonly fsync: boolean
  /** A larger file is not read. */
  readonly maxBytes: number
}

/** What a name stands for. `Refused` says in words why it was not read. */
export type Content =
  | { readonly _tag: "Missing" }
  | { readonly _tag: "Refused"; readonly why: string }
  | { readonly _tag: "Read"; readonly bytes: Uint8Array }

export interface Folder {
  /** Creates what is missing and writes once. Says whether others can enter a directory that could keep them out. */
  readonly probe: Effect.Effect<{ readonly open: boolean }, JournalError>
  /** The names in it, sorted; none when it does not exist. */
  readonly list: Effect.Effect<ReadonlyArray<string>, JournalError>
  readonly read: (name: string) => Effect.Effect<Content>
  /** A reader sees the old file or the new one, never a part. */
  readonly write: (name: string, text: string) => Effect.Effect<void, JournalError>
  /** In place of what has the new name. Says whether there was something to rename. */
  readonly rename: (from: string, to: string) => Effect.Effect<boolean, JournalError>
  /** What is not there is fine. */
  readonly remove: (name: string) => Effect.Effect<void, JournalError>
  /** Removes a file that was last written more than an hour ago. */
  readonly removeStale: (name: string) => Effect.Effect<void>
}

const unwritable = (cause: Cause.Cause<PlatformError | JournalError>): JournalError => {
  const error = Cause.squash(cause)
  return error instanceof JournalError
    ? error
    : new JournalError({ reason: "unwritable", detail: sanitize(error instanceof Error ? error.message : "unknown") })
}

/** Not interrupted half way; a file that cannot be closed is a failure like any other. */
const whole = <A>(effect: Effect.Effect<A, PlatformError | JournalError>): Effect.Effect<A, JournalError> =>
  Effect.uninterruptible(Effect.catchAllCause(effect, (cause) => Effect.fail(unwritable(cause))))

const optionally = <A>(value: A) => <E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.catchIf(effect, isMissing, () => Effect.succeed(value))

const loose = 0o077
const staleMs = 3_600_000

const refused = (why: string): Content => ({ _tag: "Refused", why })

const maxReads = 5

/** Not written, and not another one, in between. */
const isSame = (one: File.Info, other: File.Info): boolean =>
  Equal.equals(one.ino, other.ino) && one.size === other.size && msOf(one) === msOf(other)

const msOf = ({ mtime }: File.Info): number | undefined => Option.getOrUndefined(mtime)?.getTime()

/** A file that loses its name while it is read may be written over, so what was read counts only when the name still has it. */
const makeReader = (disk: Steps, path: Path, directory: string, maxBytes: number) =>
  Effect.fnUntraced(
    function*(name: string) {
      const file = path.join(directory, name)
      for (let reads = 0; reads < maxReads; reads++) {
        if (yield* disk.isLink(file)) return refused("a symbolic link")
        const before = yield* disk.stat(file)
        if (before.type !== "File") return refused("not a file")
        if (before.size > BigInt(maxBytes)) return refused(`larger than ${maxBytes} bytes`)
        const content: Content = { _tag: "Read", bytes: yield* disk.readFile(file) }
        if (isSame(before, yield* disk.stat(file))) return content
      }
      return refused("it changes while it is read")
    },
    Effect.catchAll((error): Effect.Effect<Content> =>
      Effect.succeed(isMissing(error) ? { _tag: "Missing" } : refused(sanitize(error.message)))
    )
  )

/** The directory `fingerprint` below the configured one. */
export const make = (disk: Disk, path: Path, options: Options, fingerprint: string): Folder => {
  const { fsync, maxBytes } = options
  const directory = path.join(path.resolve(options.directory), fingerprint)
  const at = (name: string) => path.join(directory, name)
  const { guarded, remove, replace } = disk.within(directory, fsync)
  const sync = (name: string) => fsync ? disk.syncDirectory(name) : Effect.void
  const create = disk.makeDirectory(directory, { recursive: true, mode: 0o700 }).pipe(
    Effect.zipRight(sync(path.dirname(directory))),
    Effect.zipRight(sync(path.dirname(path.dirname(directory))))
  )
  const probe = makeTemps()(at("probe"))
  return {
    probe: whole(guarded(Effect.zipRight(
      create,
      Effect.zipWith(
        Effect.zipRight(
          disk.create(probe, new Uint8Array([10]), false),
          Effect.ensuring(disk.stat(probe), Effect.ignore(disk.unlink(probe)))
        ),
        disk.stat(directory),
        (file, own) => ({ open: (file.mode & loose) === 0 && (own.mode & loose) !== 0 })
      )
    ))),
    list: whole(guarded(optionally<Array<string>>([])(disk.readDirectory(directory)))).pipe(
      Effect.map((names) => names.sort())
    ),
    read: makeReader(disk, path, directory, maxBytes),
    write: (name, text) => {
      const written = replace(at(name), text)
      return whole(Effect.catchIf(written, isMissing, () => Effect.zipRight(guarded(create), written)))
    },
    rename: (from, to) => whole(guarded(optionally(false)(Effect.as(disk.rename(at(from), at(to)), true)))),
    remove: (name) => whole(optionally<void>(undefined)(remove(at(name)))),
    removeStale: Effect.fnUntraced(function*(name: string) {
      const { mtime } = yield* disk.stat(at(name))
      const now = yield* Clock.currentTimeMillis
      if (Option.exists(mtime, (date) => date.getTime() < now - staleMs)) yield* disk.unlink(at(name))
    }, Effect.ignore)
  }
}
