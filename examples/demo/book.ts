/**
 * The demo's own books, kept apart from the ledger so that the two can be compared at the end.
 */
import type { Amount, Caps, Settlement } from "effect-cycles"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

export type Agent = "researcher" | "writer"

/** How a question ended. */
export const verdicts = ["allowed", "capped", "downgraded", "refused", "failed", "interrupted"] as const
export type Verdict = typeof verdicts[number]

/** A reservation, and how it was settled. */
export interface Entry {
  readonly agent: Agent
  readonly estimate: Amount
  readonly settlement: Settlement
}

/** Written by one fiber at a time: JavaScript runs nothing in between. */
export interface Books {
  readonly entries: Array<Entry>
  readonly verdicts: Map<Verdict, number>
  /** The caps that an agent was last given. Who knows them plans with them, so that less is held. */
  readonly caps: Map<Agent, Caps.Caps>
  /** What has been told once. */
  readonly told: Set<string>
  inFlight: number
}

export class Book extends Context.Tag("demo/Book")<Book, Books>() {}

export const makeBook: Effect.Effect<Books> = Effect.sync(() => ({
  entries: [],
  verdicts: new Map(),
  caps: new Map(),
  told: new Set(),
  inFlight: 0
}))
