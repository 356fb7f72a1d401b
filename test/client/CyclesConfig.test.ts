import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as CyclesConfig from "../../src/client/CyclesConfig.js"
import { Cycles } from "../../src/lifecycle/Cycles.js"
import * as Journal from "../../src/lifecycle/Journal.js"
import { logged } from "./support/capture.js"
import { assertHides } from "./support/outcome.js"
import { secret } from "./support/server.js"

const least = { baseUrl: "https://authority.example", apiKey: secret }
const made = (options: Partial<CyclesConfig.Options> = {}) =>
  Either.getOrThrow(CyclesConfig.make({ ...least, ...options }))

/** Options that a program in JavaScript could give. */
const refused = (options: object) => Either.getOrThrow(Either.flip(CyclesConfig.make({ ...least, ...options })))

describe("options", () => {
  it("defaults", () => {
    const { apiKey, url, ...rest } = made()
    assert.strictEqual(Redacted.value(apiKey), secret)
    assert.strictEqual(url.href, "https://authority.example/")
    assert.deepStrictEqual(rest, {
      baseUrl: "https://authority.example",
      subject: {},
      attemptTimeout: Duration.seconds(7),
      retry: {
        enabled: true,
        maxAttempts: 5,
        initialDelay: Duration.millis(500),
        multiplier: 2,
        maxDelay: Duration.seconds(30)
      },
      flushTimeout: Duration.seconds(10),
      journal: { enabled: true, directory: Option.none() },
      maxResponseBytes: 4 * 1024 * 1024
    })
  })

  it("undefined is a default too", () => {
    const none = {
      enabled: undefined,
      maxAttempts: undefined,
      initialDelay: undefined,
      multiplier: undefined,
      maxDelay: undefined
    }
    const given = made({
      subject: undefined,
      connectTimeout: undefined,
      readTimeout: undefined,
      retry: none,
      flushTimeout: undefined,
      journal: { enabled: undefined, directory: undefined },
      maxResponseBytes: undefined
    })
    assert.deepStrictEqual({ ...given, apiKey: 0 }, { ...made({ retry: undefined, journal: undefined }), apiKey: 0 })
  })

  it("every option", () => {
    const { apiKey: _, url: __, ...rest } = made({
      baseUrl: "HTTP://Localhost:7878/base/",
      subject: { tenant: "acme", workspace: "", app: undefined, toolset: "t" },
      connectTimeout: 1,
      readTimeout: "3 seconds",
      retry: { enabled: false, maxAttempts: 0, initialDelay: 1, multiplier: 1, maxDelay: "24 hours" },
      flushTimeout: 0,
      journal: { enabled: false, directory: "/var/lib/agent" },
      maxResponseBytes: 1024
    })
    assert.deepStrictEqual(rest, {
      baseUrl: "HTTP://Localhost:7878/base/",
      subject: { tenant: "acme", toolset: "t" },
      attemptTimeout: Duration.millis(3001),
      retry: {
        enabled: false,
        maxAttempts: 0,
        initialDelay: Duration.millis(1),
        multiplier: 1,
        maxDelay: Duration.hours(24)
      },
      flushTimeout: Duration.zero,
      journal: { enabled: false, directory: Option.some("/var/lib/agent") },
      maxResponseBytes: 1024
    })
    assert.deepStrictEqual(made({ journal: { directory: "" } }).journal.directory, Option.none())
  })

  const bad: ReadonlyArray<readonly [options: object, field: string, bound: RegExp, value: string | undefined]> = [
    [{ baseUrl: "" }, "baseUrl", /http or https/, "\"\""],
    [{ baseUrl: "authority.example" }, "baseUrl", /http or https/, "\"authority.example\""],
    [{ baseUrl: "ftp://authority.example" }, "baseUrl", /http or https/, "\"ftp://authority.example\""],
    [{ baseUrl: undefined }, "baseUrl", /http or https/, "\"undefined\""],
    [{ baseUrl: "https://authority.example?x=1" }, "baseUrl", /without user, query/, "\"https://authority.example\""],
    [{ baseUrl: "https://authority.example/?" }, "baseUrl", /query/, "\"https://authority.example/\""],
    [{ baseUrl: "https://authority.example/#a" }, "baseUrl", /fragment/, "\"https://authority.example/\""],
    [{ baseUrl: `https://me:${secret}@authority.example` }, "baseUrl", /without user/, "\"authority.example\""],
    [{ baseUrl: `https://${secret}@authority.example` }, "baseUrl", /without user/, "\"authority.example\""],
    [{ baseUrl: `https://me:${secret}@bad host/?k=${secret}` }, "baseUrl", /without user/, "\"bad host/\""],
    [{ baseUrl: `https://me:a?${secret}@authority.example` }, "baseUrl", /without user/, "\"\""],
    [{ baseUrl: `https://me:${secret}#b@authority.example` }, "baseUrl", /without user/, "\"\""],
    [{ baseUrl: `https://authority.example?k=a@${secret}` }, "baseUrl", /query/, "\"\""],
    [{ apiKey: "" }, "apiKey", /visible ASCII/, undefined],
    [{ apiKey: undefined }, "apiKey", /visible ASCII/, undefined],
    [{ apiKey: Redacted.make("") }, "apiKey", /visible ASCII/, undefined],
    [{ connectTimeout: 0 }, "connectTimeout", /between 1 ms and 24 h/, "\"0\""],
    [{ readTimeout: "soon" }, "readTimeout", /duration/, "\"soon\""],
    [{ readTimeout: -1 }, "readTimeout", /between/, "\"0\""],
    [{ readTimeout: NaN }, "readTimeout", /duration/, "NaN"],
    [{ readTimeout: Duration.infinity }, "readTimeout", /24 h/, "\"Infinity\""],
    [{ flushTimeout: NaN }, "flushTimeout", /duration/, "NaN"],
    [{ flushTimeout: "25 hours" }, "flushTimeout", /between 0 ms and 24 h/, "\"1d 1h\""],
    [{ retry: { maxAttempts: -1 } }, "retry.maxAttempts", /between 0 and 1000/, "-1"],
    [{ retry: { maxAttempts: 1.5 } }, "retry.maxAttempts", /integer/, "1.5"],
    [{ retry: { maxAttempts: NaN } }, "retry.maxAttempts", /integer/, "NaN"],
    [{ retry: { multiplier: NaN } }, "retry.multiplier", /between 1 and 100/, "NaN"],
    [{ retry: { multiplier: 0.5 } }, "retry.multiplier", /between 1 and 100/, "0.5"],
    [{ retry: { initialDelay: 0 } }, "retry.initialDelay", /between 1 ms/, "\"0\""],
    [{ retry: { maxDelay: 0 } }, "retry.maxDelay", /between 1 ms/, "\"0\""],
    [{ maxResponseBytes: 1023 }, "maxResponseBytes", /between 1024/, "1023"],
    [{ maxResponseBytes: Infinity }, "maxResponseBytes", /integer/, "Infinity"]
  ]
  for (const [options, field, bound, value] of bad) {
    it(`${field} ${value} is refused`, () => {
      const error = refused(options)
      assert.strictEqual(error.field, field)
      assert.match(error.bound, bound)
      assert.strictEqual(error.value, value)
      assertHides(error)
    })
  }

  it("a redacted key is taken as it is", () => {
    const apiKey = Redacted.make(secret)
    assert.strictEqual(made({ apiKey }).apiKey, apiKey)
    assertHides(made({ apiKey }))
    assertHides({ ...made() })
  })
})

const clear = [
  "http://authority.example",
  "http://10.0.0.1:7878",
  "http://127.evil.example",
  "http://localhost.evil.example",
  "http://[fe80::1]",
  "http://0.0.0.0"
]

const safe = [
  "https://authority.example",
  "https://10.0.0.1",
  "http://localhost:7878",
  "http://LOCALHOST",
  "http://agent.localhost",
  "http://127.0.0.1:1",
  "http://127.1",
  "http://127.9.8.7/base",
  "http://[::1]:7878",
  "http://[0:0:0:0:0:0:0:1]"
]

describe("clear text", () => {
  const nowhere = Layer.merge(
    Layer.succeed(HttpClient.HttpClient, HttpClient.make(() => Effect.never)),
    Journal.layerMemory()
  )
  const warnings = (baseUrl: string) =>
    logged(Effect.scoped(Layer.build(Layer.provide(Cycles.layer({ baseUrl, apiKey: secret }), nowhere)))).pipe(
      Effect.map(([, lines]) => lines.filter((line) => line.includes("plain http")))
    )

  for (const baseUrl of clear) {
    it.effect(`${baseUrl} is warned about once`, () =>
      Effect.gen(function*() {
        const [line, ...more] = yield* warnings(baseUrl)
        assert.include(line, new URL(baseUrl).host)
        assert.include(line, "\"logLevel\":\"WARN\"")
        assert.include(line, "\"package\":\"effect-cycles\"")
        assert.deepStrictEqual(more, [])
        assertHides(line)
      }))
  }

  it.effect("https and the loopback are not", () =>
    Effect.gen(function*() {
      for (const baseUrl of safe) assert.deepStrictEqual(yield* warnings(baseUrl), [])
    }))
})
