/**
 * What a journal asks of a disk, and how the platform does it.
 */
import type { PlatformError } from "@effect/platform/Error"
import type { FileSystem } from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

/** One step at a time. */
export interface Steps extends Pick<FileSystem, "makeDirectory" | "readDirectory" | "readFile" | "rename" | "stat"> {
  /** Writes a file that is not there yet, with mode 0600; `synced` when its content has reached the disk. Leaves none when it fails. */
  readonly create: (file: string, bytes: Uint8Array, synced: boolean) => Effect.Effect<void, PlatformError>
  /** Removes a file. */
  readonly unlink: (file: string) => Effect.Effect<void, PlatformError>
  /** Whether a symbolic link is there; fails only when nothing is. */
  readonly isLink: (file: string) => Effect.Effect<boolean, PlatformError>
  /** The same of a directory, made once and run again and again. */
  readonly watchLink: (directory: string) => Effect.Effect<boolean, PlatformError>
  /** The names in it have reached the disk. Where a directory cannot be synced, this does nothing. */
  readonly syncDirectory: (directory: string) => Effect.Effect<void>
}

export const isMissing = (error: unknown): boolean =>
  typeof error === "object" && error !== null && "reason" in error && error.reason === "NotFound"

export const make = (fs: FileSystem): Steps => {
  const isLink = (file: string) =>
    fs.readLink(file).pipe(
      Effect.as(true),
      Effect.catchIf((error) => !isMissing(error), () => Effect.succeed(false))
    )
  return {
    makeDirectory: fs.makeDirectory,
    readDirectory: fs.readDirectory,
    readFile: fs.readFile,
    rename: fs.rename,
    stat: fs.stat,
    create: (file, bytes, synced) =>
      Effect.suspend(() => {
        let created = false
        return fs.open(file, { flag: "wx", mode: 0o600 }).pipe(
          Effect.flatMap((handle) => {
            created = true
            return Effect.zipRight(handle.writeAll(bytes), synced ? handle.sync : Effect.void)
          }),
          Effect.scoped,
          Effect.onError(() => created ? Effect.ignore(fs.remove(file, { force: true })) : Effect.void)
        )
      }),
    unlink: (file) => fs.remove(file),
    isLink,
    // Asks again only when it is not the one it was, since asking costs five times a `stat`.
    watchLink: (directory) => {
      let known: string | undefined
      return fs.stat(directory).pipe(
        Effect.flatMap(({ dev, ino }) => {
          const now = `${dev} ${Option.getOrElse(ino, () => "")}`
          if (now === known) return Effect.succeed(false)
          return Effect.tap(isLink(directory), (link) => {
            if (!link) known = now
          })
        }),
        Effect.catchIf(isMissing, () => isLink(directory))
      )
    },
    syncDirectory: (directory) =>
      Effect.scoped(Effect.flatMap(fs.open(directory, { flag: "r" }), (handle) => handle.sync)).pipe(
        Effect.catchAllCause(() => Effect.void)
      )
  }
}
