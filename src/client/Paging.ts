/**
 * Listings as streams: one page after the other, as far as they are read.
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Balance, BalanceFilter } from "../protocol/Balance.js"
import { Ambiguous, type BalancesError, type ListError, type OperationName } from "../protocol/CyclesError.js"
import type { ReservationFilter, ReservationSummary } from "../protocol/ReservationQuery.js"
import type { Client, Reply } from "./Client.js"

interface Page {
  readonly nextCursor: Option.Option<string>
  readonly hasMore: Option.Option<boolean>
}

/** A cursor that comes again would never end, and to stop there would cut the listing short. */
const goesRound = (operation: OperationName, { meta }: Reply<unknown>) =>
  new Ambiguous({ operation, reason: "body", message: `The authority repeats a cursor (${operation})`, meta })

const pages = <P extends Page, A, E>(
  operation: OperationName,
  cursor: string | undefined,
  fetch: (cursor: string | undefined) => Effect.Effect<Reply<P>, E>,
  rows: (page: P) => ReadonlyArray<A>
): Stream.Stream<A, E | Ambiguous> =>
  Stream.suspend(() => {
    const seen = new Set([cursor])
    return Stream.paginateChunkEffect(cursor, (cursor) =>
      Effect.flatMap(fetch(cursor), (reply) => {
        const { hasMore, nextCursor } = reply.value
        const next = Option.filter(nextCursor, (next) => next !== "" && Option.getOrElse(hasMore, () => true))
        if (Option.exists(next, (next) => seen.has(next))) return goesRound(operation, reply)
        seen.add(Option.getOrUndefined(next))
        return Effect.succeed([Chunk.unsafeFromArray(rows(reply.value)), next])
      }))
  })

/** All reservations of a filter. `limit` is the size of a page. A cursor that the authority repeats is `Ambiguous`. */
export const reservations = (client: Client, filter: ReservationFilter): Stream.Stream<ReservationSummary, ListError> =>
  pages(
    "listReservations",
    filter.cursor,
    (cursor) => client.listReservations({ ...filter, cursor }),
    ({ reservations }) => reservations
  )

/** All balances of a filter, which needs at least one level. `limit` is the size of a page. A repeated cursor is `Ambiguous`. */
export const balances = (client: Client, filter: BalanceFilter): Stream.Stream<Balance, BalancesError> =>
  pages(
    "getBalances",
    filter.cursor,
    (cursor) => client.getBalances({ ...filter, cursor }),
    ({ balances }) => balances
  )
