/**
 * Random requests at an authority that is killed, and what its ledger must hold of them.
 */
import { assert } from "@effect/vitest"
import type { Rows } from "effect-cycles/authority/RowSet"

export const tenant = "acme"
export const key = "cyc_live_storm"

/** Narrow ones have so little that some requests are denied. */
export const scopes = [
  "tenant:acme",
  "tenant:acme/app:chat",
  "tenant:acme/app:chat/agent:a",
  "tenant:acme/agent:b"
] as const
export const allocated = (scope: string): number => scope.endsWith("agent:b") ? 500 : 10_000_000

const subjects = [
  { tenant },
  { tenant, app: "chat" },
  { tenant, app: "chat", agent: "a" },
  { tenant, agent: "b" }
]
const policies = ["REJECT", "ALLOW_IF_AVAILABLE", "ALLOW_WITH_OVERDRAFT"]

type Body = Readonly<Record<string, unknown>>

/** A request, and its answer as soon as it came. */
export interface Sent {
  readonly kind: "reserve" | "commit" | "release" | "extend" | "event"
  readonly key: string
  readonly path: string
  readonly body: Body
  /** The reservation that it is about. */
  readonly about?: string
  answer?: { readonly status: number; readonly body: Body }
}

/** Refusals are not remembered: only what was granted is answered in the same way again. */
export const isGranted = ({ answer }: Sent): boolean => answer !== undefined && answer.status < 300

/** Random integers below a bound; the same seed gives the same. */
export const dice = (seed: number) => {
  let state = seed >>> 0
  return (below: number): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

const tokens = (amount: number) => ({ unit: "TOKENS", amount })
const action = { kind: "storm", name: "n" }

/** Draws requests; `held` are the ids of reservations, the latest last. */
export const draw = (roll: (below: number) => number, name: () => string, held: ReadonlyArray<string>): Sent => {
  const key = name()
  const pick = <A>(list: ReadonlyArray<A>): A => list[roll(list.length)] as A
  const about = held[held.length - 1 - roll(Math.min(held.length, 30))]
  const kind = about === undefined
    ? "reserve"
    : pick(["reserve", "reserve", "commit", "release", "extend", "event"] as const)
  const request = (path: string, body: Body): Sent => ({
    kind,
    key,
    path,
    body: { idempotency_key: key, ...body },
    ...(path.includes("/v1/reservations/") && about !== undefined ? { about } : {})
  })
  switch (kind) {
    case "reserve":
      return request("/v1/reservations", {
        subject: pick(subjects),
        action,
        estimate: tokens(1 + roll(50)),
        ttl_ms: pick([1000, 60_000, 600_000]),
        grace_period_ms: 0,
        overage_policy: pick(policies)
      })
    case "commit":
      return request(`/v1/reservations/${about}/commit`, { actual: tokens(roll(60)) })
    case "release":
      return request(`/v1/reservations/${about}/release`, {})
    case "extend":
      return request(`/v1/reservations/${about}/extend`, { extend_by_ms: 1000 + roll(5000) })
    case "event":
      return request("/v1/events", {
        subject: pick(subjects),
        action,
        actual: tokens(roll(40)),
        overage_policy: pick(policies)
      })
  }
}

/** Sends it; an answer stays away when the authority is killed first. */
export const send = async (baseUrl: string, sent: Sent): Promise<void> => {
  try {
    const response = await fetch(`${baseUrl}${sent.path}`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-cycles-api-key": key, "x-idempotency-key": sent.key },
      body: JSON.stringify(sent.body)
    })
    const body = await response.json() as Body
    const answer = { status: response.status, body }
    if (sent.answer === undefined) sent.answer = answer
    else assert.deepStrictEqual(essence(answer.body), essence(sent.answer.body), `again: ${JSON.stringify(sent)}`)
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
  }
}

/** What the same key must give again: all of an answer but what is left of time, and the ids of the answer itself. */
const essence = ({ remaining_ttl_ms: _, request_id: __, trace_id: ___, ...rest }: Body): Body => rest

const amountOf = (value: unknown): bigint | undefined =>
  typeof value === "object" && value !== null && "amount" in value ? BigInt(value.amount as number) : undefined

/** Of a ledger after a kill: every answered request is in it, every other one wholly or not at all, and nothing else. */
export const checkLedger = (rows: Rows, all: ReadonlyArray<Sent>, credits: number) => {
  const sent = new Map(all.map((one) => [one.key, one]))
  const reservations = new Map(rows.reservations.map((row) => [row.idempotencyKey as string, row]))
  const byId = new Map(rows.reservations.map((row) => [row.id as string, row]))
  const spend = new Map(rows.spend.map((row) => [row.idempotencyKey as string, row]))
  const extensions = new Map(rows.extensions.map((row) => [row.key, row]))
  const recorded = new Set(rows.records.map(({ key, operation }) => `${operation} ${key}`))
  assert.strictEqual(reservations.size, rows.reservations.length, "a key holds once")
  assert.strictEqual(spend.size, rows.spend.length, "a key spends once")
  const seen = { answered: 0, unanswered: 0, there: 0 }
  for (const one of all) {
    const { about = "", answer, body, key, kind } = one
    const context = JSON.stringify(one)
    const ok = isGranted(one)
    const row = kind === "reserve" ? reservations.get(key) : byId.get(about)
    const isThere = {
      reserve: () => row !== undefined,
      commit: () => row?.status === "COMMITTED" && row.settled?.key === key,
      release: () => row?.status === "RELEASED" && row.settled?.key === key,
      extend: () => extensions.get(key)?.reservationId === about,
      event: () => spend.has(key)
    }[kind]()
    if (answer === undefined) seen.unanswered++
    else seen.answered++
    if (answer === undefined && isThere) seen.there++
    if (answer !== undefined) assert.strictEqual(isThere, ok, `there only when it was granted: ${context}`)
    if (kind === "reserve" || kind === "event") assert.strictEqual(recorded.has(`${kind} ${key}`), isThere, context)
    if (!isThere) continue
    switch (kind) {
      case "reserve":
        assert.strictEqual(row?.estimate, amountOf(body.estimate), context)
        if (ok) assert.strictEqual(row?.id, answer?.body.reservation_id, context)
        break
      case "commit":
        if (ok) assert.strictEqual(row?.charged, amountOf(answer?.body.charged), context)
        break
      case "extend":
        if (ok) assert.strictEqual(extensions.get(key)?.expiresAt, answer?.body.expires_at_ms, context)
        break
      case "event":
        assert.strictEqual(spend.get(key)?.actual, amountOf(body.actual), context)
        if (ok) assert.strictEqual(spend.get(key)?.id, answer?.body.event_id, context)
    }
  }
  for (const row of rows.reservations) {
    assert.strictEqual(sent.get(row.idempotencyKey)?.kind, "reserve")
    if (row.settled !== undefined) assert.strictEqual(sent.get(row.settled.key)?.about, row.id)
  }
  for (const row of rows.spend) assert.strictEqual(sent.get(row.idempotencyKey)?.kind, "event")
  for (const row of rows.extensions) assert.strictEqual(sent.get(row.key)?.about, row.reservationId)
  return { ...seen, credits: checkBudgets(rows, credits) }
}

const sum = (amounts: ReadonlyArray<bigint>): bigint => amounts.reduce((a, b) => a + b, 0n)

/** The credits that the ledger has: those that were told, and perhaps one that the kill came before. */
const checkBudgets = ({ budgets, reservations, spend }: Rows, credits: number): number => {
  // Killed before it began.
  if (budgets.length === 0 && credits === 0) return 0
  assert.sameMembers(budgets.map(({ scope }) => scope), [...scopes])
  for (const { allocated: funds, debt, reserved, scope, spent } of budgets) {
    const on = reservations.filter(({ budgetedScopes }) => budgetedScopes.includes(scope))
    const active = on.filter(({ status }) => status === "ACTIVE")
    assert.strictEqual(reserved, sum(active.map(({ estimate }) => estimate)), `reserved on ${scope}`)
    const charged = sum([
      ...on.map((row) => row.charged ?? 0n),
      ...spend.filter(({ scopes }) => scopes.includes(scope)).map((row) => row.charged)
    ])
    assert.strictEqual(spent + debt, charged, `spent on ${scope}`)
    assert.include(scope === scopes[0] ? [credits, credits + 1] : [0], Number(funds) - allocated(scope), "credits")
  }
  return Number(budgets.find(({ scope }) => scope === scopes[0])?.allocated) - allocated(scopes[0])
}

/** What the guarded call of a name costs. */
export const costOf = (name: string): number => 1 + Number(name.slice(name.indexOf("-") + 1)) % 97
