/**
 * The program as users run it: the bundle, in a process of its own.
 */
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ChildProcess, spawn } from "node:child_process"
import { request } from "node:http"
import { fileURLToPath } from "node:url"
import { buildCli } from "../../support/buildCli.js"

const file = fileURLToPath(new URL(`../../../node_modules/.cache/effect-cycles-${process.pid}.js`, import.meta.url))

let built: Promise<void> | undefined

/** The path of the bundle, which is made once for a test file. */
export const bundle: Effect.Effect<string> = Effect.promise(() => built ??= buildCli(file)).pipe(Effect.as(file))

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Program {
  readonly child: ChildProcess
  readonly stdout: () => string
  readonly ended: Effect.Effect<Ended>
}

/** Variables of this process that would change what the program does. */
const own = /^(?:NODE_ENV|NO_COLOR|FORCE_COLOR|CYCLES_.*|NODE_OPTIONS|NODE_V8_COVERAGE|VITEST.*)$/

/** Starts the program; the end of the scope kills it, if it still runs. */
export const launch = (
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {}
): Effect.Effect<Program, never, Scope.Scope> =>
  Effect.gen(function*() {
    const path = yield* bundle
    const ended = yield* Deferred.make<Ended>()
    const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.test(name)))
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, [path, ...args], { env: { ...inherited, ...env }, stdio: ["ignore", "pipe", "pipe"] })
      ),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    let stdout = ""
    let stderr = ""
    child.stdout.on("data", (part) => stdout += part)
    child.stderr.on("data", (part) => stderr += part)
    child.on("close", (code) => Deferred.unsafeDone(ended, Effect.succeed({ code, stdout, stderr })))
    return { child, stdout: () => stdout, ended: Deferred.await(ended) }
  })

/** Runs the program to its end. */
export const run = (args: ReadonlyArray<string>, env?: Readonly<Record<string, string>>): Effect.Effect<Ended> =>
  Effect.scoped(Effect.flatMap(launch(args, env), ({ ended }) => ended))

export class DidNotStart extends Data.TaggedError("DidNotStart")<Ended> {}

export interface Server extends Program {
  readonly url: string
  readonly adminUrl: string
  readonly key: string
}

/** Starts `effect-cycles dev` on free ports, unless the arguments name others, and waits for its greeting. */
export const dev = (
  args: ReadonlyArray<string> = [],
  env?: Readonly<Record<string, string>>
): Effect.Effect<Server, DidNotStart, Scope.Scope> =>
  Effect.gen(function*() {
    const given = args.includes("--port") ? args : ["--port", "0", ...args]
    const program = yield* launch(["dev", "--admin-port", "0", ...given], env)
    yield* Effect.raceFirst(
      Effect.repeat(Effect.sleep(10), { until: () => program.stdout().includes("Ctrl-C ends it.") }),
      Effect.flatMap(program.ended, (ended) => new DidNotStart(ended))
    )
    const find = (pattern: RegExp) => pattern.exec(program.stdout())?.[1] ?? ""
    return {
      ...program,
      url: find(/^ {2}runtime +(\S+)/m),
      adminUrl: find(/^ {2}admin +(\S+)/m),
      key: find(/^export CYCLES_API_KEY=(\S+)/m)
    }
  })

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | Array<string> | undefined>>
  readonly body: string
}

export interface Ask {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

/** One exchange, in which even the `Host` header is ours to say. */
export const ask = (url: string, { body, headers = {}, method = "GET" }: Ask = {}): Effect.Effect<Answer> =>
  Effect.async((resume) => {
    const sent = request(url, {
      method,
      agent: false,
      headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers }
    }, (response) => {
      let text = ""
      response.setEncoding("utf8")
      response.on("data", (part) => text += part)
      response.on("error", (error) => resume(Effect.die(error)))
      response.on(
        "end",
        () => resume(Effect.succeed({ status: response.statusCode ?? 0, headers: response.headers, body: text }))
      )
    })
    sent.on("error", (error) => resume(Effect.die(error)))
    sent.end(body === undefined ? undefined : JSON.stringify(body))
    return Effect.sync(() => sent.destroy())
  })

/** Runs a script with bash. */
export const bash = (script: string): Effect.Effect<Ended> =>
  Effect.async((resume) => {
    const child = spawn("bash", ["-c", script], { stdio: ["ignore", "pipe", "pipe"] })
    let stdout = ""
    let stderr = ""
    child.stdout.on("data", (part) => stdout += part)
    child.stderr.on("data", (part) => stderr += part)
    child.on("close", (code) => resume(Effect.succeed({ code, stdout, stderr })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })
