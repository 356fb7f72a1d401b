/**
 * ACTIVE reservations by the last instant at which they can settle: a binary heap. A row that was replaced since stays in it until it comes
 * up or until such rows are the greater part.
 */
import type { Reservation } from "../Rows.js"

export type Deadlines = Array<Reservation>

/** The last instant at which a reservation can be committed or released. */
export const deadlineOf = (row: Reservation): number => row.expiresAt + row.graceMs

const sink = (heap: Deadlines, from: number): void => {
  const row = heap[from] as Reservation
  const deadline = deadlineOf(row)
  let at = from
  for (;;) {
    let child = 2 * at + 1
    const left = heap[child]
    if (left === undefined) break
    const right = heap[child + 1]
    if (right !== undefined && deadlineOf(right) < deadlineOf(left)) child++
    const next = heap[child] as Reservation
    if (deadlineOf(next) >= deadline) break
    heap[at] = next
    at = child
  }
  heap[at] = row
}

export const add = (heap: Deadlines, row: Reservation): void => {
  const deadline = deadlineOf(row)
  let at = heap.length
  heap.push(row)
  while (at > 0) {
    const parent = (at - 1) >> 1
    const above = heap[parent] as Reservation
    if (deadlineOf(above) <= deadline) break
    heap[at] = above
    at = parent
  }
  heap[at] = row
}

/** The first of them, taken out. */
export const take = (heap: Deadlines): void => {
  const last = heap.pop()
  if (last === undefined || heap.length === 0) return
  heap[0] = last
  sink(heap, 0)
}

/** Keeps what `isCurrent` says, in place. */
export const compact = (heap: Deadlines, isCurrent: (row: Reservation) => boolean): void => {
  let kept = 0
  for (const row of heap) if (isCurrent(row)) heap[kept++] = row
  heap.length = kept
  for (let at = (kept >> 1) - 1; at >= 0; at--) sink(heap, at)
}
