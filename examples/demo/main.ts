/**
 * Forty questions, two agents, two budgets: `npm run demo [-- file]`.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { Amount } from "effect-cycles"
import { Authority } from "effect-cycles/authority"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { ask } from "./agent.js"
import { Book, makeBook } from "./book.js"
import { BudgetsLive, cappedTokens, capResearcher, scopes } from "./budgets.js"
import { heading } from "./lines.js"
import { ModelLive } from "./model.js"
import { dollars } from "./prices.js"
import { readPrompts, usage } from "./prompts.js"
import { report } from "./report.js"
import { bar, note, print, progress, width } from "./screen.js"

/** How many questions are asked at a time. */
const concurrency = 8

const operator = capResearcher.pipe(
  Effect.repeat({ schedule: Schedule.spaced("20 millis"), until: (done) => done }),
  Effect.tap(() => note(`half of ${scopes.researcher} is spent: the operator caps answers at ${cappedTokens} tokens`))
)

/** The line at the bottom. In a bar, # is spent, + is held and . is free. */
const gauge = Effect.gen(function*() {
  const { budgets } = yield* Authority.Authority
  const { inFlight } = yield* Book
  const columns = Math.max(5, Math.min(24, Math.floor((width() - 65) / 2)))
  const parts = (yield* budgets).map(({ allocated, remaining, reserved, scope, spent }) =>
    `${scope.slice(scope.lastIndexOf(":") + 1)} [${bar(columns, allocated.amount, spent.amount, reserved.amount)}] ${
      dollars(remaining.amount).slice(0, -3)
    } free`
  )
  progress([...parts, `${inFlight} in flight`].join(" | "))
})

const demo = (prompts: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    yield* Effect.forkScoped(operator)
    yield* Effect.forkScoped(Effect.repeat(gauge, Schedule.spaced("80 millis")))
    const { budgets } = yield* Authority.Authority
    for (const { allocated, scope } of yield* budgets) print(`${scope} has ${Amount.format(allocated)}`)
    print(
      `${prompts.length} ${
        prompts.length === 1 ? "question" : "questions"
      }, ${concurrency} at a time, to a model on this machine; its prices are illustrative`
    )
    print()
    print(heading())
    yield* Effect.forEach(
      prompts,
      (prompt, i) => ask({ n: i + 1, agent: i % 2 === 0 ? "researcher" : "writer", prompt }),
      { concurrency, discard: true }
    )
  }).pipe(
    Effect.scoped,
    // Also after an interrupt: by then every guard has settled.
    Effect.onExit(() =>
      Effect.sync(() => progress("")).pipe(
        Effect.zipRight(report(prompts.length)),
        Effect.filterOrDieMessage((sound) => sound, "the books do not agree")
      )
    ),
    Effect.provide(Layer.mergeAll(BudgetsLive, ModelLive, FetchHttpClient.layer, Layer.effect(Book, makeBook)))
  )

/** One line for whatever goes wrong, and none for an interrupt. */
const explain = (cause: Cause.Cause<unknown>) =>
  Effect.sync(() => {
    if (Cause.isInterruptedOnly(cause)) return
    const error = Cause.squash(cause)
    process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`)
  })

const args = process.argv.slice(2)
const asksForHelp = args.some((arg) => arg === "--help" || arg === "-h")

const main = (asksForHelp ? Effect.sync(() => print(usage)) : Effect.flatMap(readPrompts(args), demo)).pipe(
  Effect.provide(NodeFileSystem.layer),
  Effect.tapErrorCause(explain)
)

NodeRuntime.runMain(main, {
  disableErrorReporting: true,
  teardown: (exit, onExit) => onExit(Exit.isSuccess(exit) ? 0 : Cause.isInterruptedOnly(exit.cause) ? 130 : 1)
})
