/**
 * Tokens written to a cache, by how long they stay there.
 */
import * as Either from "effect/Either"
import type { MalformedUsage } from "../UsageErrors.js"
import type { Named, reading } from "./reading.js"

/** How long tokens stay in a cache when the reply does not say it. */
export type CacheWriteTtl = "5m" | "1h"

/** The two buckets of a total and what is known of its parts. What the parts do not explain was written for `ttl`. */
export const cacheWrites = (
  { rest }: ReturnType<typeof reading>,
  { long, short, total }: { readonly total: Named; readonly short: Named; readonly long: Named },
  ttl: CacheWriteTtl = "5m"
): Either.Either<
  { readonly cacheWrite5m: number | undefined; readonly cacheWrite1h: number | undefined },
  MalformedUsage
> =>
  Either.map(rest(total, short, long), (unexplained) => {
    const all = { "5m": short[1], "1h": long[1] }
    if (unexplained !== undefined && (unexplained > 0 || (short[1] === undefined && long[1] === undefined))) {
      all[ttl] = (all[ttl] ?? 0) + unexplained
    }
    return { cacheWrite5m: all["5m"], cacheWrite1h: all["1h"] }
  })
