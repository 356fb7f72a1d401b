/**
 * The suites of the journal run over the disk of Node, without its thread, once this module is imported. Faults strike where Node itself calls its `fs`.
 */
import * as Effect from "effect/Effect"
import fs from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import { layerFiles } from "../../../src/node/internal/journalDisk.js"
import { current, type Step } from "../../lifecycle/support/journal.js"

type Callback = (error: Error | null, value?: unknown) => void
type Function = (...args: Array<unknown>) => void

const real = { open: fs.open, write: fs.write, fsync: fs.fsync, close: fs.close, rename: fs.rename } as unknown as {
  readonly [name in "open" | "write" | "fsync" | "close" | "rename"]: Function
}

const set = (functions: typeof real) =>
  Effect.sync(() => {
    Object.assign(fs, functions)
    syncBuiltinESMExports()
  })

/** Only handles of temporary files and of directories of a journal. */
const disturb = (fails: (step: Step) => string | undefined, saw: (step: Step) => void): typeof real => {
  const handles = new Map<unknown, "temp" | "directory">()
  const strike = (step: Step, args: ReadonlyArray<unknown>, go: Function, failed = (done: () => void) => done()) => {
    saw(step)
    const description = fails(step)
    if (description === undefined) return go(...args)
    const done = args[args.length - 1] as Callback
    failed(() => setImmediate(() => done(Object.assign(new Error(description), { syscall: step }))))
  }
  return {
    open: (...args) => {
      const kind = args[1] === "wx" ? "temp" : args[1] === "r" ? "directory" : undefined
      if (kind === undefined || !/journal-/.test(String(args[0]))) return real.open(...args)
      const done = args[args.length - 1] as Callback
      const known: Callback = (error, handle) => {
        if (error === null) handles.set(handle, kind)
        done(error, handle)
      }
      strike(kind === "temp" ? "open" : "open directory", [...args.slice(0, -1), known], real.open)
    },
    write: (...args) => handles.has(args[0]) ? strike("write", args, real.write) : real.write(...args),
    fsync: (...args) => {
      const kind = handles.get(args[0])
      if (kind === undefined) return real.fsync(...args)
      strike(kind === "temp" ? "sync" : "sync directory", args, real.fsync)
    },
    close: (...args) => {
      if (!handles.delete(args[0])) return real.close(...args)
      strike("close", args, real.close, (done) => real.close(args[0], done))
    },
    rename: (...args) => strike("rename", args, real.rename)
  }
}

current.name = "node"
current.layerFiles = (options) => layerFiles({ ...options, crowd: Infinity })
current.disturbed = (fails, saw = () => {}) => (effect) =>
  Effect.zipRight(
    Effect.acquireRelease(Effect.suspend(() => set(disturb(fails, saw))), () => set(real)),
    effect
  )
