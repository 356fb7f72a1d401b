/**
 * Reserve, dry run, decide: one evaluation, and only the first of them holds anything.
 */
import * as Duration from "effect/Duration"
import type { Unit } from "../../protocol/Amount.js"
import type { Caps } from "../../protocol/Caps.js"
import type { ReservationId } from "../../protocol/Reservation.js"
import { type Budget, moved, remaining } from "../Budget.js"
import { type CommandOf, isRefusal, type Outcomes, type Refusal, refusalOf } from "../Command.js"
import type { ReceiptOf, Reservation } from "../Rows.js"
import { budgetsAt, lifetimes, type Report, type State } from "../State.js"
import { detail } from "./answer.js"
import { attested, referring } from "./attest.js"
import { denied, reasons } from "./denied.js"
import { createPrint, decidePrint, defaultGraceMs, recall } from "./replay.js"
import { blocked, guard, policyOf, reservationAt, scopesOf, unbudgeted } from "./rules.js"
import { putBudgets, putRecord, putReservation, unsound } from "./write.js"

const obstacle = (budget: Budget, estimate: bigint): Refusal | undefined => {
  const stop = blocked(budget)
  if (stop !== undefined) return stop
  if (budget.isOverLimit) {
    return refusalOf(budget, "OVERDRAFT_LIMIT_EXCEEDED", `Overdraft limit exceeded for scope: ${budget.scope}`)
  }
  if (budget.debt > 0n && budget.overdraftLimit === 0n) {
    return refusalOf(budget, "DEBT_OUTSTANDING", `Outstanding debt blocks new reservations for scope: ${budget.scope}`)
  }
  return remaining(budget) < estimate
    ? refusalOf(budget, "BUDGET_EXCEEDED", `Budget exceeded for scope: ${budget.scope}`)
    : undefined
}

/** The budgets of the path when every one of them has room; the widest that has not decides. */
const evaluate = (
  state: State,
  tenant: string,
  scopes: ReadonlyArray<string>,
  unit: Unit,
  estimate: bigint
): Array<Budget> | Refusal => {
  const closed = guard(state, tenant)
  if (closed !== undefined) return closed
  const budgets = budgetsAt(state, scopes, unit)
  for (const budget of budgets) {
    const stop = obstacle(budget, estimate)
    if (stop !== undefined) return stop
  }
  return budgets.length === 0 ? unbudgeted(state, scopes, unit) : budgets
}

/** The caps of the narrowest scope, when it has a budget and the caps say anything. */
const capsOf = (budgets: ReadonlyArray<Budget>, scopes: ReadonlyArray<string>): Caps | undefined => {
  const deepest = budgets[budgets.length - 1]
  const caps = deepest?.caps
  return caps !== undefined && deepest?.scope === scopes[scopes.length - 1] &&
      Object.values(caps).some((cap) => cap !== undefined)
    ? caps
    : undefined
}

const decisionOf = (caps: Caps | undefined) => caps === undefined ? "ALLOW" : "ALLOW_WITH_CAPS"

export const decide = (
  state: State,
  command: CommandOf<"Decide">,
  now: number,
  report: Report
): Outcomes["Decide"] | Refusal => {
  const { request, tenant } = command
  const scopes = scopesOf(state, tenant, request)
  if (isRefusal(scopes)) return scopes
  const print = decidePrint(request)
  const known = recall(state, "decide", tenant, request.idempotencyKey, print, now)
  if (known !== undefined) return known as ReceiptOf<"Advice"> | Refusal
  const { amount, unit } = request.estimate
  const evaluated = evaluate(state, tenant, scopes, unit, amount)
  const reasonCode = isRefusal(evaluated) ? reasons[evaluated.code] : undefined
  if (isRefusal(evaluated)) {
    if (reasonCode === undefined) return attested(state, command, evaluated, now, report)
    denied(report, now, evaluated, { operation: "decide", tenant, requested: request.estimate, scopes })
  }
  const caps = isRefusal(evaluated) ? undefined : capsOf(evaluated, scopes)
  const receipt: ReceiptOf<"Advice"> = attested(
    state,
    command,
    {
      _tag: "Advice",
      decision: reasonCode === undefined ? decisionOf(caps) : "DENY",
      scopes,
      caps,
      reasonCode
    },
    now,
    report
  )
  const until = now + lifetimes.advice
  putRecord(state, { operation: "decide", owner: tenant, key: request.idempotencyKey, print, until, receipt }, report)
  return receipt
}

/** What is left of a lease according to the answer that is given again. */
const ttlLeft = (state: State, { expiresAt, reservationId }: ReceiptOf<"Hold">, now: number): number | undefined =>
  expiresAt === undefined || reservationId === undefined
    ? undefined
    : reservationAt(state, reservationId)?.status === "ACTIVE"
    ? Math.max(0, expiresAt - now)
    : 0

export const reserve = (
  state: State,
  command: CommandOf<"Reserve">,
  now: number,
  report: Report
): Outcomes["Reserve"] | Refusal => {
  const { request, tenant } = command
  const scopes = scopesOf(state, tenant, request)
  if (isRefusal(scopes)) return scopes
  // A dry run settles nothing: it has no policy.
  const policy = request.dryRun === true ? "REJECT" : policyOf(state, tenant, request.overagePolicy)
  if (isRefusal(policy)) return policy
  const print = state.settings.idempotency === false ? "" : createPrint(request)
  const known = recall(state, "reserve", tenant, request.idempotencyKey, print, now)
  if (known !== undefined) {
    if (isRefusal(known)) return known
    const receipt = known as ReceiptOf<"Hold">
    return { receipt, ttlMs: ttlLeft(state, receipt, now) }
  }
  const { amount: estimate, unit } = request.estimate
  const evaluated = evaluate(state, tenant, scopes, unit, estimate)
  if (isRefusal(evaluated)) {
    const operation = request.dryRun === true ? "dryRun" : "reserve"
    denied(report, now, evaluated, { operation, tenant, requested: request.estimate, scopes })
  }
  if (request.dryRun === true) return foresee(state, command, scopes, evaluated, print, now, report)
  if (isRefusal(evaluated)) return attested(state, command, evaluated, now, report)
  const caps = capsOf(evaluated, scopes)
  for (let i = 0; i < evaluated.length; i++) {
    const budget = evaluated[i] as Budget
    evaluated[i] = moved(budget, budget.reserved + estimate, budget.spent, budget.debt, budget.isOverLimit)
  }
  const stop = unsound(evaluated)
  if (stop !== undefined) return stop
  const bare = rowOf(state, command, policy, scopes, evaluated, now)
  const receipt = attested<ReceiptOf<"Hold">>(
    state,
    command,
    {
      _tag: "Hold",
      decision: decisionOf(caps),
      reservationId: bare.id,
      unit,
      estimate,
      expiresAt: bare.expiresAt,
      scopes,
      caps,
      reasonCode: undefined,
      balances: evaluated,
      evidence: undefined
    },
    now,
    report
  )
  const row = referring(bare, "reserve", receipt.evidence)
  putBudgets(state, evaluated, now, report)
  putReservation(state, row, report)
  report.events?.push({ _tag: "Reserved", at: now, tenant, reservation: detail(row) })
  const until = Math.max(row.expiresAt + row.graceMs, now + lifetimes.reserve)
  putRecord(state, { operation: "reserve", owner: tenant, key: request.idempotencyKey, print, until, receipt }, report)
  return { receipt, ttlMs: row.expiresAt - now }
}

/** What a live reserve would say. What is no denial stays a refusal. */
const foresee = (
  state: State,
  command: CommandOf<"Reserve">,
  scopes: ReadonlyArray<string>,
  evaluated: ReadonlyArray<Budget> | Refusal,
  print: string,
  now: number,
  report: Report
): Outcomes["Reserve"] | Refusal => {
  const { request: { estimate, idempotencyKey: key }, tenant } = command
  const reasonCode = isRefusal(evaluated) ? reasons[evaluated.code] : undefined
  if (isRefusal(evaluated) && reasonCode === undefined) return attested(state, command, evaluated, now, report)
  const caps = isRefusal(evaluated) ? undefined : capsOf(evaluated, scopes)
  const receipt = attested<ReceiptOf<"Hold">>(
    state,
    command,
    {
      _tag: "Hold",
      decision: reasonCode === undefined ? decisionOf(caps) : "DENY",
      unit: estimate.unit,
      estimate: estimate.amount,
      scopes,
      caps,
      reasonCode,
      balances: isRefusal(evaluated) ? undefined : evaluated
    },
    now,
    report
  )
  const until = now + lifetimes.advice
  putRecord(state, { operation: "reserve", owner: tenant, key, print, until, receipt }, report)
  return { receipt, ttlMs: undefined }
}

const defaults = { ttlMs: 60_000, maxTtlMs: 3_600_000, maxExtensions: 10 } as const

const rowOf = (
  state: State,
  { id, request, tenant }: CommandOf<"Reserve">,
  overagePolicy: Reservation["overagePolicy"],
  scopes: ReadonlyArray<string>,
  budgets: ReadonlyArray<Budget>,
  now: number
): Reservation => {
  const record = state.tenants.get(tenant)
  const wanted = request.ttl === undefined ? record?.defaultTtlMs ?? defaults.ttlMs : Duration.toMillis(request.ttl)
  return {
    // The caller makes the id: it is fresh, and short enough.
    id: id as ReservationId,
    tenant,
    status: "ACTIVE",
    idempotencyKey: request.idempotencyKey,
    subject: request.subject,
    action: request.action,
    unit: request.estimate.unit,
    estimate: request.estimate.amount,
    affectedScopes: scopes,
    budgetedScopes: budgets.length === scopes.length ? scopes : budgets.map(({ scope }) => scope),
    createdAt: now,
    expiresAt: now + Math.min(wanted, record?.maxTtlMs ?? defaults.maxTtlMs),
    graceMs: request.gracePeriod === undefined ? defaultGraceMs : Duration.toMillis(request.gracePeriod),
    endedAt: undefined,
    overagePolicy,
    maxExtensions: record?.maxExtensions ?? defaults.maxExtensions,
    extensions: 0,
    metadata: request.metadata,
    charged: undefined,
    metrics: undefined,
    committedMetadata: undefined,
    reason: undefined,
    settled: undefined,
    evidence: undefined
  }
}
