/**
 * The rows of a ledger as rows of a store: what identifies each, and when it is forgotten.
 */
import * as Schema from "effect/Schema"
import { Budget } from "../../authority/Budget.js"
import { ApiKey, Audit, Document, Extension, Recorded, Reservation, Spend, Tenant } from "../../authority/Rows.js"
import type { RowChange, Rows } from "../../authority/RowSet.js"
import * as RowText from "./rowText.js"
import type { Change, Identity } from "./storeRows.js"

/** A table of the ledger; which rows it has is known where it is made. */
interface Table {
  readonly encode: (row: unknown) => string
  readonly decode: (body: string) => unknown
  readonly identify: (row: unknown) => Identity
}

const table = <A, I>(
  schema: Schema.Schema<A, I>,
  identify: (row: A) => Pick<Identity, "table" | "id"> & Partial<Identity>
): Table => {
  const { decode, encode } = RowText.make(schema)
  return {
    decode,
    encode: (row) => encode(row as A),
    identify: (row) => ({ at: undefined, parent: undefined, ...identify(row as A) })
  }
}

/** Two texts as one: no other two give the same. */
const pair = (a: string, b: string): string => `${a.length}:${a}${b}`

/** A record is forgotten with those of its operation. */
const recordsOf = (operation: Recorded["operation"]): string => `records.${operation}`

const tables: { readonly [T in keyof Rows]: Table } = {
  budgets: table(Budget, ({ scope, unit }) => ({ table: "budgets", id: pair(unit, scope) })),
  reservations: table(Reservation, ({ endedAt, id }) => ({ table: "reservations", id, at: endedAt })),
  extensions: table(Extension, ({ key, reservationId }) => ({
    table: "extensions",
    id: pair(reservationId, key),
    parent: reservationId
  })),
  spend: table(Spend, ({ createdAt, id }) => ({ table: "spend", id, at: createdAt })),
  records: table(Recorded, ({ key, operation, owner, until }) => ({
    table: recordsOf(operation),
    id: pair(owner, key),
    at: until
  })),
  tenants: table(Schema.Struct({ id: Schema.String, row: Tenant }), ({ id }) => ({ table: "tenants", id })),
  apiKeys: table(ApiKey, ({ id }) => ({ table: "apiKeys", id })),
  audits: table(Audit, ({ at, id }) => ({ table: "audits", id, at })),
  documents: table(Document, ({ at, id }) => ({ table: "documents", id, at }))
}

/** A change of the ledger as a change of the store. */
export const changeOf = (change: RowChange): Change => {
  switch (change._tag) {
    case "Put": {
      const { encode, identify } = tables[change.table]
      const row = change.table === "tenants" ? { id: change.id, row: change.row } : change.row
      return { _tag: "Put", identity: identify(row), body: () => encode(row) }
    }
    case "DeleteBudget":
      return { _tag: "Delete", table: "budgets", id: pair(change.unit, change.scope) }
    case "Forget":
      return {
        _tag: "Forget",
        table: change.table === "records" ? recordsOf(change.operation) : change.table,
        before: change.before,
        children: change.table === "reservations" ? "extensions" : undefined
      }
  }
}

/** Collects the rows of a database. `add` throws when there is no such table, or a text is no row of it. */
export const collect = () => {
  const rows = Object.fromEntries(Object.keys(tables).map((name) => [name, new Array<unknown>()]))
  return {
    // Each table decodes the rows of its own kind.
    rows: rows as unknown as Rows,
    add: (name: string, body: string): Identity => {
      const [ledgerTable = ""] = name.split(".")
      const { decode, identify } = tables[ledgerTable as keyof Rows]
      const row = decode(body)
      rows[ledgerTable]?.push(row)
      return identify(row)
    }
  }
}
