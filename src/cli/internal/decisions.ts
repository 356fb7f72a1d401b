/**
 * What was decided of late, as the page says it.
 */

/** `tone` is `good`, `bad`, `warn` or nothing; `n` grows with time. */
export interface Decision {
  readonly n: number
  readonly at: number
  readonly verdict: string
  readonly tone: string
  readonly denial: boolean
  readonly scope: string
  readonly action: string
  readonly amount: string
  readonly note: string
}
