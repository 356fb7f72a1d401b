/**
 * The disk of a journal straight on Node: what happens with every record costs one callback a step.
 */
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
// The platform makes five scopes and handles of what is one call here.
// @effect-diagnostics-next-line nodeBuiltinImport:off
import { close, fsync, lstat, open, rename, unlink, writeFile } from "node:fs"
import * as Portable from "../../lifecycle/internal/journalDisk.js"
import * as Files from "../../lifecycle/internal/journalFiles.js"
import * as Whole from "../../lifecycle/internal/journalWhole.js"
import { type FilesOptions, Journal } from "../../lifecycle/Journal.js"
import { failed } from "./journalFailure.js"
import * as Thread from "./journalThread.js"

type Failure = NodeJS.ErrnoException | null

const call = (
  method: string,
  file: string,
  start: (done: (error: Failure) => void) => void
): Effect.Effect<void, PlatformError> =>
  Effect.async((resume) =>
    start((error) => resume(error === null ? Effect.void : Effect.fail(failed(method, file, error))))
  )

const unlinkFile = (file: string) => call("unlink", file, (done) => unlink(file, done))

const isLink = (file: string): Effect.Effect<boolean, PlatformError> =>
  Effect.async((resume) =>
    lstat(file, (error, stats) =>
      resume(
        error === null
          ? Effect.succeed(stats.isSymbolicLink())
          : error.code === "ENOENT"
          ? Effect.fail(failed("lstat", file, error))
          : Effect.succeed(false)
      ))
  )

/** Without a thread. What is rare goes through the platform. */
export const disk = Effect.map(FileSystem.FileSystem, (fs) => Whole.make(make(fs)))

const make = (fs: FileSystem.FileSystem): Portable.Steps => ({
  ...Portable.make(fs),
  create: (file, bytes, synced) =>
    Effect.suspend(() => {
      let created = true
      return call("writeFile", file, (done) =>
        writeFile(file, bytes, { flag: "wx", mode: 0o600, flush: synced }, (error) => {
          created = error?.syscall !== "open"
          done(error)
        })).pipe(Effect.onError(() =>
          created ? Effect.ignore(unlinkFile(file)) : Effect.void
        ))
    }),
  rename: (from, to) => call("rename", from, (done) => rename(from, to, done)),
  unlink: unlinkFile,
  isLink,
  watchLink: isLink,
  syncDirectory: (directory) =>
    Effect.async((resume) =>
      open(directory, "r", (error, handle) => {
        if (error !== null) return resume(Effect.void)
        fsync(handle, () => close(handle, () => resume(Effect.void)))
      })
    )
})

/** `Journal.layerFiles` on this disk. `start` is how its thread is started, and `crowd` how many records at once start it. */
export const layerFiles = (
  options: FilesOptions & Partial<Thread.Options>
): Layer.Layer<Journal, never, FileSystem.FileSystem | Path.Path> =>
  Layer.scoped(
    Journal,
    Effect.gen(function*() {
      const path = yield* Path.Path
      return Files.make(yield* Thread.make(yield* disk, options), path, options)
    })
  )
