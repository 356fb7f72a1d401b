import { assert, describe, it } from "@effect/vitest"
import { type Budget, remaining, toBalance } from "effect-cycles/authority/Budget"
import type { Answer, CommandOf } from "effect-cycles/authority/Command"
import { advance, step } from "effect-cycles/authority/Ledger"
import { deadlineOf, empty, type State } from "effect-cycles/authority/State"
import { Amount } from "effect-cycles/protocol/Amount"
import { IdempotencyKey } from "effect-cycles/protocol/Idempotency"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import { agentSteps, anySteps, budgetOf, start, type Step } from "./support/commands.js"

const budgetsOf = (state: State): ReadonlyArray<Budget> => Array.from(HashMap.values(state.budgets))
const rowsOf = (state: State) => Array.from(HashMap.values(state.reservations))

interface Moment extends Step {
  readonly before: State
  readonly after: State
  readonly now: number
  readonly answer: Answer<Step["command"]>
}

/** Runs the steps and shows each of them. */
const play = (steps: ReadonlyArray<Step>, look: (moment: Moment) => void): State => {
  let state = start
  let now = 10_000
  for (const { command, wait } of steps) {
    now = Math.max(0, now + wait)
    const before = advance(state, now)
    const [after, answer] = step(before, command, now)
    look({ command, wait, before, after, now, answer })
    state = after
  }
  return state
}

const heldOn = (state: State, { scope, unit }: Budget): bigint =>
  rowsOf(state)
    .filter((row) => row.status === "ACTIVE" && row.estimate.unit === unit && row.budgetedScopes.includes(scope))
    .reduce((n, row) => n + row.estimate.amount, 0n)

const changeOf = (f: (budget: Budget) => bigint, scopes: ReadonlyArray<string>, { after, before }: Moment) =>
  scopes.map((scope) => {
    const of = (state: State) => Option.map(HashMap.get(state.budgets, `TOKENS ${scope}`), f)
    return Option.getOrElse(of(after), () => 0n) - Option.getOrElse(of(before), () => 0n)
  })

const allEqual = (changes: ReadonlyArray<bigint>, expected: bigint) =>
  assert.deepStrictEqual(changes, changes.map(() => expected))

const scopesOf = ({ after }: Moment, id: string) => {
  const row = HashMap.unsafeGet(after.reservations, id)
  return row.budgetedScopes.filter((scope) => HashMap.has(after.budgets, `TOKENS ${scope}`))
}

const charged = (answer: unknown): bigint => (answer as { charged: Amount }).charged.amount

describe("any commands, in any order", () => {
  it.prop("keep the figures of every budget together", [anySteps], ([steps]) => {
    play(steps, ({ after }) => {
      for (const budget of budgetsOf(after)) {
        const shown = toBalance(budget)
        const figure = (amount: Option.Option<Amount>) =>
          Option.match(amount, { onNone: () => 0n, onSome: (a) => a.amount })
        const used = figure(shown.spent) + figure(shown.reserved) + figure(shown.debt)
        assert.strictEqual(shown.remaining.amount, figure(shown.allocated) - used)
        assert.isTrue(budget.reserved >= 0n && budget.spent >= 0n && budget.debt >= 0n)
        assert.strictEqual(budget.reserved, heldOn(after, budget))
      }
    })
  })

  it.prop("know which reservations are ACTIVE and when the first of them ends", [anySteps], ([steps]) => {
    play(steps, ({ after, now }) => {
      const active = rowsOf(after).filter(({ status }) => status === "ACTIVE")
      assert.deepStrictEqual(
        new Map(HashMap.entries(after.active)),
        new Map(active.map((row) => [row.id, deadlineOf(row)]))
      )
      for (const row of active) assert.isTrue(deadlineOf(row) >= Math.min(now, after.nextExpiry))
      assert.isTrue(active.every((row) => after.nextExpiry <= deadlineOf(row)))
    })
  })

  it.prop("change every budget of the path by the same, or none", [anySteps], ([steps]) => {
    play(steps, (moment) => {
      const { after, answer, before, command } = moment
      if (Either.isLeft(answer)) return assert.strictEqual(after, before)
      const isNew = before.reservations !== after.reservations
      if (command._tag === "Reserve" && isNew) {
        allEqual(
          changeOf(({ reserved }) => reserved, scopesOf(moment, command.id), moment),
          command.request.estimate.amount
        )
      }
      if (command._tag === "Commit" && isNew) {
        const { estimate } = HashMap.unsafeGet(after.reservations, command.reservationId)
        const scopes = scopesOf(moment, command.reservationId)
        allEqual(changeOf(({ reserved }) => reserved, scopes, moment), -estimate.amount)
        allEqual(changeOf(remaining, scopes, moment), estimate.amount - charged(answer.right))
      }
      if (command._tag === "Release" && isNew) {
        const { estimate } = HashMap.unsafeGet(after.reservations, command.reservationId)
        allEqual(changeOf(remaining, scopesOf(moment, command.reservationId), moment), estimate.amount)
      }
    })
  })

  it.prop("give the same answer to the same command, and change nothing the second time", [anySteps], ([steps]) => {
    play(steps, ({ after, answer, command, now }) => {
      const mayRepeat = ["Reserve", "Commit", "Release", "Extend", "Event"].includes(command._tag)
      if (!mayRepeat || Either.isLeft(answer)) return
      const [again, replayed] = step(after, command, now)
      assert.deepStrictEqual(replayed, answer)
      assert.strictEqual(again, after)
    })
  })

  it.prop("leave the state before them as it was", [anySteps], ([steps]) => {
    play(steps, ({ after, answer, before, command, now }) => {
      const [twin, twinAnswer] = step(before, command, now)
      assert.deepStrictEqual(twinAnswer, answer)
      assert.deepStrictEqual(
        new Map(HashMap.entries(twin.budgets)),
        new Map(HashMap.entries(after.budgets))
      )
    })
  })

  it.prop("never hold or owe more than there is", [agentSteps], ([steps]) => {
    play(steps, ({ after, answer, before, command }) => {
      for (const budget of budgetsOf(after)) {
        assert.isTrue(budget.debt <= budget.overdraftLimit)
        assert.isTrue(budget.spent + budget.reserved <= budget.allocated)
      }
      if (command._tag === "Reserve" && Either.isRight(answer) && before.active !== after.active) {
        const { budgetedScopes } = HashMap.unsafeGet(after.reservations, command.id)
        for (const budget of budgetsOf(after)) {
          if (budgetedScopes.includes(budget.scope)) assert.isTrue(remaining(budget) >= 0n)
        }
      }
    })
  })

  it.prop("end with nothing held when time has passed", [anySteps], ([steps]) => {
    const end = advance(play(steps, () => {}), 10_000_000)
    assert.isTrue(budgetsOf(end).every(({ reserved }) => reserved === 0n))
    assert.strictEqual(HashMap.size(end.active), 0)
    assert.strictEqual(end.nextExpiry, Infinity)
  })
})

const subject = { tenant: "acme" }
const action = { kind: "k", name: "n" }

const reserve = (id: string, n: number | bigint, more: Partial<CommandOf<"Reserve">["request"]> = {}) => ({
  _tag: "Reserve",
  tenant: "acme",
  id,
  request: { idempotencyKey: IdempotencyKey.make(id), subject, action, estimate: Amount.tokens(n), ...more }
} as const satisfies CommandOf<"Reserve">)

const event = (id: string, n: number | bigint) => ({
  _tag: "Event",
  tenant: "acme",
  id,
  request: {
    idempotencyKey: IdempotencyKey.make(id),
    subject,
    action,
    actual: Amount.tokens(n),
    overagePolicy: "ALLOW_WITH_OVERDRAFT"
  }
} as const satisfies CommandOf<"Event">)

const decide = {
  _tag: "Decide",
  tenant: "acme",
  request: { idempotencyKey: IdempotencyKey.make("d"), subject, action, estimate: Amount.tokens(1) }
} as const satisfies CommandOf<"Decide">

const commit = (reservationId: string, n: number | bigint) => ({
  _tag: "Commit",
  tenant: "acme",
  reservationId,
  request: { idempotencyKey: IdempotencyKey.make("c"), actual: Amount.tokens(n) }
} as const satisfies CommandOf<"Commit">)

const codeOf = (answer: Either.Either<unknown, { readonly code: string }>) =>
  Either.match(answer, { onLeft: ({ code }) => code, onRight: () => "none" })

const idOf = (answer: Answer<CommandOf<"Reserve">>): string =>
  Option.getOrThrow(Either.getOrThrow(answer).reservationId)

const max = 9223372036854775807n
const hour = 3_600_000
const day = 24 * hour

describe("the edges", () => {
  it("a figure beyond int64 is refused and changes nothing", () => {
    const [rich] = step(empty, budgetOf("tenant:acme", max, 0), 0)
    const [same, credit] = step(rich, { _tag: "Credit", scope: "tenant:acme", amount: Amount.tokens(1) }, 0)
    assert.strictEqual(codeOf(credit), "INTERNAL_ERROR")
    assert.strictEqual(same, rich)
    const put = budgetOf("tenant:acme", 0, 0) as CommandOf<"PutBudget">
    const [indebted] = step(
      empty,
      { ...put, budget: { ...put.budget, allocated: max, spent: max - 1n, overdraftLimit: max } },
      0
    )
    const [spent] = step(indebted, event("e", max), 0)
    const [unchanged, answer] = step(spent, event("f", 2n), 0)
    assert.strictEqual(codeOf(answer), "OVERDRAFT_LIMIT_EXCEEDED")
    assert.strictEqual(unchanged, spent)
  })

  it("answers are remembered as long as the protocol says, and then forgotten", () => {
    const [s1] = step(start, reserve("r", 10, { gracePeriod: Duration.zero }), 0)
    const [s2] = step(s1, event("e", 10), 0)
    const [s3] = step(s2, decide, 0)
    const [, same] = step(
      s3,
      reserve("other", 10, { idempotencyKey: IdempotencyKey.make("r"), gracePeriod: Duration.zero }),
      day
    )
    assert.strictEqual(idOf(same), "r")
    const late = advance(s3, day + 1)
    assert.deepStrictEqual([HashMap.size(late.creates), HashMap.size(late.decisions), HashMap.size(late.events)], [
      0,
      0,
      1
    ])
    const [, fresh] = step(s3, reserve("other", 20, { idempotencyKey: IdempotencyKey.make("r") }), day + 1)
    assert.strictEqual(idOf(fresh), "other")
    assert.strictEqual(HashMap.size(advance(s3, 7 * day + 1).events), 0)
    const ended = advance(s3, 7 * day)
    assert.strictEqual(HashMap.size(advance(ended, 37 * day).reservations), 1)
    assert.strictEqual(HashMap.size(advance(ended, 37 * day + hour).reservations), 0)
  })

  it("between two hourly clean-ups an old record counts for nothing", () => {
    const [s1] = step(start, decide, 1000)
    const cleaned = advance(s1, day)
    const [next, answer] = step(
      cleaned,
      { ...decide, request: { ...decide.request, estimate: Amount.tokens(2) } },
      day + 1001
    )
    assert.strictEqual(codeOf(answer), "none")
    assert.notStrictEqual(next, cleaned)
  })

  it("a reservation whose budgets are gone still settles", () => {
    const [s1] = step(start, reserve("r", 10), 0)
    const [s2] = step(s1, { _tag: "RemoveBudget", scope: "tenant:acme", unit: "TOKENS" }, 0)
    const [s3, answer] = step(s2, commit("r", 15), 0)
    assert.deepStrictEqual(
      Either.map(answer, ({ balances, charged }) => [balances, charged.amount]),
      Either.right([
        Option.some([]),
        15n
      ])
    )
    assert.strictEqual(
      codeOf(step(s3, { _tag: "RemoveBudget", scope: "tenant:acme", unit: "TOKENS" }, 0)[1]),
      "NOT_FOUND"
    )
  })

  it("when one reservation expires, another one at its very last instant still settles", () => {
    const ttl = { gracePeriod: Duration.zero, ttl: Duration.seconds(1) }
    const [s1] = step(start, reserve("r", 10, ttl), 0)
    const [s2] = step(s1, reserve("s", 20, ttl), 1)
    assert.strictEqual(codeOf(step(s2, commit("r", 10), 1001)[1]), "RESERVATION_EXPIRED")
    assert.strictEqual(codeOf(step(s2, commit("s", 20), 1001)[1]), "none")
  })

  it("a budget that comes back holds what is still reserved on it", () => {
    const [s1] = step(start, reserve("r", 10), 0)
    const [s2] = step(s1, { _tag: "RemoveBudget", scope: "tenant:acme", unit: "TOKENS" }, 0)
    const [, answer] = step(s2, budgetOf("tenant:acme", 50, 0), 0)
    assert.deepStrictEqual(Either.map(answer as Either.Either<Budget>, ({ reserved }) => reserved), Either.right(10n))
  })

  it("a subject or an action that cannot be billed is refused before the ledger looks at it", () => {
    for (const request of [{ subject: {} }, { subject: { agent: "a b" } }, { action: { kind: "k", name: " " } }]) {
      assert.strictEqual(codeOf(step(start, reserve("r", 1, request), 0)[1]), "INVALID_REQUEST")
    }
  })

  it("instants and durations are part of what makes two requests the same", () => {
    const at = (ms: number): CommandOf<"Event"> => {
      const command = event("e", 1)
      return { ...command, request: { ...command.request, clientTime: DateTime.unsafeMake(ms) } }
    }
    const [s1] = step(start, at(1), 0)
    assert.strictEqual(codeOf(step(s1, at(1), 0)[1]), "none")
    assert.strictEqual(codeOf(step(s1, at(2), 0)[1]), "IDEMPOTENCY_MISMATCH")
    const [s2] = step(start, reserve("r", 1, { ttl: Duration.seconds(60) }), 0)
    assert.strictEqual(codeOf(step(s2, reserve("r", 1, { ttl: Duration.minutes(1) }), 0)[1]), "none")
    assert.strictEqual(codeOf(step(s2, reserve("r", 1, { ttl: Duration.seconds(61) }), 0)[1]), "IDEMPOTENCY_MISMATCH")
  })
})
