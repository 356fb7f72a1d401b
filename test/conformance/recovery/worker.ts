/**
 * A process of a user, on the layers of `effect-cycles/node`. Arguments: `spend` reserves, uses 37 tokens and settles; `replay` only
 * waits; `journal` carries out steps on the journal alone, the JSON of `["put" | "remove", id]` and `["entries"]`. Each says on standard
 * output what it did, and then waits to be killed. `TEST_KILL` is the mode of the record after whose write the process ends at once.
 */
import { Amount, Cycles, guarded, Journal } from "effect-cycles"
import { layerJournalConfig, Transport } from "effect-cycles/node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import { writeSync } from "node:fs"
import { entryOf } from "./records.js"
import { spend } from "./spend.js"

const [command, steps = "[]"] = process.argv.slice(2)
const env = (name: string): string => process.env[name] ?? ""

const say = (message: Readonly<Record<string, unknown>>) =>
  Effect.sync(() => writeSync(1, `${JSON.stringify({ ...message, atMs: Date.now() })}\n`))

const dieAfter = (mode: string, store: Journal.Store): Journal.Store => ({
  ...store,
  put: (entry) =>
    Effect.tap(store.put(entry), () => Effect.sync(() => entry.mode === mode && process.kill(process.pid, "SIGKILL")))
})

const journal = Layer.effect(
  Journal.Journal,
  Effect.map(Journal.Journal, ({ open }) => ({
    open: (identity: Journal.Identity) => Effect.map(open(identity), (store) => dieAfter(env("TEST_KILL"), store))
  }))
).pipe(Layer.provide(layerJournalConfig()))

const cycles = Cycles.layerConfig().pipe(Layer.provide([Transport.layer(), journal]))

const spending = Effect.gen(function*() {
  yield* Effect.succeed("done").pipe(
    guarded({ ...spend, actual: Amount.tokens(37), onSettled: ({ _tag }) => say({ settled: _tag }) })
  )
  return yield* Effect.never
}).pipe(Effect.provide(cycles))

const replaying = Effect.zipRight(Cycles, say({ ready: true })).pipe(
  Effect.zipRight(Effect.never),
  Effect.provide(cycles)
)

const onJournal = Effect.gen(function*() {
  const baseUrl = env("CYCLES_BASE_URL")
  const { open } = yield* Journal.Journal
  const store = yield* open({ baseUrl, tenant: env("CYCLES_TENANT"), apiKey: Redacted.make(env("CYCLES_API_KEY")) })
  for (const [step, id] of JSON.parse(steps) as ReadonlyArray<readonly [string, string]>) {
    if (step === "put") yield* store.put(entryOf(baseUrl, id))
    if (step === "remove") yield* store.remove(id)
    if (step === "entries") yield* say({ entries: (yield* store.entries).map(({ reservationId }) => reservationId) })
  }
  yield* say({ done: true })
}).pipe(Effect.scoped, Effect.provide(layerJournalConfig()))

const program: Effect.Effect<unknown, unknown> = command === "spend"
  ? spending
  : command === "replay"
  ? replaying
  : onJournal

Effect.runFork(
  program.pipe(
    Effect.tapErrorCause((cause) => Effect.logFatal(cause)),
    Effect.provide(Logger.json)
  )
)
