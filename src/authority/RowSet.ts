/**
 * All that a ledger remembers, and how it changes: row by row, so that any store can follow.
 */
import type { Unit } from "../protocol/Amount.js"
import type { Budget } from "./Budget.js"
import type { ApiKey, Audit, Document, Extension, Recorded, Reservation, Spend, Tenant } from "./Rows.js"

/**
 * One change of one row. `Put` writes the whole row, whether it was there or not. `Forget` drops what is older than `before`: reservations by
 * `endedAt` (with their extensions; an ACTIVE one is never dropped), records by `until`, the others by their instant.
 *
 * @since 0.1.0
 * @category models
 */
export type RowChange =
  | { readonly _tag: "Put"; readonly table: "budgets"; readonly row: Budget }
  | { readonly _tag: "Put"; readonly table: "reservations"; readonly row: Reservation }
  | { readonly _tag: "Put"; readonly table: "extensions"; readonly row: Extension }
  | { readonly _tag: "Put"; readonly table: "spend"; readonly row: Spend }
  | { readonly _tag: "Put"; readonly table: "records"; readonly row: Recorded }
  | { readonly _tag: "Put"; readonly table: "tenants"; readonly id: string; readonly row: Tenant }
  | { readonly _tag: "Put"; readonly table: "apiKeys"; readonly row: ApiKey }
  | { readonly _tag: "Put"; readonly table: "audits"; readonly row: Audit }
  | { readonly _tag: "Put"; readonly table: "documents"; readonly row: Document }
  | { readonly _tag: "DeleteBudget"; readonly scope: string; readonly unit: Unit }
  | {
    readonly _tag: "Forget"
    readonly table: "reservations" | "spend" | "audits" | "documents"
    readonly before: number
  }
  | {
    readonly _tag: "Forget"
    readonly table: "records"
    readonly operation: Recorded["operation"]
    readonly before: number
  }

/**
 * Every row of a ledger, in any order.
 *
 * @since 0.1.0
 * @category models
 */
export interface Rows {
  readonly budgets: ReadonlyArray<Budget>
  readonly reservations: ReadonlyArray<Reservation>
  readonly extensions: ReadonlyArray<Extension>
  readonly spend: ReadonlyArray<Spend>
  readonly records: ReadonlyArray<Recorded>
  readonly tenants: ReadonlyArray<{ readonly id: string; readonly row: Tenant }>
  readonly apiKeys: ReadonlyArray<ApiKey>
  readonly audits: ReadonlyArray<Audit>
  readonly documents: ReadonlyArray<Document>
}

/**
 * A ledger with nothing in it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const noRows: Rows = {
  budgets: [],
  reservations: [],
  extensions: [],
  spend: [],
  records: [],
  tenants: [],
  apiKeys: [],
  audits: [],
  documents: []
}
