/**
 * Reads all records of a directory, and puts right what a crash, an earlier version or another hand left behind. Never fails.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { sanitize } from "../../protocol/InvalidInput.js"
import type { Entry } from "../Journal.js"
import { logs } from "./held.js"
import type { Folder } from "./journalFolder.js"
import * as Names from "./journalNames.js"
import * as Record from "./journalRecord.js"

interface Found {
  readonly name: string
  /** The name that belongs to the id. */
  readonly standard: string
  readonly record: Record.Stored
}

interface Ground {
  readonly folder: Folder
  readonly baseUrl: string
  readonly maxRecords: number
  /** Says once about each file what is wrong with it. */
  readonly warn: (message: string, file: string, why: string) => Effect.Effect<void>
}

type Lister = (ground: Ground, names: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Entry>>

const readers = 16
const leftAlone = "A file of the journal was left alone"

const find: (ground: Ground, name: string) => Effect.Effect<Found | undefined> = Effect.fnUntraced(
  function*({ folder, warn }, name) {
    const content = yield* folder.read(name)
    if (content._tag === "Missing") return undefined
    if (content._tag === "Refused") return yield* Effect.as(warn(leftAlone, name, content.why), undefined)
    const record = Record.decode(content.bytes)
    if (Either.isRight(record)) {
      return { name, record: record.right, standard: Names.recordName(record.right.reservationId) }
    }
    yield* warn("A record of the journal could not be read: it is set aside as .corrupt", name, record.left)
    yield* Effect.ignore(folder.rename(name, Names.corruptName(name)))
    return undefined
  }
)

const findAll = Effect.fnUntraced(
  function*(ground: Ground, names: ReadonlyArray<string>) {
    const { maxRecords, warn } = ground
    if (names.length > maxRecords) {
      yield* warn("The journal holds more records than one sweep reads", "", `${names.length} of at most ${maxRecords}`)
    }
    const bounded = names.slice(0, maxRecords)
    const found = yield* Effect.forEach(bounded, (name) => find(ground, name), { concurrency: readers })
    return found.filter((one) => one !== undefined)
  }
)

/** Whether a record is to be used. One under an earlier name gets its own name, unless that is taken. */
const settleName = Effect.fnUntraced(
  function*(folder: Folder, { name, record, standard }: Found) {
    if (name === standard) return true
    const there = yield* folder.read(standard)
    if (there._tag === "Missing") return yield* Effect.as(Effect.ignore(folder.rename(name, standard)), true)
    const other = there._tag === "Read" ? Record.decode(there.bytes) : Either.left(undefined)
    const same = Either.isRight(other) && other.right.reservationId === record.reservationId
    return same ? yield* Effect.as(Effect.ignore(folder.remove(name)), false) : true
  }
)

/** The records of our base URL with an id that a request can carry. */
const ours = Effect.fnUntraced(
  function*({ baseUrl, warn }: Ground, found: ReadonlyArray<Found>) {
    const entries: Array<Entry> = []
    for (const { name, record } of found) {
      const entry = Record.entryOf(baseUrl)(record)
      if (Option.isSome(entry)) entries.push(entry.value)
      else if (record.baseUrl === baseUrl) yield* warn(leftAlone, name, "its reservation id does not fit into a path")
    }
    return entries
  }
)

const entries: Lister = Effect.fnUntraced(
  function*(ground, names) {
    const { folder } = ground
    const stale = names.filter((name) => name.endsWith(".tmp"))
    yield* Effect.forEach(stale, folder.removeStale, { concurrency: readers, discard: true })
    const existing = new Set(names)
    const waiting: Array<Found> = []
    for (const found of yield* findAll(ground, names.filter((name) => name.endsWith(".json")))) {
      const dead = Names.deadName(found.standard)
      // A list that was read while the dead letter was revived may show both names. Renamed, not removed: so it cannot be lost either.
      const isDead = existing.has(dead) && (yield* folder.read(dead))._tag !== "Missing"
      if (isDead) yield* Effect.ignore(folder.rename(found.name, dead))
      else if (yield* settleName(folder, found)) waiting.push(found)
    }
    return Array.from(yield* ours(ground, waiting), Record.alive)
  }
)

const deadLetters: Lister = (ground, names) =>
  Effect.flatMap(findAll(ground, names.filter((name) => name.endsWith(".dead"))), (found) => ours(ground, found))

/** Both lists of a directory, and whether a record may be under a name of an earlier version. */
export const make = (folder: Folder, options: { readonly baseUrl: string; readonly maxRecords: number }) => {
  const said = new Set<string>()
  const warn: Ground["warn"] = (message, file, why) =>
    Effect.suspend(() => {
      const key = `${file}\n${why}`
      if (said.has(key)) return Effect.void
      if (said.size < options.maxRecords) said.add(key)
      return Effect.logWarning(message).pipe(Effect.annotateLogs({ ...logs, file: sanitize(file, 160), why }))
    })
  const ground: Ground = { folder, ...options, warn }
  let legacy: ReadonlySet<string> | undefined
  const list = Effect.tap(folder.list, (names) => {
    legacy = new Set(names.filter(Names.isLegacy))
  })
  const over = (read: Lister) =>
    list.pipe(
      Effect.flatMap((names) => read(ground, names)),
      Effect.catchAll((error) => Effect.as(warn("The journal could not be read", "", error.message), []))
    )
  return {
    entries: over(entries),
    deadLetters: over(deadLetters),
    // Only an earlier version makes such names. One made since the last list is found by the next, and settled once more under its key.
    mayHold: (name: string) => legacy?.has(name) !== false
  }
}
