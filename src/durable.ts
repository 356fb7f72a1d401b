/**
 * The embedded authority on Node: budgets that outlive the program.
 */
import * as Layer from "effect/Layer"
import type { Authority } from "./authority/Authority.js"
import type { LedgerStoreError } from "./authority/LedgerStore.js"
import * as Embedded from "./embedded.js"
import type { Cycles } from "./lifecycle/Cycles.js"
import { layerJournal } from "./node/CyclesNodeLive.js"
import * as LedgerStoreSql from "./node/LedgerStoreSql.js"
import type { InvalidInput } from "./protocol/InvalidInput.js"

/**
 * Where the ledger and the journal are, the budgets to begin with, and the options of the client.
 *
 * @since 0.1.0
 * @category config
 */
export interface Options extends Embedded.Options, LedgerStoreSql.Options {}

/**
 * A `Cycles` that an authority in this process answers, whose ledger and journal are in a directory: what was spent by one run of a program is
 * spent in the next, and what a killed run had spent is settled by it. One process at a time; needs `libsql`.
 *
 * @example
 * ```ts
 * import { Amount, guarded } from "effect-cycles"
 * import { layerAuthority } from "effect-cycles/node"
 * import * as Effect from "effect/Effect"
 *
 * Effect.succeed("hello").pipe(
 *   guarded({ estimate: Amount.usd("0.01"), actual: Amount.usd("0.002") }),
 *   Effect.provide(layerAuthority({
 *     directory: ".budget",
 *     budgets: [{ scope: "tenant:acme", allocated: Amount.usd("10") }]
 *   }))
 * )
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerAuthority = (
  { directory, ...options }: Options
): Layer.Layer<Cycles | Authority, InvalidInput | LedgerStoreError> =>
  Layer.provide(Embedded.layerStored(options), [
    LedgerStoreSql.layer({ directory }),
    layerJournal({ directory: `${directory}/journal` })
  ])
