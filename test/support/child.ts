/**
 * Programs in processes of their own, to be killed.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as esbuild from "esbuild"
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** A module and all that it imports as one text, which starts in a fraction of the time; native packages are left to be found by `cwd`. */
export const bundle = (file: string): Uint8Array =>
  esbuild.buildSync({
    absWorkingDir: root,
    entryPoints: [file],
    write: false,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    tsconfig: "test/tsconfig.json",
    external: ["libsql"],
    banner: { js: `import { createRequire } from "node:module"; const require = createRequire(import.meta.url)` },
    logLevel: "warning"
  }).outputFiles[0]?.contents ?? new Uint8Array()

export interface Options {
  /** Where packages that are not in the bundle are looked for. The directory of this package when absent. */
  readonly cwd?: string
  readonly uid?: number
  /** The largest file that it may write, in blocks of 1024 bytes. */
  readonly maxFileKib?: number
}

/** How a process ended: the signal that killed it, or its code. */
export type End = NodeJS.Signals | number | null

/** Starts a bundle with one argument, as JSON. It ends with the scope at the latest. */
export const start = (program: Uint8Array, task: unknown, options: Options = {}) =>
  Effect.gen(function*() {
    const ended = yield* Deferred.make<End>()
    const lines: Array<string> = []
    const limit = options.maxFileKib === undefined ? "" : `ulimit -f ${options.maxFileKib} && `
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(
          "bash",
          ["-c", `${limit}exec "$0" --input-type=module - "$1"`, process.execPath, JSON.stringify(task)],
          { cwd: options.cwd ?? root, stdio: ["pipe", "pipe", "inherit"], uid: options.uid }
        )
      ),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    child.stdin.on("error", () => undefined).end(program)
    createInterface(child.stdout).on("line", (line) => lines.push(line))
    child.on("close", (code, signal) => Deferred.unsafeDone(ended, Effect.succeed(signal ?? code)))
    const isUp = () => child.exitCode === null && child.signalCode === null
    const until = (is: () => boolean) =>
      Effect.repeat(Effect.sleep(5), { until: () => is() || !isUp() }).pipe(Effect.timeout("60 seconds"), Effect.orDie)
    return {
      pid: child.pid,
      lines,
      isUp,
      until,
      /** The first line that begins like this, or nothing when the process ends without it. */
      said: (text: string) =>
        Effect.map(
          until(() => lines.some((line) => line.startsWith(text))),
          () => lines.find((line) => line.startsWith(text))
        ),
      ended: Deferred.await(ended),
      kill: Effect.zipRight(Effect.sync(() => child.kill("SIGKILL")), Deferred.await(ended))
    }
  })

export type Child = Effect.Effect.Success<ReturnType<typeof start>>
