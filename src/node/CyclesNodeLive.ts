/**
 * What a server should use: kept-alive connections, and a journal that survives the process.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { homedir } from "node:os"
import * as CyclesConfig from "../client/CyclesConfig.js"
import { Cycles } from "../lifecycle/Cycles.js"
import * as Journal from "../lifecycle/Journal.js"
import type { InvalidInput } from "../protocol/InvalidInput.js"
import { layerFiles } from "./internal/journalDisk.js"
import * as Transport from "./Transport.js"

/**
 * The directory that all Cycles clients of a user share, unless `CYCLES_JOURNAL_DIR` names another.
 *
 * @since 0.1.0
 * @category constructors
 */
export const standardDirectory = (): string => `${homedir()}/.runcycles/commit-journal`

/**
 * A journal of files in a directory, as `Journal.layerFiles` keeps it, straight on the files of Node: a record costs a fraction. Once several
 * records come at a time, a thread of its own writes them; where there can be none, a warning says so and they are written without. With
 * `fsync` the thread writes records of up to 2 KiB over the files of settled ones, with spaces up to 4 KiB.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerJournal = (options?: Partial<Journal.FilesOptions>): Layer.Layer<Journal.Journal> =>
  Layer.suspend(() => layerFiles({ ...options, directory: options?.directory ?? standardDirectory() })).pipe(
    Layer.provide([NodeFileSystem.layer, NodePath.layer])
  )

/**
 * The journal that the configuration asks for: files in `journal.directory`, or in memory when `journal.enabled` is false.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerJournalConfig = (
  config: Config.Config.Wrap<CyclesConfig.Options> = CyclesConfig.config()
): Layer.Layer<Journal.Journal, ConfigError.ConfigError> =>
  Layer.unwrapEffect(Effect.map(Config.unwrap(config), ({ journal }) =>
    journal?.enabled === false
      ? Journal.layerMemory()
      : layerJournal(journal?.directory ? { directory: journal.directory } : {})))

/**
 * The client for Node: environment configuration, a bounded pool of kept-alive connections, and a durable journal in the standard
 * directory (`CYCLES_JOURNAL_DIR` and `CYCLES_JOURNAL_ENABLED` choose otherwise).
 *
 * @example
 * ```ts
 * import { CyclesNodeLive } from "effect-cycles/node"
 * import * as Effect from "effect/Effect"
 *
 * Effect.void.pipe(Effect.provide(CyclesNodeLive))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const CyclesNodeLive: Layer.Layer<Cycles, InvalidInput | ConfigError.ConfigError> = Cycles.layerConfig().pipe(
  Layer.provide([Transport.layer(), layerJournalConfig()])
)
