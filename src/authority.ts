/**
 * The embedded authority: the ledger of the protocol in this process.
 */
export type { BudgetStatus, BudgetView } from "./authority/Budget.js"
export * as Authority from "./embedded.js"
