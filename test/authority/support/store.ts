import * as Ledger from "effect-cycles/authority/Ledger"
import type { LedgerStoreError, Service } from "effect-cycles/authority/LedgerStore"
import type { RowChange } from "effect-cycles/authority/RowSet"
import * as Effect from "effect/Effect"

/** A store in memory that outlives its authorities, and writes only when `before` lets it. */
export const makeStore = (before: (call: number) => Effect.Effect<void, LedgerStoreError> = () => Effect.void) => {
  const kept = Ledger.make()
  let calls = 0
  const store: Service = {
    keeps: true,
    load: Effect.sync(() => Ledger.rowsOf(kept)),
    append: (changes: ReadonlyArray<RowChange>) =>
      Effect.zipRight(
        Effect.suspend(() => before(++calls)),
        Effect.sync(() => changes.forEach((change) => Ledger.apply(kept, change)))
      )
  }
  return { store, kept, calls: () => calls }
}
