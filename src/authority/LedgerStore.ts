/**
 * Where a ledger is kept. The authority holds the state in memory; a store makes its rows durable and gives them back at the start.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { noRows, type RowChange, type Rows } from "./Rows.js"

/**
 * The store could not be read or written. `message` says what and where; it holds no key.
 *
 * @since 0.1.0
 * @category errors
 */
export class LedgerStoreError
  extends Schema.TaggedError<LedgerStoreError>("effect-cycles/LedgerStoreError")("LedgerStoreError", {
    operation: Schema.Literal("open", "load", "append"),
    reason: Schema.String,
    cause: Schema.optional(Schema.Defect)
  })
{
  override get message(): string {
    return `The ledger's store failed (${this.operation}): ${this.reason}`
  }
}

/**
 * `keeps` is false when nothing outlives the process: then nobody collects changes.
 *
 * `append` writes the changes of one step: all of them or none, in their order, after those of every earlier call. It succeeds once they are
 * durable, and with it all earlier ones; how calls are grouped is the store's affair. It is called from one authority only, does not have
 * to be interruptible, and after one failure it is not called again: the authority refuses everything until it is opened anew.
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
 * @since 0.1.0
 * @category layers
 */
export const layerMemory: Layer.Layer<LedgerStore> = Layer.succeed(LedgerStore, memory)
