/**
 * What a bench is made of: ways to do the same thing, each in a process of its own, which take turns.
 */
import * as esbuild from "esbuild"
import { type ChildProcess, fork } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../../..", import.meta.url))

/** What a process is told when it starts, such as the URL of a server, and with each measurement, such as how many calls to make. */
export type Settings = Readonly<Record<string, string | number>>

/** Wall clock and CPU of the whole process, in milliseconds, and what the way itself counted. */
export type Sample = { readonly ms: number; readonly cpuMs: number } & Readonly<Record<string, number>>

/** One measurement; the process around it takes the time. Figures of its own replace those. */
export type Way = (settings: Settings) => Promise<Readonly<Record<string, number>> | void>

/** A way is made once in each process, before anything is measured. */
export type Ways = Readonly<Record<string, (settings: Settings) => Promise<Way>>>

/** A file of this directory exports one as `topic`, and is named in `main.ts`. */
export interface Topic {
  readonly ways: Ways
  /** Measures, and prints Markdown. */
  readonly run: (bench: Bench) => Promise<void>
}

/** The process of a way. */
export interface Worker {
  readonly way: string
  readonly sample: (settings?: Settings) => Promise<Sample>
}

export interface Bench {
  /**
   * Starts the process of a way of this topic. With `gc` it can collect garbage when it wants to, and with `youngMiB` it allocates as much
   * before it has to. It ends with the topic.
   */
  readonly start: (
    way: string,
    settings?: Settings,
    options?: { readonly gc?: boolean; readonly youngMiB?: number }
  ) => Promise<Worker>
  /** A new empty directory, removed at the end. */
  readonly directory: () => string
}

/** The modules of a topic and of its process, bundled as a release has them: nothing but types is gone, packages stay outside. */
const bundle = (topic: string, outdir: string): void => {
  esbuild.buildSync({
    absWorkingDir: root,
    entryPoints: [`test/bench/${topic}.ts`, "test/bench/support/worker.ts"],
    outdir,
    outbase: "test/bench",
    bundle: true,
    splitting: true,
    packages: "external",
    platform: "node",
    format: "esm",
    target: "node20",
    sourcemap: true,
    tsconfig: "test/tsconfig.json",
    logLevel: "warning"
  })
}

interface Answer {
  readonly sample?: Sample
  readonly error?: string
}

/** What a process answers to a message; it dies with an error. */
const ask = (child: ChildProcess, way: string, message: object): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const done = (answer: Answer) => {
      child.off("exit", gone)
      if (answer.error === undefined) resolve(answer)
      else reject(new Error(`${way}: ${answer.error}`))
    }
    const gone = (code: number | null) => {
      child.off("message", done)
      reject(new Error(`${way}: the process ended (${code})`))
    }
    child.once("message", done)
    child.once("exit", gone)
    child.send(message)
  })

/** Runs a topic; its processes and files are gone when it ends. */
export const runTopic = async (name: string, topic: Topic): Promise<void> => {
  // Below the packages that the processes import.
  const files = mkdtempSync(join(root, "node_modules", ".bench-"))
  const children: Array<ChildProcess> = []
  bundle(name, files)
  try {
    await topic.run({
      start: async (way, settings = {}, { gc = false, youngMiB } = {}) => {
        const child = fork(join(files, "support/worker.js"), [], {
          execArgv: [
            "--enable-source-maps",
            ...(gc ? ["--expose-gc"] : []),
            ...(youngMiB === undefined
              ? []
              : [`--min-semi-space-size=${youngMiB}`, `--max-semi-space-size=${youngMiB}`]),
            ...(process.env["BENCH_NODE"]?.split(" ") ?? [])
          ]
        })
        children.push(child)
        await ask(child, way, { topic: `../${name}.js`, way, settings })
        return {
          way,
          sample: async (settings = {}) => {
            const { sample } = await ask(child, way, { settings })
            if (sample === undefined) throw new Error(`${way}: no sample`)
            return sample
          }
        }
      },
      directory: () => mkdtempSync(join(files, "d-"))
    })
  } finally {
    await Promise.all(children.map((child) =>
      new Promise((resolve) => {
        if (child.exitCode !== null || child.signalCode !== null) return resolve(undefined)
        child.once("exit", resolve)
        child.disconnect()
      })
    ))
    rmSync(files, { recursive: true, force: true })
  }
}
