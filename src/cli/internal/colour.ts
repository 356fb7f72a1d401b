/**
 * Bold and dim text, for terminals that want it.
 */
import { styleText } from "node:util"

export interface Colour {
  readonly bold: (text: string) => string
  readonly dim: (text: string) => string
}

const plain = (text: string): string => text

/** `NO_COLOR` (of any value but the empty one) and `TERM=dumb` turn it off, and so does output that is no terminal. */
export const colourOf = (terminal: boolean, variables: { readonly noColor: string; readonly term: string }): Colour =>
  terminal && variables.noColor === "" && variables.term !== "dumb"
    ? { bold: (text) => styleText("bold", text), dim: (text) => styleText("dim", text) }
    : { bold: plain, dim: plain }
