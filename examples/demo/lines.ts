/**
 * The line of a question.
 */
import type { Amount, Settlement } from "effect-cycles"
import type { Agent, Verdict } from "./book.js"
import { dollars, type Model } from "./prices.js"
import { cut, paint, width } from "./screen.js"

export interface Question {
  readonly n: number
  readonly agent: Agent
  readonly prompt: string
}

/** The last thing tried for a question. */
export interface Attempt {
  readonly model: Model
  readonly estimate: Amount
  readonly settlement?: Settlement
}

const colourOf = {
  allowed: "green",
  capped: "cyan",
  downgraded: "yellow",
  refused: "red",
  failed: "red",
  interrupted: "dim"
} as const

const columns = { n: 3, verdict: 11, agent: 10, model: 11, estimate: 11, charged: 11 }

const charge = (settlement: Settlement | undefined): string => {
  if (settlement === undefined) return "-"
  switch (settlement._tag) {
    case "Committed":
      return dollars(settlement.charged.amount)
    case "Released":
      return "released"
    default:
      return settlement._tag.toLowerCase()
  }
}

interface Cells {
  readonly n: string
  readonly verdict: string
  readonly agent: string
  readonly model: string
  readonly estimate: string
  readonly charged: string
}

const row = (cells: Cells, text: string): string => {
  const head = [
    cells.n.padStart(columns.n),
    cells.verdict,
    cells.agent.padEnd(columns.agent),
    cells.model.padEnd(columns.model),
    cells.estimate.padStart(columns.estimate),
    cells.charged.padStart(columns.charged)
  ].join(" ")
  const room = width() - Object.values(columns).reduce((n, column) => n + column + 1, 1)
  return `${head}  ${cut(text, room)}`.trimEnd()
}

export const heading = (): string =>
  row({
    n: "#",
    verdict: "verdict".padEnd(columns.verdict),
    agent: "agent",
    model: "model",
    estimate: "estimate",
    charged: "charged"
  }, "question")

export const lineOf = (
  { agent, n, prompt }: Question,
  verdict: Verdict,
  attempt: Attempt | undefined,
  problem: string | undefined
): string =>
  row({
    n: String(n),
    verdict: paint(colourOf[verdict], verdict.padEnd(columns.verdict)),
    agent,
    model: attempt?.model.name ?? "-",
    estimate: attempt === undefined ? "-" : dollars(attempt.estimate.amount),
    charged: charge(attempt?.settlement)
  }, problem ?? prompt)
