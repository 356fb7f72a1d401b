/**
 * An authority on a socket, whose ledger is in a directory, to be killed at any moment. It adds funds all the time, and says so.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as HttpServer from "@effect/platform/HttpServer"
import { Amount } from "effect-cycles"
import { Authority } from "effect-cycles/authority"
import { layerLedgerStore } from "effect-cycles/node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import { writeSync } from "node:fs"
import { createServer } from "node:http"
import { allocated, key, scopes, tenant } from "./storm.js"

const { directory } = JSON.parse(process.argv[2] ?? "{}") as { readonly directory: string }

const say = (line: string) => Effect.sync(() => void writeSync(1, `${line}\n`))

const [tenantScope] = scopes

const program = Effect.gen(function*() {
  const authority = yield* Authority.Authority
  yield* HttpServer.addressFormattedWith((url) => say(`listening ${url}`))
  const credit = authority.credit(tenantScope, Amount.tokens(1))
  yield* Effect.forever(Effect.zipRight(credit, Effect.zipRight(say("credited"), Effect.sleep(3))))
})

const live = HttpServer.serve(Authority.httpApp).pipe(
  Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" })),
  Layer.provideMerge(Authority.layerAuthorityStored({
    budgets: scopes.map((scope) => ({
      scope,
      allocated: Amount.tokens(allocated(scope)),
      overdraftLimit: Amount.tokens(500)
    })),
    keys: [{ key: Redacted.make(key), tenant }]
  })),
  Layer.provide(layerLedgerStore({ directory }))
)

Effect.runFork(
  program.pipe(
    Effect.provide(live),
    Effect.tapErrorCause((cause) => say(`failed ${cause}`)),
    Effect.provide(Logger.remove(Logger.defaultLogger))
  )
)
