/**
 * The only places where tables change. Whoever writes has checked everything before: a step writes all of its rows or none.
 */
import { amountOf, type Budget, isSound, remaining, view } from "../Budget.js"
import { type Refusal, refusal } from "../Command.js"
import type { LedgerEvent } from "../LedgerEvent.js"
import type { ApiKey, Audit, Document, Extension, Recorded, Reservation, Spend, Tenant } from "../Rows.js"
import type { RowChange } from "../RowSet.js"
import type { Report, State } from "../State.js"
import { add, compact } from "./deadlines.js"
import * as Generations from "./generations.js"
import { recordKey } from "./replay.js"

/** The refusal of figures that would leave the int64 range. */
export const unsound = (budgets: ReadonlyArray<Budget>): Refusal | undefined => {
  for (const budget of budgets) {
    if (!isSound(budget)) {
      return refusal("INTERNAL_ERROR", `A figure would leave the int64 range for scope: ${budget.scope}`)
    }
  }
  return undefined
}

/** What an observer wants to know of the way from one row to the next. */
const watch = (before: Budget, after: Budget, at: number, events: Array<LedgerEvent>): void => {
  const budget = view(after)
  if (remaining(before) > 0n && remaining(after) === 0n) events.push({ _tag: "Exhausted", at, budget })
  if (after.isOverLimit && !before.isOverLimit) events.push({ _tag: "OverLimitEntered", at, budget })
  if (after.debt > before.debt) {
    events.push({ _tag: "DebtIncurred", at, budget, incurred: amountOf(after.unit, after.debt - before.debt) })
  }
  if (after.status !== before.status) events.push({ _tag: "StatusChanged", at, budget })
}

export const putBudget = (state: State, budget: Budget, now: number, { changes, events }: Report): void => {
  const table = state.budgets[budget.unit]
  if (events !== undefined) {
    const before = table.get(budget.scope)
    if (before !== undefined) watch(before, budget, now, events)
  }
  table.set(budget.scope, budget)
  changes?.push({ _tag: "Put", table: "budgets", row: budget })
}

export const putBudgets = (state: State, budgets: ReadonlyArray<Budget>, now: number, report: Report): void => {
  for (let i = 0; i < budgets.length; i++) putBudget(state, budgets[i] as Budget, now, report)
}

/** Forgets a budget; holds on it then settle on what is left of their path. */
export const deleteBudget = (state: State, { scope, unit }: Budget, { changes }: Report): void => {
  state.budgets[unit].delete(scope)
  changes?.push({ _tag: "DeleteBudget", scope, unit })
}

/** Writes a reservation where its status belongs. */
export const putReservation = (state: State, row: Reservation, { changes }: Report): void => {
  const { active, deadlines, ended } = state
  if (row.status === "ACTIVE") {
    active.set(row.id, row)
    add(deadlines, row)
    if (deadlines.length > 2 * active.size + 1024) compact(deadlines, (entry) => active.get(entry.id) === entry)
  } else {
    active.delete(row.id)
    Generations.put(ended, row.id, row.endedAt ?? row.createdAt, row)
  }
  changes?.push({ _tag: "Put", table: "reservations", row })
}

export const putExtension = ({ extensions }: State, row: Extension, { changes }: Report): void => {
  const rows = extensions.get(row.reservationId)
  if (rows === undefined) extensions.set(row.reservationId, new Map([[row.key, row]]))
  else rows.set(row.key, row)
  changes?.push({ _tag: "Put", table: "extensions", row })
}

export const putRecord = ({ records, settings }: State, row: Recorded, { changes }: Report): void => {
  if (settings.idempotency === false) return
  Generations.put(records[row.operation], recordKey(row.owner, row.key), row.until, row)
  changes?.push({ _tag: "Put", table: "records", row })
}

export const putSpend = ({ spend }: State, row: Spend, { changes }: Report): void => {
  Generations.put(spend, row.id, row.createdAt, row)
  changes?.push({ _tag: "Put", table: "spend", row })
}

export const putTenant = ({ tenants }: State, id: string, row: Tenant, { changes }: Report): void => {
  tenants.set(id, row)
  changes?.push({ _tag: "Put", table: "tenants", id, row })
}

export const putApiKey = ({ apiKeys }: State, row: ApiKey, { changes }: Report): void => {
  apiKeys.set(row.id, row)
  changes?.push({ _tag: "Put", table: "apiKeys", row })
}

export const putAudit = ({ audits }: State, row: Audit, { changes }: Report): void => {
  Generations.put(audits, row.id, row.at, row)
  changes?.push({ _tag: "Put", table: "audits", row })
}

export const putDocument = ({ documents }: State, row: Document, { changes }: Report): void => {
  Generations.put(documents, row.id, row.at, row)
  changes?.push({ _tag: "Put", table: "documents", row })
}

/** Drops the rows of whole generations that are older than `before`. */
export const forget = (
  state: State,
  { before, ...change }: Extract<RowChange, { readonly _tag: "Forget" }>,
  { changes }: Report = {}
): void => {
  const generations: Generations.Generations<unknown> = change.table === "records"
    ? state.records[change.operation]
    : change.table === "reservations"
    ? state.ended
    : state[change.table]
  const gone = Generations.forget(generations, before)
  if (gone === undefined) return
  if (change.table === "reservations") {
    for (const { rows } of gone.dropped) for (const id of rows.keys()) state.extensions.delete(id)
  }
  changes?.push({ ...change, before: gone.before })
}
