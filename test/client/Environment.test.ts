import { assert, describe, it } from "@effect/vitest"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as CyclesConfig from "../../src/client/CyclesConfig.js"
import { assertHides } from "./support/outcome.js"
import { secret } from "./support/server.js"

const least = { CYCLES_BASE_URL: "https://authority.example", CYCLES_API_KEY: secret }

const from = (variables: Record<string, string>, prefix?: string) =>
  Effect.withConfigProvider(
    prefix === undefined ? CyclesConfig.config() : CyclesConfig.config({ prefix }),
    ConfigProvider.fromMap(new Map(Object.entries(variables)), { pathDelim: "_" })
  )

const read = (variables: Record<string, string>) => from({ ...least, ...variables })
const refusal = (variables: Record<string, string>) => Effect.map(Effect.flip(read(variables)), String)

const durations: ReadonlyArray<readonly [name: string, get: (options: CyclesConfig.Options) => unknown]> = [
  ["CYCLES_CONNECT_TIMEOUT", ({ connectTimeout }) => connectTimeout],
  ["CYCLES_READ_TIMEOUT", ({ readTimeout }) => readTimeout],
  ["CYCLES_RETRY_INITIAL_DELAY", ({ retry }) => retry?.initialDelay],
  ["CYCLES_RETRY_MAX_DELAY", ({ retry }) => retry?.maxDelay],
  ["CYCLES_RETRY_FLUSH_TIMEOUT", ({ flushTimeout }) => flushTimeout]
]

const booleans: ReadonlyArray<readonly [name: string, get: (options: CyclesConfig.Options) => unknown]> = [
  ["CYCLES_RETRY_ENABLED", ({ retry }) => retry?.enabled],
  ["CYCLES_JOURNAL_ENABLED", ({ journal }) => journal?.enabled]
]

describe("environment", () => {
  it.effect("only the URL and the key are required", () =>
    Effect.gen(function*() {
      const { apiKey, ...rest } = yield* from(least)
      assert.strictEqual(Redacted.isRedacted(apiKey) && Redacted.value(apiKey), secret)
      const absent = {
        enabled: undefined,
        maxAttempts: undefined,
        initialDelay: undefined,
        multiplier: undefined,
        maxDelay: undefined
      }
      assert.deepStrictEqual(rest, {
        baseUrl: "https://authority.example",
        subject: {
          tenant: undefined,
          workspace: undefined,
          app: undefined,
          workflow: undefined,
          agent: undefined,
          toolset: undefined
        },
        connectTimeout: undefined,
        readTimeout: undefined,
        retry: absent,
        flushTimeout: undefined,
        journal: { enabled: undefined, directory: undefined }
      })
      const config = yield* CyclesConfig.make({ ...rest, apiKey })
      const { apiKey: _, ...same } = yield* CyclesConfig.make({ baseUrl: rest.baseUrl, apiKey })
      assert.deepInclude(config, same)
    }))

  it.effect("every variable", () =>
    Effect.gen(function*() {
      const options = yield* read({
        CYCLES_TENANT: "acme",
        CYCLES_WORKSPACE: "w",
        CYCLES_APP: "ap",
        CYCLES_WORKFLOW: "wf",
        CYCLES_AGENT: "ag",
        CYCLES_TOOLSET: "ts",
        CYCLES_CONNECT_TIMEOUT: "1000",
        CYCLES_READ_TIMEOUT: "4s",
        CYCLES_RETRY_ENABLED: "off",
        CYCLES_RETRY_MAX_ATTEMPTS: "7",
        CYCLES_RETRY_INITIAL_DELAY: "250ms",
        CYCLES_RETRY_MULTIPLIER: "1.5",
        CYCLES_RETRY_MAX_DELAY: "1m",
        CYCLES_RETRY_FLUSH_TIMEOUT: "0",
        CYCLES_JOURNAL_ENABLED: "no",
        CYCLES_JOURNAL_DIR: "/var/lib/agent, 1"
      })
      const { apiKey: _, url: __, ...config } = yield* CyclesConfig.make(options)
      assert.deepStrictEqual({
        ...config,
        journal: { ...config.journal, directory: String(options.journal?.directory) }
      }, {
        baseUrl: "https://authority.example",
        subject: { tenant: "acme", workspace: "w", app: "ap", workflow: "wf", agent: "ag", toolset: "ts" },
        attemptTimeout: Duration.seconds(5),
        retry: {
          enabled: false,
          maxAttempts: 7,
          initialDelay: Duration.millis(250),
          multiplier: 1.5,
          maxDelay: Duration.minutes(1)
        },
        flushTimeout: Duration.zero,
        journal: { enabled: false, directory: "/var/lib/agent, 1" },
        maxResponseBytes: 4 * 1024 * 1024
      })
    }))

  it.effect("another prefix, with or without its underscore", () =>
    Effect.gen(function*() {
      const variables = {
        ...least,
        BILLING_BASE_URL: "http://localhost:1",
        BILLING_API_KEY: secret,
        BILLING_AGENT: "b"
      }
      for (const prefix of ["BILLING", "BILLING_"]) {
        const { baseUrl, subject } = yield* from(variables, prefix)
        assert.strictEqual(baseUrl, "http://localhost:1")
        assert.strictEqual(subject?.agent, "b")
      }
      assert.include(
        String(yield* Effect.flip(from({ ...least, BILLING_API_KEY: secret }, "BILLING"))),
        "BILLING_BASE_URL"
      )
    }))

  it.effect("the base URL is kept as written", () =>
    Effect.gen(function*() {
      for (const text of ["HTTPS://Authority.Example:443/a//", " https://x.example "]) {
        const { baseUrl } = yield* CyclesConfig.make(yield* read({ CYCLES_BASE_URL: text }))
        assert.strictEqual(baseUrl, text)
      }
    }))

  for (const name of ["CYCLES_BASE_URL", "CYCLES_API_KEY"]) {
    it.effect(`${name} is missing when it is absent, empty or blank`, () =>
      Effect.gen(function*() {
        const { [name as keyof typeof least]: _, ...others } = least
        for (const variables of [others, { ...others, [name]: "" }, { ...others, [name]: " \n" }]) {
          const error = yield* Effect.flip(from(variables as Record<string, string>))
          assert.include(String(error), name)
          assert.strictEqual(error._op, "MissingData")
          assertHides(error)
        }
      }))
  }

  it.effect("a key that cannot be a header is refused and not shown", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(read({ CYCLES_API_KEY: `${secret}\n` }))
      assert.include(String(error), "\"CYCLES_API_KEY must be visible ASCII and not empty\"")
      assertHides(error)
    }))

  it.effect("what is read, but out of bounds, is refused by the name of its variable", () =>
    Effect.gen(function*() {
      const cases: ReadonlyArray<readonly [variables: Record<string, string>, says: string]> = [
        [
          { CYCLES_BASE_URL: `ftp://me:${secret}@host/?key=${secret}` },
          "CYCLES_BASE_URL is \"host/\": it must be an http or https URL without user, query or fragment"
        ],
        [{ CYCLES_READ_TIMEOUT: "0" }, "CYCLES_READ_TIMEOUT is \"0\": it must be between 1 ms and 24 h"],
        [{ CYCLES_CONNECT_TIMEOUT: "25h" }, "CYCLES_CONNECT_TIMEOUT is \"1d 1h\": it must be between 1 ms and 24 h"],
        [{ CYCLES_RETRY_INITIAL_DELAY: "0" }, "CYCLES_RETRY_INITIAL_DELAY is \"0\": it must be between 1 ms and 24 h"],
        [{ CYCLES_RETRY_MAX_DELAY: "0s" }, "CYCLES_RETRY_MAX_DELAY is \"0\": it must be between 1 ms and 24 h"],
        [{ CYCLES_RETRY_MULTIPLIER: "0.5" }, "CYCLES_RETRY_MULTIPLIER is 0.5: it must be between 1 and 100"],
        [
          { CYCLES_RETRY_MAX_ATTEMPTS: "2.5" },
          "CYCLES_RETRY_MAX_ATTEMPTS is 2.5: it must be an integer between 0 and 1000"
        ],
        [
          { CYCLES_RETRY_FLUSH_TIMEOUT: "25h" },
          "CYCLES_RETRY_FLUSH_TIMEOUT is \"1d 1h\": it must be between 0 ms and 24 h"
        ]
      ]
      for (const [variables, says] of cases) {
        const error = yield* Effect.flip(read(variables))
        assert.strictEqual(String(error), `(Invalid data at CYCLES: "${says}")`)
        assertHides(error)
      }
      const prefixed = yield* Effect.flip(from({ MY_APP_BASE_URL: "nowhere", MY_APP_API_KEY: secret }, "MY_APP_"))
      assert.include(String(prefixed), "MY_APP_BASE_URL is \"nowhere\"")
    }))

  for (const [name, get] of durations) {
    it.effect(`${name} has a unit, or is milliseconds`, () =>
      Effect.gen(function*() {
        const texts = {
          "2s": 2000,
          "500ms": 500,
          "1m": 60_000,
          "1.5s": 1500,
          "1h": 3_600_000,
          "100": 100,
          " 2 s ": 2000,
          ...(name === "CYCLES_RETRY_FLUSH_TIMEOUT" && { "0": 0 })
        }
        for (const [text, expected] of Object.entries(texts)) {
          assert.deepStrictEqual(get(yield* read({ [name]: text })), Duration.millis(expected), text)
        }
        assert.isUndefined(get(yield* read({ [name]: " " })))
      }))

    it.effect(`${name} that looks like seconds is refused with both readings`, () =>
      Effect.gen(function*() {
        for (const text of ["2.0", "5", "50", "99", "0.5", "1000.5"]) {
          const message = yield* refusal({ [name]: text })
          for (const part of [name, "milliseconds", `"${text}s"`, `"${text}ms"`]) assert.include(message, part)
        }
      }))

    it.effect(`${name} that is no duration is refused`, () =>
      Effect.gen(function*() {
        for (const text of ["soon", "-1", "2 weeks", "NaN", "Infinity", "1e3", "0x10", "2,5s", "PT2S", "s"]) {
          const message = yield* refusal({ [name]: text })
          for (const part of [name, text, "500ms"]) assert.include(message, part)
        }
      }))
  }

  for (const [name, get] of booleans) {
    it.effect(`${name} is one of eight words in any case`, () =>
      Effect.gen(function*() {
        for (const text of ["true", "TRUE", "True", "1", "yes", "YES", "on", " on "]) {
          assert.isTrue(get(yield* read({ [name]: text })), text)
        }
        for (const text of ["false", "FALSE", "0", "no", "No", "off", "OFF"]) {
          assert.isFalse(get(yield* read({ [name]: text })), text)
        }
        for (const text of ["t", "2", "enabled", "yess", "null", "-1"]) {
          const message = yield* refusal({ [name]: text })
          for (const part of [name, text, "true, false, 1, 0, yes, no, on or off"]) assert.include(message, part)
        }
      }))
  }

  it.effect("numbers are decimal or refused", () =>
    Effect.gen(function*() {
      for (const name of ["CYCLES_RETRY_MAX_ATTEMPTS", "CYCLES_RETRY_MULTIPLIER"]) {
        for (const text of ["many", "NaN", "-1", "1e3", "Infinity", "5x"]) {
          const message = yield* refusal({ [name]: text })
          for (const part of [name, text, "number"]) assert.include(message, part)
        }
      }
    }))

  it.effect("a refused value cannot forge a log line", () =>
    Effect.gen(function*() {
      const message = yield* refusal({ CYCLES_READ_TIMEOUT: `x\n2026 ERROR ${"y".repeat(1000)}` })
      assert.notInclude(message, "\n2026")
      assert.isBelow(message.length, 300)
    }))

  it.effect("all that is wrong is named at once", () =>
    Effect.gen(function*() {
      const message = String(yield* Effect.flip(from({ CYCLES_READ_TIMEOUT: "5", CYCLES_RETRY_ENABLED: "maybe" })))
      for (const name of ["BASE_URL", "API_KEY", "READ_TIMEOUT", "RETRY_ENABLED"]) {
        assert.include(message, `CYCLES_${name}`)
      }
    }))

  it.effect("a program may build its own configuration", () =>
    Effect.gen(function*() {
      const own = Config.map(Config.string("URL"), (baseUrl): CyclesConfig.Options => ({ baseUrl, apiKey: secret }))
      const options = yield* Effect.withConfigProvider(
        own,
        ConfigProvider.fromMap(new Map([["URL", "http://localhost"]]))
      )
      assert.strictEqual((yield* CyclesConfig.make(options)).url.host, "localhost")
    }))
})
