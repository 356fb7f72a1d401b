/**
 * Commit, release, extend and event: what changes a reservation, or spends without one.
 */
import * as Duration from "effect/Duration"
import { amountOf, type Budget, remaining } from "../Budget.js"
import { type CommandOf, isRefusal, type Outcomes, type Refusal, refusal, refusalOf } from "../Command.js"
import type { Extension, ReceiptOf, Reservation, Spend } from "../Rows.js"
import { budgetsAt, lifetimes, type Report, type State } from "../State.js"
import { detail } from "./answer.js"
import { attested, withEvidence } from "./attest.js"
import { denied } from "./denied.js"
import { withoutHold } from "./expiry.js"
import { charge } from "./overage.js"
import { commitPrint, eventPrint, extendPrint, mismatch, recall, releasePrint } from "./replay.js"
import { blocked, expired, find, guard, inactive, policyOf, scopesOf, unbudgeted } from "./rules.js"
import { putAudit, putBudgets, putExtension, putRecord, putReservation, putSpend, unsound } from "./write.js"

/** The answer that was given to the key that settled a reservation; a mismatch when the request was another one. */
const settledBy = (
  row: Reservation,
  status: Reservation["status"],
  key: string,
  print: string
): Reservation | Refusal | undefined =>
  row.status !== status || row.settled === undefined || row.settled.key !== key
    ? undefined
    : row.settled.print === print
    ? row
    : mismatch

/** The row after its end. Written out, since a spread costs ten times as much. */
const ended = (
  row: Reservation,
  status: Reservation["status"],
  now: number,
  settled: Reservation["settled"],
  rest: Partial<Pick<Reservation, "charged" | "metrics" | "committedMetadata" | "reason">>
): Reservation => ({
  id: row.id,
  tenant: row.tenant,
  status,
  idempotencyKey: row.idempotencyKey,
  subject: row.subject,
  action: row.action,
  unit: row.unit,
  estimate: row.estimate,
  affectedScopes: row.affectedScopes,
  budgetedScopes: row.budgetedScopes,
  createdAt: row.createdAt,
  expiresAt: row.expiresAt,
  graceMs: row.graceMs,
  endedAt: now,
  overagePolicy: row.overagePolicy,
  maxExtensions: row.maxExtensions,
  extensions: row.extensions,
  metadata: row.metadata,
  charged: rest.charged,
  metrics: rest.metrics,
  committedMetadata: rest.committedMetadata,
  reason: rest.reason,
  settled,
  evidence: row.evidence
})

const remember = ({ settings }: State): boolean => settings.idempotency !== false

export const commit = (
  state: State,
  command: CommandOf<"Commit">,
  now: number,
  report: Report
): Outcomes["Commit"] | Refusal => {
  const { request, reservationId, tenant } = command
  const row = find(state, reservationId, tenant)
  if (isRefusal(row)) return row
  const key = request.idempotencyKey
  const print = remember(state) ? commitPrint(request) : ""
  const known = remember(state) ? settledBy(row, "COMMITTED", key, print) : undefined
  if (known !== undefined) return known
  const { amount: actual, unit } = request.actual
  const stop = inactive(state, row) ?? uncommittable(row, unit, actual)
  if (stop !== undefined) {
    denied(report, now, stop, { operation: "commit", tenant, requested: request.actual, scopes: row.affectedScopes })
    return attested(state, command, stop, now, report)
  }
  const budgets = budgetsAt(state, row.budgetedScopes, unit)
  const charged = charge(budgets, row.estimate, actual, row.overagePolicy)
  if (isRefusal(charged)) {
    denied(report, now, charged, { operation: "commit", tenant, requested: request.actual, scopes: row.affectedScopes })
    return attested(state, command, charged, now, report)
  }
  const bad = unsound(budgets)
  if (bad !== undefined) return bad
  const bare = ended(row, "COMMITTED", now, { key, print, balances: budgets }, {
    charged,
    metrics: request.metrics,
    committedMetadata: request.metadata
  })
  const done = withEvidence(state, command, "commit", bare, now, report)
  putBudgets(state, budgets, now, report)
  putReservation(state, done, report)
  if (report.events !== undefined) {
    const what = { at: now, tenant, reservation: detail(done) }
    if (actual > row.estimate) {
      report.events.push({ _tag: "Overage", ...what, actual: request.actual, policy: row.overagePolicy })
    }
    report.events.push({ _tag: "Committed", ...what })
  }
  return done
}

const uncommittable = (row: Reservation, unit: Reservation["unit"], actual: bigint): Refusal | undefined => {
  if (unit !== row.unit) return refusal("UNIT_MISMATCH", `The reservation counts ${row.unit}, not ${unit}`)
  if (actual <= row.estimate || row.overagePolicy !== "REJECT") return undefined
  const scope = row.affectedScopes[row.affectedScopes.length - 1] ?? ""
  return refusalOf({ scope }, "BUDGET_EXCEEDED", `The actual exceeds the reserved amount for scope: ${scope}`)
}

export const release = (
  state: State,
  command: CommandOf<"Release">,
  now: number,
  report: Report
): Outcomes["Release"] | Refusal => {
  const { origin, request, reservationId, tenant } = command
  const row = find(state, reservationId, tenant)
  if (isRefusal(row)) return row
  const key = request.idempotencyKey
  const print = releasePrint(request)
  const known = remember(state) ? settledBy(row, "RELEASED", key, print) : undefined
  if (known !== undefined) return known
  const stop = inactive(state, row)
  if (stop !== undefined) return attested(state, command, stop, now, report)
  const budgets = withoutHold(state, row)
  const bare = ended(row, "RELEASED", now, { key, print, balances: budgets }, { reason: request.reason })
  const done = withEvidence(state, command, "release", bare, now, report)
  putBudgets(state, budgets, now, report)
  putReservation(state, done, report)
  if (tenant === undefined) {
    putAudit(state, {
      id: `${row.id}:release`,
      operation: "releaseReservation",
      actorType: "admin_on_behalf_of",
      tenant: row.tenant,
      resource: row.id,
      reason: request.reason?.replace(/[\r\n]+/g, " "),
      ...origin,
      at: now
    }, report)
  }
  report.events?.push({ _tag: "Released", at: now, tenant: row.tenant, reservation: detail(done) })
  return done
}

export const extend = (
  state: State,
  { request, reservationId, tenant }: CommandOf<"Extend">,
  now: number,
  report: Report
): Outcomes["Extend"] | Refusal => {
  const row = find(state, reservationId, tenant)
  if (isRefusal(row)) return row
  const print = extendPrint(request)
  const known = state.extensions.get(row.id)?.get(request.idempotencyKey)
  if (known !== undefined) {
    if (known.print !== print) return mismatch
    return { extension: known, ttlMs: row.status === "ACTIVE" ? Math.max(0, known.expiresAt - now) : 0 }
  }
  const stop = inactive(state, row)
  if (stop !== undefined) return stop
  if (now > row.expiresAt) return expired(row)
  if (row.extensions >= row.maxExtensions) {
    return refusal("MAX_EXTENSIONS_EXCEEDED", `Maximum reservation extensions (${row.maxExtensions}) reached`)
  }
  const expiresAt = row.expiresAt + Duration.toMillis(request.extendBy)
  const extension: Extension = {
    reservationId: row.id,
    key: request.idempotencyKey,
    print,
    expiresAt,
    balances: budgetsAt(state, row.budgetedScopes, row.unit),
    metadata: request.metadata
  }
  const reservation: Reservation = { ...row, expiresAt, extensions: row.extensions + 1 }
  putReservation(state, reservation, report)
  if (remember(state)) putExtension(state, extension, report)
  report.events?.push({ _tag: "Extended", at: now, tenant, reservation: detail(reservation) })
  return { extension, ttlMs: expiresAt - now }
}

const short = (budget: Budget, actual: bigint): Refusal | undefined =>
  remaining(budget) < actual
    ? refusalOf(budget, "BUDGET_EXCEEDED", `Budget exceeded for scope: ${budget.scope}`)
    : undefined

export const event = (
  state: State,
  { id, request, tenant }: CommandOf<"Event">,
  now: number,
  report: Report
): Outcomes["Event"] | Refusal => {
  const scopes = scopesOf(state, tenant, request)
  if (isRefusal(scopes)) return scopes
  const policy = policyOf(state, tenant, request.overagePolicy)
  if (isRefusal(policy)) return policy
  const key = request.idempotencyKey
  const print = eventPrint(request)
  const known = recall(state, "event", tenant, key, print, now)
  if (known !== undefined) return known as ReceiptOf<"Charge"> | Refusal
  const { amount: actual, unit } = request.actual
  const budgets = budgetsAt(state, scopes, unit)
  const stop = guard(state, tenant) ?? unspendable(budgets, actual, policy) ??
    (budgets.length === 0 ? unbudgeted(state, scopes, unit) : undefined)
  const charged = stop ?? charge(budgets, 0n, actual, policy)
  if (isRefusal(charged)) {
    denied(report, now, charged, { operation: "event", tenant, requested: request.actual, scopes })
    return charged
  }
  const bad = unsound(budgets)
  if (bad !== undefined) return bad
  const spend: Spend = {
    id,
    tenant,
    idempotencyKey: key,
    subject: request.subject,
    action: request.action,
    unit,
    actual,
    charged,
    scopes,
    createdAt: now,
    metrics: request.metrics,
    metadata: request.metadata
  }
  const receipt: ReceiptOf<"Charge"> = { _tag: "Charge", eventId: id, unit, actual, charged, balances: budgets }
  putBudgets(state, budgets, now, report)
  putSpend(state, spend, report)
  putRecord(state, { operation: "event", owner: tenant, key, print, until: now + lifetimes.event, receipt }, report)
  report.events?.push({
    _tag: "SpendApplied",
    at: now,
    tenant,
    eventId: id,
    idempotencyKey: key,
    subject: request.subject,
    action: request.action,
    path: scopes[scopes.length - 1] ?? "",
    actual: request.actual,
    charged: amountOf(unit, charged)
  })
  return receipt
}

const unspendable = (budgets: ReadonlyArray<Budget>, actual: bigint, policy: string): Refusal | undefined => {
  for (const budget of budgets) {
    const stop = blocked(budget) ?? (policy === "REJECT" ? short(budget, actual) : undefined)
    if (stop !== undefined) return stop
  }
  return undefined
}
