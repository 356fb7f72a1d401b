/**
 * Everything that a ledger remembers, in tables that a step changes in place. JavaScript runs one step at a time: no lock is needed.
 */
import type { Unit } from "../protocol/Amount.js"
import type { EvidenceRef } from "../protocol/Evidence.js"
import type { Budget } from "./Budget.js"
import type { CommandOf, Refusal } from "./Command.js"
import type { Deadlines } from "./internal/deadlines.js"
import * as Generations from "./internal/generations.js"
import type { LedgerEvent } from "./LedgerEvent.js"
import type { ApiKey, Audit, Document, Extension, Receipt, Recorded, Reservation, Spend, Tenant } from "./Rows.js"
import type { RowChange } from "./RowSet.js"
import { type Paths, paths } from "./Scopes.js"

/**
 * Gives an answer its evidence, and the document that is kept with the step: called once for each fresh answer to a command that evidence is
 * kept for, before the answer is remembered, so that a repeated request gets the same reference. It must not fail.
 *
 * @since 0.1.0
 * @category models
 */
export type Attest = (
  command: CommandOf<"Decide" | "Reserve" | "Commit" | "Release">,
  answer: Receipt | Reservation | Refusal,
  now: number
) => { readonly reference: EvidenceRef; readonly document: Document } | undefined

/**
 * `idempotency: false` remembers no key: a repeated request is a new one. For callers that never repeat any.
 *
 * @since 0.1.0
 * @category config
 */
export interface Settings {
  readonly idempotency?: boolean | undefined
  readonly attest?: Attest | undefined
  /** How long ended reservations, spend, audits and documents are kept. 30 days when absent. */
  readonly retentionMs?: number | undefined
}

/**
 * `active` holds the ACTIVE reservations, `ended` the others.
 *
 * @since 0.1.0
 * @category models
 */
export interface State {
  readonly settings: Settings
  readonly paths: Paths
  readonly budgets: { readonly [U in Unit]: Map<string, Budget> }
  readonly active: Map<string, Reservation>
  readonly deadlines: Deadlines
  readonly ended: Generations.Generations<Reservation>
  readonly extensions: Map<string, Map<string, Extension>>
  readonly records: { readonly [O in Recorded["operation"]]: Generations.Generations<Recorded> }
  readonly spend: Generations.Generations<Spend>
  readonly audits: Generations.Generations<Audit>
  readonly documents: Generations.Generations<Document>
  readonly tenants: Map<string, Tenant>
  readonly apiKeys: Map<string, ApiKey>
  /** The next instant at which something may be old enough to be forgotten. */
  nextForget: number
}

/**
 * What a step reports beside its answer: only the lists that are there are filled.
 *
 * @since 0.1.0
 * @category models
 */
export interface Report {
  readonly changes?: Array<RowChange> | undefined
  readonly events?: Array<LedgerEvent> | undefined
}

const hour = 3_600_000
const day = 24 * hour

/** How long answers and ended reservations are remembered. */
export const lifetimes = { advice: day, reserve: day, event: 7 * day, fund: day, ended: 30 * day } as const

/**
 * A ledger with nothing in it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (settings: Settings = {}): State => {
  const span = (settings.retentionMs ?? lifetimes.ended) / 5
  return {
    settings,
    paths: paths(),
    budgets: { USD_MICROCENTS: new Map(), TOKENS: new Map(), CREDITS: new Map(), RISK_POINTS: new Map() },
    active: new Map(),
    deadlines: [],
    ended: Generations.make(span),
    extensions: new Map(),
    records: {
      decide: Generations.make(lifetimes.advice),
      reserve: Generations.make(lifetimes.reserve),
      event: Generations.make(lifetimes.event),
      fund: Generations.make(lifetimes.fund)
    },
    spend: Generations.make(span),
    audits: Generations.make(span),
    documents: Generations.make(span),
    tenants: new Map(),
    apiKeys: new Map(),
    nextForget: -Infinity
  }
}

/** The budget of a scope in a unit. */
export const budgetAt = (state: State, scope: string, unit: Unit): Budget | undefined => state.budgets[unit].get(scope)

/** The budgets that exist among scopes, in the order of the scopes. */
export const budgetsAt = (state: State, scopes: ReadonlyArray<string>, unit: Unit): Array<Budget> => {
  const table = state.budgets[unit]
  const budgets: Array<Budget> = []
  for (let i = 0; i < scopes.length; i++) {
    const budget = table.get(scopes[i] as string)
    if (budget !== undefined) budgets.push(budget)
  }
  return budgets
}
