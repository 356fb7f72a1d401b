/**
 * The embedded authority: the ledger of the protocol in this process.
 */
export type { BudgetStatus, BudgetView } from "./authority/Budget.js"
export type { LedgerEvent } from "./authority/LedgerEvent.js"
export * as LedgerStore from "./authority/LedgerStore.js"
export * as Authority from "./embedded.js"
