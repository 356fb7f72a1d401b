import { assert, describe, it } from "@effect/vitest"
import { type Budget, Budget as BudgetRow, type Figures, remaining } from "effect-cycles/authority/Budget"
import { type Command, type CommandOf, isRefusal, type Outcome } from "effect-cycles/authority/Command"
import * as Ledger from "effect-cycles/authority/Ledger"
import * as Rows from "effect-cycles/authority/Rows"
import type { RowChange, Rows as RowSet } from "effect-cycles/authority/RowSet"
import type { State } from "effect-cycles/authority/State"
import { Amount } from "effect-cycles/protocol/Amount"
import { IdempotencyKey } from "effect-cycles/protocol/Idempotency"
import { canonical } from "effect-cycles/protocol/Json"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { agentSteps, anySteps, budgetOf, ledgerOf, start, type Step } from "./support/commands.js"
import { makeModel } from "./support/model.js"

interface Moment extends Step {
  readonly state: State
  readonly before: RowSet
  readonly after: RowSet
  readonly now: number
  readonly outcome: Outcome<Command>
  /** What was written for the command, without what only expired before it. */
  readonly changes: ReadonlyArray<RowChange>
}

/** Runs the steps and shows each of them. */
const play = (steps: ReadonlyArray<Step>, look: (moment: Moment) => void): State => {
  const state = ledgerOf(...start)
  let now = 10_000
  for (const { command, wait } of steps) {
    now = Math.max(0, now + wait)
    Ledger.advance(state, now)
    const before = Ledger.rowsOf(state)
    const changes: Array<RowChange> = []
    const outcome = Ledger.step(state, command, now, { changes })
    look({ command, wait, state, before, after: Ledger.rowsOf(state), now, outcome, changes })
  }
  return state
}

const heldOn = ({ reservations }: RowSet, { scope, unit }: Budget): bigint =>
  reservations
    .filter((row) => row.status === "ACTIVE" && row.unit === unit && row.budgetedScopes.includes(scope))
    .reduce((n, row) => n + row.estimate, 0n)

const shown = (figures: ReadonlyArray<Figures>): string =>
  figures.map((f) => `${f.scope} ${remaining(f)}/${f.reserved}/${f.spent}/${f.debt}${f.isOverLimit ? "!" : ""}`)
    .join(", ")

/** An outcome in the words of the model. */
const wordsOf = (command: Command, outcome: Outcome<Command>): string => {
  if (isRefusal(outcome)) return outcome.code
  if ("receipt" in outcome) {
    const { balances = [], decision, reasonCode, reservationId } = outcome.receipt
    return decision === "DENY"
      ? `DENY ${reasonCode}`
      : `${decision} ${reservationId === undefined ? "" : `${reservationId} `}${shown(balances)}`
  }
  if ("extension" in outcome) return `EXTENDED ${outcome.extension.expiresAt} ${shown(outcome.extension.balances)}`
  if ("eventId" in outcome) return `APPLIED ${outcome.eventId} ${outcome.charged} ${shown(outcome.balances)}`
  if ("settled" in outcome) {
    const amount = command._tag === "Commit" ? outcome.charged : outcome.estimate
    return `${outcome.status} ${amount} ${shown(outcome.settled?.balances ?? [])}`
  }
  return "done"
}

const codecs: { readonly [table: string]: Schema.Schema<unknown, unknown> } = {
  budgets: BudgetRow,
  reservations: Rows.Reservation,
  extensions: Rows.Extension,
  spend: Rows.Spend,
  records: Rows.Recorded,
  tenants: Rows.Tenant,
  apiKeys: Rows.ApiKey,
  audits: Rows.Audit
} as never

const encode = (table: string, row: unknown): unknown =>
  table === "tenants" ? row : Schema.encodeSync(codecs[table]!)(row)

/** The texts of the rows as a store would write them, in an order of their own, so that two ledgers can be compared. */
const sorted = (rows: RowSet) =>
  Object.entries(rows).map(([table, list]: readonly [string, ReadonlyArray<unknown>]) =>
    list.map((row) => canonical(encode(table, row))).sort()
  )

/** A change as a store would write it and read it again: through the row's schema and the text of JSON. */
const throughText = (change: RowChange): RowChange => {
  if (change._tag !== "Put") return change
  const codec = codecs[change.table]!
  const text = JSON.stringify(Schema.encodeSync(codec)(change.row))
  return { ...change, row: Schema.decodeUnknownSync(codec)(JSON.parse(text)) } as RowChange
}

/** Each law is tried this many times; `LEDGER_RUNS=2000` for a long look. */
const law = { timeout: 60_000, fastCheck: { numRuns: Number(process.env["LEDGER_RUNS"] ?? 40) } }

describe("any commands, in any order", () => {
  it.prop("give the answers of the naive model, and leave its figures", [anySteps], ([steps]) => {
    const model = makeModel()
    for (const command of start) model.run(command, 0)
    play(steps, ({ after, command, now, outcome }) => {
      assert.strictEqual(wordsOf(command, outcome), model.run(command, now))
      assert.deepStrictEqual(new Map(after.budgets.map((budget) => [budget.scope, shown([budget])])), model.figures())
    })
  }, law)

  it.prop("keep the figures of every budget together", [anySteps], ([steps]) => {
    play(steps, ({ after }) => {
      for (const budget of after.budgets) {
        assert.strictEqual(remaining(budget), budget.allocated - budget.spent - budget.reserved - budget.debt)
        assert.isTrue(budget.reserved >= 0n && budget.spent >= 0n && budget.debt >= 0n)
        assert.strictEqual(budget.reserved, heldOn(after, budget))
      }
    })
  }, law)

  it.prop("change nothing when they are refused", [anySteps], ([steps]) => {
    play(steps, ({ after, before, changes, outcome }) => {
      if (!isRefusal(outcome)) return
      assert.deepStrictEqual(after, before)
      assert.isEmpty(changes)
    })
  }, law)

  it.prop("give the same answer to the same command, and change nothing the second time", [anySteps], ([steps]) => {
    play(steps, ({ after, command, now, outcome, state }) => {
      const mayRepeat = ["Reserve", "Commit", "Release", "Extend", "Event"].includes(command._tag)
      if (!mayRepeat || isRefusal(outcome)) return
      const changes: Array<RowChange> = []
      assert.deepStrictEqual(Ledger.step(state, command, now, { changes }), outcome)
      assert.isEmpty(changes)
      assert.deepStrictEqual(Ledger.rowsOf(state), after)
    })
  }, law)

  it.prop("never hold or owe more than there is", [agentSteps], ([steps]) => {
    play(steps, ({ after, before, command, outcome }) => {
      for (const budget of after.budgets) {
        assert.isTrue(budget.debt <= budget.overdraftLimit)
        assert.isTrue(budget.spent + budget.reserved <= budget.allocated)
      }
      if (command._tag !== "Reserve" || isRefusal(outcome)) return
      if (before.reservations.length === after.reservations.length) return
      const { budgetedScopes } = after.reservations.find(({ id }) => id === command.id)!
      for (const budget of after.budgets) {
        if (budgetedScopes.includes(budget.scope)) assert.isTrue(remaining(budget) >= 0n)
      }
    })
  }, law)

  it.prop("are told by their changes alone: the rows again, through text, and the same answers from then on", [
    anySteps,
    anySteps
  ], ([steps, more]) => {
    const state = Ledger.make()
    const twin = Ledger.make()
    let now = 10_000
    const run = (command: Command) => {
      const changes: Array<RowChange> = []
      const outcome = Ledger.step(state, command, now, { changes })
      for (const change of changes) Ledger.apply(twin, throughText(change))
      return outcome
    }
    for (const command of start) run(command)
    for (const { command, wait } of steps) {
      now += Math.max(-9000, wait)
      run(command)
    }
    assert.deepStrictEqual(sorted(Ledger.rowsOf(twin)), sorted(Ledger.rowsOf(state)))
    const opened = Ledger.fromRows(Ledger.rowsOf(twin))
    for (const { command, wait } of more) {
      now += wait
      assert.strictEqual(wordsOf(command, Ledger.step(opened, command, now)), wordsOf(command, run(command)))
    }
    assert.deepStrictEqual(sorted(Ledger.rowsOf(opened)), sorted(Ledger.rowsOf(state)))
  }, law)

  it.prop("end with nothing held when time has passed", [anySteps], ([steps]) => {
    const end = play(steps, () => {})
    Ledger.advance(end, 10_000_000)
    assert.isTrue(Ledger.rowsOf(end).budgets.every(({ reserved }) => reserved === 0n))
    assert.strictEqual(end.active.size, 0)
    assert.isEmpty(end.deadlines)
    Ledger.advance(end, 0)
    assert.strictEqual(end.active.size, 0)
  }, law)
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

const decide = (n = 1) => ({
  _tag: "Decide",
  tenant: "acme",
  request: { idempotencyKey: IdempotencyKey.make("d"), subject, action, estimate: Amount.tokens(n) }
} as const satisfies CommandOf<"Decide">)

const commit = (reservationId: string, n: number | bigint) => ({
  _tag: "Commit",
  tenant: "acme",
  reservationId,
  request: { idempotencyKey: IdempotencyKey.make("c"), actual: Amount.tokens(n) }
} as const satisfies CommandOf<"Commit">)

const codeOf = (outcome: Outcome<Command>) => isRefusal(outcome) ? outcome.code : "none"

const idOf = (outcome: Outcome<CommandOf<"Reserve">>): string | undefined =>
  isRefusal(outcome) ? outcome.code : outcome.receipt.reservationId

const countsOf = (state: State) => {
  const { records, reservations, spend } = Ledger.rowsOf(state)
  const of = (operation: string) => records.filter((row) => row.operation === operation).length
  return {
    reserve: of("reserve"),
    decide: of("decide"),
    event: of("event"),
    reservations: reservations.length,
    spend: spend.length
  }
}

const max = 9223372036854775807n
const hour = 3_600_000
const day = 24 * hour

describe("the edges", () => {
  it("a figure beyond int64 is refused and changes nothing", () => {
    const rich = ledgerOf(budgetOf("tenant:acme", max, 0))
    const before = Ledger.rowsOf(rich)
    assert.strictEqual(
      codeOf(Ledger.step(rich, { _tag: "Credit", scope: "tenant:acme", amount: Amount.tokens(1) }, 0)),
      "INTERNAL_ERROR"
    )
    assert.deepStrictEqual(Ledger.rowsOf(rich), before)
    const put = budgetOf("tenant:acme", 0, 0) as CommandOf<"PutBudget">
    const full = { ...put.budget, allocated: max, spent: max - 1n, debt: max - 1n, overdraftLimit: max }
    const indebted = ledgerOf({ ...put, budget: full })
    const owed = Ledger.rowsOf(indebted)
    assert.strictEqual(codeOf(Ledger.step(indebted, event("f", 2n), 0)), "OVERDRAFT_LIMIT_EXCEEDED")
    assert.deepStrictEqual(Ledger.rowsOf(indebted).budgets, owed.budgets)
    const deep = ledgerOf({ ...put, budget: { ...full, allocated: 0n, spent: 2n, debt: 0n } })
    assert.strictEqual(codeOf(Ledger.step(deep, event("g", max), 0)), "INTERNAL_ERROR")
  })

  it("answers are remembered as long as the protocol says, and then forgotten", () => {
    const state = ledgerOf(...start)
    Ledger.step(state, reserve("r", 10, { gracePeriod: Duration.zero }), 0)
    Ledger.step(state, event("e", 10), 0)
    Ledger.step(state, decide(), 0)
    const again = reserve("other", 10, { idempotencyKey: IdempotencyKey.make("r"), gracePeriod: Duration.zero })
    assert.strictEqual(idOf(Ledger.step(state, again, day)), "r")
    const fresh = reserve("other", 20, { idempotencyKey: IdempotencyKey.make("r") })
    assert.strictEqual(idOf(Ledger.step(state, fresh, day + 1)), "other")
    Ledger.advance(state, 2 * day + hour)
    assert.deepStrictEqual(countsOf(state), { reserve: 1, decide: 0, event: 1, reservations: 2, spend: 1 })
    Ledger.advance(state, 14 * day)
    assert.deepStrictEqual(countsOf(state), { reserve: 0, decide: 0, event: 0, reservations: 2, spend: 1 })
    Ledger.advance(state, 31 * day)
    assert.strictEqual(countsOf(state).reservations, 2)
    Ledger.advance(state, 38 * day)
    assert.deepStrictEqual(countsOf(state), { reserve: 0, decide: 0, event: 0, reservations: 0, spend: 0 })
  })

  it("what is forgotten is told, and a store that forgets the same has the same rows", { timeout: 60_000 }, () => {
    const [state, twin] = [ledgerOf(...start), ledgerOf(...start)]
    for (let now = 0; now < 100 * day; now += 5 * hour) {
      const changes: Array<RowChange> = []
      const id = `r${now}`
      Ledger.step(state, reserve(id, 1), now, { changes })
      Ledger.step(
        state,
        { ...decide(), request: { ...decide().request, idempotencyKey: IdempotencyKey.make(id) } },
        now,
        {
          changes
        }
      )
      const extend = { idempotencyKey: IdempotencyKey.make("x"), extendBy: Duration.seconds(1) }
      Ledger.step(state, { _tag: "Extend", tenant: "acme", reservationId: id, request: extend }, now, { changes })
      for (const change of changes) Ledger.apply(twin, change)
      if (now % (50 * hour) !== 0) continue
      assert.isBelow(countsOf(state).reservations, 40 * 5)
      assert.isBelow(countsOf(state).decide, 2 * 5 + 1)
    }
    assert.deepStrictEqual(sorted(Ledger.rowsOf(twin)), sorted(Ledger.rowsOf(state)))
    assert.isBelow(state.extensions.size, 40 * 5)
  })

  it("an old record counts for nothing, even before it is forgotten", () => {
    const state = ledgerOf(...start)
    Ledger.step(state, decide(), 1000)
    Ledger.advance(state, day)
    assert.strictEqual(codeOf(Ledger.step(state, decide(2), day + 1000)), "IDEMPOTENCY_MISMATCH")
    assert.strictEqual(codeOf(Ledger.step(state, decide(2), day + 1001)), "none")
  })

  it("a reservation whose budgets are gone still settles", () => {
    const state = ledgerOf(...start)
    Ledger.step(state, reserve("r", 10), 0)
    const remove = { _tag: "RemoveBudget", scope: "tenant:acme", unit: "TOKENS" } as const
    Ledger.step(state, remove, 0)
    assert.strictEqual(wordsOf(commit("r", 15), Ledger.step(state, commit("r", 15), 0)), "COMMITTED 15 ")
    assert.strictEqual(codeOf(Ledger.step(state, remove, 0)), "NOT_FOUND")
  })

  it("when one reservation expires, another one at its very last instant still settles", () => {
    const ttl = { gracePeriod: Duration.zero, ttl: Duration.seconds(1) }
    const state = ledgerOf(...start)
    Ledger.step(state, reserve("r", 10, ttl), 0)
    Ledger.step(state, reserve("s", 20, ttl), 1)
    assert.strictEqual(codeOf(Ledger.step(state, commit("r", 10), 1001)), "RESERVATION_EXPIRED")
    assert.strictEqual(codeOf(Ledger.step(state, commit("s", 20), 1001)), "none")
  })

  it("a clock that goes back brings nothing back", () => {
    const state = ledgerOf(...start)
    Ledger.step(state, reserve("r", 10, { ttl: Duration.seconds(1) }), 10_000)
    Ledger.advance(state, 20_000)
    assert.strictEqual(codeOf(Ledger.step(state, commit("r", 10), 10_500)), "RESERVATION_EXPIRED")
    assert.strictEqual(Ledger.rowsOf(state).budgets[0]?.reserved, 0n)
    assert.strictEqual(codeOf(Ledger.step(state, reserve("s", 10), 5000)), "none")
    assert.strictEqual(codeOf(Ledger.step(state, commit("s", 10), 4000)), "none")
  })

  it("a budget that comes back holds what is still reserved on it", () => {
    const state = ledgerOf(...start)
    Ledger.step(state, reserve("r", 10), 0)
    Ledger.step(state, { _tag: "RemoveBudget", scope: "tenant:acme", unit: "TOKENS" }, 0)
    Ledger.step(state, budgetOf("tenant:acme", 50, 0), 0)
    assert.strictEqual(state.budgets.TOKENS.get("tenant:acme")?.reserved, 10n)
  })

  it("a subject or an action that cannot be billed is refused before the ledger looks at it", () => {
    const state = ledgerOf(...start)
    const bad = [
      { subject: {} },
      { subject: { agent: "a b" } },
      { subject: { tenant: "" } },
      { action: { kind: " ", name: "n" } },
      { action: { kind: "k", name: " " } }
    ]
    for (const request of bad) {
      assert.strictEqual(codeOf(Ledger.step(state, reserve("r", 1, request), 0)), "INVALID_REQUEST")
    }
  })

  it("instants and durations are part of what makes two requests the same", () => {
    const at = (ms: number): CommandOf<"Event"> => {
      const command = event("e", 1)
      return { ...command, request: { ...command.request, clientTime: DateTime.unsafeMake(ms) } }
    }
    const state = ledgerOf(...start)
    Ledger.step(state, at(1), 0)
    assert.strictEqual(codeOf(Ledger.step(state, at(1), 0)), "none")
    assert.strictEqual(codeOf(Ledger.step(state, at(2), 0)), "IDEMPOTENCY_MISMATCH")
    Ledger.step(state, reserve("r", 1, { ttl: Duration.seconds(60) }), 0)
    assert.strictEqual(codeOf(Ledger.step(state, reserve("r", 1, { ttl: Duration.minutes(1) }), 0)), "none")
    assert.strictEqual(
      codeOf(Ledger.step(state, reserve("r", 1, { ttl: Duration.seconds(61) }), 0)),
      "IDEMPOTENCY_MISMATCH"
    )
  })

  it("without idempotency a repeated key is a new request", () => {
    const state = Ledger.make({ idempotency: false })
    for (const command of start) Ledger.step(state, command, 0)
    Ledger.step(state, reserve("r", 10), 0)
    assert.strictEqual(idOf(Ledger.step(state, { ...reserve("r", 10), id: "s" }, 0)), "s")
    assert.strictEqual(codeOf(Ledger.step(state, commit("r", 10), 0)), "none")
    assert.strictEqual(codeOf(Ledger.step(state, commit("r", 10), 0)), "RESERVATION_FINALIZED")
    assert.isEmpty(Ledger.rowsOf(state).records)
  })

  it("more subjects than the ledger learns by heart", { timeout: 60_000 }, () => {
    const state = ledgerOf(...start)
    for (let i = 0; i < 11_000; i++) {
      const request = { subject: { tenant: "acme", agent: `a${i}` }, estimate: Amount.tokens(0) }
      const outcome = Ledger.step(state, reserve(`r${i}`, 0, request), i)
      assert.isFalse(isRefusal(outcome))
    }
    assert.isAtMost(state.paths.size, 10_002)
  })
})
