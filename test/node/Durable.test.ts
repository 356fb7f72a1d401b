import * as NodeContext from "@effect/platform-node/NodeContext"
import * as FileSystem from "@effect/platform/FileSystem"
import { assert, describe, it } from "@effect/vitest"
import type { Cycles } from "effect-cycles"
import { Amount, guarded } from "effect-cycles"
import { Authority } from "effect-cycles/authority"
import { layerAuthority } from "effect-cycles/node"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { join } from "node:path"

const acme = "tenant:acme"

const temporary = Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped()).pipe(
  Effect.provide(NodeContext.layer)
)

/** One run of a program with these budgets. */
const run = <A, E>(
  directory: string,
  budgets: ReadonlyArray<Authority.BudgetOptions>,
  program: Effect.Effect<A, E, Cycles | Authority.Authority>
) => Effect.provide(program, layerAuthority({ directory, budgets, tenant: "acme" }))

const spend = (tokens: number) =>
  Effect.void.pipe(guarded({ estimate: Amount.tokens(tokens), actual: Amount.tokens(tokens) }))

const figures = Effect.flatMap(Authority.Authority, ({ budgets }) =>
  Effect.map(budgets, (all) =>
    Object.fromEntries(
      all.map(({ allocated, remaining, scope, spent }) => [
        scope,
        [allocated, spent, remaining].map(({ amount }) => Number(amount))
      ])
    )))

const of = (tokens: number, more: Partial<Authority.BudgetOptions> = {}): Authority.BudgetOptions => ({
  scope: acme,
  allocated: Amount.tokens(tokens),
  ...more
})

describe("layerAuthority", { timeout: 30_000 }, () => {
  it.scopedLive("what one run has spent is spent in the next, to the last token", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      yield* run(directory, [of(100)], Effect.zipRight(spend(60), spend(30)))
      yield* run(
        directory,
        [of(100)],
        Effect.gen(function*() {
          assert.deepStrictEqual(yield* figures, { [acme]: [100, 90, 10] })
          const denied = yield* Effect.either(spend(11))
          assert.strictEqual(Either.isLeft(denied) && denied.left._tag, "BudgetExceeded")
          yield* spend(10)
        })
      )
      assert.deepStrictEqual(yield* run(directory, [of(100)], figures), { [acme]: [100, 100, 0] })
    }))

  it.scopedLive("a changed allocation is changed by the difference, beside what was funded and spent meanwhile", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const fund = Effect.flatMap(Authority.Authority, ({ credit }) => credit(acme, Amount.tokens(7)))
      yield* run(directory, [of(100)], Effect.zipRight(spend(40), fund))
      assert.deepStrictEqual(yield* run(directory, [of(100)], figures), { [acme]: [107, 40, 67] })
      assert.deepStrictEqual(yield* run(directory, [of(150)], figures), { [acme]: [157, 40, 117] })
      assert.deepStrictEqual(yield* run(directory, [of(150)], figures), { [acme]: [157, 40, 117] })
      // Below what was spent: nothing is taken back, and nothing more is given.
      assert.deepStrictEqual(yield* run(directory, [of(20)], figures), { [acme]: [27, 40, -13] })
      const denied = yield* Effect.either(run(directory, [of(20)], spend(1)))
      assert.strictEqual(Either.isLeft(denied) && denied.left._tag, "BudgetExceeded")
      // Neither what was spent nor what was owed at the beginning begins again.
      assert.deepStrictEqual(yield* run(directory, [of(100, { spent: Amount.tokens(99) })], figures), {
        [acme]: [107, 40, 67]
      })
    }))

  it.scopedLive("a missing budget is created, one that is named no more stays, one that was made otherwise is left alone", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const agent = `${acme}/agent:a`
      const make = Effect.flatMap(
        Authority.Authority,
        ({ putBudget }) => putBudget({ scope: agent, allocated: Amount.tokens(5) })
      )
      yield* run(directory, [of(100)], Effect.zipRight(spend(1), make))
      assert.deepStrictEqual(yield* run(directory, [], figures), { [acme]: [100, 1, 99], [agent]: [5, 0, 5] })
      const named = [of(50, { scope: agent }), of(9, { scope: `${acme}/agent:b` })]
      assert.deepStrictEqual(yield* run(directory, named, figures), {
        [acme]: [100, 1, 99],
        [agent]: [5, 0, 5],
        [`${acme}/agent:b`]: [9, 0, 9]
      })
      // From now on the configuration knows it.
      assert.deepStrictEqual((yield* run(directory, [of(60, { scope: agent })], figures))[agent], [15, 0, 15])
    }))

  it.scopedLive("caps, status and overdraft follow the configuration only where that has changed", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const state = Effect.flatMap(Authority.Authority, ({ budgets }) =>
        Effect.map(budgets, ([budget]) => ({
          caps: Option.getOrUndefined(budget?.caps ?? Option.none())?.maxTokens,
          status: budget?.status,
          overdraft: budget?.overdraftLimit.toString()
        })))
      const capped = (maxTokens: number) => of(100, { caps: { maxTokens } })
      assert.include(yield* run(directory, [capped(10)], state), { caps: 10, status: "ACTIVE" })
      const freeze = Effect.flatMap(Authority.Authority, (authority) =>
        Effect.zipRight(
          authority.setStatus(acme, "TOKENS", "FROZEN"),
          authority.setCaps(acme, "TOKENS", { maxTokens: 3 })
        ))
      yield* run(directory, [capped(10)], freeze)
      assert.include(yield* run(directory, [capped(10)], state), { caps: 3, status: "FROZEN" })
      assert.include(yield* run(directory, [capped(20)], state), { caps: 20, status: "FROZEN" })
      const owing = { ...capped(20), overdraftLimit: Amount.tokens(50) }
      assert.include(yield* run(directory, [owing], state), { status: "FROZEN", overdraft: "50 tokens" })
    }))

  it.scopedLive("an allocation that no int64 holds is refused by name, and nothing changes", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const most = Amount.tokens(9223372036854775807n)
      yield* run(
        directory,
        [of(100)],
        Effect.flatMap(Authority.Authority, ({ credit }) => credit(acme, Amount.tokens(1)))
      )
      const refused = yield* Effect.flip(run(directory, [of(0, { allocated: most })], Effect.void))
      assert.include(String(refused), "allocated: must leave a remaining amount that an int64 holds")
      assert.deepStrictEqual(yield* run(directory, [of(100)], figures), { [acme]: [101, 0, 101] })
    }))

  it.scopedLive("one run at a time: a second one gets one clear error", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const second = yield* run(directory, [of(100)], Effect.flip(run(directory, [of(100)], Effect.void)))
      assert.strictEqual(
        second.message,
        `The ledger's store failed (inUse): ${directory}: ` +
          `this process (${process.pid}) has it open, and a ledger has one writer`
      )
    }))

  it.scopedLive("a run that is interrupted in the middle gives its hold back, and the next one can begin", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const hanging = Effect.never.pipe(guarded({ estimate: Amount.tokens(80), actual: Amount.tokens(1) }))
      yield* Effect.timeoutOption(run(directory, [of(100)], hanging), "300 millis")
      assert.deepStrictEqual(yield* run(directory, [of(100)], figures), { [acme]: [100, 0, 100] })
      const fs = yield* FileSystem.FileSystem
      assert.sameMembers(
        (yield* fs.readDirectory(directory)).filter((name) => !name.endsWith("-shm") && !name.endsWith("-wal")),
        ["journal", "ledger.db", "ledger.lock", "ledger.mark"]
      )
      assert.deepStrictEqual(
        (yield* fs.readDirectory(join(directory, "journal"), { recursive: true })).filter((name) =>
          name.includes(".json")
        ),
        []
      )
    }).pipe(Effect.provide(NodeContext.layer)))
})
