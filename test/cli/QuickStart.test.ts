import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { ask, bash, dev, run, type Server } from "./support/program.js"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-cycles-data-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const post = (header: string, path: string, body: unknown) =>
  `curl -s -X POST "${path}" -H "${header}" -H "Content-Type: application/json" -d '${JSON.stringify(body)}'`

const subject = { tenant: "acme-corp" }
const usd = (amount: number) => ({ unit: "USD_MICROCENTS", amount })
const permissions = ["create", "commit", "release", "extend", "list"].map((name) => `reservations:${name}`)
const admin = "X-Admin-API-Key: admin-bootstrap-key"

/** A newcomer's first steps: wait, make a tenant, a key and a budget, reserve, commit. Ends with the reservation, the commit and the key. */
const quickStart = `
set -eu
until curl -sf http://localhost:7878/actuator/health >/dev/null; do sleep 0.1; done
until curl -sf http://localhost:7979/actuator/health >/dev/null; do sleep 0.1; done
${
  post(admin, "http://localhost:7979/v1/admin/tenants", { tenant_id: "acme-corp", name: "Acme Corporation" })
} >/dev/null
KEY=$(${
  post(admin, "http://localhost:7979/v1/admin/api-keys", {
    tenant_id: "acme-corp",
    name: "quickstart-key",
    permissions: [...permissions, "balances:read"]
  })
} | grep -o '"key_secret":"[^"]*"' | cut -d'"' -f4)
${
  post("X-Cycles-API-Key: $KEY", "http://localhost:7979/v1/admin/budgets", {
    scope: "tenant:acme-corp",
    unit: "USD_MICROCENTS",
    allocated: usd(100_000_000)
  })
} >/dev/null
ID=$(${
  post("X-Cycles-API-Key: $KEY", "http://localhost:7878/v1/reservations", {
    idempotency_key: "qs-reserve-001",
    subject,
    action: { kind: "llm.completion", name: "gpt-4o" },
    estimate: usd(500_000),
    ttl_ms: 30_000
  })
} | grep -o '"reservation_id":"[^"]*"' | cut -d'"' -f4)
echo "$ID"
${
  post("X-Cycles-API-Key: $KEY", "http://localhost:7878/v1/reservations/$ID/commit", {
    idempotency_key: "qs-commit-001",
    actual: usd(350_000)
  })
}
echo
echo "$KEY"`

/** A script against the standard ports, as one against these. */
const against = ({ adminUrl, url }: Server, script: string): string =>
  script.replaceAll("http://localhost:7878", url).replaceAll("http://localhost:7979", adminUrl)

const start = (server: Server) =>
  Effect.map(bash(against(server, quickStart)), ({ code, stderr, stdout }) => {
    assert.deepStrictEqual([code, stderr], [0, ""])
    const [id = "", commit = "", key = ""] = stdout.split("\n")
    assert.match(id, /^[0-9a-f-]{36}$/)
    assert.include(commit, `"status":"COMMITTED"`)
    return { id, key }
  })

const balance = ({ url }: Server, key: string) =>
  Effect.map(
    ask(`${url}/v1/balances?tenant=acme-corp`, { headers: { "x-cycles-api-key": key } }),
    ({ body }) => {
      const [{ allocated, remaining, reserved, spent }] = JSON.parse(body).balances
      return [allocated, remaining, reserved, spent].map(({ amount }) => amount)
    }
  )

const settled = [100_000_000, 99_650_000, 0, 350_000]

describe("the quick start", { timeout: 60_000 }, () => {
  it.scopedLive("works twice, also when the server was killed in between", () =>
    Effect.gen(function*() {
      const data = yield* folder
      const server = () => dev(["--data", data])
      const first = yield* Effect.scoped(Effect.gen(function*() {
        const once = yield* server()
        const first = yield* start(once)
        assert.strictEqual((yield* start(once)).id, first.id)
        assert.deepStrictEqual(yield* balance(once, first.key), settled)
        once.child.kill("SIGKILL")
        yield* once.ended
        return first
      }))
      const again = yield* server()
      assert.match(again.stdout(), /^ {2}tenant:acme {3}\$10\.00$/m)
      assert.match(again.stdout(), /^ {2}tenant:acme-corp {3}\$1\.00, \$0\.9965 left$/m)
      assert.deepStrictEqual(yield* balance(again, first.key), settled)
      assert.strictEqual((yield* start(again)).id, first.id)
      assert.deepStrictEqual(yield* balance(again, first.key), settled)

      const other = yield* run(["dev", "--port", "0", "--admin-port", "0", "--data", data])
      assert.strictEqual(other.code, 1)
      assert.match(other.stderr, /^effect-cycles: the data in [^\n]* cannot be used: [^\n]*has it open[^\n]*\n$/)
    }))

  it.scopedLive("goes on with what is there, and takes no fallback when there is something", () =>
    Effect.gen(function*() {
      const data = yield* folder
      const greet = (
        args: ReadonlyArray<string>,
        during: (server: Server) => Effect.Effect<unknown> = () => Effect.void
      ) =>
        Effect.scoped(Effect.gen(function*() {
          const server = yield* dev(["--data", data, ...args])
          yield* during(server)
          server.child.kill("SIGTERM")
          const { code, stderr, stdout } = yield* server.ended
          assert.deepStrictEqual([code, stderr], [143, ""])
          return stdout.split("\n").filter((line) => line.startsWith("  tenant:"))
        }))
      const more = ["--budget", "tenant:globex=7usd", "--budget", "tenant:globex=7tokens"]
      assert.deepStrictEqual(yield* greet(["--budget", "tenant:globex=5usd"]), ["  tenant:globex   $5.00"])
      assert.deepStrictEqual(yield* greet([]), ["  tenant:globex   $5.00"])
      const fund = ({ adminUrl }: Server) =>
        ask(`${adminUrl}/v1/admin/budgets/fund?scope=tenant:globex&unit=USD_MICROCENTS&tenant_id=globex`, {
          method: "POST",
          headers: { "x-admin-api-key": "admin-bootstrap-key" },
          body: { operation: "CREDIT", amount: usd(100_000_000) }
        })
      assert.deepStrictEqual(yield* greet(more, fund), ["  tenant:globex   7 tokens", "  tenant:globex   $7.00"])
      assert.deepStrictEqual(yield* greet(more), [
        "  tenant:globex   7 tokens",
        "  tenant:globex   $8.00 (--budget says $7.00)"
      ])
    }))

  it.scopedLive("says in one line that a data directory is broken, and does not touch it", () =>
    Effect.gen(function*() {
      const data = yield* folder
      const broken = [join(data, "ledger"), join(data, "file")]
      yield* Effect.scoped(Effect.gen(function*() {
        const { child, ended } = yield* dev(["--data", broken[0] ?? ""])
        child.kill("SIGTERM")
        yield* ended
      }))
      const database = join(broken[0] ?? "", "ledger.db")
      writeFileSync(database, "this is no ledger")
      writeFileSync(broken[1] ?? "", "this is no directory")
      for (const path of broken) {
        const { code, stderr, stdout } = yield* run(["dev", "--port", "0", "--admin-port", "0", "--data", path])
        assert.deepStrictEqual([code, stdout], [1, ""])
        assert.match(stderr, /^effect-cycles: the data in [^\n]+ cannot be used: [^\n]+\n$/)
        assert.include(stderr, path)
      }
      const { stderr } = yield* run(["dev", "--port", "0", "--admin-port", "0", "--data", broken[1] ?? ""])
      assert.match(stderr, /cannot be used: is there, but is no directory\n$/)
      assert.strictEqual(readFileSync(database, "utf8"), "this is no ledger")
    }))
})

const guides = fileURLToPath(new URL("../../../shared/guides/", import.meta.url))

/** The commands of the published guides: what begins with curl, to the next empty line. */
const published = existsSync(guides)
  ? readdirSync(guides).sort().flatMap((name) =>
    Array.from(
      readFileSync(join(guides, name), "utf8").matchAll(/^curl .*(?:\n.+)*/gm),
      ([command]) => ({ name, command })
    )
  )
  : []

describe("the commands of the published guides", { timeout: 60_000 }, () => {
  it.scopedLive("work twice, as they are, on a fresh server", (ctx) =>
    Effect.gen(function*() {
      if (!existsSync(guides)) return ctx.skip("skipped: ../shared/guides is not there to read from")
      assert.isAbove(published.length, 0)
      const server = yield* dev()
      for (const { command, name } of [...published, ...published]) {
        const { code, stderr, stdout } = yield* bash(`set -o pipefail\n${against(server, command)}`)
        assert.deepStrictEqual([code, stderr], [0, ""], name)
        assert.match(stdout, /^cyc_live_[\w-]{32}\n$/, name)
        const held = yield* ask(`${server.url}/v1/reservations?tenant=acme-corp`, {
          headers: { "x-cycles-api-key": stdout.trim() }
        })
        assert.strictEqual(held.status, 200)
      }
    }))
})
