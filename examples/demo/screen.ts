/**
 * What the reader sees: finished lines, and on a terminal one line below them that is drawn again and again.
 */
import { stripVTControlCharacters } from "node:util"

const { stdout } = process

/** Lines of a pipe or a file are cut here. */
const plainWidth = 110

// A reader that goes away (`| head`) is no reason to stop in the middle of a call.
stdout.on("error", () => {})

const wide = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60]|\p{Emoji_Presentation}/u
const widthOf = (symbol: string): number => wide.test(symbol) ? 2 : 1

export const width = (): number => stdout.isTTY ? Math.max(40, (stdout.columns || 80) - 1) : plainWidth

/** At most so many columns, without line breaks and control characters. */
export const cut = (text: string, columns: number): string => {
  const symbols = Array.from(stripVTControlCharacters(text).replace(/[\p{Cc}\p{Cf}\s]+/gu, " "))
  let used = 0
  const end = symbols.findIndex((symbol) => (used += widthOf(symbol)) > columns)
  if (end === -1) return symbols.join("")
  let kept = ""
  let room = columns - 3
  for (const symbol of symbols) {
    room -= widthOf(symbol)
    if (room < 0) break
    kept += symbol
  }
  return room < -2 ? "" : `${kept.trimEnd()}...`
}

const colours = { green: 32, yellow: 33, red: 31, cyan: 36, dim: 2 } as const

export const paint = (colour: keyof typeof colours, text: string): string =>
  stdout.isTTY && process.env.NO_COLOR === undefined ? `\u001b[${colours[colour]}m${text}\u001b[0m` : text

/** Prints what happened besides the questions. */
export const note = (text: string): void => print(paint("yellow", `  > ${text}`))

const clearLine = "\r\u001b[K"
let bottom = ""

/** Prints a line above the one at the bottom. */
export const print = (line = ""): void => {
  stdout.write(bottom === "" ? `${line}\n` : `${clearLine}${line}\n${bottom}`)
}

/** Draws the line at the bottom anew; nothing without a terminal. An empty text takes it away. */
export const progress = (text: string): void => {
  if (!stdout.isTTY || text === bottom) return
  bottom = cut(text, width())
  stdout.write(`${clearLine}${bottom}`)
}

/** A bar in three parts: what is spent, what is held, and what is left. */
export const bar = (columns: number, total: bigint, spent: bigint, held: bigint): string => {
  const part = (n: bigint) => total <= 0n ? 0 : Math.min(columns, Number(n * BigInt(columns) / total))
  const used = part(spent)
  const reserved = part(spent + held) - used
  return `${"#".repeat(used)}${"+".repeat(reserved)}${".".repeat(columns - used - reserved)}`
}
