/**
 * Commit, release, extend and event: what changes a reservation, or spends without one.
 */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import type { EventResponse } from "../../protocol/Event.js"
import type { CommitResponse, ExtendResponse, ReleaseResponse } from "../../protocol/Reservation.js"
import { amountOf, type Budget, remaining } from "../Budget.js"
import { type CommandOf, type Refusal, refusal, refuse } from "../Command.js"
import * as Scopes from "../Scopes.js"
import { balancesAt, budgetsAt, type Outcome, pathOf, putBudgets, putReservation, type State } from "../State.js"
import { withoutHold } from "./expiry.js"
import { charge } from "./overage.js"
import {
  eventFingerprint,
  extendFingerprint,
  fingerprint,
  lifetimes,
  recall,
  recordKey,
  replay,
  ttlLeft
} from "./replay.js"
import { blocked, checkActive, checkWho, expired, find, guard, policyOf, unbudgeted } from "./rules.js"

export const commit = (
  state: State,
  { request, reservationId, tenant }: CommandOf<"Commit">,
  now: number
): Outcome<CommitResponse> =>
  Either.gen(function*() {
    const row = yield* find(state, reservationId, tenant)
    const print = fingerprint(request)
    const known = replay(Option.filter(row.commit, ({ key }) => key === request.idempotencyKey), print)
    if (Option.isSome(known)) return [state, yield* known.value] as const
    yield* checkActive(state, row)
    const { estimate } = row
    const { amount: actual, unit } = request.actual
    if (unit !== estimate.unit) {
      return yield* refuse("UNIT_MISMATCH", `The reservation counts ${estimate.unit}, not ${unit}`)
    }
    if (actual > estimate.amount && row.overagePolicy === "REJECT") {
      return yield* refuse("BUDGET_EXCEEDED", `The actual exceeds the reserved amount for scope: ${pathOf(row)}`)
    }
    const budgets = budgetsAt(state, row.budgetedScopes, unit)
    const settled = yield* charge(budgets, estimate.amount, actual, row.overagePolicy)
    const next = yield* putBudgets(state, settled.budgets)
    const charged = amountOf(unit, settled.charged)
    const response: CommitResponse = {
      status: "COMMITTED",
      charged,
      released: settled.charged < estimate.amount
        ? Option.some(amountOf(unit, estimate.amount - settled.charged))
        : Option.none(),
      balances: balancesAt(next, row.budgetedScopes, unit),
      evidence: Option.none()
    }
    const done = putReservation(next, {
      ...row,
      status: "COMMITTED",
      endedAt: Option.some(now),
      committed: Option.some(charged),
      committedMetadata: Option.fromNullable(request.metadata),
      commit: Option.some({ key: request.idempotencyKey, fingerprint: print, response })
    })
    return [done, response] as const
  })

export const release = (
  state: State,
  { request, reservationId, tenant }: CommandOf<"Release">,
  now: number
): Outcome<ReleaseResponse> =>
  Either.gen(function*() {
    const row = yield* find(state, reservationId, tenant)
    const print = fingerprint(request)
    const known = replay(Option.filter(row.release, ({ key }) => key === request.idempotencyKey), print)
    if (Option.isSome(known)) return [state, yield* known.value] as const
    yield* checkActive(state, row)
    const next = yield* putBudgets(state, withoutHold(state, row))
    const response: ReleaseResponse = {
      status: "RELEASED",
      released: row.estimate,
      balances: balancesAt(next, row.budgetedScopes, row.estimate.unit),
      evidence: Option.none()
    }
    const done = putReservation(next, {
      ...row,
      status: "RELEASED",
      endedAt: Option.some(now),
      release: Option.some({ key: request.idempotencyKey, fingerprint: print, response })
    })
    return [done, response] as const
  })

export const extend = (
  state: State,
  { request, reservationId, tenant }: CommandOf<"Extend">,
  now: number
): Outcome<ExtendResponse> =>
  Either.gen(function*() {
    const row = yield* find(state, reservationId, tenant)
    const print = extendFingerprint(request)
    const known = replay(HashMap.get(row.extensions, request.idempotencyKey), print)
    if (Option.isSome(known)) {
      const response = yield* known.value
      const remainingTtl = Option.some(ttlLeft(Option.some(row), response.expiresAt, now))
      return [state, { ...response, remainingTtl }] as const
    }
    yield* checkActive(state, row)
    if (now > row.expiresAt) return yield* expired(row)
    if (HashMap.size(row.extensions) >= row.maxExtensions) {
      return yield* refuse("MAX_EXTENSIONS_EXCEEDED", `Maximum reservation extensions (${row.maxExtensions}) reached`)
    }
    const expiresAt = row.expiresAt + Duration.toMillis(request.extendBy)
    const response: ExtendResponse = {
      status: "ACTIVE",
      expiresAt: DateTime.unsafeMake(expiresAt),
      remainingTtl: Option.some(Duration.millis(expiresAt - now)),
      balances: balancesAt(state, row.budgetedScopes, row.estimate.unit)
    }
    const extensions = HashMap.set(row.extensions, request.idempotencyKey, { fingerprint: print, response })
    return [putReservation(state, { ...row, expiresAt, extensions }), response] as const
  })

export const event = (
  state: State,
  { id, request, tenant }: CommandOf<"Event">,
  now: number
): Outcome<EventResponse> =>
  Either.gen(function*() {
    yield* checkWho(tenant, request)
    const policy = yield* policyOf(state, tenant, request.overagePolicy)
    const key = recordKey(tenant, request.idempotencyKey)
    const print = eventFingerprint(request)
    const known = replay(recall(state.events, key, now), print)
    if (Option.isSome(known)) return [state, yield* known.value] as const
    yield* guard(state, tenant)
    const { amount: actual, unit } = request.actual
    const scopes = Scopes.derive(request.subject)
    const budgets = budgetsAt(state, scopes, unit)
    for (const budget of budgets) {
      const stop = blocked(budget) ?? (policy === "REJECT" ? short(budget, actual) : undefined)
      if (stop !== undefined) return yield* Either.left(stop)
    }
    if (budgets.length === 0) return yield* Either.left(unbudgeted(state, scopes, unit))
    const settled = yield* charge(budgets, 0n, actual, policy)
    const next = yield* putBudgets(state, settled.budgets)
    const response: EventResponse = {
      status: "APPLIED",
      eventId: id,
      charged: settled.charged < actual ? Option.some(amountOf(unit, settled.charged)) : Option.none(),
      balances: balancesAt(next, scopes, unit)
    }
    const record = { fingerprint: print, response, until: now + lifetimes.event }
    return [{ ...next, events: HashMap.set(next.events, key, record) }, response] as const
  })

const short = (budget: Budget, actual: bigint): Refusal | undefined =>
  remaining(budget) < actual ? refusal("BUDGET_EXCEEDED", `Budget exceeded for scope: ${budget.scope}`) : undefined
