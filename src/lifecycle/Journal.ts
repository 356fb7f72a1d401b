/**
 * Spend that is not in the ledger yet, kept where it survives: written before the first request leaves, removed when it is settled.
 */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { ReservationId } from "../protocol/Reservation.js"
import * as Disk from "./internal/journalDisk.js"
import type { JournalError } from "./internal/journalError.js"
import * as Files from "./internal/journalFiles.js"
import * as Memory from "./internal/journalMemory.js"
import * as Whole from "./internal/journalWhole.js"

export { JournalError } from "./internal/journalError.js"

/**
 * A body exactly as it goes on the wire, with its snake_case names. Integers that a double cannot hold are `bigint`.
 *
 * @since 0.1.0
 * @category models
 */
export type Body = Readonly<Record<string, unknown>>

/**
 * Why the authority refused spend for good. `status` is null when no answer was involved.
 *
 * @since 0.1.0
 * @category models
 */
export interface DeadLetter {
  readonly code: string
  readonly status: number | null
  readonly message: string
  /** Wall clock, epoch milliseconds. */
  readonly atMs: number
}

/**
 * Spend to record. Other clients that share the directory send it as it is, so the bodies are literal.
 *
 * @since 0.1.0
 * @category models
 */
export interface Entry {
  readonly reservationId: ReservationId
  /** The base URL exactly as configured: records of another one are not returned. */
  readonly baseUrl: string
  /** What to send: the commit, or once the reservation has expired the event that takes its place. */
  readonly mode: "commit" | "event"
  /** Required in mode `commit`; in mode `event` null or the commit that expired. */
  readonly commitBody: Body | null
  /** Required in mode `event`; null in mode `commit` means that an expired commit has no substitute. */
  readonly eventFallbackBody: Body | null
  /** Wall clock of the first write, epoch milliseconds. */
  readonly recordedAtMs: number
  /** Wall clock before which nothing is sent, epoch milliseconds. A reader clamps the wait to one hour. */
  readonly notBeforeMs: number | null
  /** How many attempts failed. Our own fact: other clients ignore it and may drop it. */
  readonly attempts?: number | undefined
  /** What a refused commit becomes, when it is not a dead letter: whoever sends the record must know. Our own fact. */
  readonly onRejected?: "event" | undefined
  /** Only on dead letters, and absent there when the process ended while it was being written. Our own fact. */
  readonly deadLetter?: DeadLetter | undefined
}

/**
 * Whose journal it is: records are kept apart by base URL and tenant, or by base URL and key when no tenant is configured. With a tenant
 * a new key finds the records of the old one. Neither is written to the disk.
 *
 * @since 0.1.0
 * @category models
 */
export interface Identity {
  readonly baseUrl: string
  readonly tenant: string | undefined
  readonly apiKey: Redacted.Redacted<string>
}

/**
 * - `ok`: the last write reached the disk.
 * - `memory`: this journal does not survive the process.
 * - `unwritable`: the last write failed. Spend is still sent, but does not survive a crash until a later write succeeds.
 *
 * @since 0.1.0
 * @category models
 */
export type Health = "ok" | "memory" | "unwritable"

/**
 * The journal of one identity.
 *
 * @since 0.1.0
 * @category models
 */
export interface Store {
  /** Writes a record, in place of an earlier one of the same reservation. Durable when it returns, unless `fsync` is off. */
  readonly put: (entry: Entry) => Effect.Effect<void, JournalError>
  /** Forgets a settled record. One that is not there is fine. */
  readonly remove: (reservationId: string) => Effect.Effect<void, JournalError>
  /** Every record that waits, also those of other processes and clients. What cannot be used is set aside with a warning. */
  readonly entries: Effect.Effect<ReadonlyArray<Entry>>
  /** Keeps a refused record with its bodies where neither this library nor another client sends it again. */
  readonly deadLetter: (entry: Entry, why: DeadLetter) => Effect.Effect<void, JournalError>
  /** Every dead letter. */
  readonly deadLetters: Effect.Effect<ReadonlyArray<Entry>>
  /** Makes a dead letter an ordinary record again, to be sent by whoever reads it next. None: no such dead letter. */
  readonly revive: (reservationId: string) => Effect.Effect<Option.Option<Entry>, JournalError>
  /** Deletes a dead letter. One that is not there is fine. */
  readonly forget: (reservationId: string) => Effect.Effect<void, JournalError>
  readonly health: Effect.Effect<Health>
}

/**
 * Where journals come from.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** The journal of an identity. Never fails: one that cannot be written says so in `health`, once in the log, and in every `put`. */
  readonly open: (identity: Identity) => Effect.Effect<Store, never, Scope.Scope>
}

/**
 * Where spend waits until it is in the ledger.
 *
 * @since 0.1.0
 * @category tags
 */
export class Journal extends Context.Tag("effect-cycles/lifecycle/Journal")<Journal, Service>() {}

/**
 * The bounds of a journal in memory.
 *
 * @since 0.1.0
 * @category models
 */
export interface MemoryOptions {
  /** More records than this, dead letters included, are refused as `full`. Default 10 000. */
  readonly maxRecords?: number | undefined
}

/**
 * A journal that lives as long as the layer: it survives the end of a request, not of the process.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerMemory = (options: MemoryOptions = {}): Layer.Layer<Journal> =>
  Layer.sync(Journal, () => Memory.make({ maxRecords: options.maxRecords ?? 10_000 }))

/**
 * Where the files of a journal are, and their bounds.
 *
 * @since 0.1.0
 * @category models
 */
export interface FilesOptions {
  /** Holds one directory for each identity. Created with mode 0700 when it is not there, otherwise left as it is. */
  readonly directory: string
  /** Whether a record has reached the disk when `put` returns. Default true; false survives a crash of the process, not of the machine. */
  readonly fsync?: boolean | undefined
  /** A larger record is not written. Files are read up to 4 KiB more, the room for the reason of a dead letter. Default 262 144. */
  readonly maxRecordBytes?: number | undefined
  /** How many records one sweep of the directory reads. Default 10 000. */
  readonly maxRecords?: number | undefined
}

/**
 * One file for each record, in the format that the TypeScript and Java clients read and write: a mixed fleet settles each other's spend.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerFiles = (options: FilesOptions): Layer.Layer<Journal, never, FileSystem.FileSystem | Path.Path> =>
  Layer.effect(
    Journal,
    Effect.map(
      Effect.all([FileSystem.FileSystem, Path.Path]),
      ([fs, path]) => Files.make(Whole.make(Disk.make(fs)), path, options)
    )
  )
