/**
 * How the errors of a store are made.
 */
import { LedgerStoreError } from "../../authority/LedgerStore.js"

export type StoreError = LedgerStoreError

export type Reason = LedgerStoreError["reason"]

/** An error about a file or a directory. */
export const storeError = (reason: Reason, detail: string, file?: string): LedgerStoreError =>
  new LedgerStoreError({ reason, detail, ...(file === undefined ? {} : { file }) })
