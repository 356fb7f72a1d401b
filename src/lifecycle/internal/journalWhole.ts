/**
 * What happens with every record, as a whole: a file appears in place of another, a file goes. Nothing through a symbolic link.
 */
import type { PlatformError } from "@effect/platform/Error"
import * as Effect from "effect/Effect"
import { isMissing, type Steps } from "./journalDisk.js"
import { JournalError } from "./journalError.js"
import { shared } from "./shared.js"

export interface Whole {
  /** Fails with `symlink` when the directory is a symbolic link. */
  readonly guarded: <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E | PlatformError | JournalError>
  /** A reader sees the old file or the new one, never a part. Leaves no temporary file, and makes no directory. */
  readonly replace: (file: string, text: string) => Effect.Effect<void, PlatformError | JournalError>
  readonly remove: (file: string) => Effect.Effect<void, PlatformError | JournalError>
}

export interface Disk extends Steps {
  /** What happens in one directory as a whole; `synced` when it has reached the disk at the end. */
  readonly within: (directory: string, synced: boolean) => Whole
}

export const symlink = (): JournalError =>
  new JournalError({ reason: "symlink", detail: "the directory is a symbolic link" })

/** Names beside a file, that no other process and no other call makes. */
export const makeTemps = (): (file: string) => string => {
  const process = crypto.getRandomValues(new Uint32Array(1))[0]
  let count = 0
  return (file) => {
    count = (count + 1) % 2 ** 32
    return `${file}.${process}.${count.toString(16).padStart(8, "0")}.tmp`
  }
}

const encoder = new TextEncoder()

/** A disk that does one step after the other. Not more than 64 files of a directory are open at once. */
export const make = (steps: Steps): Disk => ({
  ...steps,
  within: (directory, synced) => stepByStep(steps, directory, synced)
})

const stepByStep = (steps: Steps, directory: string, synced: boolean): Whole => {
  const handles = Effect.unsafeMakeSemaphore(64)
  const tempOf = makeTemps()
  // Records that get their names at the same time reach the disk together.
  const sync = synced ? shared(steps.syncDirectory(directory)) : Effect.void
  const guard = shared(
    steps.watchLink(directory).pipe(
      Effect.catchIf(isMissing, () => Effect.succeed(false)),
      Effect.flatMap((link) => link ? symlink() : Effect.void)
    )
  )
  const guarded: Whole["guarded"] = (effect) => handles.withPermits(1)(Effect.zipRight(guard, effect))
  return {
    guarded,
    replace: (file, text) =>
      guarded(Effect.suspend(() => {
        const temp = tempOf(file)
        return steps.create(temp, encoder.encode(text), synced).pipe(
          Effect.zipRight(
            Effect.onError(Effect.suspend(() => steps.rename(temp, file)), () => Effect.ignore(steps.unlink(temp)))
          ),
          Effect.zipRight(sync)
        )
      })),
    remove: (file) => guarded(steps.unlink(file))
  }
}
