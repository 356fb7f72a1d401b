/**
 * The ids that tie an answer to its request.
 */

/** A fresh id: of a request, a reservation, an event. */
export const freshId = (): string => globalThis.crypto.randomUUID()

const parent = /^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/
const zeros = /^0+$/

/** The trace of a call: that of `traceparent`, else of `x-cycles-trace-id`, else a fresh one. What is malformed counts as absent. */
export const traceOf = (headers: Readonly<Record<string, string | undefined>>): string => {
  const [, trace = "", span = ""] = parent.exec(headers["traceparent"]?.toLowerCase() ?? "") ?? []
  if (trace !== "" && !zeros.test(trace) && !zeros.test(span)) return trace
  const own = headers["x-cycles-trace-id"]?.toLowerCase() ?? ""
  return /^[0-9a-f]{32}$/.test(own) && !zeros.test(own) ? own : freshId().replaceAll("-", "")
}
