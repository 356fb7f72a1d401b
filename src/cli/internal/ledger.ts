/**
 * The ledger of a development server: in memory, or in a directory that outlives it.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type LedgerStoreError, memory, type Service as Store } from "../../authority/LedgerStore.js"
import * as LedgerStoreSql from "../../node/LedgerStoreSql.js"
import { type Failure, failure } from "./failure.js"

/** What went wrong with the data, in one line. */
export const explain = (directory: string | undefined, { detail, file }: LedgerStoreError): Failure =>
  failure(
    `the data in ${directory} cannot be used: ${file === undefined || file === directory ? "" : `${file}: `}${detail}`
  )

/** A store, and the scopes that have a budget in it. */
export interface Found {
  readonly store: Store
  readonly scopes: ReadonlyArray<string>
}

/** Opens the directory until the end of the scope; in memory without one. */
export const open = (directory: string | undefined): Effect.Effect<Found, Failure, Scope.Scope> => {
  if (directory === undefined) return Effect.succeed({ store: memory, scopes: [] })
  return Effect.gen(function*() {
    const store = yield* LedgerStoreSql.make({ directory }).pipe(
      Effect.provide([NodeFileSystem.layer, NodePath.layer])
    )
    const rows = yield* store.load
    let unread: typeof rows | undefined = rows
    // A store is read once, and whoever reads owns the rows: they are handed on, and not kept.
    const load = Effect.suspend(() => {
      const taken = unread
      unread = undefined
      return taken === undefined ? store.load : Effect.succeed(taken)
    })
    return { store: { ...store, load }, scopes: rows.budgets.map(({ scope }) => scope) }
  }).pipe(Effect.mapError((error) => explain(directory, error)))
}
