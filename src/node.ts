/**
 * The entry for Node: a transport and a journal for servers.
 */
export { CyclesNodeLive, layerJournal, layerJournalConfig, standardDirectory } from "./node/CyclesNodeLive.js"
export * as Transport from "./node/Transport.js"
