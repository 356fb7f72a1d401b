/**
 * How to reach the authority: options, environment variables, and what is refused as ambiguous.
 */
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { type InvalidInput, invalidInput } from "../protocol/InvalidInput.js"
import { type Level, levels } from "../protocol/Subject.js"

/**
 * What a program says. Only `baseUrl` and `apiKey` are required.
 *
 * @since 0.1.0
 * @category config
 */
export interface Options {
  /** `http` or `https`, without query; kept exactly as written. */
  readonly baseUrl: string
  /** The key of a tenant. Visible ASCII only. */
  readonly apiKey: Redacted.Redacted<string> | string
  /** The subject of every call that does not say otherwise, level by level. Empty strings count as absent. */
  readonly subject?: { readonly [L in Level]?: string | undefined } | undefined
  /** Part of the time limit of one attempt. Default 2 s. */
  readonly connectTimeout?: Duration.DurationInput | undefined
  /** Part of the time limit of one attempt: an attempt ends after the sum of both, body included. Default 5 s. */
  readonly readTimeout?: Duration.DurationInput | undefined
  /** Background attempts of a settlement after the first one. */
  readonly retry?: {
    /** Default true. */
    readonly enabled?: boolean | undefined
    /** Default 5. */
    readonly maxAttempts?: number | undefined
    /** Default 500 ms. */
    readonly initialDelay?: Duration.DurationInput | undefined
    /** Default 2. */
    readonly multiplier?: number | undefined
    /** Default 30 s. */
    readonly maxDelay?: Duration.DurationInput | undefined
  } | undefined
  /** How long the end of the layer waits for settlements under way. Default 10 s; zero does not wait. */
  readonly flushTimeout?: Duration.DurationInput | undefined
  /** The largest response body that is read, in bytes. Default 4 MiB. */
  readonly maxResponseBytes?: number | undefined
}

/**
 * A checked configuration. The key is redacted in every rendering.
 *
 * @since 0.1.0
 * @category config
 */
export interface CyclesConfig {
  readonly baseUrl: string
  readonly url: URL
  readonly apiKey: Redacted.Redacted<string>
  readonly subject: { readonly [L in Level]?: string }
  readonly attemptTimeout: Duration.Duration
  readonly retry: {
    readonly enabled: boolean
    readonly maxAttempts: number
    readonly initialDelay: Duration.Duration
    readonly multiplier: number
    readonly maxDelay: Duration.Duration
  }
  readonly flushTimeout: Duration.Duration
  readonly maxResponseBytes: number
}

const visibleAscii = /^[\x21-\x7e]+$/

const parseUrl = (text: string): Either.Either<URL, InvalidInput> => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url !== undefined && /^https?:$/.test(url.protocol) && url.search === "" && url.hash === "" &&
      url.username === "" && url.password === ""
    ? Either.right(url)
    : Either.left(invalidInput(
      "baseUrl",
      "must be an http or https URL without user, query or fragment",
      url === undefined ? text : `${url.protocol}//${url.host}`
    ))
}

const within = (
  field: string,
  input: Duration.DurationInput | undefined,
  fallback: Duration.DurationInput,
  least: number
): Either.Either<Duration.Duration, InvalidInput> => {
  const duration = Duration.decodeUnknown(input ?? fallback)
  return Option.match(duration, {
    onNone: () => Either.left(invalidInput(field, "must be a duration", input)),
    onSome: (d) => {
      const millis = Duration.toMillis(d)
      return millis >= least && millis <= 86_400_000
        ? Either.right(d)
        : Either.left(invalidInput(field, `must be between ${least} ms and 24 h`, Duration.format(d)))
    }
  })
}

const integer = (field: string, n: number, least: number, most: number): Either.Either<number, InvalidInput> =>
  Number.isSafeInteger(n) && n >= least && n <= most
    ? Either.right(n)
    : Either.left(invalidInput(field, `must be an integer between ${least} and ${most}`, n))

/**
 * Checks options and fills in defaults. `InvalidInput` names the option, its bound and the value (never the key).
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Either.Either<CyclesConfig, InvalidInput> =>
  Either.gen(function*() {
    const apiKey = typeof options.apiKey === "string" ? Redacted.make(options.apiKey) : options.apiKey
    if (!visibleAscii.test(Redacted.value(apiKey))) {
      return yield* Either.left(invalidInput("apiKey", "must be visible ASCII and not empty"))
    }
    const { retry = {} } = options
    const multiplier = retry.multiplier ?? 2
    if (!(multiplier >= 1 && multiplier <= 100)) {
      return yield* Either.left(invalidInput("retry.multiplier", "must be between 1 and 100", multiplier))
    }
    const connect = yield* within("connectTimeout", options.connectTimeout, "2 seconds", 1)
    const read = yield* within("readTimeout", options.readTimeout, "5 seconds", 1)
    return {
      baseUrl: options.baseUrl,
      url: yield* parseUrl(options.baseUrl),
      apiKey,
      subject: Object.fromEntries(
        levels.flatMap((level) => options.subject?.[level] ? [[level, options.subject[level]]] : [])
      ),
      attemptTimeout: Duration.sum(connect, read),
      retry: {
        enabled: retry.enabled ?? true,
        maxAttempts: yield* integer("retry.maxAttempts", retry.maxAttempts ?? 5, 0, 1000),
        initialDelay: yield* within("retry.initialDelay", retry.initialDelay, "500 millis", 1),
        multiplier,
        maxDelay: yield* within("retry.maxDelay", retry.maxDelay, "30 seconds", 1)
      },
      flushTimeout: yield* within("flushTimeout", options.flushTimeout, "10 seconds", 0),
      maxResponseBytes: yield* integer("maxResponseBytes", options.maxResponseBytes ?? 4 * 1024 * 1024, 1024, 2 ** 30)
    }
  })

const refuse = (message: string) => Either.left(ConfigError.InvalidData([], message))

/** Absent when unset or empty. */
const optional = (name: string) =>
  Config.string(name).pipe(Config.option, Config.map(Option.filter((text) => text.trim() !== "")))

const parsed = <A>(name: string, parse: (text: string) => Either.Either<A, ConfigError.ConfigError>) =>
  optional(name).pipe(
    Config.mapOrFail(Option.match({
      onNone: () => Either.right(undefined),
      onSome: (text) => parse(text.trim())
    }))
  )

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

const parseDuration = (text: string): Either.Either<Duration.Duration, ConfigError.ConfigError> => {
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h)?$/.exec(text)
  if (match === null) {
    return refuse(`expected milliseconds or a value with a unit such as "2s" or "500ms", got "${text}"`)
  }
  const [, digits, unit] = match
  const n = Number(digits)
  if (unit !== undefined) return Either.right(Duration.millis(n * (unitsMs[unit] ?? 1)))
  if (n === 0) return Either.right(Duration.zero)
  return Number.isInteger(n) && n >= 100
    ? Either.right(Duration.millis(n))
    : refuse(
      `"${text}" is ambiguous: a bare number is milliseconds here, but this one looks like seconds; write "${n}s" or "${n}ms"`
    )
}

const parseBoolean = (text: string): Either.Either<boolean, ConfigError.ConfigError> => {
  const word = text.toLowerCase()
  if (["true", "1", "yes", "on"].includes(word)) return Either.right(true)
  if (["false", "0", "no", "off"].includes(word)) return Either.right(false)
  return refuse(`expected true, false, 1, 0, yes, no, on or off, got "${text}"`)
}

const parseNumber = (text: string): Either.Either<number, ConfigError.ConfigError> =>
  /^\d+(\.\d+)?$/.test(text) ? Either.right(Number(text)) : refuse(`expected a number, got "${text}"`)

const required = (name: string) =>
  Config.string(name).pipe(
    Config.mapOrFail((text) =>
      text.trim() === "" ? Either.left(ConfigError.MissingData([], `${name} is empty`)) : Either.right(text)
    )
  )

/**
 * The options as environment variables: `CYCLES_BASE_URL`, `CYCLES_API_KEY`, `CYCLES_TENANT` and the other levels,
 * `CYCLES_CONNECT_TIMEOUT`, `CYCLES_READ_TIMEOUT`, `CYCLES_RETRY_ENABLED`, `…_MAX_ATTEMPTS`, `…_INITIAL_DELAY`,
 * `…_MULTIPLIER`, `…_MAX_DELAY`, `…_FLUSH_TIMEOUT`. Durations are milliseconds or have a unit (`2s`); a bare fraction or a
 * bare number under 100 is refused, since other clients would read seconds. Nothing unparseable becomes a default.
 *
 * @since 0.1.0
 * @category config
 */
export const config = (settings?: {
  /** What the names begin with, without the underscore. Default `CYCLES`. */
  readonly prefix?: string | undefined
}): Config.Config<Options> =>
  Config.all({
    baseUrl: required("BASE_URL"),
    apiKey: required("API_KEY").pipe(Config.map((key) => Redacted.make(key))),
    subject: Config.all({
      tenant: optional("TENANT").pipe(Config.map(Option.getOrUndefined)),
      workspace: optional("WORKSPACE").pipe(Config.map(Option.getOrUndefined)),
      app: optional("APP").pipe(Config.map(Option.getOrUndefined)),
      workflow: optional("WORKFLOW").pipe(Config.map(Option.getOrUndefined)),
      agent: optional("AGENT").pipe(Config.map(Option.getOrUndefined)),
      toolset: optional("TOOLSET").pipe(Config.map(Option.getOrUndefined))
    }),
    connectTimeout: parsed("CONNECT_TIMEOUT", parseDuration),
    readTimeout: parsed("READ_TIMEOUT", parseDuration),
    retry: Config.all({
      enabled: parsed("RETRY_ENABLED", parseBoolean),
      maxAttempts: parsed("RETRY_MAX_ATTEMPTS", parseNumber),
      initialDelay: parsed("RETRY_INITIAL_DELAY", parseDuration),
      multiplier: parsed("RETRY_MULTIPLIER", parseNumber),
      maxDelay: parsed("RETRY_MAX_DELAY", parseDuration)
    }),
    flushTimeout: parsed("RETRY_FLUSH_TIMEOUT", parseDuration)
  }).pipe(Config.nested((settings?.prefix ?? "CYCLES").replace(/_+$/, "")))

/** Whether the key would travel unencrypted beyond this machine. */
export const isCleartext = ({ hostname, protocol }: URL): boolean =>
  protocol === "http:" &&
  !(hostname === "localhost" || hostname.endsWith(".localhost") || hostname === "[::1]" || /^127\./.test(hostname))
