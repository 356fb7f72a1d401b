import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { networkInterfaces } from "node:os"
import { isLoopback, isOwnName } from "../../src/cli/internal/gate.js"
import { ask, dev } from "./support/program.js"

/** An address by which other machines would reach this one. */
const outside = Object.values(networkInterfaces()).flat().find((at) => at?.family === "IPv4" && !at.internal)?.address

const site = ["/", "/dev/page.css", "/dev/page.mjs", "/dev/icon.svg"]

describe("names of this machine", () => {
  it("are addresses, localhost, and what was allowed", () => {
    const allowed = ["budget.test"]
    for (
      const host of [
        ...[
          "localhost",
          "localhost:7878",
          "LocalHost:7878",
          "app.localhost:1",
          "127.0.0.1:7878",
          "10.0.0.7",
          "[::1]:7878"
        ],
        ...["[::1]", "budget.test:7878", "BUDGET.test"]
      ]
    ) assert.isTrue(isOwnName(host, allowed), host)
    for (
      const host of [
        ...[
          "",
          "evil.example",
          "evil.example:7878",
          "localhost.evil.example",
          "127.0.0.1.evil.example",
          "budget.test.evil"
        ],
        ...[
          "evil.example@localhost",
          "localhost:7878:1",
          "localhost/x",
          "[evil.example]",
          "127.0.0.1 evil.example",
          "::1"
        ]
      ]
    ) assert.isFalse(isOwnName(host, allowed), host)
  })

  it("loopback is this machine alone", () => {
    for (const address of ["localhost", "127.0.0.1", "127.8.0.1", "::1", "::ffff:127.0.0.1"]) {
      assert.isTrue(isLoopback(address), address)
    }
    for (const address of ["0.0.0.0", "::", "10.0.0.1", "128.0.0.1", "::ffff:10.0.0.1", "127.0.0.1.evil.example"]) {
      assert.isFalse(isLoopback(address), address)
    }
  })
})

describe("who is answered", { timeout: 60_000 }, () => {
  it.scopedLive("a foreign name gets nothing, neither of the page nor of the two planes", () =>
    Effect.gen(function*() {
      const { adminUrl, key, url } = yield* dev(["--allow-host", "Budget.test"])
      const headers = { host: "evil.example:7878", "x-cycles-api-key": key, "x-admin-api-key": "admin-bootstrap-key" }
      const paths = [...site, "/dev/feed", "/openapi.json", "/actuator/health", "/v1/balances?tenant=acme"].map((
        path
      ) => url + path)
      for (const target of [...paths, `${adminUrl}/actuator/health`, `${adminUrl}/v1/admin/tenants`]) {
        const { body, headers: answered, status } = yield* ask(target, { headers })
        assert.strictEqual(status, 403, target)
        const { error, message, request_id } = JSON.parse(body)
        assert.strictEqual(error, "FORBIDDEN")
        assert.include(message, "--allow-host")
        assert.strictEqual(request_id, answered["x-request-id"])
      }
      const own = yield* ask(`${url}/v1/balances?tenant=acme`, {
        headers: { host: "budget.test:7878", "x-cycles-api-key": key }
      })
      assert.strictEqual(own.status, 200)
    }))

  it.scopedLive("the page is its own: nothing from elsewhere, nothing inline, no key, in nobody's frame", () =>
    Effect.gen(function*() {
      const { key, url } = yield* dev()
      for (const path of site) {
        const { body, headers, status } = yield* ask(url + path)
        assert.strictEqual(status, 200)
        assert.match(
          String(headers["content-security-policy"]),
          /^default-src 'none'; script-src 'self'; style-src 'self'; .*frame-ancestors 'none'/
        )
        assert.strictEqual(headers["x-content-type-options"], "nosniff")
        assert.strictEqual(headers["cross-origin-resource-policy"], "same-origin")
        assert.strictEqual(headers["access-control-allow-origin"], undefined)
        assert.notInclude(body, key)
        assert.notMatch(
          body.replace("http://www.w3.org/2000/svg", ""),
          /https?:|<script(?! type="module" src="\/dev\/)|style=| on\w+="/
        )
      }
      // A link may lead to the page; another page may not read what it loads.
      const from = (site: string, path: string) =>
        Effect.map(ask(url + path, { headers: { "sec-fetch-site": site } }), ({ status }) => status)
      assert.strictEqual(yield* from("cross-site", "/"), 200)
      assert.strictEqual(yield* from("cross-site", "/dev/feed"), 403)
      assert.strictEqual(yield* from("same-site", "/dev/feed"), 403)
      assert.strictEqual(yield* from("same-origin", "/dev/page.mjs"), 200)
    }))

  it.scopedLive("another machine may call with its key, but does not see the page", (ctx) =>
    Effect.gen(function*() {
      if (outside === undefined) return ctx.skip("this machine has no address but loopback")
      const { key, url } = yield* dev(["--host", "0.0.0.0"])
      const there = url.replace("localhost", outside)
      for (const path of [...site, "/dev/feed"]) assert.strictEqual((yield* ask(there + path)).status, 403)
      const { status } = yield* ask(`${there}/v1/balances?tenant=acme`, { headers: { "x-cycles-api-key": key } })
      assert.strictEqual(status, 200)
      assert.strictEqual((yield* ask(url)).status, 200)
    }))
})
