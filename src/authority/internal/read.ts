/**
 * Get, list and balances: what changes nothing.
 */
import * as DateTime from "effect/DateTime"
import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import * as Order from "effect/Order"
import type { BalancePage } from "../../protocol/Balance.js"
import type { ReservationDetail, ReservationPage } from "../../protocol/ReservationQuery.js"
import { levels } from "../../protocol/Subject.js"
import { type Budget, toBalance } from "../Budget.js"
import { type CommandOf, refusal, refuse } from "../Command.js"
import * as Scopes from "../Scopes.js"
import { type Outcome, pathOf, type Reservation, type State } from "../State.js"
import { finalizedAt, pageOf, select } from "./list.js"
import { checkTenant, expired, find } from "./rules.js"

/** A reservation as the protocol shows it. */
export const toDetail = (row: Reservation): ReservationDetail => ({
  reservationId: row.id,
  status: row.status,
  idempotencyKey: Option.some(row.idempotencyKey),
  subject: row.subject,
  action: row.action,
  reserved: row.estimate,
  committed: row.committed,
  createdAt: DateTime.unsafeMake(row.createdAt),
  expiresAt: DateTime.unsafeMake(row.expiresAt),
  finalizedAt: Option.map(Option.fromNullable(finalizedAt(row)), (at) => DateTime.unsafeMake(at)),
  scopePath: pathOf(row),
  affectedScopes: row.affectedScopes,
  metadata: row.metadata,
  committedMetadata: row.committedMetadata,
  evidence: Option.none()
})

export const get = (state: State, { reservationId, tenant }: CommandOf<"Get">): Outcome<ReservationDetail> =>
  Either.flatMap(
    find(state, reservationId, tenant),
    (row) => row.status === "EXPIRED" ? expired(row) : Either.right([state, toDetail(row)])
  )

export const list = (state: State, { filter, tenant: caller }: CommandOf<"List">): Outcome<ReservationPage> =>
  Either.gen(function*() {
    if (caller !== undefined) yield* checkTenant(caller, filter.tenant)
    const tenant = caller ?? filter.tenant
    if (tenant === undefined) {
      return yield* refuse(
        "INVALID_REQUEST",
        "tenant query parameter is required when using admin key authentication"
      )
    }
    const { items, next } = yield* select(HashMap.values(state.reservations), tenant, filter)
    const shown = new Set((filter.include ?? []).map((name) => name.toLowerCase()))
    const reservations = items.map(toDetail).map((row) => ({
      ...row,
      metadata: shown.has("metadata") ? row.metadata : Option.none(),
      committedMetadata: shown.has("committed_metadata") ? row.committedMetadata : Option.none()
    }))
    return [state, { reservations, nextCursor: next, hasMore: Option.some(Option.isSome(next)) }] as const
  })

const place = ({ scope, unit }: Budget): string => `${scope} ${unit}`

const byPlace: Order.Order<Budget> = Order.mapInput(Order.string, place)

export const balances = (state: State, { filter, tenant }: CommandOf<"Balances">): Outcome<BalancePage> =>
  Either.gen(function*() {
    if (levels.every((level) => filter[level] === undefined)) {
      return yield* refuse("INVALID_REQUEST", `At least one of ${levels.join("/")} must be provided`)
    }
    yield* checkTenant(tenant, filter.tenant)
    const after = yield* Either.mapLeft(
      Encoding.decodeBase64UrlString(filter.cursor ?? ""),
      () => refusal("INVALID_REQUEST", "cursor is not valid: it did not come from a listing")
    )
    const fits = (budget: Budget) => Scopes.isWithin(budget.scope, { ...filter, tenant }) && place(budget) > after
    const sorted = Array.from(HashMap.values(state.budgets)).filter(fits).sort(byPlace)
    const { items, next } = pageOf(sorted, filter.limit, (last) => Encoding.encodeBase64Url(place(last)))
    const page = { balances: items.map(toBalance), nextCursor: next, hasMore: Option.some(Option.isSome(next)) }
    return [state, page] as const
  })
