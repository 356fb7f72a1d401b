/**
 * The ledger as a state machine: a step changes the tables and gives an answer, all of it or nothing. It reads no clock, makes up no id
 * and waits for nothing, so the same commands always give the same rows.
 */
import {
  type AdminCommand,
  type Answers,
  type Command,
  isRefusal,
  type Outcome,
  type Outcomes,
  type Refusal,
  type Shown
} from "./Command.js"
import * as Answer from "./internal/answer.js"
import { advance as advanceTo } from "./internal/expiry.js"
import * as Funding from "./internal/funding.js"
import * as Generations from "./internal/generations.js"
import * as Operator from "./internal/operator.js"
import * as Read from "./internal/read.js"
import * as Reserve from "./internal/reserve.js"
import * as Settle from "./internal/settle.js"
import * as Tenancy from "./internal/tenancy.js"
import * as Write from "./internal/write.js"
import type { RowChange, Rows } from "./RowSet.js"
import { make, type Report, type Settings, type State } from "./State.js"

export {
  /**
   * An empty ledger.
   *
   * @since 0.1.0
   * @category constructors
   */
  make
}

const nothing: Report = {}

/**
 * Brings the state to an instant (epoch ms): what expired by then returns to its budgets, what is too old is forgotten. An earlier instant than
 * before changes nothing: what ended stays ended.
 *
 * @since 0.1.0
 * @category combinators
 */
export const advance = (state: State, now: number, report: Report = nothing): void => advanceTo(state, now, report)

const run = (state: State, command: Command, now: number, report: Report): Outcome<Command> => {
  switch (command._tag) {
    case "Decide":
      return Reserve.decide(state, command, now, report)
    case "Reserve":
      return Reserve.reserve(state, command, now, report)
    case "Commit":
      return Settle.commit(state, command, now, report)
    case "Release":
      return Settle.release(state, command, now, report)
    case "Extend":
      return Settle.extend(state, command, now, report)
    case "Event":
      return Settle.event(state, command, now, report)
    case "Get":
      return Read.get(state, command)
    case "List":
      return Read.list(state, command)
    case "Balances":
      return Read.balances(state, command)
    case "PutBudget":
      return Operator.putBudget(state, command, now, report)
    case "RemoveBudget":
      return Operator.removeBudget(state, command, report)
    case "Credit":
      return Operator.credit(state, command, now, report)
    case "SetStatus":
      return Operator.setStatus(state, command, now, report)
    case "SetCaps":
      return Operator.setCaps(state, command, now, report)
    case "PutTenant":
      return Operator.putTenant(state, command, report)
    default:
      return administer(state, command, now, report)
  }
}

const administer = (state: State, command: AdminCommand, now: number, report: Report): Outcome<AdminCommand> => {
  switch (command._tag) {
    case "CreateTenant":
      return Tenancy.createTenant(state, command, now, report)
    case "UpdateTenant":
      return Tenancy.updateTenant(state, command, now, report)
    case "Tenants":
      return Tenancy.tenants(state)
    case "CreateApiKey":
      return Tenancy.createApiKey(state, command, now, report)
    case "UpdateApiKey":
      return Tenancy.updateApiKey(state, command, report)
    case "RevokeApiKey":
      return Tenancy.revokeApiKey(state, command, now, report)
    case "ApiKeys":
      return Tenancy.apiKeys(state, command)
    case "CreateBudget":
      return Funding.createBudget(state, command, now, report)
    case "Fund":
      return Funding.fund(state, command, now, report)
    case "UpdateBudget":
      return Funding.updateBudget(state, command, now, report)
    case "FreezeBudget":
    case "UnfreezeBudget":
      return Funding.freezeBudget(state, command, now, report)
    case "LookupBudget":
      return Funding.lookupBudget(state, command)
    case "Budgets":
      return Funding.budgets(state, command)
  }
}

/**
 * Runs one command at `now` (epoch ms). First everything whose grace ended before `now` expires; then the command changes all of its rows or,
 * when it is refused, none. Every change is in `report.changes` and every event in `report.events`, when those lists are there; without them
 * nothing is collected.
 *
 * Source: the semantics of each operation in the protocol document.
 *
 * @since 0.1.0
 * @category combinators
 */
export const step = <C extends Command>(
  state: State,
  command: C,
  now: number,
  report: Report = nothing
): Outcome<C> => {
  advanceTo(state, now, report)
  // `run` gives for each tag what `Outcomes` says of it.
  return run(state, command, now, report) as Outcome<C>
}

const answers: { readonly [T in Shown]: (outcome: Outcomes[T]) => Answers[T] } = {
  Decide: Answer.decision,
  Reserve: Answer.created,
  Commit: Answer.committed,
  Release: Answer.released,
  Extend: Answer.extended,
  Event: Answer.applied,
  Get: Answer.detail
}

const isShown = (tag: Command["_tag"]): tag is Shown => Object.hasOwn(answers, tag)

/**
 * What the protocol shows of an outcome.
 *
 * @since 0.1.0
 * @category getters
 */
export const answer = <C extends Command>(command: C, outcome: Outcome<C>): Answers[C["_tag"]] | Refusal =>
  // The table gives for each tag what `Answers` says of it; any other outcome is its own answer.
  isRefusal(outcome) || !isShown(command._tag)
    ? outcome as Answers[C["_tag"]] | Refusal
    : answers[command._tag](outcome as never) as Answers[C["_tag"]]

/**
 * Applies a change of a row, as a store that keeps the rows would.
 *
 * @since 0.1.0
 * @category combinators
 */
export const apply = (state: State, change: RowChange): void => {
  if (change._tag === "DeleteBudget") return void state.budgets[change.unit].delete(change.scope)
  if (change._tag === "Forget") return Write.forget(state, change)
  switch (change.table) {
    case "budgets":
      return Write.putBudget(state, change.row, 0, nothing)
    case "reservations":
      return Write.putReservation(state, change.row, nothing)
    case "extensions":
      return Write.putExtension(state, change.row, nothing)
    case "spend":
      return Write.putSpend(state, change.row, nothing)
    case "records":
      return Write.putRecord(state, change.row, nothing)
    case "tenants":
      return Write.putTenant(state, change.id, change.row, nothing)
    case "apiKeys":
      return Write.putApiKey(state, change.row, nothing)
    case "audits":
      return Write.putAudit(state, change.row, nothing)
    case "documents":
      return Write.putDocument(state, change.row, nothing)
  }
}

/**
 * A ledger with the rows that a store kept.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromRows = (rows: Rows, settings: Settings = {}): State => {
  const state = make(settings)
  for (const row of rows.budgets) Write.putBudget(state, row, 0, nothing)
  for (const row of rows.reservations) Write.putReservation(state, row, nothing)
  for (const row of rows.extensions) Write.putExtension(state, row, nothing)
  for (const row of rows.spend) Write.putSpend(state, row, nothing)
  for (const row of rows.records) Write.putRecord(state, row, nothing)
  for (const { id, row } of rows.tenants) Write.putTenant(state, id, row, nothing)
  for (const row of rows.apiKeys) Write.putApiKey(state, row, nothing)
  for (const row of rows.audits) Write.putAudit(state, row, nothing)
  for (const row of rows.documents) Write.putDocument(state, row, nothing)
  return state
}

/**
 * Every row of a ledger.
 *
 * @since 0.1.0
 * @category getters
 */
export const rowsOf = (state: State): Rows => ({
  budgets: Read.budgetsOf(state),
  reservations: Array.from(Read.reservationsOf(state)),
  extensions: Array.from(state.extensions.values()).flatMap((rows) => Array.from(rows.values())),
  spend: Array.from(Generations.values(state.spend)),
  records: Object.values(state.records).flatMap((records) => Array.from(Generations.values(records))),
  tenants: Array.from(state.tenants, ([id, row]) => ({ id, row })),
  apiKeys: Array.from(state.apiKeys.values()),
  audits: Array.from(Generations.values(state.audits)),
  documents: Array.from(Generations.values(state.documents))
})
