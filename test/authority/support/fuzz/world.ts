/**
 * An authority under fire, and whether its ledger changed when it had no reason to.
 */
import * as Admin from "effect-cycles/authority/Admin"
import * as App from "effect-cycles/authority/App"
import { Authority, makeStored, type Options } from "effect-cycles/authority/Authority"
import * as Ledger from "effect-cycles/authority/Ledger"
import { LedgerStore } from "effect-cycles/authority/LedgerStore"
import { noRows, type RowChange } from "effect-cycles/authority/RowSet"
import { Amount } from "effect-cycles/protocol/Amount"
import * as Json from "effect-cycles/protocol/Json"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import { atClock, makeClock } from "../clock.js"
import type { Fields } from "../http.js"
import type { Dice } from "./dice.js"
import { type Answer, complaintOf } from "./laws.js"
import { adminKey, callerKeys, callOf, type Memory, remember, type Shot } from "./requests.js"

const start = 1_700_000_000_000

const optionsOf = (dice: Dice): Options => ({
  budgets: [
    { scope: "tenant:tenant-a", allocated: Amount.tokens(1_000_000), overdraftLimit: Amount.tokens(100_000) },
    { scope: "tenant:tenant-a/agent:x", allocated: Amount.tokens(90_000) },
    { scope: "tenant:tenant-a", allocated: Amount.credits(500_000) },
    {
      scope: "tenant:tenant-b",
      allocated: Amount.tokens(500_000),
      overdraftLimit: Amount.tokens(9_223_372_036_854_775_807n)
    }
  ],
  keys: [
    { key: Redacted.make(callerKeys[0]), tenant: "tenant-a" },
    { key: Redacted.make(callerKeys[1]), tenant: "tenant-b" }
  ],
  tenants: [{ id: "tenant-a", tenant: { status: "ACTIVE" } }],
  permissions: dice.pick(["stored", "enforced"]),
  publicLimit: dice.pick([3, Infinity]),
  ...(dice.oneIn(20) ? {} : { adminKey: Redacted.make(adminKey) }),
  ...(dice.oneIn(4)
    ? { evidence: { serverId: "https://cycles.example.com/v1", signingKey: Redacted.make("11".repeat(32)) } }
    : {})
})

const idOf = (value: unknown): ReadonlyArray<string> => typeof value === "string" ? [value] : []

/** Keeps what a caller could use later. */
const learn = (memory: Memory, json: Fields): void => {
  const evidence = json["cycles_evidence"] as Fields | undefined
  memory.reservations.unshift(...idOf(json["reservation_id"]))
  memory.keys.unshift(...idOf(json["key_id"]))
  memory.secrets.unshift(...idOf(json["key_secret"]))
  memory.cursors.unshift(...idOf(json["next_cursor"]))
  memory.envelopes.unshift(...idOf(evidence?.["evidence_id"]))
  memory.reservations.length = Math.min(memory.reservations.length, 30)
}

export const makeWorld = (dice: Dice) =>
  Effect.gen(function*() {
    const changes: Array<RowChange> = []
    const { clock, set } = makeClock(start)
    const authority = atClock(
      yield* makeStored(optionsOf(dice)).pipe(
        Effect.provideService(LedgerStore, {
          keeps: true,
          load: Effect.succeed(noRows),
          append: (more) => {
            for (const change of more) changes.push(change)
            return Effect.void
          }
        }),
        Effect.withClock(clock)
      ),
      clock
    )
    const kept = Ledger.make()
    const memory = remember()
    let now = start
    let seen = 0

    /** The rows that were written since the last look. */
    const written = () => {
      const fresh = changes.slice(seen)
      seen = changes.length
      for (const change of fresh) Ledger.apply(kept, change)
      return fresh
    }
    const view = Effect.all([authority.budgets, authority.reservations, authority.audits]).pipe(
      Effect.map((views) =>
        JSON.stringify(views, (_, value: unknown) => typeof value === "bigint" ? `${value}n` : value)
      )
    )
    yield* view
    written()

    /** Balances add up, and what is reserved is what reservations hold. */
    const unbalanced = () => {
      const { budgets, reservations } = Ledger.rowsOf(kept)
      const held = (scope: string, unit: string) =>
        reservations
          .filter((row) => row.status === "ACTIVE" && row.unit === unit && row.budgetedScopes.includes(scope))
          .reduce((sum, { estimate }) => sum + estimate, 0n)
      return budgets.find((row) => row.reserved < 0n || row.reserved !== held(row.scope, row.unit))
    }

    /** Lets time pass, mostly a little, sometimes backwards: what expires by then does so before anybody asks. */
    const wait = Effect.suspend(() => {
      now += dice.pick([1, 500, 2000, 61_000, 70_000, -30_000, 3_600_000, dice.oneIn(20) ? 2_678_400_000 : 1])
      return Effect.zipRight(set(now), authority.sweep)
    }).pipe(Effect.tap(() => written()))

    /**
     * Sends something, and says how it changed the ledger without a reason: by the rows that were written and, when `looks`, by what is to be
     * seen before and after.
     */
    const watched = <A, E, R>(sends: Effect.Effect<A, E, R>, mayWrite: (answer: A) => boolean, looks: boolean) =>
      Effect.gen(function*() {
        const before = looks ? yield* view : ""
        const answer = yield* sends
        const after = looks ? yield* view : ""
        // A refusal is told by evidence too, if it is kept: a document of its own, beside the ledger.
        const rows = written().filter((change) => !("table" in change) || change.table !== "documents")
        if ((rows.length > 0 || after !== before) && !mayWrite(answer)) {
          return {
            answer,
            complaint: `a changed ledger: ${rows.map((row) => "table" in row ? row.table : row._tag).join()}`
          }
        }
        const budget = rows.length > 0 ? unbalanced() : undefined
        return {
          answer,
          complaint: budget === undefined
            ? undefined
            : `${budget.scope} reserves ${budget.reserved}, which nobody holds`
        }
      })

    /** Sends a request in process, and says what was wrong with the answer. */
    const fire = (shot: Shot, looks: boolean) =>
      Effect.gen(function*() {
        const respond = shot.plane === "admin" ? Admin.respond : App.respond
        const { answer, complaint } = yield* watched(
          Effect.provideService(respond(callOf(shot)), Authority, authority),
          ({ status }: Answer) => status < 300 && shot.method !== "GET",
          looks
        )
        const own = complaintOf(shot, answer)
        if (own === undefined && answer.status < 300) {
          learn(memory, Either.getOrThrow(Json.parse(answer.body)) as Fields)
        }
        return { answer, complaint: own ?? complaint }
      })

    return { authority, memory, wait, watched, fire }
  })
