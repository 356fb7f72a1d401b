/**
 * Where a ledger is kept. The authority holds the state in memory; a store makes its rows durable and gives them back at the start.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { noRows, type RowChange, type Rows } from "./RowSet.js"

/**
 * A ledger was not opened, read or written. `detail` says what is wrong, `file` where; neither holds a key.
 *
 * - `notInstalled`: the package that the store needs is not there.
 * - `inUse`: another process, or this one, has the ledger open.
 * - `newer`: a later version of this library wrote it.
 * - `corrupt`: it is not what was written: nothing of it is used, and nothing is changed.
 * - `full`: the disk has no room.
 * - `unwritable`: the directory or the disk refused.
 * - `closed`: its scope has ended.
 * - `defect`: the store itself is broken.
 *
 * @since 0.1.0
 * @category errors
 */
export class LedgerStoreError
  extends Schema.TaggedError<LedgerStoreError>("effect-cycles/LedgerStoreError")("LedgerStoreError", {
    reason: Schema.Literal("notInstalled", "inUse", "newer", "corrupt", "full", "unwritable", "closed", "defect"),
    detail: Schema.String,
    file: Schema.optional(Schema.String),
    cause: Schema.optional(Schema.Defect)
  })
{
  override get message(): string {
    const place = this.file === undefined ? "" : `${this.file}: `
    return `The ledger's store failed (${this.reason}): ${place}${this.detail}`
  }
}

/**
 * `keeps` is false when nothing outlives the process: then nobody collects changes.
 *
 * `append` writes the changes of one step: all of them or none, in their order, after those of every earlier call. It takes them when it is
 * called, since fibers may be put aside before their effects run; its effect succeeds once they are durable, and with them all earlier ones.
 * How calls are grouped is the store's affair. It is called from one authority only, does not have to be interruptible, and after one
 * failure it is not called again: the authority refuses everything until it is opened anew.
 *
 * `load` gives every row, once, at the start.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  readonly keeps: boolean
  readonly load: Effect.Effect<Rows, LedgerStoreError>
  readonly append: (changes: ReadonlyArray<RowChange>) => Effect.Effect<void, LedgerStoreError>
}

/**
 * Where the ledger of an authority is kept.
 *
 * @since 0.1.0
 * @category tags
 */
export class LedgerStore extends Context.Tag("effect-cycles/authority/LedgerStore")<LedgerStore, Service>() {}

/**
 * Keeps nothing: the ledger ends with the authority.
 *
 * @since 0.1.0
 * @category constructors
 */
export const memory: Service = { keeps: false, load: Effect.succeed(noRows), append: () => Effect.void }

/**
 * A ledger that ends with the authority.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerMemory: Layer.Layer<LedgerStore> = Layer.succeed(LedgerStore, memory)
