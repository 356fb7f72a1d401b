/**
 * Get, list and balances: what changes nothing.
 */
import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"
import * as Option from "effect/Option"
import * as Order from "effect/Order"
import { levels } from "../../protocol/Subject.js"
import { type Budget, toBalance } from "../Budget.js"
import { type CommandOf, isRefusal, type Outcomes, type Refusal, refusal } from "../Command.js"
import type { Reservation } from "../Rows.js"
import * as Scopes from "../Scopes.js"
import type { State } from "../State.js"
import { detail } from "./answer.js"
import * as Generations from "./generations.js"
import { pageOf, select } from "./list.js"
import { expired, find, otherTenant } from "./rules.js"

export const get = (state: State, { reservationId, tenant }: CommandOf<"Get">): Outcomes["Get"] | Refusal => {
  const row = find(state, reservationId, tenant)
  return isRefusal(row) || row.status !== "EXPIRED" ? row : expired(row)
}

/** Every reservation. */
export const reservationsOf = function*({ active, ended }: State): Iterable<Reservation> {
  yield* active.values()
  yield* Generations.values(ended)
}

/** Every budget. */
export const budgetsOf = ({ budgets }: State): ReadonlyArray<Budget> =>
  Object.values(budgets).flatMap((table) => Array.from(table.values()))

export const list = (state: State, { filter, tenant: caller }: CommandOf<"List">): Outcomes["List"] | Refusal => {
  const other = caller === undefined ? undefined : otherTenant(caller, filter.tenant)
  if (other !== undefined) return other
  const tenant = caller ?? filter.tenant
  if (tenant === undefined) {
    return refusal("INVALID_REQUEST", "tenant query parameter is required when using admin key authentication")
  }
  return Either.match(select(reservationsOf(state), tenant, filter), {
    onLeft: (stop): Outcomes["List"] | Refusal => stop,
    onRight: ({ items, next }) => {
      const shown = new Set((filter.include ?? []).map((name) => name.toLowerCase()))
      const reservations = items.map(detail).map((row) => ({
        ...row,
        metadata: shown.has("metadata") ? row.metadata : Option.none(),
        committedMetadata: shown.has("committed_metadata") ? row.committedMetadata : Option.none(),
        evidence: shown.has("evidence") ? row.evidence : Option.none()
      }))
      return { reservations, nextCursor: next, hasMore: Option.some(Option.isSome(next)) }
    }
  })
}

const place = ({ scope, unit }: Budget): string => `${scope} ${unit}`

const byPlace: Order.Order<Budget> = Order.mapInput(Order.string, place)

export const balances = (
  state: State,
  { filter, tenant }: CommandOf<"Balances">
): Outcomes["Balances"] | Refusal => {
  if (levels.every((level) => filter[level] === undefined)) {
    return refusal("INVALID_REQUEST", `At least one of ${levels.join("/")} must be provided`)
  }
  const other = otherTenant(tenant, filter.tenant)
  if (other !== undefined) return other
  const after = Either.getOrUndefined(Encoding.decodeBase64UrlString(filter.cursor ?? ""))
  if (after === undefined) return refusal("INVALID_REQUEST", "cursor is not valid: it did not come from a listing")
  const within = Object.assign({}, filter, { tenant })
  const fits = (budget: Budget) => Scopes.isWithin(budget.scope, within) && place(budget) > after
  const sorted = budgetsOf(state).filter(fits).sort(byPlace)
  const { items, next } = pageOf(sorted, filter.limit, (last) => Encoding.encodeBase64Url(place(last)))
  return { balances: items.map(toBalance), nextCursor: next, hasMore: Option.some(Option.isSome(next)) }
}
