/**
 * Reserve, dry run, decide: one evaluation, and only the first of them holds anything.
 */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import type { Amount } from "../../protocol/Amount.js"
import type { Caps } from "../../protocol/Caps.js"
import type { DecisionResponse } from "../../protocol/Decision.js"
import { type CreateResponse, ReservationId } from "../../protocol/Reservation.js"
import { type Budget, remaining, toBalance } from "../Budget.js"
import { type CommandOf, type Refusal, refusal } from "../Command.js"
import * as Scopes from "../Scopes.js"
import {
  balancesAt,
  budgetsAt,
  type Outcome,
  putBudgets,
  putReservation,
  type Recorded,
  type Reservation,
  type State
} from "../State.js"
import {
  createFingerprint,
  defaultGraceMs,
  fingerprint,
  lifetimes,
  recall,
  recordKey,
  replay,
  ttlLeft
} from "./replay.js"
import { blocked, checkWho, guard, policyOf, tenantOf, unbudgeted } from "./rules.js"

const obstacle = (budget: Budget, estimate: bigint): Refusal | undefined => {
  const stop = blocked(budget)
  if (stop !== undefined) return stop
  if (budget.isOverLimit) {
    return refusal("OVERDRAFT_LIMIT_EXCEEDED", `Overdraft limit exceeded for scope: ${budget.scope}`)
  }
  if (budget.debt > 0n && budget.overdraftLimit === 0n) {
    return refusal("DEBT_OUTSTANDING", `Outstanding debt blocks new reservations for scope: ${budget.scope}`)
  }
  return remaining(budget) < estimate
    ? refusal("BUDGET_EXCEEDED", `Budget exceeded for scope: ${budget.scope}`)
    : undefined
}

/** The budgets of the path when every one of them has room; the widest that has not decides. */
const evaluate = (
  state: State,
  tenant: string,
  scopes: ReadonlyArray<string>,
  { amount, unit }: Amount
): Either.Either<ReadonlyArray<Budget>, Refusal> =>
  Either.flatMap(guard(state, tenant), () => {
    const budgets = budgetsAt(state, scopes, unit)
    for (const budget of budgets) {
      const stop = obstacle(budget, amount)
      if (stop !== undefined) return Either.left(stop)
    }
    return budgets.length === 0 ? Either.left(unbudgeted(state, scopes, unit)) : Either.right(budgets)
  })

/** The caps of the narrowest scope, when it has a budget and the caps say anything. */
const capsOf = (budgets: ReadonlyArray<Budget>, scopes: ReadonlyArray<string>): Option.Option<Caps> => {
  const deepest = budgets[budgets.length - 1]
  return deepest === undefined || deepest.scope !== scopes[scopes.length - 1]
    ? Option.none()
    : Option.filter(deepest.caps, (caps) => Object.values(caps).some((cap) => cap !== undefined))
}

const decisionOf = (caps: Option.Option<Caps>) => Option.isSome(caps) ? "ALLOW_WITH_CAPS" : "ALLOW"

const reasons: { readonly [code: string]: string } = {
  BUDGET_FROZEN: "BUDGET_FROZEN",
  BUDGET_CLOSED: "BUDGET_CLOSED",
  OVERDRAFT_LIMIT_EXCEEDED: "OVERDRAFT_LIMIT_EXCEEDED",
  DEBT_OUTSTANDING: "DEBT_OUTSTANDING",
  BUDGET_EXCEEDED: "BUDGET_EXCEEDED",
  NOT_FOUND: "BUDGET_NOT_FOUND",
  TENANT_CLOSED: "TENANT_CLOSED"
}

interface Advice extends Pick<CreateResponse, "decision" | "caps" | "reasonCode"> {
  readonly budgets: ReadonlyArray<Budget>
}

/** Of an evaluation: a decision with its caps or its reason. What is no denial stays a refusal. */
const advise = (
  evaluated: Either.Either<ReadonlyArray<Budget>, Refusal>,
  scopes: ReadonlyArray<string>
): Either.Either<Advice, Refusal> => {
  if (Either.isRight(evaluated)) {
    const caps = capsOf(evaluated.right, scopes)
    return Either.right({ decision: decisionOf(caps), caps, reasonCode: Option.none(), budgets: evaluated.right })
  }
  const reason = reasons[evaluated.left.code]
  return reason === undefined
    ? Either.left(evaluated.left)
    : Either.right({ decision: "DENY", caps: Option.none(), reasonCode: Option.some(reason), budgets: [] })
}

export const decide = (
  state: State,
  { request, tenant }: CommandOf<"Decide">,
  now: number
): Outcome<DecisionResponse> =>
  Either.gen(function*() {
    yield* checkWho(tenant, request)
    const key = recordKey(tenant, request.idempotencyKey)
    const print = fingerprint(request)
    const known = replay(recall(state.decisions, key, now), print)
    if (Option.isSome(known)) return [state, yield* known.value] as const
    const scopes = Scopes.derive(request.subject)
    const { caps, decision, reasonCode } = yield* advise(evaluate(state, tenant, scopes, request.estimate), scopes)
    const response: DecisionResponse = {
      decision,
      caps,
      reasonCode,
      retryAfter: Option.none(),
      affectedScopes: Option.some(scopes),
      evidence: Option.none()
    }
    const record = { fingerprint: print, response, until: now + lifetimes.advice }
    return [{ ...state, decisions: HashMap.set(state.decisions, key, record) }, response] as const
  })

const blank = {
  reservationId: Option.none(),
  reserved: Option.none(),
  expiresAt: Option.none(),
  remainingTtl: Option.none(),
  caps: Option.none(),
  balances: Option.none(),
  reasonCode: Option.none(),
  retryAfter: Option.none(),
  evidence: Option.none()
}

const remember = (state: State, key: string, record: Recorded<CreateResponse>) =>
  [{ ...state, creates: HashMap.set(state.creates, key, record) }, record.response] as const

const replayed = (state: State, response: CreateResponse, now: number): CreateResponse =>
  Option.isNone(response.expiresAt) || Option.isNone(response.reservationId) ? response : {
    ...response,
    remainingTtl: Option.some(
      ttlLeft(HashMap.get(state.reservations, response.reservationId.value), response.expiresAt.value, now)
    )
  }

export const reserve = (state: State, command: CommandOf<"Reserve">, now: number): Outcome<CreateResponse> =>
  Either.gen(function*() {
    const { request, tenant } = command
    yield* checkWho(tenant, request)
    // A dry run settles nothing: it has no policy.
    const policy = request.dryRun === true ? undefined : yield* policyOf(state, tenant, request.overagePolicy)
    const key = recordKey(tenant, request.idempotencyKey)
    const print = createFingerprint(request)
    const known = replay(recall(state.creates, key, now), print)
    if (Option.isSome(known)) return [state, replayed(state, yield* known.value, now)] as const
    const scopes = Scopes.derive(request.subject)
    const evaluated = evaluate(state, tenant, scopes, request.estimate)
    if (policy === undefined) {
      const response = yield* foresee(request.estimate, scopes, evaluated)
      return remember(state, key, { fingerprint: print, response, until: now + lifetimes.advice })
    }
    const budgets = yield* evaluated
    const row = rowOf(state, command, policy, budgets, now)
    const held = budgets.map((budget) => ({ ...budget, reserved: budget.reserved + request.estimate.amount }))
    const next = putReservation(yield* putBudgets(state, held), row)
    const response = answer(next, row, capsOf(budgets, scopes))
    const until = Math.max(row.expiresAt + row.graceMs, now + lifetimes.reserve)
    return remember(next, key, { fingerprint: print, response, until })
  })

/** What a live reserve would say. */
const foresee = (
  estimate: Amount,
  scopes: ReadonlyArray<string>,
  evaluated: Either.Either<ReadonlyArray<Budget>, Refusal>
): Either.Either<CreateResponse, Refusal> =>
  Either.map(advise(evaluated, scopes), ({ budgets, caps, decision, reasonCode }) => ({
    ...blank,
    decision,
    caps,
    reasonCode,
    scopePath: Option.fromNullable(scopes[scopes.length - 1]),
    affectedScopes: scopes,
    ...(decision === "DENY"
      ? {}
      : { reserved: Option.some(estimate), balances: Option.some(budgets.map(toBalance)) })
  }))

const defaults = { ttlMs: 60_000, maxTtlMs: 3_600_000, maxExtensions: 10 } as const

const rowOf = (
  state: State,
  { id, request, tenant }: CommandOf<"Reserve">,
  overagePolicy: Reservation["overagePolicy"],
  budgets: ReadonlyArray<Budget>,
  now: number
): Reservation => {
  const record = Option.getOrUndefined(tenantOf(state, tenant))
  const wanted = request.ttl === undefined ? record?.defaultTtlMs ?? defaults.ttlMs : Duration.toMillis(request.ttl)
  return {
    id: ReservationId.make(id),
    tenant,
    status: "ACTIVE",
    idempotencyKey: request.idempotencyKey,
    subject: request.subject,
    action: request.action,
    estimate: request.estimate,
    affectedScopes: Scopes.derive(request.subject),
    budgetedScopes: budgets.map(({ scope }) => scope),
    createdAt: now,
    expiresAt: now + Math.min(wanted, record?.maxTtlMs ?? defaults.maxTtlMs),
    graceMs: request.gracePeriod === undefined ? defaultGraceMs : Duration.toMillis(request.gracePeriod),
    endedAt: Option.none(),
    overagePolicy,
    maxExtensions: record?.maxExtensions ?? defaults.maxExtensions,
    extensions: HashMap.empty(),
    metadata: Option.fromNullable(request.metadata),
    committed: Option.none(),
    committedMetadata: Option.none(),
    commit: Option.none(),
    release: Option.none()
  }
}

const answer = (state: State, row: Reservation, caps: Option.Option<Caps>): CreateResponse => ({
  ...blank,
  decision: decisionOf(caps),
  reservationId: Option.some(row.id),
  reserved: Option.some(row.estimate),
  expiresAt: Option.some(DateTime.unsafeMake(row.expiresAt)),
  remainingTtl: Option.some(Duration.millis(row.expiresAt - row.createdAt)),
  scopePath: Option.fromNullable(row.affectedScopes[row.affectedScopes.length - 1]),
  affectedScopes: row.affectedScopes,
  caps,
  balances: balancesAt(state, row.affectedScopes, row.estimate.unit)
})
