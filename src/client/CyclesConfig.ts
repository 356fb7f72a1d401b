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
import * as Environment from "./internal/environment.js"

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
  /** Where spend that is not recorded yet survives a crash. `CyclesNodeLive` reads it; any other layer has the journal it is given. */
  readonly journal?: {
    /** Default true. */
    readonly enabled?: boolean | undefined
    /** Absent or empty means the usual place of the journal. */
    readonly directory?: string | undefined
  } | undefined
  /**
   * For hosts that freeze the process after the response: gets a promise of every job that goes on in the background, such as
   * `(work) => context.waitUntil(work)`.
   */
  readonly waitUntil?: ((work: Promise<unknown>) => void) | undefined
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
  readonly waitUntil?: ((work: Promise<unknown>) => void) | undefined
  /** For the layer that makes the journal: the client itself does not use it. */
  readonly journal: {
    readonly enabled: boolean
    readonly directory: Option.Option<string>
  }
  readonly maxResponseBytes: number
}

const visibleAscii = /^[\x21-\x7e]+$/

/** What stands before an `@` or after a `?` may be a secret: an error shows neither, and nothing where they are mixed. */
const harmless = (text: string): string =>
  /[?#].*@/s.test(text) ? "" : text.replace(/[?#].*$/s, "").replace(/^.*@/s, "")

const parseUrl = (text: string): Either.Either<URL, InvalidInput> => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url !== undefined && /^https?:$/.test(url.protocol) && !/[?#]/.test(text) &&
      `${url.username}${url.password}` === ""
    ? Either.right(url)
    : Either.left(invalidInput(
      "baseUrl",
      "must be an http or https URL without user, query or fragment",
      harmless(String(text))
    ))
}

const within = (
  field: string,
  input: Duration.DurationInput | undefined,
  fallback: Duration.DurationInput,
  least: number
): Either.Either<Duration.Duration, InvalidInput> => {
  const duration = Duration.decodeUnknown(input ?? fallback)
  return Option.match(Number.isNaN(input) ? Option.none() : duration, {
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
    const apiKey = Redacted.isRedacted(options.apiKey) ? options.apiKey : Redacted.make(options.apiKey ?? "")
    if (!visibleAscii.test(Redacted.value(apiKey))) {
      return yield* Either.left(invalidInput("apiKey", "must be visible ASCII and not empty"))
    }
    const { journal = {}, retry = {} } = options
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
      ...(options.waitUntil && { waitUntil: options.waitUntil }),
      journal: {
        enabled: journal.enabled ?? true,
        directory: Option.liftPredicate(journal.directory ?? "", (directory) => directory !== "")
      },
      maxResponseBytes: yield* integer("maxResponseBytes", options.maxResponseBytes ?? 4 * 1024 * 1024, 1024, 2 ** 30)
    }
  })

/**
 * The options as environment variables: `CYCLES_BASE_URL`, `CYCLES_API_KEY`, `CYCLES_TENANT` and the other levels,
 * `CYCLES_CONNECT_TIMEOUT`, `CYCLES_READ_TIMEOUT`, `CYCLES_RETRY_ENABLED`, `…_MAX_ATTEMPTS`, `…_INITIAL_DELAY`,
 * `…_MULTIPLIER`, `…_MAX_DELAY`, `…_FLUSH_TIMEOUT`, `CYCLES_JOURNAL_ENABLED`, `CYCLES_JOURNAL_DIR`. Durations are milliseconds
 * or have a unit (`2s`); a bare fraction or a bare number under 100 is refused, since other clients would read seconds. Nothing
 * unparseable becomes a default; a blank variable is one that is not set. A `ConfigError` names the variable, what it is and what it may be;
 * never the key.
 *
 * @since 0.1.0
 * @category config
 */
export const config = (settings?: {
  /** What the names begin with, without the underscore. Default `CYCLES`. */
  readonly prefix?: string | undefined
}): Config.Config<Options> => {
  const prefix = (settings?.prefix ?? "CYCLES").replace(/_+$/, "")
  const { parsed, required, text } = Environment.variables(prefix)
  return Config.all({
    baseUrl: required("BASE_URL"),
    apiKey: Config.map(required("API_KEY"), (key) => Redacted.make(key)),
    subject: Config.all({
      tenant: text("TENANT"),
      workspace: text("WORKSPACE"),
      app: text("APP"),
      workflow: text("WORKFLOW"),
      agent: text("AGENT"),
      toolset: text("TOOLSET")
    }),
    connectTimeout: parsed("CONNECT_TIMEOUT", Environment.duration),
    readTimeout: parsed("READ_TIMEOUT", Environment.duration),
    retry: Config.all({
      enabled: parsed("RETRY_ENABLED", Environment.boolean),
      maxAttempts: parsed("RETRY_MAX_ATTEMPTS", Environment.number),
      initialDelay: parsed("RETRY_INITIAL_DELAY", Environment.duration),
      multiplier: parsed("RETRY_MULTIPLIER", Environment.number),
      maxDelay: parsed("RETRY_MAX_DELAY", Environment.duration)
    }),
    flushTimeout: parsed("RETRY_FLUSH_TIMEOUT", Environment.duration),
    journal: Config.all({
      enabled: parsed("JOURNAL_ENABLED", Environment.boolean),
      directory: text("JOURNAL_DIR")
    })
  }).pipe(
    Config.nested(prefix),
    Config.mapOrFail((options) =>
      Either.mapBoth(make(options), {
        onLeft: ({ bound, field, value }) =>
          ConfigError.InvalidData(
            [],
            `${prefix}_${variableOf(field)} ${value === undefined ? "" : `is ${value}: it `}${bound}`
          ),
        onRight: () => options
      })
    )
  )
}

/** The variable of an option, without its prefix. */
const variableOf = (option: string): string =>
  option === "flushTimeout" ? "RETRY_FLUSH_TIMEOUT" : option.replace(/\.|(?=[A-Z])/g, "_").toUpperCase()

/** Whether the key would travel unencrypted beyond this machine. */
export const isCleartext = ({ hostname, protocol }: URL): boolean =>
  protocol === "http:" && !/^(?:(?:.*\.)?localhost|\[::1\]|127(?:\.\d+){3})$/.test(hostname)
