/**
 * What a call costs. The prices are illustrative: dollars for a million tokens.
 */
import { Amount } from "effect-cycles"
import { encode } from "gpt-tokenizer/encoding/o200k_base"

export interface Model {
  readonly name: string
  /** Microcents for one token. */
  readonly input: bigint
  readonly output: bigint
}

/** $1 is 100 000 000 microcents, so $2.50 for a million tokens is 250 microcents for one. */
const perToken = (dollarsPerMillion: string): bigint => Amount.usd(dollarsPerMillion).amount / 1_000_000n

export const GPT_4O: Model = { name: "gpt-4o", input: perToken("2.50"), output: perToken("10.00") }
export const GPT_4O_MINI: Model = { name: "gpt-4o-mini", input: perToken("0.15"), output: perToken("0.60") }

/** The cost of so many tokens. */
export const costOf = (model: Model, inputTokens: number, outputTokens: number): Amount =>
  Amount.usdMicrocents(BigInt(inputTokens) * model.input + BigInt(outputTokens) * model.output)

/** Text that looks like a special token is counted as the text that it is. */
export const tokensOf = (text: string): ReadonlyArray<number> => encode(text, { disallowedSpecial: new Set() })

/** A chat with one message has this many tokens besides those of its text. */
const chatTokens = 7

export const promptTokens = (prompt: string): number => tokensOf(prompt).length + chatTokens

/** With all eight decimals, so that a column of amounts can be compared. */
export const dollars = (microcents: bigint): string => {
  const digits = (microcents < 0n ? -microcents : microcents).toString().padStart(9, "0")
  return `${microcents < 0n ? "-" : ""}$${digits.slice(0, -8)}.${digits.slice(-8)}`
}
