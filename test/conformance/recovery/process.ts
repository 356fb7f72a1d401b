/**
 * Processes of a user, which are killed.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as esbuild from "esbuild"
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { keys, tenant } from "./authority.js"
import type { Disk } from "./records.js"

const root = fileURLToPath(new URL("../../..", import.meta.url))
const worker = fileURLToPath(new URL("worker.ts", import.meta.url))

let bundled: Uint8Array | undefined

/** The worker as one text: it starts in a fraction of the time of its modules. */
const program = (): Uint8Array =>
  bundled ??= esbuild.buildSync({
    absWorkingDir: root,
    entryPoints: [worker],
    write: false,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    tsconfig: "test/tsconfig.json",
    banner: { js: `import { createRequire } from "node:module"; const require = createRequire(import.meta.url)` },
    logLevel: "warning"
  }).outputFiles[0]?.contents ?? new Uint8Array()

export interface Options {
  readonly baseUrl: string
  readonly disk: Disk
  readonly apiKey?: string
  /** The mode of the record after whose write the process ends by its own hand. */
  readonly killAfter?: "commit" | "event"
}

/** Polls until something is there. */
export const until = <A>(find: () => A | undefined): Effect.Effect<A> =>
  Effect.suspend(() => {
    const found = find()
    return found === undefined ? Effect.zipRight(Effect.sleep(10), until(find)) : Effect.succeed(found)
  })

export const untilTrue = (check: () => boolean): Effect.Effect<void> =>
  Effect.asVoid(until(() => check() ? true : undefined))

/** Starts a worker, which ends with the scope at the latest. */
export const start = (args: ReadonlyArray<string>, { apiKey, baseUrl, disk, killAfter }: Options) =>
  Effect.gen(function*() {
    const ended = yield* Deferred.make<NodeJS.Signals | number | null>()
    const lines: Array<Readonly<Record<string, unknown>>> = []
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, ["--input-type=module", "-", ...args], {
          cwd: root,
          stdio: ["pipe", "pipe", "inherit"],
          env: {
            PATH: process.env.PATH,
            CYCLES_BASE_URL: baseUrl,
            CYCLES_API_KEY: apiKey ?? keys.first,
            CYCLES_TENANT: tenant,
            CYCLES_JOURNAL_DIR: disk.directory,
            TEST_KILL: killAfter
          }
        })
      ),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    child.stdin.on("error", () => undefined).end(program())
    createInterface(child.stdout).on("line", (line) => lines.push(JSON.parse(line)))
    child.on("close", (code, signal) => Deferred.unsafeDone(ended, Effect.succeed(signal ?? code)))
    return {
      lines,
      /** The first line with a member. */
      line: (name: string) => until(() => lines.find((line) => name in line)),
      ended: Deferred.await(ended),
      kill: Effect.zipRight(Effect.sync(() => child.kill("SIGKILL")), Deferred.await(ended))
    }
  })

/** Leaves the record of a commit that was never sent, and gives it back. */
export const leaveCommit = (options: Options) =>
  Effect.gen(function*() {
    const worker = yield* start(["spend"], { ...options, killAfter: "commit" })
    yield* worker.ended
    const [record, ...others] = options.disk.records()
    if (record === undefined || others.length > 0) return yield* Effect.dieMessage("one record was to be left")
    return { record, key: record.commit_body?.["idempotency_key"] }
  })
