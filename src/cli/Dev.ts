/**
 * `effect-cycles dev`: the server for development, from the command line.
 */
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { Amount } from "../protocol/Amount.js"
import * as Command from "./Command.js"
import * as DevServer from "./DevServer.js"
import { type Budget, parseAll } from "./internal/budgets.js"
import { colourOf } from "./internal/colour.js"
import { type Failure, failure, usage } from "./internal/failure.js"
import { greeting } from "./internal/greeting.js"

const help = `Usage: effect-cycles dev [options]

A budget authority for development, for clients of any language. Budgets live in memory, unless --data says where.

  --budget SCOPE=AMOUNT   a budget, such as tenant:acme=10usd or tenant:acme/agent:x=50000tokens; may be repeated.
                          Units: usd (dollars, up to 8 decimals), tokens, credits, points. Without
                          any: tenant:acme=10usd
  --data DIR              keep everything in this directory, and go on with what is there (needs libsql, which npm
                          installs with effect-cycles). A --budget that changes adds or takes the difference
  --port N                port of the runtime API and of the page (7878); 0 takes a free one
  --admin-port N          port of the admin API (7979)
  --host HOST             where to listen (localhost). Beyond this machine, keys are made up at each start
  --allow-host NAME       a name by which clients may call this server besides localhost; may be repeated
  --quiet                 print nothing but errors
  --allow-production      start although NODE_ENV is production
  -h, --help              show this

The administrator's key is that of CYCLES_DEV_ADMIN_KEY, else admin-bootstrap-key.`

const otherwise: ReadonlyArray<Budget> = [{ scope: "tenant:acme", allocated: Amount.usd("10") }]

const portOf = (name: string, text: string | undefined, otherwise: number): Either.Either<number, Failure> =>
  text === undefined
    ? Either.right(otherwise)
    : /^\d{1,5}$/.test(text) && Number(text) <= 65535
    ? Either.right(Number(text))
    : Either.left(usage(`--${name} must be a number from 0 to 65535, and not ${JSON.stringify(text)}`))

const variables = Config.all({
  adminKey: Config.option(Config.redacted("CYCLES_DEV_ADMIN_KEY")),
  environment: Config.withDefault(Config.string("NODE_ENV"), ""),
  noColor: Config.withDefault(Config.string("NO_COLOR"), ""),
  term: Config.withDefault(Config.string("TERM"), "")
})

/**
 * The command. `terminal`: whether a person sees the output.
 *
 * @since 0.1.0
 * @category constructors
 */
export const dev = (terminal: boolean): Command.Command =>
  Command.make({
    name: "dev",
    summary: "runs a budget authority for development",
    help,
    flags: {
      budget: { type: "string", multiple: true },
      data: { type: "string" },
      port: { type: "string" },
      "admin-port": { type: "string" },
      host: { type: "string" },
      "allow-host": { type: "string", multiple: true },
      quiet: { type: "boolean" },
      "allow-production": { type: "boolean" }
    },
    handler: (given) =>
      Effect.gen(function*() {
        const { adminKey, environment, noColor, term } = yield* Effect.mapError(
          variables,
          (error) => failure(String(error))
        )
        const port = yield* portOf("port", given.port, 7878)
        const adminPort = yield* portOf("admin-port", given["admin-port"], 7979)
        const budgets = yield* Either.mapLeft(parseAll(given.budget ?? []), usage)
        if (given.data?.trim() === "") return yield* usage("--data needs the name of a directory")
        if (environment === "production" && given["allow-production"] !== true) {
          return yield* failure(
            "NODE_ENV is production, and this server is for development: point clients at a Cycles server, or say --allow-production"
          )
        }
        const running = yield* DevServer.start({
          host: given.host ?? "localhost",
          port,
          adminPort,
          allowedHosts: given["allow-host"] ?? [],
          budgets,
          otherwise,
          adminKey: Option.getOrUndefined(adminKey),
          data: given.data
        })
        if (given.quiet !== true) {
          const asked = { budgets, data: given.data }
          yield* Console.log(greeting(running, asked, colourOf(terminal, { noColor, term })))
        }
        return yield* running.failed
      }).pipe(Effect.scoped)
  })
