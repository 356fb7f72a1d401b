import type { Command } from "effect-cycles/authority/Command"
import { make, step } from "effect-cycles/authority/Ledger"
import type { State } from "effect-cycles/authority/State"
import { Amount } from "effect-cycles/protocol/Amount"
import { IdempotencyKey } from "effect-cycles/protocol/Idempotency"
import * as Duration from "effect/Duration"
import * as FastCheck from "effect/FastCheck"

const tenant = "acme"
const action = { kind: "k", name: "n" }

const subject = FastCheck.constantFrom(
  { tenant },
  { tenant, agent: "x" },
  { tenant, app: "y" },
  { tenant, app: "y", agent: "x" },
  { tenant, agent: "none" }
)
const amount = FastCheck.integer({ min: 0, max: 400 }).map((n) => Amount.tokens(n))
const key = FastCheck.integer({ min: 0, max: 100 }).map((n) => IdempotencyKey.make(`k${n}`))
const policy = FastCheck.constantFrom("REJECT" as const, "ALLOW_IF_AVAILABLE" as const, "ALLOW_WITH_OVERDRAFT" as const)
const id = FastCheck.integer({ min: 0, max: 25 }).map((n) => `r${n}`)
const scope = FastCheck.constantFrom("tenant:acme", "tenant:acme/agent:x", "tenant:acme/app:y/agent:x")

/** A command; a reservation or an event gets the number of its step as its id. */
type Draft = (id: string) => Command

const reserve: FastCheck.Arbitrary<Draft> = FastCheck.record({
  idempotencyKey: key,
  subject,
  estimate: amount,
  ttl: FastCheck.integer({ min: 1, max: 5 }).map((n) => Duration.seconds(n)),
  gracePeriod: FastCheck.integer({ min: 0, max: 2 }).map((n) => Duration.seconds(n)),
  overagePolicy: policy,
  dryRun: FastCheck.integer({ min: 0, max: 9 }).map((n) => n === 0)
}).map((request) => (id) => ({ _tag: "Reserve", tenant, id, request: { ...request, action } }))

const event: FastCheck.Arbitrary<Draft> = FastCheck.record({
  idempotencyKey: key,
  subject,
  actual: amount,
  overagePolicy: policy
}).map((request) => (id) => ({ _tag: "Event", tenant, id, request: { ...request, action } }))

const constant = (command: FastCheck.Arbitrary<Command>): FastCheck.Arbitrary<Draft> => command.map((c) => () => c)

const settling = FastCheck.oneof(
  FastCheck.record({ reservationId: id, idempotencyKey: key, actual: amount }).map((
    { reservationId, ...request }
  ): Command => ({ _tag: "Commit", tenant, reservationId, request })),
  FastCheck.record({ reservationId: id, idempotencyKey: key }).map(({ reservationId, ...request }): Command => ({
    _tag: "Release",
    tenant,
    reservationId,
    request
  })),
  FastCheck.record({
    reservationId: id,
    idempotencyKey: key,
    extendBy: FastCheck.integer({ min: 1, max: 3000 }).map((n) => Duration.millis(n))
  }).map(({ reservationId, ...request }): Command => ({ _tag: "Extend", tenant, reservationId, request }))
)

const operator = FastCheck.oneof(
  FastCheck.record({ scope, amount }).map((rest): Command => ({ _tag: "Credit", ...rest })),
  FastCheck.record({
    scope,
    unit: FastCheck.constant("TOKENS" as const),
    status: FastCheck.constantFrom("ACTIVE" as const, "ACTIVE" as const, "FROZEN" as const, "CLOSED" as const)
  }).map((rest): Command => ({ _tag: "SetStatus", ...rest })),
  scope.map((scope): Command => ({ _tag: "RemoveBudget", scope, unit: "TOKENS" })),
  FastCheck.record({ scope, allocated: FastCheck.integer({ min: 0, max: 3000 }) }).map(({ allocated, scope }) =>
    budgetOf(scope, allocated, 100)
  )
)

/** A command that puts a fresh budget. */
export const budgetOf = (scope: string, allocated: number | bigint, overdraftLimit: number): Command => ({
  _tag: "PutBudget",
  id: scope,
  budget: {
    scope,
    unit: "TOKENS",
    allocated: BigInt(allocated),
    spent: 0n,
    debt: 0n,
    overdraftLimit: BigInt(overdraftLimit),
    isOverLimit: false,
    status: "ACTIVE",
    caps: undefined
  }
})

export interface Step {
  readonly command: Command
  /** Milliseconds since the step before; sometimes the clock goes back. */
  readonly wait: number
}

const steps = (command: FastCheck.Arbitrary<Draft>): FastCheck.Arbitrary<ReadonlyArray<Step>> =>
  FastCheck.array(FastCheck.record({ draft: command, wait: FastCheck.integer({ min: -300, max: 1500 }) }), {
    minLength: 20,
    maxLength: 60
  }).map((drafts) => drafts.map(({ draft, wait }, i) => ({ command: draft(`r${i}`), wait })))

/** What agents do, in any order. */
export const agentSteps = steps(FastCheck.oneof(
  { arbitrary: reserve, weight: 5 },
  { arbitrary: constant(settling), weight: 5 },
  { arbitrary: event, weight: 1 }
))

/** What agents do while an operator changes the budgets under them. */
export const anySteps = steps(FastCheck.oneof(
  { arbitrary: reserve, weight: 5 },
  { arbitrary: constant(settling), weight: 5 },
  { arbitrary: event, weight: 1 },
  { arbitrary: constant(operator), weight: 1 }
))

/** A ledger with one budget for every command. */
export const ledgerOf = (...budgets: ReadonlyArray<Command>): State => {
  const state = make()
  for (const command of budgets) step(state, command, 0)
  return state
}

/** Three budgets on one path, the middle one without overdraft. */
export const start: ReadonlyArray<Command> = [
  budgetOf("tenant:acme", 2000, 300),
  budgetOf("tenant:acme/agent:x", 1200, 0),
  budgetOf("tenant:acme/app:y/agent:x", 800, 50)
]
