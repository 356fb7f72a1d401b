/**
 * The journal in memory.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as MutableHashMap from "effect/MutableHashMap"
import * as Option from "effect/Option"
import type { Entry, Identity, Service, Store } from "../Journal.js"
import { JournalError } from "./journalError.js"
import * as Record from "./journalRecord.js"

const makeStore = (identity: Identity, maxRecords: number): Store => {
  const waiting = new Map<string, Entry>()
  const dead = new Map<string, Entry>()
  const keep = (map: Map<string, Entry>, entry: Entry): Effect.Effect<void, JournalError> =>
    Effect.zipRight(
      Record.encode(identity.baseUrl, entry),
      Effect.suspend(() => {
        const id = entry.reservationId
        if (!waiting.has(id) && !dead.has(id) && waiting.size + dead.size >= maxRecords) {
          return new JournalError({ reason: "full", detail: `${maxRecords} records wait already` })
        }
        map.set(id, entry)
        return Effect.void
      })
    )
  const drop = (map: Map<string, Entry>, id: string) => Effect.sync(() => void map.delete(id))
  return {
    put: (entry) => keep(waiting, Record.alive(entry)),
    remove: (id) => drop(waiting, id),
    entries: Effect.sync(() => [...waiting.values()].filter(({ reservationId }) => !dead.has(reservationId))),
    deadLetter: (entry, why) =>
      Effect.zipRight(keep(dead, Record.dead(entry, why)), drop(waiting, entry.reservationId)),
    deadLetters: Effect.sync(() => [...dead.values()]),
    revive: (id) =>
      Effect.sync(() => {
        const entry = Option.map(Option.fromNullable(dead.get(id)), Record.alive)
        dead.delete(id)
        return Option.map(entry, (entry) => {
          waiting.set(id, entry)
          return entry
        })
      }),
    forget: (id) => drop(dead, id),
    health: Effect.succeed("memory")
  }
}

/** One store for each identity, as long as the service lives. */
export const make = ({ maxRecords }: { readonly maxRecords: number }): Service => {
  const stores = MutableHashMap.empty<unknown, Store>()
  return {
    open: (identity) =>
      Effect.sync(() => {
        const key = Data.struct({ baseUrl: identity.baseUrl, ...Record.principalOf(identity) })
        const store = Option.getOrElse(MutableHashMap.get(stores, key), () => makeStore(identity, maxRecords))
        MutableHashMap.set(stores, key, store)
        return store
      })
  }
}
