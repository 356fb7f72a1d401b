/**
 * The journal as files: what a store does, in terms of one directory.
 */
import type { Path } from "@effect/platform/Path"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as MutableHashMap from "effect/MutableHashMap"
import * as Option from "effect/Option"
import type { Entry, FilesOptions, Health, Identity, Service, Store } from "../Journal.js"
import { logs } from "./held.js"
import { JournalError } from "./journalError.js"
import * as Folder from "./journalFolder.js"
import * as Names from "./journalNames.js"
import * as Record from "./journalRecord.js"
import * as Sweep from "./journalSweep.js"
import type { Disk } from "./journalWhole.js"

const maxStores = 256

/** Room for the reason of a dead letter: a record that could be put can always be made dead. */
const reasonBytes = 4096

/** What is known of the disk: one warning when writing begins to fail, and again only after it has worked. */
const makeWatch = () => {
  let health: Health = "ok"
  return {
    health: Effect.sync(() => health),
    worked: Effect.sync(() => {
      health = "ok"
    }),
    failed: ({ detail, reason }: JournalError) =>
      Effect.suspend(() => {
        if (health === "unwritable") return Effect.void
        health = "unwritable"
        return Effect.logWarning("The journal cannot be written: spend that is under way would not survive a crash")
          .pipe(
            Effect.annotateLogs({ ...logs, reason, detail })
          )
      })
  }
}

const recordIn = (content: Folder.Content): Option.Option<Record.Stored> =>
  content._tag === "Read" ? Either.getRight(Record.decode(content.bytes)) : Option.none()

const encoder = new TextEncoder()

/** A text is not counted when it cannot be too large: three bytes are the most that a part of it takes. */
const encode = ({ baseUrl }: Identity, maxBytes: number) => (entry: Entry) =>
  Either.flatMap(Record.encode(baseUrl, entry), (text) => {
    if (text.length * 3 <= maxBytes) return Either.right(text)
    const { length } = encoder.encode(text)
    return length <= maxBytes
      ? Either.right(text)
      : Either.left(new JournalError({ reason: "tooLarge", detail: `${length} bytes, over ${maxBytes}` }))
  })

/** Creates the directory and writes once, so that one that cannot be written is known before there is spend. */
const probe = (folder: Folder.Folder, { failed }: ReturnType<typeof makeWatch>): Effect.Effect<void> =>
  Effect.matchEffect(folder.probe, {
    onFailure: failed,
    onSuccess: ({ open }) =>
      open
        ? Effect.annotateLogs(Effect.logWarning("The directory of the journal is open to other users"), logs)
        : Effect.void
  })

const makeStore = (
  folder: Folder.Folder,
  identity: Identity,
  { maxRecordBytes, maxRecords }: { readonly maxRecordBytes: number; readonly maxRecords: number },
  { failed, health, worked }: ReturnType<typeof makeWatch>
): Store => {
  const encodeWaiting = encode(identity, maxRecordBytes)
  const encodeDead = encode(identity, maxRecordBytes + reasonBytes)
  const sweep = Sweep.make(folder, { baseUrl: identity.baseUrl, maxRecords })
  const named = <A>(id: string, use: (name: string) => Effect.Effect<A, JournalError>) =>
    Effect.tapError(Effect.suspend(() => use(Names.recordName(id))), failed)
  const write = (name: string, text: string) => Effect.zipRight(folder.write(name, text), worked)
  const removeLegacy = Effect.fnUntraced(function*(id: string) {
    for (const name of Names.legacyNames(id).filter(sweep.mayHold)) {
      const record = recordIn(yield* folder.read(name))
      if (Option.exists(record, ({ reservationId }) => reservationId === id)) yield* folder.remove(name)
    }
  })
  return {
    put: (entry) =>
      Effect.flatMap(
        encodeWaiting(Record.alive(entry)),
        (text) => named(entry.reservationId, (name) => write(name, text))
      ),
    remove: (id) => named(id, (name) => Effect.zipRight(folder.remove(name), removeLegacy(id))),
    entries: sweep.entries,
    // One name at every moment: a crash leaves the record waiting or dead, never both and never neither.
    deadLetter: (entry, why) =>
      Effect.flatMap(
        encodeDead(Record.dead(entry, why)),
        (text) =>
          named(entry.reservationId, (name) =>
            folder.rename(name, Names.deadName(name)).pipe(
              Effect.zipRight(write(Names.deadName(name), text)),
              Effect.zipRight(removeLegacy(entry.reservationId))
            ))
      ),
    deadLetters: sweep.deadLetters,
    revive: Effect.fnUntraced(function*(id: string) {
      const name = Names.recordName(id)
      const content = yield* folder.read(Names.deadName(name))
      if (content._tag === "Refused") return yield* new JournalError({ reason: "unwritable", detail: content.why })
      const entry = Option.flatMap(recordIn(content), Record.entryOf(identity.baseUrl))
      if (Option.isNone(entry)) return Option.none()
      const revived = yield* Effect.tapError(folder.rename(Names.deadName(name), name), failed)
      return revived ? Option.map(entry, Record.alive) : Option.none()
    }),
    forget: (id) => named(id, (name) => folder.remove(Names.deadName(name))),
    health
  }
}

/** One store for each identity: it is derived and probed once. */
export const make = (
  disk: Disk,
  path: Path,
  { directory, fsync = true, maxRecordBytes = 262_144, maxRecords = 10_000 }: FilesOptions
): Service => {
  const stores = MutableHashMap.empty<unknown, Store>()
  const opening = Effect.unsafeMakeSemaphore(1)
  const create = (identity: Identity) =>
    Effect.gen(function*() {
      const fingerprint = yield* Names.fingerprint(identity)
      const folder = Folder.make(disk, path, { directory, fsync, maxBytes: maxRecordBytes + reasonBytes }, fingerprint)
      const watch = makeWatch()
      yield* probe(folder, watch)
      return makeStore(folder, identity, { maxRecordBytes, maxRecords }, watch)
    })
  return {
    open: (identity) =>
      opening.withPermits(1)(Effect.suspend(() => {
        const key = Data.struct({ baseUrl: identity.baseUrl, ...Record.principalOf(identity) })
        const known = MutableHashMap.get(stores, key)
        if (Option.isSome(known)) return Effect.succeed(known.value)
        if (MutableHashMap.size(stores) >= maxStores) MutableHashMap.clear(stores)
        return Effect.tap(create(identity), (store) => MutableHashMap.set(stores, key, store))
      }))
  }
}
