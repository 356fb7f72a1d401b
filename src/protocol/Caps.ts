/**
 * Limits that come with an allowed reservation. The authority does not enforce them: the caller does.
 */
import { dual } from "effect/Function"
import * as Schema from "effect/Schema"
import { Count, optional, text } from "./internal/wire.js"

const tools = Schema.Array(text(256))

/**
 * Every member is optional; integers are not negative; tool names are at most 256 characters and case-sensitive.
 *
 * Source: components/schemas/Caps.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Caps = Schema.Struct({
  maxTokens: optional("max_tokens", Count),
  maxStepsRemaining: optional("max_steps_remaining", Count),
  toolAllowlist: optional("tool_allowlist", tools),
  toolDenylist: optional("tool_denylist", tools),
  cooldownMs: optional("cooldown_ms", Count)
}).annotations({ identifier: "Caps" })

/**
 * @since 0.1.0
 * @category models
 */
export type Caps = typeof Caps.Type

/**
 * Whether a tool may be used: a non-empty allowlist decides alone, else a non-empty denylist, else every tool may.
 *
 * Source: components/schemas/Caps, precedence rules.
 *
 * @since 0.1.0
 * @category getters
 */
export const allowsTool: {
  (tool: string): (self: Caps) => boolean
  (self: Caps, tool: string): boolean
} = dual(2, (self: Caps, tool: string): boolean => {
  if (self.toolAllowlist !== undefined && self.toolAllowlist.length > 0) return self.toolAllowlist.includes(tool)
  return !(self.toolDenylist ?? []).includes(tool)
})

/**
 * The tools that may be used, in their order.
 *
 * @since 0.1.0
 * @category getters
 */
export const filterTools: {
  <T extends string | { readonly name: string }>(tools: ReadonlyArray<T>): (self: Caps) => ReadonlyArray<T>
  <T extends string | { readonly name: string }>(self: Caps, tools: ReadonlyArray<T>): ReadonlyArray<T>
} = dual(
  2,
  <T extends string | { readonly name: string }>(self: Caps, tools: ReadonlyArray<T>): ReadonlyArray<T> =>
    tools.filter((tool) => allowsTool(self, typeof tool === "string" ? tool : tool.name))
)

/**
 * The smaller of the wanted number of tokens and the cap; the wanted number when there is no cap.
 *
 * @since 0.1.0
 * @category getters
 */
export const clampTokens: {
  (wanted: number): (self: Caps) => number
  (self: Caps, wanted: number): number
} = dual(2, (self: Caps, wanted: number): number => Math.min(wanted, self.maxTokens ?? wanted))
