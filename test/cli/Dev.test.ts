import * as OpenApi from "@effect/platform/OpenApi"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { createServer, request, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { CyclesApi } from "../../src/protocol/Api.js"
import { ask, bash, dev, launch, run } from "./support/program.js"

const control = /\u001b/

/** A server of somebody else, on a free port. */
const taken = Effect.map(
  Effect.acquireRelease(
    Effect.async<Server>((resume) => {
      const server = createServer()
      server.listen({ port: 0, host: "127.0.0.1" }, () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.async<void>((resume) => void server.close(() => resume(Effect.void)))
  ),
  (server) => (server.address() as AddressInfo).port
)

/** The lines from `export` on, which are shell. */
const shellOf = (greeting: string): string => greeting.slice(greeting.indexOf("export"), greeting.lastIndexOf("Ctrl-C"))

describe("effect-cycles dev", { timeout: 60_000 }, () => {
  it.scopedLive("greets with addresses, keys and shell lines that work as they are", () =>
    Effect.gen(function*() {
      const { key, stdout, url } = yield* dev()
      assert.match(stdout(), /^ {2}tenant:acme {3}\$10\.00$/m)
      assert.notMatch(stdout(), control)
      const first = yield* bash(shellOf(stdout()))
      assert.strictEqual(first.stderr, "")
      const held = JSON.parse(first.stdout)
      assert.strictEqual(held.decision, "ALLOW")
      assert.strictEqual(held.balances[0].reserved.amount, 5_000_000)
      const again = yield* bash(
        `${
          shellOf(stdout())
        }\ncurl -s "$CYCLES_BASE_URL/v1/balances?tenant=$CYCLES_TENANT" -H "X-Cycles-API-Key: $CYCLES_API_KEY"`
      )
      assert.include(again.stdout, held.reservation_id)
      assert.include(again.stdout, `"reserved":{"unit":"USD_MICROCENTS","amount":5000000}`)
      assert.strictEqual(key, "cyc_dev_acme")
      assert.match(url, /^http:\/\/localhost:\d+$/)
    }))

  it.scopedLive("has the budgets that were asked for, each tenant with a key of its own", () =>
    Effect.gen(function*() {
      const { stdout, url } = yield* dev([
        ...["--budget", "tenant:acme=0.00000001usd", "--budget", "tenant:acme/agent:X=2000 tokens"],
        "--budget=tenant:globex=7points"
      ])
      assert.match(stdout(), /^ {2}tenant:acme +\$0\.00000001$/m)
      assert.match(stdout(), /^ {2}tenant:acme\/agent:x +2,000 tokens$/m)
      assert.match(stdout(), /^ {2}tenant:globex +7 risk points$/m)
      assert.match(stdout(), /^# tenant globex: cyc_dev_globex$/m)
      const [mine, theirs] = yield* Effect.all([
        ask(`${url}/v1/balances?tenant=globex`, { headers: { "x-cycles-api-key": "cyc_dev_globex" } }),
        ask(`${url}/v1/balances?tenant=globex`, { headers: { "x-cycles-api-key": "cyc_dev_acme" } })
      ])
      assert.strictEqual(mine.status, 200)
      assert.include(mine.body, `"remaining":{"unit":"RISK_POINTS","amount":7}`)
      assert.strictEqual(theirs.status, 403)
    }))

  it.scopedLive("says that it is up, and what it speaks", () =>
    Effect.gen(function*() {
      const { adminUrl, url } = yield* dev()
      for (const base of [url, adminUrl]) {
        for (const path of ["/actuator/health", "/actuator/health/liveness", "/actuator/health/readiness?x=1"]) {
          const { body, status } = yield* ask(`${base}${path}`)
          assert.deepStrictEqual([status, body], [200, `{"status":"UP"}`])
        }
      }
      const document = yield* ask(`${url}/openapi.json`)
      assert.strictEqual(document.headers["content-type"], "application/json")
      assert.deepStrictEqual(JSON.parse(document.body), JSON.parse(JSON.stringify(OpenApi.fromApi(CyclesApi))))
      const head = yield* ask(`${url}/openapi.json`, { method: "HEAD" })
      assert.deepStrictEqual([head.status, head.body], [200, ""])
      assert.strictEqual((yield* ask(`${url}/openapi.json`, { method: "POST" })).status, 401)
    }))

  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    it.scopedLive(`ends at ${signal}, whatever page is open`, () =>
      Effect.gen(function*() {
        const { child, ended, url } = yield* dev()
        // An open page: a feed that never ends, and a connection that is kept.
        yield* Effect.async<void>((resume) => {
          const feed = request(`${url}/dev/feed`, (response) => {
            response.on("error", () => {})
            response.once("data", () => resume(Effect.void))
          })
          feed.on("error", () => {})
          feed.end()
        })
        child.kill(signal)
        const end = yield* ended
        assert.strictEqual(end.code, code)
        assert.strictEqual(end.stderr, "")
      }))
  }

  it.scopedLive("finishes the answers that are on their way", () =>
    Effect.gen(function*() {
      const { child, ended, key, url } = yield* dev()
      const body = JSON.stringify({
        idempotency_key: "late",
        subject: { tenant: "acme" },
        action: { kind: "llm.completion", name: "gpt-4o" },
        estimate: { unit: "USD_MICROCENTS", amount: 1 }
      })
      const status = yield* Effect.async<number | undefined>((resume) => {
        const sent = request(`${url}/v1/reservations`, {
          method: "POST",
          headers: { "x-cycles-api-key": key, "content-type": "application/json", "content-length": body.length }
        }, (response) => resume(Effect.succeed(response.statusCode)))
        sent.on("error", (error) => resume(Effect.die(error)))
        sent.write(body.slice(0, 10), () => {
          setTimeout(() => child.kill("SIGTERM"), 100)
          setTimeout(() => sent.end(body.slice(10)), 300)
        })
      })
      assert.strictEqual(status, 200)
      assert.strictEqual((yield* ended).code, 143)
    }))

  it.scopedLive("says in one line which port is in use, and leaves nothing behind", () =>
    Effect.gen(function*() {
      const port = yield* taken
      const runtime = yield* run(["dev", "--port", String(port)])
      assert.deepStrictEqual(runtime, {
        code: 1,
        stdout: "",
        stderr: `effect-cycles: port ${port} is in use: stop what listens there, or choose another with --port\n`
      })
      const admin = yield* run(["dev", "--port", "0", "--admin-port", String(port)])
      assert.deepStrictEqual(admin, {
        code: 1,
        stdout: "",
        stderr: `effect-cycles: port ${port} is in use: stop what listens there, or choose another with --admin-port\n`
      })
    }))

  it.scopedLive("prints nothing when it is to be quiet", () =>
    Effect.gen(function*() {
      const port = yield* Effect.scoped(taken)
      const { child, ended } = yield* launch(["dev", "--quiet", "--port", String(port), "--admin-port", "0"])
      const up = Effect.flatMap(
        Effect.promise(() => fetch(`http://127.0.0.1:${port}/actuator/health`).then(({ status }) => status, () => 0)),
        (status) => status === 200 ? Effect.void : Effect.fail("not yet")
      )
      yield* Effect.retry(up, { while: () => child.exitCode === null }).pipe(Effect.delay(20))
      child.kill("SIGINT")
      assert.deepStrictEqual(yield* ended, { code: 130, stdout: "", stderr: "" })
    }))

  it.scopedLive("is not for production, unless somebody insists", () =>
    Effect.gen(function*() {
      const refused = yield* run(["dev", "--port", "0", "--admin-port", "0"], { NODE_ENV: "production" })
      assert.strictEqual(refused.code, 1)
      assert.match(refused.stderr, /^effect-cycles: NODE_ENV is production, .*--allow-production\n$/)
      const { url } = yield* dev(["--allow-production"], { NODE_ENV: "production" })
      assert.strictEqual((yield* ask(`${url}/actuator/health`)).status, 200)
    }))

  it.scopedLive("never prints a key that it was given", () =>
    Effect.gen(function*() {
      const { child, ended } = yield* dev([], { CYCLES_DEV_ADMIN_KEY: "very-secret" })
      child.kill("SIGINT")
      const { stderr, stdout } = yield* ended
      assert.include(stdout, "X-Admin-API-Key: that of CYCLES_DEV_ADMIN_KEY")
      assert.notInclude(stdout + stderr, "very-secret")
    }))

  it.scopedLive("makes up its keys when other machines can reach it", () =>
    Effect.gen(function*() {
      const { key, stdout, url } = yield* dev(["--host", "0.0.0.0"])
      assert.match(key, /^cyc_dev_acme-[0-9a-f-]{36}$/)
      assert.match(stdout(), /X-Admin-API-Key: admin-bootstrap-key-[0-9a-f-]{36}$/m)
      const answers = yield* Effect.forEach(
        [key, "cyc_dev_acme"],
        (key) => ask(`${url}/v1/balances?tenant=acme`, { headers: { "x-cycles-api-key": key } })
      )
      assert.deepStrictEqual(answers.map(({ status }) => status), [200, 401])
    }))
})
