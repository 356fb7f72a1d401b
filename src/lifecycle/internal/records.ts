/**
 * The records of a client: in its journal, and here what the journal refuses to write or to remove, until it does.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { sanitize } from "../../protocol/InvalidInput.js"
import type { DeadLetter, Entry, JournalError, Store } from "../Journal.js"
import { logs } from "./held.js"
import * as Record from "./journalRecord.js"

/** A journal that fails stops nothing. For each reservation one of these at a time. */
export interface Records extends Pick<Store, "deadLetters" | "entries" | "health"> {
  /** Spend waits. */
  readonly keep: (entry: Entry) => Effect.Effect<void>
  /** Spend is in the ledger. */
  readonly forget: (id: string) => Effect.Effect<void>
  /** Spend is refused for good. */
  readonly bury: (entry: Entry, why: DeadLetter) => Effect.Effect<void>
  /** A dead letter waits again. `None`: there is no such one. */
  readonly revive: (id: string) => Effect.Effect<Option.Option<Entry>>
  /** Of which reservations the journal has not done what it was asked for. */
  readonly owed: () => ReadonlyArray<string>
  /** Whether spend waits here, where it does not survive the program. */
  readonly waitsHere: (id: string) => boolean
  /** Asks the journal once more. */
  readonly insist: (id: string) => Effect.Effect<void>
}

/** What the journal has not done, and the record that it should have, if any. */
interface Debt {
  readonly write: Effect.Effect<void, JournalError>
  readonly waiting?: Entry
  readonly dead?: Entry
}

/** As many as the journal in memory holds. */
const most = 10_000

const warn = (id: string, isHeld: boolean, cause: Cause.Cause<JournalError>): Effect.Effect<void> => {
  const failure = Cause.failureOrCause(cause)
  const [reason, detail] = Either.isLeft(failure)
    ? [failure.left.reason, failure.left.detail]
    : ["defect", sanitize(String(Cause.squash(cause)))]
  // Of these it speaks by itself, once.
  if (isHeld && (reason === "unwritable" || reason === "symlink")) return Effect.void
  return Effect.logWarning(
    isHeld
      ? "The journal did not keep spend: it is sent, but does not survive a crash"
      : `The journal did not keep spend, and ${most} records are in memory already: it is only sent`
  ).pipe(Effect.annotateLogs({ ...logs, reservation: id, reason, detail }))
}

const unread = (defect: unknown) =>
  Effect.logWarning("The journal could not be read").pipe(
    Effect.annotateLogs({ ...logs, detail: sanitize(String(defect)) }),
    Effect.as<ReadonlyArray<Entry>>([])
  )

/** The journal is asked once more when the scope ends. */
export const make = (store: Store): Effect.Effect<Records, never, Scope.Scope> => {
  const debts = new Map<string, Debt>()

  const asked = (
    id: string,
    write: Effect.Effect<void, JournalError>,
    debtOf: () => Debt
  ): Effect.Effect<void> => {
    const paid = debts.has(id) ? Effect.zipLeft(write, Effect.sync(() => debts.delete(id))) : write
    return Effect.catchAllCause(paid, (cause) => {
      const debt = debtOf()
      const isSpend = debt.waiting !== undefined || debt.dead !== undefined
      // What is in the ledger and still in the journal is only sent once more: it leaves room for spend.
      const isHeld = isSpend ? debts.has(id) || debts.size < most : debts.size < most / 2
      if (isHeld) debts.set(id, debt)
      else debts.delete(id)
      return isSpend ? warn(id, isHeld, cause) : Effect.void
    })
  }

  const keep: Records["keep"] = (entry) => {
    const write = store.put(entry)
    return asked(entry.reservationId, write, () => ({ write, waiting: entry }))
  }

  const insist: Records["insist"] = (id) =>
    Effect.suspend(() => {
      const debt = debts.get(id)
      return debt === undefined ? Effect.void : Effect.matchCause(debt.write, {
        onFailure: () => {},
        onSuccess: () => void debts.delete(id)
      })
    })

  /** What the journal lists, corrected by what it should hold. */
  const corrected = (listed: Store["entries"], member: "waiting" | "dead"): Store["entries"] =>
    Effect.map(Effect.catchAllDefect(listed, unread), (entries) => {
      if (debts.size === 0) return entries
      const here = Array.from(debts.values(), (debt) => debt[member]).filter((entry) => entry !== undefined)
      return [...entries.filter(({ reservationId }) => !debts.has(reservationId)), ...here]
    })

  const records: Records = {
    keep,
    forget: (id) => {
      const write = store.remove(id)
      return asked(id, write, () => ({ write }))
    },
    bury: (entry, why) => {
      const write = store.deadLetter(entry, why)
      return asked(entry.reservationId, write, () => ({ write, dead: Record.dead(entry, why) }))
    },
    revive: (id) =>
      Effect.flatMap(Effect.option(store.revive(id)), (revived) => {
        const dead = debts.get(id)?.dead
        if (dead === undefined) return Effect.succeed(Option.flatten(revived))
        const entry = Record.alive(dead)
        return Effect.as(keep(entry), Option.some(entry))
      }),
    entries: corrected(store.entries, "waiting"),
    deadLetters: corrected(store.deadLetters, "dead"),
    health: store.health,
    owed: () => [...debts.keys()],
    waitsHere: (id) => debts.get(id)?.waiting !== undefined,
    insist
  }

  const end = Effect.gen(function*() {
    yield* Effect.forEach(debts.keys(), insist, { discard: true })
    const lost = Array.from(debts.values(), ({ waiting }) => waiting?.reservationId).filter((id) => id !== undefined)
    if (lost.length === 0) return
    yield* Effect.logWarning("Spend is lost with this program: neither the authority nor the journal has taken it")
      .pipe(
        Effect.annotateLogs({ ...logs, records: lost.length, reservations: lost.slice(0, 20).join(", ") })
      )
  })
  return Effect.as(Effect.addFinalizer(() => end), records)
}
