/**
 * A `Cycles` that reaches the embedded authority over a real socket.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpServer from "@effect/platform/HttpServer"
import { Amount, Cycles, type CyclesConfig, Journal } from "effect-cycles"
import { Authority } from "effect-cycles/authority"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { createServer } from "node:http"
import { type Call, type Fault, faulty } from "./faults.js"

const key = Redacted.make("cyc_live_test")

export interface Options extends Partial<CyclesConfig.Options> {
  readonly script?: (call: Call) => Fault | undefined
  readonly journalLayer?: Layer.Layer<Journal.Journal>
  readonly budgets?: Authority.AuthorityOptions["budgets"]
}

export const socket = ({ budgets, journalLayer, script, ...options }: Options = {}) =>
  Layer.unwrapScoped(Effect.gen(function*() {
    const server = yield* Layer.build(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" }))
    return yield* HttpServer.addressFormattedWith((baseUrl) =>
      Effect.succeed(
        Cycles.layer({ baseUrl, apiKey: key, subject: { tenant: "tenant-a" }, ...options }).pipe(
          Layer.provide(journalLayer ?? Journal.layerMemory()),
          Layer.provide(faulty(script ?? (() => undefined))),
          Layer.provide(FetchHttpClient.layer)
        )
      )
    ).pipe(
      Effect.provide(server),
      Effect.map(Layer.provide(HttpServer.serve(Authority.httpApp).pipe(Layer.provide(Layer.succeedContext(server)))))
    )
  })).pipe(
    Layer.provideMerge(Authority.layerAuthority({
      budgets: budgets ?? [{ scope: "tenant:tenant-a", allocated: Amount.tokens(1_000_000_000) }],
      keys: [{ key, tenant: "tenant-a" }]
    })),
    Layer.orDie
  )
