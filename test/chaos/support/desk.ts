/**
 * An authority on a real socket that can be held at any request, workers to kill, and a directory for their journals.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Amount, Json } from "effect-cycles"
import { Authority } from "effect-cycles/authority"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as esbuild from "esbuild"
import { spawn } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import type { Task } from "./worker.js"

export const keys = ["cyc_live_first", "cyc_live_second"] as const

/** A request to commit or to record an event. `n` counts from 1. */
export interface Spending {
  readonly n: number
  readonly kind: "commit" | "event"
  readonly id: string
  readonly key: string
}

type Handled = Effect.Effect<HttpServerResponse.HttpServerResponse, never, never>

/** What becomes of a request to spend: `apply` gives it to the authority. */
export type Gate = (spending: Spending, apply: Handled) => Handled

export const open: Gate = (_, apply) => apply

/** The request came, and the authority never acts on it. */
export const holdBefore: Gate = () => Effect.never

/** The authority has acted, and its answer never leaves. */
export const holdAfter: Gate = (_, apply) => Effect.zipRight(apply, Effect.never)

/** The program of a worker, without a compiler in the way. */
export const bundled = Effect.acquireRelease(
  Effect.promise(() => {
    const folder = mkdtempSync(join(tmpdir(), "chaos-worker-"))
    const file = join(folder, "worker.mjs")
    return esbuild.build({
      entryPoints: [fileURLToPath(new URL("worker.ts", import.meta.url))],
      outfile: file,
      bundle: true,
      platform: "node",
      format: "esm",
      tsconfig: fileURLToPath(new URL("../../tsconfig.json", import.meta.url)),
      banner: { js: "import { createRequire } from \"node:module\";const require = createRequire(import.meta.url);" },
      logLevel: "error"
    }).then(() => ({ file, folder }))
  }),
  ({ folder }) => Effect.sync(() => rmSync(folder, { recursive: true }))
)

const start = (file: string, task: Task) =>
  Effect.gen(function*() {
    const ended = yield* Deferred.make<number | null>()
    const lines: Array<string> = []
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, [file, JSON.stringify(task)], { stdio: ["ignore", "pipe", "inherit"] })
      ),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    createInterface(child.stdout).on("line", (line) => lines.push(line))
    child.on("close", (code) => Deferred.unsafeDone(ended, Effect.succeed(code)))
    const until = (is: () => boolean) =>
      Effect.repeat(Effect.sleep(5), { until: is }).pipe(Effect.timeout("15 seconds"), Effect.orDie)
    return {
      lines,
      until,
      /** Until it has said a line that begins like this. */
      said: (text: string) => until(() => lines.some((line) => line.startsWith(text))),
      kill: Effect.zipRight(Effect.sync(() => child.kill("SIGKILL")), Deferred.await(ended)),
      ended: Deferred.await(ended).pipe(Effect.timeout("20 seconds"), Effect.orDie)
    }
  })

/** The files of a directory of journals, by what they are. */
const filesIn = (directory: string) => {
  const all = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const at = (end: string) =>
    all.filter(({ name }) => name.endsWith(end)).map((entry) => join(entry.parentPath, entry.name))
  return { waiting: at(".json"), dead: at(".dead"), temporary: at(".tmp") }
}

const answered = (status: number, error: string) =>
  HttpServerResponse.text(JSON.stringify({ error, message: "injected", request_id: "r" }), {
    status,
    headers: { "content-type": "application/json" }
  })

/** Counts the requests and asks the gate. */
const gated = (gate: () => Gate, spendings: Array<Spending>, revoked: ReadonlySet<string>) =>
  Effect.gen(function*() {
    const request = yield* HttpServerRequest.HttpServerRequest
    const context = yield* Effect.context<HttpServerRequest.HttpServerRequest | Authority.Authority>()
    const apply = Effect.provide(Authority.httpApp, context)
    if (revoked.has(request.headers["x-cycles-api-key"] ?? "")) return answered(401, "UNAUTHORIZED")
    const id = /\/reservations\/([^/]+)\/commit$/.exec(request.url)?.[1]
    if (id === undefined && !request.url.endsWith("/events")) return yield* apply
    const body = Either.getOrThrow(Json.parse(yield* Effect.orDie(request.text))) as {
      readonly idempotency_key: string
      readonly metadata?: { readonly recovered_reservation_id?: string }
    }
    const spending: Spending = {
      n: spendings.length + 1,
      kind: id === undefined ? "event" : "commit",
      id: id ?? body.metadata?.recovered_reservation_id ?? "",
      key: body.idempotency_key
    }
    spendings.push(spending)
    return yield* gate()(spending, apply)
  })

/** Everything that one case needs, until its scope ends. */
export const desk = (file: string) =>
  Effect.gen(function*() {
    const state = { gate: open }
    const revoked = new Set<string>()
    const spendings: Array<Spending> = []
    const directory = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "chaos-"))),
      (directory) => Effect.sync(() => rmSync(directory, { recursive: true }))
    )
    const authorities = yield* Layer.build(Layer.orDie(Authority.layerAuthority({
      budgets: [{ scope: "tenant:tenant-a", allocated: Amount.tokens(1_000_000_000) }],
      keys: keys.map((key) => ({ key: Redacted.make<string>(key), tenant: "tenant-a" }))
    })))
    const server = yield* Layer.build(Layer.orDie(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" })))
    yield* HttpServer.serveEffect(gated(() => state.gate, spendings, revoked)).pipe(
      Effect.provide(Context.merge(authorities, server))
    )
    const baseUrl = yield* Effect.provide(HttpServer.addressFormattedWith(Effect.succeed), server)
    const authority = Context.get(authorities, Authority.Authority)

    const work = (task: Partial<Task>) => start(file, { baseUrl, apiKey: keys[0], directory, ...task })

    /** Replays until nothing waits. */
    const replay = (task: Partial<Task> = {}) =>
      Effect.gen(function*() {
        const worker = yield* work(task)
        assertEmpty(yield* worker.ended, worker.lines)
      })

    const accounts = Effect.gen(function*() {
      const rows = yield* authority.reservations
      const [budget] = yield* authority.budgets
      const committed = rows.filter(({ status }) => status === "COMMITTED").map((row) => ({
        name: row.action.name,
        amount: Number(Option.getOrThrow(row.committed).amount)
      }))
      return {
        committed,
        names: committed.map(({ name }) => name).sort(),
        statuses: rows.map(({ status }) => status).sort(),
        spent: Number(budget?.spent.amount),
        reserved: Number(budget?.reserved.amount)
      }
    })

    return {
      directory,
      spendings,
      revoke: (key: string) => Effect.sync(() => void revoked.add(key)),
      set: (gate: Gate) =>
        Effect.sync(() => {
          state.gate = gate
        }),
      work,
      replay,
      accounts,
      files: Effect.sync(() => filesIn(directory)),
      read: (path: string) => JSON.parse(readFileSync(path, "utf8")) as { readonly reservation_id: string },
      write: writeFileSync
    }
  })

const assertEmpty = (code: number | null, lines: ReadonlyArray<string>) => {
  if (code !== 0 || !lines.includes("empty")) throw new Error(`the worker ended with ${code}: ${lines.join(", ")}`)
}
