/**
 * Guarded calls per second: in process, and over a loopback socket with `fetch`. Both against two bare fetches of the same size in the
 * same run, since a guarded call is two exchanges. Everything, servers included, shares one thread: read the ratios.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpServer from "@effect/platform/HttpServer"
import { Amount, Cycles, guarded, Journal } from "effect-cycles"
import { Authority } from "effect-cycles/authority"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Redacted from "effect/Redacted"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

const rounds = 3
const calls = 250
const inFlight = [1, 32]

const tenant = "acme"
const key = Redacted.make("cyc_bench_key_of_acme")
const budgets = [{ scope: "tenant:acme", allocated: Amount.usd("1000000") }]

const inProcess = Authority.layer({ budgets })

const authorityServer = createServer()

const overSocket = Layer.unwrapEffect(
  HttpServer.addressFormattedWith((baseUrl) =>
    Effect.succeed(Cycles.layer({ baseUrl, apiKey: key, subject: { tenant } }))
  )
).pipe(
  Layer.provideMerge(HttpServer.serve(Authority.httpApp)),
  Layer.provide(NodeHttpServer.layer(() => authorityServer, { port: 0, host: "127.0.0.1" })),
  Layer.provide([FetchHttpClient.layer, Journal.layerMemory()]),
  Layer.provide(Authority.layerAuthority({ budgets, keys: [{ key, tenant }] }))
)

const guardedCall = Effect.void.pipe(
  guarded({
    action: { kind: "llm.completion", name: "gpt-4o" },
    estimate: Amount.usd("0.05"),
    actual: Amount.usd("0.0123")
  }),
  Effect.orDie
)

/** As large as what the authority is asked and answers for one reservation. */
const question = JSON.stringify({ text: "q".repeat(300) })
const answer = JSON.stringify({ text: "a".repeat(650) })

/** A server that reads the request and gives a fixed answer. */
const stub = createServer((request, response) => {
  request.resume().on("end", () => {
    response.writeHead(200, { "content-type": "application/json" }).end(answer)
  })
})

const bareFetch = async (url: string): Promise<void> => {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: question
  })
  await response.json()
}

interface Way {
  readonly name: string
  /** Runs so many calls. */
  readonly run: (concurrency: number) => Promise<void>
}

const many = <R>(call: Effect.Effect<void, never, R>, concurrency: number) =>
  Effect.forEach(Array.from({ length: calls }), () => call, { concurrency, discard: true })

const main = async (): Promise<void> => {
  await new Promise<void>((resolve) => stub.listen(0, "127.0.0.1", resolve))
  const url = `http://127.0.0.1:${(stub.address() as AddressInfo).port}/`
  const local = ManagedRuntime.make(inProcess)
  const remote = ManagedRuntime.make(overSocket)
  const twoFetches = Effect.promise(() => bareFetch(url).then(() => bareFetch(url)))
  const ways: ReadonlyArray<Way> = [
    { name: "two bare fetches", run: (concurrency) => Effect.runPromise(many(twoFetches, concurrency)) },
    {
      name: "guarded, over a socket with fetch",
      run: (concurrency) => remote.runPromise(many(guardedCall, concurrency))
    },
    { name: "guarded, in process", run: (concurrency) => local.runPromise(many(guardedCall, concurrency)) }
  ]
  const timed = async (way: Way, concurrency: number): Promise<number> => {
    const [elapsed] = await Effect.runPromise(Effect.timed(Effect.promise(() => way.run(concurrency))))
    return Duration.toMillis(elapsed) / calls
  }
  console.log(`${calls} calls a round, best of ${rounds} rounds after one to warm up\n`)
  for (const concurrency of inFlight) {
    const best = ways.map(() => Infinity)
    // The ways take turns, so that a slow moment of the machine meets all of them.
    for (let round = 0; round <= rounds; round++) {
      for (const [i, way] of ways.entries()) {
        const ms = await timed(way, concurrency)
        if (round > 0) best[i] = Math.min(best[i] ?? Infinity, ms)
      }
    }
    console.log(`${concurrency} in flight`.padEnd(36) + "calls/s   ms/call   speed against two bare fetches")
    for (const [i, { name }] of ways.entries()) {
      const ms = best[i] ?? Infinity
      const ratio = (best[0] ?? Infinity) / ms
      console.log(
        `${name.padEnd(34)}${(1000 / ms).toFixed(0).padStart(9)}${ms.toFixed(3).padStart(10)}${
          ratio.toFixed(2).padStart(8)
        }`
      )
    }
    console.log()
  }
  // Nobody waits for connections that `fetch` keeps open.
  for (const server of [stub, authorityServer]) server.closeAllConnections()
  stub.close()
  await Promise.all([local.dispose(), remote.dispose()])
}

await main()
