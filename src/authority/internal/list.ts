/**
 * The order, the filters and the cursors of a listing.
 */
import * as DateTime from "effect/DateTime"
import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"
import * as Hash from "effect/Hash"
import * as Option from "effect/Option"
import * as Order from "effect/Order"
import * as Schema from "effect/Schema"
import * as Json from "../../protocol/Json.js"
import { type ReservationFilter, SortBy } from "../../protocol/ReservationQuery.js"
import { levels } from "../../protocol/Subject.js"
import { type Refusal, refuse } from "../Command.js"
import type { Reservation } from "../Rows.js"
import * as Scopes from "../Scopes.js"

/** A page of anything, and where the next one begins. */
export interface Page<A> {
  readonly items: ReadonlyArray<A>
  readonly next: Option.Option<string>
}

/** The first `limit` items; the cursor of the last one when there are more. */
export const pageOf = <A>(
  items: ReadonlyArray<A>,
  limit: number | undefined,
  cursor: (last: A) => string
): Page<A> => {
  const page = items.slice(0, limit ?? 50)
  const last = page[page.length - 1]
  return {
    items: page,
    next: last === undefined || page.length === items.length ? Option.none() : Option.some(cursor(last))
  }
}

type SortKey = typeof SortBy.Type
type Direction = "asc" | "desc"

const Cursor = Schema.Struct({
  by: SortBy,
  dir: Schema.Literal("asc", "desc"),
  filters: Schema.Int,
  value: Schema.optional(Schema.String),
  id: Schema.String
})

const numeric: ReadonlySet<SortKey> = new Set<SortKey>(["reserved", "created_at_ms", "expires_at_ms"])

/** What a row is sorted by, as text; nothing for a subject without a tenant. */
const valueOf = (row: Reservation, by: SortKey): string | undefined => {
  switch (by) {
    case "reservation_id":
      return row.id
    case "tenant":
      return row.subject.tenant
    case "scope_path":
      return pathOf(row)
    case "status":
      return row.status
    case "reserved":
      return row.estimate.toString()
    case "created_at_ms":
      return row.createdAt.toString()
    case "expires_at_ms":
      return row.expiresAt.toString()
  }
}

interface Place {
  readonly value: string | undefined
  readonly id: string
}

const compareValues = (by: SortKey): Order.Order<string | undefined> => (a, b) => {
  if (a === undefined || b === undefined) return a === b ? 0 : a === undefined ? 1 : -1
  return numeric.has(by) ? Order.bigint(BigInt(a), BigInt(b)) : Order.string(a, b)
}

/** Ties go by id, upwards in both directions. */
const orderOf = (by: SortKey, dir: Direction): Order.Order<Place> => {
  const values = compareValues(by)
  return Order.combine(
    Order.mapInput(dir === "asc" ? values : Order.reverse(values), ({ value }: Place) => value),
    Order.mapInput(Order.string, ({ id }: Place) => id)
  )
}

const badCursor = (reason: string) => refuse("INVALID_REQUEST", `cursor is not valid: ${reason}`)

const readCursor = (text: string): Either.Either<typeof Cursor.Type, Refusal> =>
  Encoding.decodeBase64UrlString(text).pipe(
    Either.flatMap(Json.parse),
    Either.flatMap(Schema.decodeUnknownEither(Cursor)),
    Either.filterOrLeft(
      ({ by, value }) => !numeric.has(by) || /^\d+$/.test(value ?? ""),
      () => undefined
    ),
    Either.orElse(() => badCursor("it did not come from a listing"))
  )

const pathOf = ({ affectedScopes }: Reservation): string => affectedScopes[affectedScopes.length - 1] ?? ""

/** When a row was committed or released. */
export const finalizedAt = ({ endedAt, status }: Reservation): number | undefined =>
  status === "EXPIRED" ? undefined : endedAt

interface Window {
  readonly prefix: string
  readonly from: number | undefined
  readonly to: number | undefined
  readonly instant: (row: Reservation) => number | undefined
}

const millis = (instant: DateTime.Utc | undefined) =>
  instant === undefined ? undefined : DateTime.toEpochMillis(instant)

const windowsOf = (filter: ReservationFilter): ReadonlyArray<Window> => [
  { prefix: "", from: millis(filter.from), to: millis(filter.to), instant: ({ createdAt }) => createdAt },
  {
    prefix: "expires_",
    from: millis(filter.expiresFrom),
    to: millis(filter.expiresTo),
    instant: ({ expiresAt }) => expiresAt
  },
  { prefix: "finalized_", from: millis(filter.finalizedFrom), to: millis(filter.finalizedTo), instant: finalizedAt }
]

const isInside = (row: Reservation, { from, instant, to }: Window): boolean => {
  if (from === undefined && to === undefined) return true
  const at = instant(row)
  return at !== undefined && at >= (from ?? at) && at <= (to ?? at)
}

/** What a cursor is bound to: everything that decides which rows there are. */
const printOf = (tenant: string, { idempotencyKey, status, ...filter }: ReservationFilter): number =>
  Hash.string(Json.canonical([
    tenant,
    idempotencyKey,
    status,
    levels.slice(1).map((level) => filter[level]?.toLowerCase()),
    windowsOf(filter).map(({ from, to }) => [from, to])
  ]))

interface Sorting {
  readonly by: SortKey
  readonly dir: Direction
  readonly after: Option.Option<Place>
}

/** The order that was asked for, else that of the cursor, else the newest first. */
const sortingOf = (filter: ReservationFilter, print: number): Either.Either<Sorting, Refusal> => {
  const by = filter.sortBy ?? "created_at_ms"
  const dir = filter.sortDir ?? "desc"
  if (filter.cursor === undefined) return Either.right({ by, dir, after: Option.none() })
  const own = filter.sortBy === undefined && filter.sortDir === undefined
  return Either.flatMap(
    readCursor(filter.cursor),
    (cursor) =>
      cursor.filters === print && (own || (cursor.by === by && cursor.dir === dir))
        ? Either.right({ by: cursor.by, dir: cursor.dir, after: Option.some({ id: cursor.id, value: cursor.value }) })
        : badCursor("it belongs to other filters or another order")
  )
}

/** The rows of a tenant that pass the filter, one page of them. */
export const select = (
  rows: Iterable<Reservation>,
  tenant: string,
  filter: ReservationFilter
): Either.Either<Page<Reservation>, Refusal> => {
  const windows = windowsOf(filter)
  const inverted = windows.find(({ from, to }) => from !== undefined && to !== undefined && from > to)
  if (inverted !== undefined) {
    const { prefix } = inverted
    return refuse("INVALID_REQUEST", `${prefix}from must be less than or equal to ${prefix}to`)
  }
  const print = printOf(tenant, filter)
  return Either.map(sortingOf(filter, print), ({ after, by, dir }) => {
    const order = orderOf(by, dir)
    const { tenant: _, ...under } = filter
    const places: Array<Place & { readonly row: Reservation }> = []
    for (const row of rows) {
      const place = { row, id: row.id, value: valueOf(row, by) }
      const fits = row.tenant === tenant &&
        row.status === (filter.status ?? row.status) &&
        row.idempotencyKey === (filter.idempotencyKey ?? row.idempotencyKey) &&
        Scopes.isWithin(pathOf(row), under) &&
        windows.every((window) => isInside(row, window)) &&
        !Option.exists(after, (last) => order(place, last) <= 0)
      if (fits) places.push(place)
    }
    const page = pageOf(
      places.sort(order),
      filter.limit,
      ({ id, value }) => Encoding.encodeBase64Url(Json.canonical({ by, dir, filters: print, value, id }))
    )
    return { ...page, items: page.items.map(({ row }) => row) }
  })
}
