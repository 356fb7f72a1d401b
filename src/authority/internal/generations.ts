/**
 * Rows that are forgotten by age: one Map for each span of time, dropped as a whole. Deleting the oldest key of one large Map would
 * rehash it again and again.
 */
interface Generation<V> {
  readonly index: number
  readonly rows: Map<string, V>
}

/** The newest first. */
export interface Generations<V> {
  readonly spanMs: number
  readonly list: Array<Generation<V>>
}

export const make = <V>(spanMs: number): Generations<V> => ({ spanMs, list: [] })

/** A Map holds at most 2^24 entries. */
const maxSize = 4_000_000

export const get = <V>({ list }: Generations<V>, key: string): V | undefined => {
  for (let i = 0; i < list.length; i++) {
    const value = list[i]?.rows.get(key)
    if (value !== undefined) return value
  }
  return undefined
}

/** Puts a row into the generation of `time` (epoch ms). */
export const put = <V>({ list, spanMs }: Generations<V>, key: string, time: number, value: V): void => {
  const index = Math.floor(time / spanMs)
  let at = 0
  while ((list[at]?.index ?? -Infinity) > index) at++
  let generation = list[at]
  if (generation === undefined || generation.index !== index || generation.rows.size >= maxSize) {
    generation = { index, rows: new Map() }
    list.splice(at, 0, generation)
  }
  generation.rows.set(key, value)
}

/** Drops the generations that ended by `time`: the dropped, and the instant before which nothing is left, when there were any. */
export const forget = <V>(
  { list, spanMs }: Generations<V>,
  time: number
): { readonly before: number; readonly dropped: ReadonlyArray<Generation<V>> } | undefined => {
  const first = Math.floor(time / spanMs)
  if ((list[list.length - 1]?.index ?? Infinity) >= first) return undefined
  const keep = list.findIndex(({ index }) => index < first)
  return { before: first * spanMs, dropped: list.splice(keep) }
}

/** Every row; of a key that was put twice, the newer one. */
export const values = <V>({ list }: Generations<V>): Iterable<V> => {
  if (list.length === 1) return list[0]?.rows.values() ?? []
  const all = new Map<string, V>()
  for (let i = list.length - 1; i >= 0; i--) for (const [key, value] of list[i]?.rows ?? []) all.set(key, value)
  return all.values()
}

export const size = <V>({ list }: Generations<V>): number => list.reduce((n, { rows }) => n + rows.size, 0)
