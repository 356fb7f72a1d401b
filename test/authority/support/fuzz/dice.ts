/**
 * Choices that follow from a seed alone.
 */
import { PCGRandom } from "effect/Utils"

export interface Dice {
  /** 0 to `below` - 1. */
  readonly int: (below: number) => number
  /** Whether one of `n` came up. */
  readonly oneIn: (n: number) => boolean
  readonly pick: <A>(from: ReadonlyArray<A>) => A
}

export const makeDice = (seed: number): Dice => {
  const random = new PCGRandom(seed >>> 0)
  const int = (below: number) => random.integer(below)
  return {
    int,
    oneIn: (n) => int(n) === 0,
    pick: <A>(from: ReadonlyArray<A>) => from[int(from.length)] as A
  }
}
