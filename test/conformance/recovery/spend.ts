/**
 * What the guarded work of these tests is about.
 */
import { Amount } from "effect-cycles"

export const spend = {
  subject: { agent: "scout" },
  action: { kind: "llm.completion", name: "m", tags: ["blue"] },
  estimate: Amount.tokens(1000)
} as const

/** On the wire. */
export const wire = {
  subject: { tenant: "tenant-a", agent: "scout" },
  action: spend.action,
  actual: { unit: "TOKENS", amount: 37 }
} as const
