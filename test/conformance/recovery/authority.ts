/**
 * The embedded authority behind a real socket, which misbehaves on purpose, and remembers what it was asked.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Amount } from "effect-cycles"
import { Authority } from "effect-cycles/authority"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { createServer } from "node:http"

export const tenant = "tenant-a"
export const scope = `tenant:${tenant}`
export const keys = { first: "cyc_live_first_0123456789", second: "cyc_live_second_0123456789" }

export interface Request {
  readonly operation: "create" | "commit" | "release" | "extend" | "event" | "other"
  /** Counts from 1, for each operation. */
  readonly n: number
  readonly path: string
  readonly apiKey: string | undefined
  readonly body: Readonly<Record<string, unknown>>
  readonly key: unknown
  /** Wall clock of the receipt. */
  readonly atMs: number
}

type Answer = HttpServerResponse.HttpServerResponse

export interface Fault {
  /** What is waited for before the authority sees the request. */
  readonly before?: Effect.Effect<unknown>
  /** The authority never sees it: this is the answer. */
  readonly instead?: Answer
  /** The authority never sees it, and the connection is cut. */
  readonly cut?: boolean
  /** The authority applies it, and then the connection is cut. */
  readonly lose?: boolean
  /** The authority applies it, then this is waited for. */
  readonly after?: Effect.Effect<unknown>
  /** The authority applies it, but this is the answer. */
  readonly answer?: Answer
}

/** A refusal in the words of the protocol. */
export const refusal = (status: number, error: string, headers: Record<string, string> = {}): Answer =>
  HttpServerResponse.text(JSON.stringify({ error, message: "no", request_id: "r" }), {
    status,
    headers: { ...headers, "content-type": "application/json" }
  })

const operationOf = (method: string, path: string): Request["operation"] => {
  const last = path.slice(path.lastIndexOf("/") + 1)
  if (last === "commit" || last === "release" || last === "extend") return last
  if (last === "events") return "event"
  return method === "POST" && last === "reservations" ? "create" : "other"
}

const cut = (request: HttpServerRequest.HttpServerRequest) =>
  Effect.zipRight(
    Effect.sync(() => NodeHttpServerRequest.toIncomingMessage(request).socket.destroy()),
    Effect.never
  )

/** Serves until the scope ends. */
export const serve = (script: (request: Request) => Fault | undefined = () => undefined) =>
  Effect.gen(function*() {
    const context = yield* Layer.build(Authority.layerAuthority({
      budgets: [{ scope, allocated: Amount.tokens(1_000_000) }],
      keys: Object.values(keys).map((key) => ({ key: Redacted.make(key), tenant }))
    }))
    const authority = Context.get(context, Authority.Authority)
    const requests: Array<Request> = []

    const app = Effect.gen(function*() {
      const request = yield* HttpServerRequest.HttpServerRequest
      const text = yield* request.text
      const path = new URL(request.url, "http://localhost").pathname
      const operation = operationOf(request.method, path)
      const body = text === "" ? {} : JSON.parse(text)
      const seen: Request = {
        operation,
        n: requests.filter((other) => other.operation === operation).length + 1,
        path,
        apiKey: request.headers["x-cycles-api-key"],
        body,
        key: body.idempotency_key,
        atMs: Date.now()
      }
      requests.push(seen)
      const { after, answer, before, cut: isCut, instead, lose } = script(seen) ?? {}
      if (before !== undefined) yield* before
      if (isCut === true) return yield* cut(request)
      if (instead !== undefined) return instead
      const applied = yield* Authority.httpApp
      if (after !== undefined) yield* after
      if (lose === true) return yield* cut(request)
      return answer ?? applied
    })

    const server = yield* NodeHttpServer.make(createServer, { port: 0, host: "127.0.0.1" })
    yield* server.serve(Effect.provide(app, context))
    const { address } = server
    return {
      baseUrl: address._tag === "TcpAddress" ? `http://127.0.0.1:${address.port}` : "",
      requests,
      /** Of one operation, or of several. */
      of: (...operations: ReadonlyArray<Request["operation"]>) =>
        requests.filter(({ operation }) => operations.includes(operation)),
      /** Everything that settles or extends, as `operation`, with `_same_key` after the first with that key. */
      names: (known: unknown = undefined) => {
        const keys = new Set([known])
        return requests.filter(({ operation }) => operation !== "create" && operation !== "other").map(
          ({ key, operation }) => {
            const name = keys.has(key) ? `${operation}_same_key` : operation
            keys.add(key)
            return name
          }
        )
      },
      /** What was spent and is held, and how many reservations there are of each status. */
      ledger: Effect.gen(function*() {
        const budget = (yield* authority.budgets).find((budget) => budget.scope === scope)
        const statuses = (yield* authority.reservations).map(({ status }) => status)
        return { spent: budget?.spent.amount, reserved: budget?.reserved.amount, statuses }
      })
    }
  })

export type Served = Effect.Effect.Success<ReturnType<typeof serve>>
