/**
 * The entry for Node: a transport and a journal for servers, and a ledger on disk for the embedded authority.
 */
export { layerAuthority, type Options as LayerAuthorityOptions } from "./durable.js"
export { CyclesNodeLive, layerJournal, layerJournalConfig, standardDirectory } from "./node/CyclesNodeLive.js"
export { layer as layerLedgerStore, type Options as LedgerStoreOptions } from "./node/LedgerStoreSql.js"
export * as Transport from "./node/Transport.js"
