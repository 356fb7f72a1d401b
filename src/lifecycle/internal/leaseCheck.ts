/**
 * Whether ttl, time limits and margins can work together.
 */
import * as Option from "effect/Option"
import type { State } from "../LeasePlan.js"
import { attemptBudget, reserve, safetyMargin } from "./leaseBudget.js"

/**
 * Why a new reservation cannot be kept with time to spare, with the numbers; `None` when it can, and when the authority does not say
 * what remains.
 *
 * @since 0.1.0
 * @category getters
 */
export const check = ({ leadMs, maxRttMs, mode, settings, timeoutMs }: State): Option.Option<string> => {
  const reserveMs = reserve(timeoutMs, maxRttMs)
  if (mode === "fallback" || leadMs > reserveMs) return Option.none()
  const fate = leadMs + settings.ttlMs > reserveMs
    ? "It is extended at once, and kept only if the authority adds the whole ttl to what is left."
    : "It is extended once and then ends."
  return Option.some(
    `A lease of ${leadMs} ms (ttl ${settings.ttlMs} ms) is not longer than the ${reserveMs} ms that must be kept in reserve for its ` +
      `extension: two attempts of ${
        attemptBudget(timeoutMs, maxRttMs)
      } ms each (time limit ${timeoutMs} ms, round trip ` +
      `${Math.ceil(maxRttMs)} ms) and a margin of ${safetyMargin(maxRttMs)} ms. ${fate} Ask for a longer ttl.`
  )
}
