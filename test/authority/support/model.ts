import type { Command, CommandOf } from "effect-cycles/authority/Command"
import * as Scopes from "effect-cycles/authority/Scopes"
import * as Duration from "effect/Duration"

interface Pot {
  readonly allocated: bigint
  readonly spent: bigint
  readonly debt: bigint
  readonly limit: bigint
  readonly over: boolean
  readonly status: string
}

interface Hold {
  readonly scopes: ReadonlyArray<string>
  readonly amount: bigint
  readonly policy: string
  readonly grace: number
  readonly state: string
  readonly expires: number
  readonly extended: number
}

const least = (numbers: ReadonlyArray<bigint>): bigint => numbers.reduce((a, b) => a < b ? a : b)
const positive = (n: bigint): bigint => n > 0n ? n : 0n

/**
 * The rules once more, as naively as they can be written: figures are added up anew at each look, and nothing is quick. It knows only
 * TOKENS and one tenant. An answer is a text: a code, or what was charged and the balances.
 */
export const makeModel = () => {
  const pots = new Map<string, Pot>()
  const holds = new Map<string, Hold>()
  const answers = new Map<string, { readonly asked: string; readonly answer: string }>()

  const reserved = (scope: string): bigint =>
    Array.from(holds.values())
      .filter((hold) => hold.state === "ACTIVE" && hold.scopes.includes(scope))
      .reduce((n, { amount }) => n + amount, 0n)
  const figures = (scope: string) => {
    const pot = pots.get(scope)!
    return { ...pot, reserved: reserved(scope), left: pot.allocated - pot.spent - pot.debt - reserved(scope) }
  }
  const show = (scopes: ReadonlyArray<string>): string =>
    scopes.filter((scope) => pots.has(scope)).map((scope) => {
      const { debt, left, over, reserved, spent } = figures(scope)
      return `${scope} ${left}/${reserved}/${spent}/${debt}${over ? "!" : ""}`
    }).join(", ")

  /** Who pays `actual` when `held` of it was held: the charge, or nothing when the overdraft does not reach. */
  const pay = (scopes: ReadonlyArray<string>, held: bigint, actual: bigint, policy: string): bigint | undefined => {
    const there = scopes.filter((scope) => pots.has(scope)).map((scope) => ({ scope, ...figures(scope) }))
    const extra = actual - held
    const bounds = there.filter(({ limit }) => policy === "ALLOW_IF_AVAILABLE" || limit === 0n)
    const capped = policy !== "REJECT" && extra > 0n
    const paid = capped ? least([extra, ...bounds.map(({ left }) => positive(left))]) : extra
    const debtOf = (left: bigint) => paid <= 0n || left >= paid ? 0n : paid - positive(left)
    if (there.some(({ debt, left, limit }) => debtOf(left) > 0n && debt + debtOf(left) > limit)) return undefined
    for (const { debt, left, over, scope, spent } of there) {
      pots.set(scope, {
        ...pots.get(scope)!,
        spent: spent + held + paid - debtOf(left),
        debt: debt + debtOf(left),
        over: over || (capped && paid < extra && left < extra && bounds.some((bound) => bound.scope === scope))
      })
    }
    return held + paid
  }

  const expire = (now: number) => {
    for (const [id, hold] of holds) {
      if (hold.state === "ACTIVE" && hold.expires + hold.grace < now) holds.set(id, { ...hold, state: "EXPIRED" })
    }
  }

  const blocked = ({ status }: Pot) => status === "ACTIVE" ? undefined : `BUDGET_${status}`

  const reserve = ({ id, request }: CommandOf<"Reserve">, now: number): string => {
    const scopes = Scopes.derive(request.subject).filter((scope) => pots.has(scope))
    const deny = (code: string) => request.dryRun === true ? `DENY ${code.replace("NOT_", "BUDGET_NOT_")}` : code
    for (const scope of scopes) {
      const { debt, left, limit, over, status } = figures(scope)
      const code = status !== "ACTIVE" ?
        `BUDGET_${status}` :
        over
        ? "OVERDRAFT_LIMIT_EXCEEDED"
        : debt > 0n && limit === 0n
        ? "DEBT_OUTSTANDING"
        : left < request.estimate.amount
        ? "BUDGET_EXCEEDED"
        : undefined
      if (code !== undefined) return deny(code)
    }
    if (scopes.length === 0) return deny("NOT_FOUND")
    if (request.dryRun === true) return `ALLOW ${show(scopes)}`
    const expires = now + Duration.toMillis(request.ttl!)
    const grace = Duration.toMillis(request.gracePeriod!)
    const amount = request.estimate.amount
    holds.set(id, { scopes, amount, policy: request.overagePolicy!, grace, state: "ACTIVE", expires, extended: 0 })
    return `ALLOW ${id} ${show(scopes)}`
  }

  const over = ({ state }: Hold): string | undefined =>
    state === "ACTIVE" ? undefined : state === "EXPIRED" ? "RESERVATION_EXPIRED" : "RESERVATION_FINALIZED"

  const settle = (
    { _tag, request, reservationId }: CommandOf<"Commit" | "Release" | "Extend">,
    now: number
  ): string => {
    const hold = holds.get(reservationId)
    if (hold === undefined) return "NOT_FOUND"
    const ended = over(hold)
    if (ended !== undefined) return ended
    if (_tag === "Release") {
      holds.set(reservationId, { ...hold, state: "RELEASED" })
      return `RELEASED ${hold.amount} ${show(hold.scopes)}`
    }
    if ("extendBy" in request) {
      if (now > hold.expires) return "RESERVATION_EXPIRED"
      if (hold.extended === 10) return "MAX_EXTENSIONS_EXCEEDED"
      const expires = hold.expires + Duration.toMillis(request.extendBy)
      holds.set(reservationId, { ...hold, expires, extended: hold.extended + 1 })
      return `EXTENDED ${expires} ${show(hold.scopes)}`
    }
    const actual = "actual" in request ? request.actual.amount : 0n
    if (actual > hold.amount && hold.policy === "REJECT") return "BUDGET_EXCEEDED"
    const charged = pay(hold.scopes, hold.amount, actual, hold.policy)
    if (charged === undefined) return "OVERDRAFT_LIMIT_EXCEEDED"
    holds.set(reservationId, { ...hold, state: "COMMITTED" })
    return `COMMITTED ${charged} ${show(hold.scopes)}`
  }

  const event = ({ id, request }: CommandOf<"Event">): string => {
    const scopes = Scopes.derive(request.subject).filter((scope) => pots.has(scope))
    const { amount } = request.actual
    for (const scope of scopes) {
      const code = blocked(pots.get(scope)!)
      if (code !== undefined) return code
      if (request.overagePolicy === "REJECT" && figures(scope).left < amount) return "BUDGET_EXCEEDED"
    }
    if (scopes.length === 0) return "NOT_FOUND"
    const charged = pay(scopes, 0n, amount, request.overagePolicy!)
    return charged === undefined ? "OVERDRAFT_LIMIT_EXCEEDED" : `APPLIED ${id} ${charged} ${show(scopes)}`
  }

  const operate = (command: Command): string => {
    if (command._tag === "PutBudget") {
      const { allocated, debt, isOverLimit, overdraftLimit, scope, spent, status } = command.budget
      pots.set(scope, { allocated, spent, debt, limit: overdraftLimit, over: isOverLimit, status })
      return "done"
    }
    const scope = "scope" in command ? command.scope : ""
    const pot = pots.get(scope)
    if (pot === undefined) return "NOT_FOUND"
    if (command._tag === "RemoveBudget") pots.delete(scope)
    if (command._tag === "SetStatus") pots.set(scope, { ...pot, status: command.status })
    if (command._tag === "Credit") {
      const code = blocked(pot)
      if (code !== undefined) return code
      pots.set(scope, { ...pot, allocated: pot.allocated + command.amount.amount, over: pot.debt > pot.limit })
    }
    return "done"
  }

  /** A key is remembered with the first success (and the first advice), for the operation and, when there is one, the reservation. */
  const once = (name: string, asked: string, fresh: () => string, isKept: (answer: string) => boolean): string => {
    const known = answers.get(name)
    if (known !== undefined) return known.asked === asked ? known.answer : "IDEMPOTENCY_MISMATCH"
    const answer = fresh()
    if (isKept(answer)) answers.set(name, { asked, answer })
    return answer
  }

  return {
    figures: () => new Map(Array.from(pots.keys(), (scope) => [scope, show([scope])])),
    run: (command: Command, now: number): string => {
      expire(now)
      switch (command._tag) {
        case "Reserve":
        case "Event": {
          const asked = JSON.stringify({
            ...command.request,
            dryRun: "dryRun" in command.request && command.request.dryRun
          })
          return once(
            `${command._tag} ${command.request.idempotencyKey}`,
            asked,
            () => command._tag === "Reserve" ? reserve(command, now) : event(command),
            (answer) => answer.includes(" ")
          )
        }
        case "Commit":
        case "Release":
        case "Extend":
          return once(
            `${command._tag} ${command.reservationId} ${command.request.idempotencyKey}`,
            JSON.stringify(command.request),
            () => settle(command, now),
            (answer) => answer.includes(" ")
          )
        default:
          return operate(command)
      }
    }
  }
}
