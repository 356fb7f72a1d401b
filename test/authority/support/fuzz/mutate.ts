/**
 * What goes wrong in a body: in its tree, in its text.
 */
import type { Dice } from "./dice.js"

/** A JSON text that stands where a value would. */
class Raw {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

export type Tree = Raw | string | number | bigint | boolean | null | ReadonlyArray<Tree> | {
  readonly [key: string]: Tree
}

const isMap = (tree: Tree): tree is { readonly [key: string]: Tree } =>
  typeof tree === "object" && tree !== null && !Array.isArray(tree) && !(tree instanceof Raw)

/** The text of a tree, whatever its leaves say. */
export const write = (tree: Tree): string =>
  tree instanceof Raw
    ? tree.text
    : typeof tree === "bigint"
    ? tree.toString()
    : Array.isArray(tree)
    ? `[${tree.map(write).join(",")}]`
    : isMap(tree)
    ? `{${Object.entries(tree).map(([key, value]) => `${JSON.stringify(key)}:${write(value)}`).join(",")}}`
    : JSON.stringify(tree)

const nested = (depth: number, open: string, close: string, inner = "1") =>
  new Raw(open.repeat(depth) + inner + close.repeat(depth))

/** Texts that are at or beyond some bound, or that mean something to somebody. */
export const oddTexts: ReadonlyArray<string> = [
  "",
  " ",
  "\u0000",
  "\ud800",
  "\udfff x",
  "e\u0301\u202e𝕏🧾",
  "\u00df\u0130\u1e9e",
  "a".repeat(64),
  "a".repeat(65),
  "a".repeat(128),
  "a".repeat(129),
  "a".repeat(257),
  "😀".repeat(300),
  "x".repeat(20_000),
  "../../etc",
  "tenant-a/agent:x",
  "tenant:tenant-a",
  "a:b",
  "a b\tc\r\nd",
  "__proto__",
  "constructor",
  "toString",
  "%00",
  "%E0%A4%A",
  "null",
  "NaN",
  "1e3",
  "-1",
  "9223372036854775808",
  "2026-02-30T25:61:00Z",
  "2026-01-01T00:00:00Z",
  "+275760-09-13T00:00:00Z",
  "TOKENS",
  "USD_MICROCENTS",
  "ACTIVE",
  "CLOSED",
  "SUSPENDED",
  "REJECT",
  "*",
  "<script>"
]

const oddValues: ReadonlyArray<Tree> = [
  null,
  true,
  false,
  0,
  1,
  -1,
  0.5,
  999,
  1000,
  60_001,
  86_400_000,
  86_400_001,
  4_294_967_296,
  Number.MAX_SAFE_INTEGER,
  9_007_199_254_740_993n,
  9_223_372_036_854_775_806n,
  9_223_372_036_854_775_807n,
  9_223_372_036_854_775_808n,
  -9_223_372_036_854_775_809n,
  new Raw("-0"),
  new Raw("1.0"),
  new Raw("1e3"),
  new Raw("1e400"),
  new Raw("1.0000000000000000000001"),
  new Raw("12345678901234567890.5"),
  new Raw("9".repeat(400)),
  new Raw("0x10"),
  new Raw("NaN"),
  new Raw("01"),
  new Raw("undefined"),
  new Raw("\"\\ud800\""),
  new Raw("\"\\u0000\""),
  new Raw("\"\\x\""),
  new Raw("{\"__proto__\":{\"amount\":1}}"),
  new Raw("{\"constructor\":{\"prototype\":{\"x\":1}}}"),
  new Raw("{\"a\":1,\"a\":2}"),
  [],
  {},
  [[]],
  [null, 1, "x", {}],
  { unit: "TOKENS", amount: 1 },
  { unit: "TOKENS", amount: 1, more: 1 },
  { unit: "CREDITS", amount: 9_223_372_036_854_775_807n },
  { amount: 1 },
  nested(31, "{\"a\":", "}"),
  nested(40, "{\"a\":", "}"),
  nested(40, "[", "]"),
  nested(3_000, "{\"a\":", "}"),
  nested(20_000, "[", "]"),
  nested(20_000, "[", "]", "12345678901234567890"),
  nested(60_000, "{\"a\":", "}"),
  nested(5_000, "{\"__proto__\":", "}"),
  Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`k${i}`, i])),
  Array.from({ length: 200 }, (_, i) => `t${i}`)
]

const oddValue = (dice: Dice): Tree => dice.oneIn(3) ? dice.pick(oddTexts) : dice.pick(oddValues)

const names: ReadonlyArray<string> = [
  "amount",
  "unit",
  "tenant",
  "tenant_id",
  "metadata",
  "dimensions",
  "custom",
  "dry_run",
  "ttl_ms",
  "overage_policy",
  "idempotency_key",
  "reason",
  "scope_filter",
  "constructor",
  "toString",
  "",
  "\ud83d"
]

/** A tree with one place changed: replaced, dropped, renamed, added, wrapped. */
const changed = (dice: Dice, tree: Tree): Tree => {
  if (dice.oneIn(4) || !(Array.isArray(tree) || isMap(tree))) return oddValue(dice)
  if (Array.isArray(tree)) {
    const at = dice.int(tree.length + 1)
    return at === tree.length
      ? [...tree, oddValue(dice)]
      : tree.map((item: Tree, i) => i === at ? changed(dice, item) : item)
  }
  const entries = Object.entries(tree)
  const at = dice.int(entries.length + 1)
  const [key = "", value = null] = entries[at] ?? []
  const rest = entries.filter((_, i) => i !== at)
  const kind = dice.int(8)
  if (at === entries.length || kind === 0) return { ...tree, [dice.pick(names)]: oddValue(dice) }
  if (kind === 1) return Object.fromEntries(rest)
  if (kind === 2) return Object.fromEntries([...rest, [dice.pick([key.toUpperCase(), `${key} `, ...names]), value]])
  if (kind === 3) return { ...tree, [key]: dice.pick<Tree>([[value], { [key]: value }, write(value)]) }
  return { ...tree, [key]: changed(dice, value) }
}

const splice = (text: string, from: number, to: number, piece: string) => text.slice(0, from) + piece + text.slice(to)

const pieces: ReadonlyArray<string> = [
  "\ufeff",
  "\u0000",
  "\ud800",
  "{",
  "}",
  "[",
  "]",
  "\"",
  ",",
  ":",
  "\\",
  "\\u",
  "1e999",
  "12345678901234567890123",
  "null",
  "/**/",
  "'",
  "\u2028"
]

/** A text with a few characters lost, doubled or put in, or a member said twice. */
const garbled = (dice: Dice, text: string): string => {
  const from = dice.int(text.length + 1)
  const to = Math.min(text.length, from + dice.int(9))
  switch (dice.int(7)) {
    case 0:
      return text.slice(0, from)
    case 1:
      return splice(text, from, to, "")
    case 2:
      return splice(text, from, from, text.slice(from, to))
    case 3:
      return splice(text, from, from, dice.pick(pieces))
    case 4:
      return text + dice.pick(pieces)
    case 5: {
      const open = text.indexOf("{", from)
      const name = JSON.stringify(dice.pick(["__proto__", ...names]))
      return open === -1 ? text : splice(text, open + 1, open + 1, `${name}:${write(oddValue(dice))},`)
    }
    default:
      return text.replace(/\d+/, write(dice.pick(oddValues.filter((value) => typeof value !== "object"))))
  }
}

/** A body that is not what its sender should have sent. */
export const mutated = (dice: Dice, tree: Tree): string => {
  if (dice.oneIn(40)) return dice.pick(["", "null", "[]", "{}", "0", "\"\"", " {} ", "x".repeat(1_048_577)])
  let wrong = tree
  for (let n = dice.pick([0, 1, 1, 1, 2, 3]); n > 0; n--) wrong = changed(dice, wrong)
  let text = write(wrong)
  for (let n = wrong === tree ? 1 : dice.pick([0, 0, 0, 1]); n > 0; n--) text = garbled(dice, text)
  return text
}
