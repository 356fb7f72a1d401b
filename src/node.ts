/**
 * The entry for Node: a transport and a journal for servers, and a ledger on disk for the embedded authority.
 */
export { layerAuthority } from "./durable.js"
export { CyclesNodeLive, layerJournal, layerJournalConfig, standardDirectory } from "./node/CyclesNodeLive.js"
export { layer as layerLedgerStore } from "./node/LedgerStoreSql.js"
export * as Transport from "./node/Transport.js"
