/**
 * One directory of records: whole files appear and disappear, and nothing is followed through a symbolic link.
 */
import type { PlatformError } from "@effect/platform/Error"
import type { File, FileSystem } from "@effect/platform/FileSystem"
import type { Path } from "@effect/platform/Path"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { sanitize } from "../../protocol/InvalidInput.js"
import { JournalError } from "./journalError.js"

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
  readonly write: (name: string, bytes: Uint8Array) => Effect.Effect<void, JournalError>
  /** In place of what has the new name. Says whether there was something to rename. */
  readonly rename: (from: string, to: string) => Effect.Effect<boolean, JournalError>
  /** What is not there is fine. */
  readonly remove: (name: string) => Effect.Effect<void, JournalError>
  /** Removes a file that was last written more than an hour ago. */
  readonly removeStale: (name: string) => Effect.Effect<void>
}

const isMissing = (error: unknown): boolean =>
  typeof error === "object" && error !== null && "reason" in error && error.reason === "NotFound"

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

/** Fails only when there is nothing. */
const isLink = (fs: FileSystem, file: string): Effect.Effect<boolean, PlatformError> =>
  fs.readLink(file).pipe(
    Effect.as(true),
    Effect.catchIf((error) => !isMissing(error), () => Effect.succeed(false))
  )

const loose = 0o077
const staleMs = 3_600_000

/** Writes, renames and syncs in `directory`, which it creates when it has to. */
const makeWriter = (fs: FileSystem, path: Path, directory: string, fsync: boolean) => {
  const process = crypto.getRandomValues(new Uint32Array(1))[0]
  let count = 0
  const drop = (file: string) => Effect.ignore(fs.remove(file, { force: true }))
  const syncDirectory = (name: string) =>
    fsync
      ? Effect.scoped(Effect.flatMap(fs.open(name, { flag: "r" }), (handle) => handle.sync)).pipe(
        Effect.catchAllCause(() => Effect.void)
      )
      : Effect.void
  const create = fs.makeDirectory(directory, { recursive: true, mode: 0o700 }).pipe(
    Effect.zipRight(syncDirectory(path.dirname(directory))),
    Effect.zipRight(syncDirectory(path.dirname(path.dirname(directory))))
  )
  const withTemp = <A>(
    name: string,
    use: (file: File, temp: string) => Effect.Effect<A, PlatformError>,
    then: (temp: string) => Effect.Effect<void, PlatformError>
  ) =>
    Effect.suspend(() => {
      count = (count + 1) % 2 ** 32
      const temp = path.join(directory, `${name}.${process}.${count.toString(16).padStart(8, "0")}.tmp`)
      const open = fs.open(temp, { flag: "wx", mode: 0o600 })
      let opened = false
      return open.pipe(
        Effect.catchIf(isMissing, () => Effect.zipRight(create, open)),
        Effect.flatMap((file) => {
          opened = true
          return use(file, temp)
        }),
        Effect.scoped,
        Effect.tap(() => then(temp)),
        Effect.onError(() => opened ? drop(temp) : Effect.void)
      )
    })
  return {
    create,
    withTemp,
    drop,
    write: (name: string, bytes: Uint8Array) =>
      withTemp(
        name,
        (file) => Effect.zipRight(file.writeAll(bytes), fsync ? file.sync : Effect.void),
        (temp) => fs.rename(temp, path.join(directory, name))
      ).pipe(Effect.zipRight(syncDirectory(directory)))
  }
}

const refused = (why: string): Content => ({ _tag: "Refused", why })

const makeReader = (fs: FileSystem, path: Path, directory: string, maxBytes: number) => (name: string) =>
  Effect.gen(function*() {
    const file = path.join(directory, name)
    if (yield* isLink(fs, file)) return refused("a symbolic link")
    const { size, type } = yield* fs.stat(file)
    if (type !== "File") return refused("not a file")
    if (size > BigInt(maxBytes)) return refused(`larger than ${maxBytes} bytes`)
    const content: Content = { _tag: "Read", bytes: yield* fs.readFile(file) }
    return content
  }).pipe(
    Effect.catchAll((error): Effect.Effect<Content> =>
      Effect.succeed(isMissing(error) ? { _tag: "Missing" } : refused(sanitize(error.message)))
    )
  )

/** Fails when `directory` is a symbolic link. Asks again only when it is not the one it was, since asking costs five times a `stat`. */
const makeGuard = (fs: FileSystem, directory: string): Effect.Effect<void, PlatformError | JournalError> => {
  let known: string | undefined
  const identify = Effect.map(fs.stat(directory), ({ dev, ino }) => `${dev} ${Option.getOrElse(ino, () => "")}`)
  const refuseLink = Effect.flatMap(
    isLink(fs, directory),
    (link) => link ? new JournalError({ reason: "symlink", detail: "the directory is a symbolic link" }) : Effect.void
  )
  return Effect.flatMap(identify, (now) =>
    now === known ? Effect.void : Effect.map(refuseLink, () => {
      known = now
    })).pipe(Effect.catchIf(isMissing, () => optionally<void>(undefined)(refuseLink)))
}

/** The directory `fingerprint` below the configured one. */
export const make = (fs: FileSystem, path: Path, options: Options, fingerprint: string): Effect.Effect<Folder> =>
  Effect.map(Effect.makeSemaphore(64), (handles) => {
    const directory = path.join(path.resolve(options.directory), fingerprint)
    const { create, drop, withTemp, write } = makeWriter(fs, path, directory, options.fsync)
    const at = (name: string) => path.join(directory, name)
    const guard = makeGuard(fs, directory)
    const guarded = <A>(effect: Effect.Effect<A, PlatformError>) =>
      handles.withPermits(1)(whole(Effect.zipRight(guard, effect)))
    return {
      probe: guarded(
        create.pipe(
          Effect.zipRight(withTemp(
            "probe",
            (file) => Effect.zipRight(file.writeAll(new Uint8Array([10])), file.stat),
            drop
          )),
          Effect.zipWith(fs.stat(directory), (file, own) => ({
            open: (file.mode & loose) === 0 && (own.mode & loose) !== 0
          }))
        )
      ),
      list: guarded(optionally<Array<string>>([])(fs.readDirectory(directory))).pipe(
        Effect.map((names) => names.sort())
      ),
      read: makeReader(fs, path, directory, options.maxBytes),
      write: (name, bytes) => guarded(write(name, bytes)),
      rename: (from, to) => guarded(optionally(false)(Effect.as(fs.rename(at(from), at(to)), true))),
      remove: (name) => guarded(optionally<void>(undefined)(fs.remove(at(name)))),
      removeStale: (name) =>
        Effect.ignore(Effect.gen(function*() {
          const { mtime } = yield* fs.stat(at(name))
          const now = yield* Clock.currentTimeMillis
          if (Option.exists(mtime, (date) => date.getTime() < now - staleMs)) yield* fs.remove(at(name))
        }))
    }
  })
