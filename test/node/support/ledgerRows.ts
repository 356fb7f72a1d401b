/**
 * Random changes of rows, and a plain model of what a store keeps of them.
 */
import { Budget } from "effect-cycles/authority/Budget"
import * as Tables from "effect-cycles/authority/Rows"
import type { RowChange, Rows } from "effect-cycles/authority/RowSet"
import * as Json from "effect-cycles/protocol/Json"
import * as Arbitrary from "effect/Arbitrary"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Schema from "effect/Schema"

type Table = keyof Rows

const schemas = {
  budgets: Budget,
  reservations: Tables.Reservation,
  extensions: Tables.Extension,
  spend: Tables.Spend,
  records: Tables.Recorded,
  tenants: Schema.Struct({ id: Schema.String, row: Tables.Tenant }),
  apiKeys: Tables.ApiKey,
  audits: Tables.Audit,
  documents: Tables.Document
}

/** The ledger counts milliseconds and steps: its numbers are integers. */
const tame = (value: unknown): unknown =>
  typeof value === "number"
    ? Number.isSafeInteger(value) ? value : Math.trunc(value % 1e12) || 0
    : Array.isArray(value)
    ? value.map(tame)
    : typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype
    ? Object.fromEntries(Object.entries(value).map(([key, v]) => [key, tame(v)]))
    : value

const few = FastCheck.constantFrom("a", "b", "c", "d", "x:1", "\ud800", "zß𝄞\u0000", "1:a")
const times = FastCheck.integer({ min: 0, max: 100 })

/** A row with identifying members from a small set, so that changes meet. */
const rowOf = (table: Table): FastCheck.Arbitrary<object> => {
  const row = (Arbitrary.make(schemas[table] as Schema.Schema<object>)).map((row) => tame(row) as object)
  const also = (members: Readonly<Record<string, FastCheck.Arbitrary<unknown>>>) =>
    FastCheck.tuple(row, FastCheck.record(members)).map(([row, more]) => ({ ...row, ...more }))
  switch (table) {
    case "budgets":
      return also({ scope: few })
    case "reservations":
      return also({ id: few, endedAt: FastCheck.oneof(times, FastCheck.constant(undefined)) })
    case "extensions":
      return also({ reservationId: few, key: few })
    case "records":
      return also({ owner: few, key: few, until: times })
    case "spend":
      return also({ id: few, createdAt: times })
    case "audits":
    case "documents":
      return also({ id: few, at: times })
    default:
      return also({ id: few })
  }
}

const puts = (table: Table): FastCheck.Arbitrary<RowChange> =>
  rowOf(table).map((row) =>
    (table === "tenants" ? { _tag: "Put", table, ...row } : { _tag: "Put", table, row }) as unknown as RowChange
  )

const operations = Tables.Operation.literals

const change: FastCheck.Arbitrary<RowChange> = FastCheck.oneof(
  ...(Object.keys(schemas) as ReadonlyArray<Table>).map(puts),
  puts("reservations"),
  puts("extensions"),
  FastCheck.record({ scope: few, unit: FastCheck.constantFrom("TOKENS" as const, "CREDITS" as const) }).map((key) => ({
    _tag: "DeleteBudget" as const,
    ...key
  })),
  FastCheck.record({
    table: FastCheck.constantFrom("reservations" as const, "spend" as const, "audits" as const, "documents" as const),
    before: times
  }).map((what) => ({ _tag: "Forget" as const, ...what })),
  FastCheck.record({ operation: FastCheck.constantFrom(...operations), before: times }).map((what) => ({
    _tag: "Forget" as const,
    table: "records" as const,
    ...what
  }))
)

/** What some calls of `append` would be given. */
export const appends = (seed: number, count: number): ReadonlyArray<ReadonlyArray<RowChange>> =>
  FastCheck.sample(FastCheck.array(change, { maxLength: 12 }), { numRuns: count, seed })

const textOf = (table: Table, row: unknown): string => {
  const encoded = Schema.encodeUnknownSync(schemas[table] as Schema.Schema<unknown>)(row)
  return `${table} ${Json.canonical(Either.getOrThrow(Json.parse(Either.getOrThrow(Json.stringify(encoded)))))}`
}

/** All rows as texts, in order. */
export const texts = (rows: Rows): ReadonlyArray<string> =>
  (Object.keys(schemas) as ReadonlyArray<Table>).flatMap((table) => rows[table].map((row) => textOf(table, row))).sort()

/** What is left after changes. */
export const model = (changes: ReadonlyArray<RowChange>): ReadonlyArray<string> => {
  const rows = new Map<string, { readonly table: Table; readonly row: Record<string, unknown> }>()
  const drop = (table: Table, isGone: (row: Record<string, unknown>) => boolean) => {
    for (const [key, found] of rows) if (found.table === table && isGone(found.row)) rows.delete(key)
  }
  for (const change of changes) {
    if (change._tag === "Put") {
      const row = (change.table === "tenants" ? { id: change.id, row: change.row } : change.row) as Record<
        string,
        unknown
      >
      const key = change.table === "budgets"
        ? [row.unit, row.scope]
        : change.table === "extensions"
        ? [row.reservationId, row.key]
        : change.table === "records"
        ? [row.operation, row.owner, row.key]
        : [row.id]
      rows.set(JSON.stringify([change.table, ...key]), { table: change.table, row })
    } else if (change._tag === "DeleteBudget") {
      drop("budgets", ({ scope, unit }) => scope === change.scope && unit === change.unit)
    } else if (change.table === "records") {
      drop("records", ({ operation, until }) => operation === change.operation && (until as number) < change.before)
    } else {
      const time = { reservations: "endedAt", spend: "createdAt", audits: "at", documents: "at" }[change.table]
      drop(change.table, (row) => row[time] !== undefined && (row[time] as number) < change.before)
      if (change.table !== "reservations") continue
      const left = new Set([...rows.values()].flatMap(({ row, table }) => table === "reservations" ? [row.id] : []))
      drop("extensions", ({ reservationId }) => !left.has(reservationId))
    }
  }
  return [...rows.values()].map(({ row, table }) => textOf(table, row)).sort()
}
