/**
 * A job that is tried again, here or in another process, is charged once: its key comes from the id of the job.
 */
import { Console, Data, Effect, Option } from "effect"
import { Amount, Cycles, guarded, Idempotency } from "effect-cycles"
import { Authority } from "effect-cycles/authority"

class Crash extends Data.TaggedError("Crash") {}

/** The queue's side: results are kept by job, so that a second delivery finds them. */
const results = new Map<string, string>()

const run = (job: string, model: Effect.Effect<string, Crash>) =>
  model.pipe(
    Effect.tap((text) => Effect.sync(() => results.set(job, text))),
    guarded({
      idempotencyKey: Idempotency.stable("summarize", job),
      action: { kind: "llm.completion", name: "gpt-4o" },
      estimate: Amount.usd("0.05"),
      actual: Amount.usd("0.03")
    }),
    // Charged before: the paid work was not run again.
    Effect.catchTag("AlreadyCharged", ({ charged }) =>
      Effect.succeed(
        `${results.get(job)} (from the first delivery, ${Option.getOrElse(charged, () => "?")} were charged for it)`
      )),
    // Somebody else is at it: leave it to the queue to deliver it later.
    Effect.catchTag("AttemptInProgress", () => Effect.succeed("busy")),
    Effect.catchTag("Crash", () => Effect.succeed("failed, nothing was charged")),
    Effect.flatMap((line) => Console.log(`${job}: ${line}`))
  )

const works = Effect.succeed("a summary")

const program = Effect.gen(function*() {
  yield* run("job-1", works)
  yield* run("job-1", works) // delivered twice
  yield* run("job-2", new Crash())
  yield* run("job-2", works) // tried again after a failure: runs, on a hold of its own
  yield* run("job-2", works)
  yield* Effect.all([run("job-3", Effect.delay(works, "50 millis")), Effect.delay(run("job-3", works), "10 millis")], {
    concurrency: "unbounded"
  })
  const { value } = yield* Effect.flatMap(Cycles, ({ getBalances }) => getBalances({ tenant: "acme" }))
  for (const { spent } of value.balances) yield* Console.log(`charged in all: ${Option.getOrThrow(spent)}`)
})

Effect.runPromise(program.pipe(
  Effect.provide(Authority.layer({ budgets: [{ scope: "tenant:acme", allocated: Amount.usd("1") }] }))
))
