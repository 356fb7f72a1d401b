import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as HttpServer from "@effect/platform/HttpServer"
import { assert, describe, it } from "@effect/vitest"
import type { CyclesConfig } from "effect-cycles"
import { Amount, guarded } from "effect-cycles"
import { Authority } from "effect-cycles/authority"
import { CyclesNodeLive, layerJournalConfig, standardDirectory } from "effect-cycles/node"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { createServer } from "node:http"
import { tmpdir } from "node:os"
import { Journal } from "../../src/lifecycle/Journal.js"

const environment = (entries: Record<string, string>) =>
  Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(entries)), { pathDelim: "_", seqDelim: "," }))

const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(`${tmpdir()}/cycles-node-`)),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
)

describe("CyclesNodeLive", () => {
  it.scopedLive("settles over a socket, and its journal is empty afterwards", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const server = yield* Layer.build(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" }))
      yield* Layer.build(Layer.provide(HttpServer.serve(Authority.httpApp), Layer.succeedContext(server)))
      const url = yield* Effect.provide(HttpServer.addressFormattedWith(Effect.succeed), server)
      yield* guarded(Effect.void, { estimate: Amount.tokens(10), actual: Amount.tokens(4) }).pipe(
        Effect.provide(CyclesNodeLive),
        Effect.provide(environment({
          CYCLES_BASE_URL: url,
          CYCLES_API_KEY: "key",
          CYCLES_TENANT: "acme",
          CYCLES_JOURNAL_DIR: `${directory}/journal`
        }))
      )
      const authority = yield* Authority.Authority
      const [budget] = yield* authority.budgets
      assert.strictEqual(budget?.spent.amount, 4n)
      const [identity] = readdirSync(`${directory}/journal`)
      assert.match(identity ?? "", /^[0-9a-f]{16}$/)
      assert.deepStrictEqual(
        readdirSync(`${directory}/journal/${identity}`).filter((name) => name.endsWith(".json")),
        []
      )
    }).pipe(Effect.provide(Authority.layerAuthority({
      budgets: [{ scope: "tenant:acme", allocated: Amount.tokens(100) }],
      keys: [{ key: Redacted.make("key"), tenant: "acme" }]
    }))))

  it.scopedLive("the configuration chooses the journal", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const identity = { baseUrl: "http://localhost:7878", tenant: "acme", apiKey: Redacted.make("k") }
      const health = (options: CyclesConfig.Options["journal"]) =>
        Effect.flatMap(Journal, ({ open }) => open(identity)).pipe(
          Effect.flatMap((store) => store.health),
          Effect.provide(layerJournalConfig(
            Config.succeed({ baseUrl: "http://localhost:7878", apiKey: "k", journal: options })
          ))
        )
      assert.strictEqual(yield* health({ enabled: false }), "memory")
      assert.strictEqual(yield* health({ directory: `${directory}/other` }), "ok")
      assert.isTrue(existsSync(`${directory}/other/4eb53c28893cdf51`))
      assert.match(standardDirectory(), /\.runcycles.commit-journal$/)
    }))
})
