/**
 * When the authority does not answer: fail, or go on within a bound. What was spent meanwhile is recorded once it is back.
 */
import { FetchHttpClient, HttpServer } from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import { Console, Effect, Exit, Layer, Logger, LogLevel, Redacted, Scope } from "effect"
import { Amount, CircuitBreaker, Cycles, guarded, Journal, OnUnavailable } from "effect-cycles"
import { Authority } from "effect-cycles/authority"
import { createServer } from "node:http"

const key = Redacted.make("cyc_example")
const port = 38_471

const serve = HttpServer.serve(Authority.httpApp).pipe(
  Layer.provide(NodeHttpServer.layer(() => createServer(), { port, host: "127.0.0.1" }))
)

const ask = (name: string, onUnavailable: OnUnavailable.OnUnavailable) =>
  Effect.succeed("runs").pipe(
    guarded({ estimate: Amount.usd("0.05"), actual: Amount.usd("0.03"), onUnavailable }),
    Effect.catchAll(({ _tag }) => Effect.succeed(`does not run: ${_tag}`)),
    Effect.flatMap((line) => Console.log(`${name} ${line}`))
  )

const spent = Effect.flatMap(Authority.Authority, ({ budgets }) => budgets).pipe(
  Effect.flatMap(([budget]) => Console.log(`the ledger has ${budget?.spent} spent`))
)

const program = Effect.gen(function*() {
  // One of each for the whole program: the allowance bounds what the ledger does not know yet.
  const allowance = yield* OnUnavailable.allow(Amount.usd("0.12"))
  const breaker = yield* CircuitBreaker.make({ failures: 4, cooldown: "1 second" })
  const guarded = OnUnavailable.withBreaker(allowance, breaker)

  yield* Console.log("the authority is down")
  yield* ask("without a policy it", OnUnavailable.fail)
  for (const n of [1, 2, 3, 4]) yield* ask(`with an allowance, call ${n}`, guarded)
  yield* spent
  yield* Console.log("the authority is up")
  const server = yield* Scope.make()
  yield* Scope.extend(Layer.build(serve), server)
  yield* Cycles.flush
  yield* spent
  yield* Scope.close(server, Exit.void)
})

const client = Cycles.layer({ baseUrl: `http://127.0.0.1:${port}`, apiKey: key, subject: { tenant: "acme" } })

Effect.runPromise(program.pipe(
  Effect.provide(client.pipe(
    Layer.provide([FetchHttpClient.layer, Journal.layerMemory()]),
    Layer.provideMerge(Authority.layerAuthority({
      budgets: [{ scope: "tenant:acme", allocated: Amount.usd("1") }],
      keys: [{ key, tenant: "acme" }]
    }))
  )),
  Logger.withMinimumLogLevel(LogLevel.Error) // each call without a hold is a warning in the log
))
