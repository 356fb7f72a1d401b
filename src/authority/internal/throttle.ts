/**
 * How often one client may ask what is public: fixed windows of a minute, aligned to the clock.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

const minute = 60_000
const maxClients = 100_000

/** A client that came too often in the minute that ends at `until` (epoch ms). */
export interface TurnedAway {
  readonly now: number
  readonly until: number
}

export const makeThrottle = (limit: number) => {
  let window = -1
  let visits = new Map<string, number>()
  return (client: string): Effect.Effect<Option.Option<TurnedAway>> =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      const current = Math.floor(now / minute)
      if (current !== window || visits.size >= maxClients) {
        window = current
        visits = new Map()
      }
      const count = (visits.get(client) ?? 0) + 1
      visits.set(client, count)
      return count > limit ? Option.some({ now, until: (current + 1) * minute }) : Option.none()
    })
}
