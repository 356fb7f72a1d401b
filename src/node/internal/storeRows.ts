/**
 * Where each row of a store is: turns what an authority changed into what one transaction writes.
 */
import { crc32 } from "node:zlib"

/** A row as it is in the database: `n` is its place, `sum` its checksum. */
export interface Stored {
  readonly n: number
  readonly table: string
  readonly body: string
  readonly sum: number
}

/** What a database says of all of its rows: how many there are, the sum of their checksums, and how many transactions made them. */
export interface Tip {
  readonly sequence: number
  readonly count: number
  readonly digest: number
}

export const noTip: Tip = { sequence: 0, count: 0, digest: 0 }

/** Carried out in this order, all of it or nothing. */
export interface Transaction {
  readonly inserts: ReadonlyArray<Stored>
  readonly updates: ReadonlyArray<Stored>
  readonly deletes: ReadonlyArray<number>
  readonly tip: Tip
}

/** `id` is unique in a table. A row is forgotten when `at` is over, or with the row `parent` of another table. */
export interface Identity {
  readonly table: string
  readonly id: string
  readonly at: number | undefined
  readonly parent: string | undefined
}

/** `body` is asked for once, and only when no later change of the same transaction replaces it. */
export type Change =
  | { readonly _tag: "Put"; readonly identity: Identity; readonly body: () => string }
  | { readonly _tag: "Delete"; readonly table: string; readonly id: string }
  | { readonly _tag: "Forget"; readonly table: string; readonly before: number; readonly children: string | undefined }

/** The checksum of a row. */
export const sumOf = (n: number, table: string, body: string): number => crc32(body, crc32(table, n))

const modulus = 2 ** 48

/** The tip with one row more, or with one less. */
export const counted = ({ count, digest, sequence }: Tip, sum: number, sign: 1 | -1): Tip => ({
  sequence,
  count: count + sign,
  digest: (digest + sign * sum + modulus) % modulus
})

interface Place {
  readonly n: number
  readonly sum: number
  readonly at: number | undefined
  readonly parent: string | undefined
}

export interface Places {
  /** A row that was read. Says whether its id was free. */
  readonly add: (identity: Identity, stored: Stored) => boolean
  /** The next transaction. Whoever asks for it must carry it out: the places are then as it leaves them. */
  readonly plan: (changes: Iterable<Change>) => Transaction
}

/** The places of the rows of a database, none of them known yet. */
export const make = (start: Tip): Places => {
  const tables = new Map<string, Map<string, Place>>()
  let tip = start
  let next = 1
  const tableOf = (name: string) => {
    const table = tables.get(name) ?? new Map<string, Place>()
    tables.set(name, table)
    return table
  }
  const plan = (changes: Iterable<Change>): Transaction => {
    const inserts: Array<Stored> = []
    const updates: Array<Stored> = []
    const deletes: Array<number> = []
    const waiting = new Map<string, Extract<Change, { readonly _tag: "Put" }>>()
    const flush = () => {
      for (const { body, identity: { at, id, parent, table } } of waiting.values()) {
        const rows = tableOf(table)
        const old = rows.get(id)
        const n = old?.n ?? next++
        const text = body()
        const sum = sumOf(n, table, text)
        if (old !== undefined) tip = counted(tip, old.sum, -1)
        tip = counted(tip, sum, 1)
        rows.set(id, { n, sum, at, parent })
        ;(old === undefined ? inserts : updates).push({ n, table, body: text, sum })
      }
      waiting.clear()
    }
    const drop = (rows: Map<string, Place>, id: string, { n, sum }: Place) => {
      rows.delete(id)
      tip = counted(tip, sum, -1)
      deletes.push(n)
    }
    for (const change of changes) {
      if (change._tag === "Put") {
        waiting.set(`${change.identity.table} ${change.identity.id}`, change)
        continue
      }
      flush()
      const rows = tableOf(change.table)
      if (change._tag === "Delete") {
        const place = rows.get(change.id)
        if (place !== undefined) drop(rows, change.id, place)
        continue
      }
      for (const [id, place] of rows) if (place.at !== undefined && place.at < change.before) drop(rows, id, place)
      if (change.children === undefined) continue
      const children = tableOf(change.children)
      for (const [id, place] of children) {
        if (place.parent !== undefined && !rows.has(place.parent)) drop(children, id, place)
      }
    }
    flush()
    tip = { ...tip, sequence: tip.sequence + 1 }
    return { inserts, updates, deletes, tip }
  }
  return {
    plan,
    add: ({ at, id, parent, table }, { n, sum }) => {
      const rows = tableOf(table)
      if (rows.has(id)) return false
      rows.set(id, { n, sum, at, parent })
      next = Math.max(next, n + 1)
      return true
    }
  }
}
