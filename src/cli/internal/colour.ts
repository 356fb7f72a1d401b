/**
 * Bold and dim text, for terminals that want it.
 */
export interface Colour {
  readonly bold: (text: string) => string
  readonly dim: (text: string) => string
}

const plain = (text: string): string => text
const bold = (text: string): string => `\u001b[1m${text}\u001b[22m`
const dim = (text: string): string => `\u001b[2m${text}\u001b[22m`

/** `NO_COLOR` (of any value but the empty one) and `TERM=dumb` turn it off, and so does output that is no terminal. */
export const colourOf = (terminal: boolean, variables: { readonly noColor: string; readonly term: string }): Colour =>
  terminal && variables.noColor === "" && variables.term !== "dumb" ? { bold, dim } : { bold: plain, dim: plain }
