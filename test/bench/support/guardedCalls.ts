/**
 * Guarded calls as a program makes them, on the node entry and on the portable one, with a journal of choice.
 */
import { Amount, Cycles, guarded, Journal } from "effect-cycles"
import { layerJournal, Transport } from "effect-cycles/node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Tracer from "effect/Tracer"
import { layerFetch } from "../../../src/client/internal/fetchClient.js"
import { journalOfNothing } from "../../support/journal.js"
import type { Settings, Way } from "./bench.js"

const apiKey = "cyc_bench_key_of_acme"

/** `off`, `memory`, `files` (without fsync) or `fsync`, the last two in `directory`. */
const journalOf = ({ directory, journal }: Settings): Layer.Layer<Journal.Journal> => {
  switch (journal) {
    case "files":
    case "fsync":
      return layerJournal({ directory: String(directory), fsync: journal === "fsync" })
    case "memory":
      return Journal.layerMemory()
    default:
      // What journaling costs is the difference to this.
      return journalOfNothing()
  }
}

/** A warning ends the process: what it would measure is not what it says, such as a journal that cannot be written. */
const strict = Logger.replace(
  Logger.defaultLogger,
  Logger.make(({ logLevel, message }) => {
    if (LogLevel.lessThan(logLevel, LogLevel.Warning)) return
    console.error(message)
    process.exit(1)
  })
)

/** Keeps every span that ends for a batch, as an exporter does. */
const listening = Layer.unwrapEffect(Effect.map(Effect.tracer, ({ context, span }) => {
  const seen: Array<string> = []
  return Layer.setTracer(Tracer.make({
    context,
    span: (...args) => {
      const made = span(...args)
      const end = made.end
      made.end = (...how) => {
        if (seen.push(made.name) >= 512) seen.length = 0
        end.apply(made, how)
      }
      return made
    }
  }))
}))

/** `entry` is `node` or `portable`; `tracer` is 1 when one listens. */
export const layerOf = (settings: Settings): Layer.Layer<Cycles> => {
  const { baseUrl, entry, tracer } = settings
  const transport = entry === "node" ? Transport.layer() : layerFetch
  const live = Cycles.layer({ baseUrl: String(baseUrl), apiKey, subject: { tenant: "acme" } }).pipe(
    Layer.provide([transport, journalOf(settings)]),
    Layer.orDie
  )
  return Layer.mergeAll(live, strict, tracer === 1 ? listening : Layer.empty)
}

const call = Effect.void.pipe(
  guarded({
    action: { kind: "llm.completion", name: "gpt-4o" },
    estimate: Amount.usd("0.05"),
    actual: Amount.usd("0.0123")
  }),
  Effect.orDie
)

/** Runs `calls` of something, never more than `inFlight` at once. */
export const many = (one: () => Promise<unknown>, calls: number, inFlight: number): Promise<unknown> => {
  let left = calls
  const lane = async (): Promise<void> => {
    while (left-- > 0) await one()
  }
  return Promise.all(Array.from({ length: inFlight }, lane))
}

/** The same, on as many fibers. */
const manyEffects = <R>(one: Effect.Effect<void, never, R>, calls: number, inFlight: number) => {
  let left = calls
  const lane = Effect.whileLoop({ while: () => left-- > 0, body: () => one, step: () => {} })
  return Effect.all(Array.from({ length: inFlight }, () => lane), { concurrency: "unbounded", discard: true })
}

/** `calls` guarded calls, `inFlight` at once. */
export const guardedCalls = (settings: Settings): Promise<Way> => {
  const runtime = ManagedRuntime.make(layerOf(settings))
  return runtime.runPromise(Effect.succeed(async ({ calls = 1, inFlight = 1 }) => {
    await runtime.runPromise(manyEffects(call, Number(calls), Number(inFlight)))
  }))
}
