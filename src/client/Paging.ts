/**
 * Listings as streams: one page after the other, as far as they are read.
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Balance, BalanceFilter } from "../protocol/Balance.js"
import type { BalancesError, ListError } from "../protocol/CyclesError.js"
import type { ReservationFilter, ReservationSummary } from "../protocol/Reservation.js"
import type { Client, Reply } from "./Client.js"

interface Page {
  readonly nextCursor: Option.Option<string>
  readonly hasMore: Option.Option<boolean>
}

const pages = <P extends Page, A, E>(
  cursor: string | undefined,
  fetch: (cursor: string | undefined) => Effect.Effect<Reply<P>, E>,
  rows: (page: P) => ReadonlyArray<A>
): Stream.Stream<A, E> =>
  Stream.paginateChunkEffect(cursor, (cursor) =>
    Effect.map(fetch(cursor), ({ value }) => [
      Chunk.unsafeFromArray(rows(value)),
      value.nextCursor.pipe(
        Option.filter((next) => next !== cursor && Option.getOrElse(value.hasMore, () => true))
      )
    ]))

/** All reservations of a filter. `limit` is the size of a page. */
export const reservations = (client: Client, filter: ReservationFilter): Stream.Stream<ReservationSummary, ListError> =>
  pages(
    filter.cursor,
    (cursor) => client.listReservations({ ...filter, cursor }),
    ({ reservations }) => reservations
  )

/** All balances of a filter, which needs at least one level. `limit` is the size of a page. */
export const balances = (client: Client, filter: BalanceFilter): Stream.Stream<Balance, BalancesError> =>
  pages(filter.cursor, (cursor) => client.getBalances({ ...filter, cursor }), ({ balances }) => balances)
