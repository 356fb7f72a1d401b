/**
 * The rows that a failed expectation shows.
 */
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import type { BudgetView } from "../../authority/Budget.js"
import type { ReservationDetail } from "../../protocol/ReservationQuery.js"
import type { ProviderCall } from "../ProviderCalls.js"
import type { Exchange } from "../Traffic.js"

/** Columns as wide as their widest cell. */
const table = (title: string, head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  if (rows.length === 0) return `  no ${title}s`
  const all = [[title, ...head], ...rows]
  const widths = all[0]?.map((_, i) => Math.max(...all.map((row) => row[i]?.length ?? 0))) ?? []
  return all.map((row) => `  ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  ")}`.trimEnd()).join("\n")
}

const limit = 20

/** At most 20 rows, and how many are left out. */
const shortened = <A>(rows: ReadonlyArray<A>, show: (rows: ReadonlyArray<A>) => string): string =>
  rows.length <= limit ? show(rows) : `${show(rows.slice(0, limit))}\n  and ${rows.length - limit} more`

export const budgetRows = (budgets: ReadonlyArray<BudgetView>): string =>
  shortened(budgets, (rows) =>
    table(
      "budget",
      ["allocated", "remaining", "reserved", "spent", "debt", "status"],
      rows.map(({ allocated, debt, isOverLimit, remaining, reserved, scope, spent, status }) => [
        scope,
        ...[allocated, remaining, reserved, spent, debt].map(String),
        isOverLimit ? `${status}, over its limit` : status
      ])
    ))

const or = (option: Option.Option<unknown>): string => Option.match(option, { onNone: () => "-", onSome: String })

export const reservationRows = (reservations: ReadonlyArray<ReservationDetail>): string =>
  shortened(reservations, (rows) =>
    table(
      "reservation",
      ["status", "reserved", "committed", "scope", "expires", "key"],
      rows.map(({ committed, expiresAt, idempotencyKey, reservationId, reserved, scopePath, status }) => [
        reservationId,
        status,
        String(reserved),
        or(committed),
        scopePath,
        DateTime.formatIso(expiresAt),
        or(idempotencyKey)
      ])
    ))

export const exchangeRows = (exchanges: ReadonlyArray<Exchange>): string =>
  shortened(exchanges, (rows) =>
    table(
      "exchange",
      ["n", "fault", "authority"],
      rows.map(({ answered, fault, n, operation }) => [
        operation,
        String(n),
        fault ?? "-",
        answered === undefined ? "did not answer" : String(answered.status)
      ])
    ))

export const callRows = (calls: ReadonlyArray<ProviderCall>): string =>
  shortened(calls, (rows) =>
    table(
      "provider call",
      ["at", "reservation"],
      rows.map(({ at, name, reservationId }) => [
        name,
        DateTime.formatIso(DateTime.unsafeMake(at)),
        Option.getOrElse(reservationId, () => "none")
      ])
    ))
