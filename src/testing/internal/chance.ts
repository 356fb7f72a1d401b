/**
 * Chance that gives the same again.
 */
const mix = (n: number): number => {
  let x = Math.imul(n ^ (n >>> 16), 0x21f0aaad)
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97)
  return (x ^ (x >>> 15)) >>> 0
}

/** Numbers from 0 to below 1, of their own for each pair. */
export const chanceOf = (seed: number, index: number): () => number => {
  let state = mix(mix(seed) + index)
  return () => {
    state = (state + 0x9e3779b9) | 0
    return mix(state) / 2 ** 32
  }
}
