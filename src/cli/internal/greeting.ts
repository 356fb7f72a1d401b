/**
 * What is said when the server is up: where it is, and what to paste.
 */
import * as Redacted from "effect/Redacted"
import type { BudgetView } from "../../authority/Budget.js"
import type { Running } from "../DevServer.js"
import type { Budget } from "./budgets.js"
import type { Colour } from "./colour.js"

/** `tenant:acme/agent:x` as `{"tenant":"acme","agent":"x"}`. */
const subjectOf = (scope: string): string =>
  JSON.stringify(Object.fromEntries(scope.split("/").map((segment) => segment.split(":"))))

/** Half a percent of what is left, at least 1. */
const estimateOf = ({ remaining, unit }: BudgetView): string =>
  `{"unit":"${unit}","amount":${remaining.amount < 200n ? 1n : remaining.amount / 200n}}`

/** Pasted again, it is answered as before: the key is that of this start. */
const curl = (url: string, key: string, budget: BudgetView, startedAt: number): string =>
  [
    `curl -s ${url}/v1/reservations -H 'X-Cycles-API-Key: ${key}' -H 'Content-Type: application/json' \\`,
    `  -d '{"idempotency_key":"hello-${startedAt}","subject":${subjectOf(budget.scope)},` +
    `"action":{"kind":"llm.completion","name":"gpt-4o"},"estimate":${estimateOf(budget)}}'`
  ].join("\n")

/** What was asked for on the command line, to be compared with what there is. */
export interface Asked {
  readonly budgets: ReadonlyArray<Budget>
  readonly data: string | undefined
}

const most = 20

const listed = <A>(items: ReadonlyArray<A>, line: (item: A) => string): ReadonlyArray<string> => [
  ...items.slice(0, most).map(line),
  ...(items.length > most ? [`  and ${items.length - most} more`] : [])
]

const budgetLine = (asked: ReadonlyArray<Budget>) => ({ allocated, remaining, scope, unit }: BudgetView): string => {
  const other = asked.find((budget) => budget.scope === scope && budget.allocated.unit === unit)?.allocated
  return `  ${scope}   ${allocated}` +
    (remaining.amount === allocated.amount ? "" : `, ${remaining} left`) +
    (other === undefined || other.amount === allocated.amount ? "" : ` (--budget says ${other})`)
}

/** The text, without a line feed at its end. */
export const greeting = (
  { adminKey, adminUrl, budgets, keys, startedAt, url }: Running,
  asked: Asked,
  { bold, dim }: Colour
): string => {
  const [first, ...others] = keys
  const scope = `tenant:${first?.tenant}`
  const budget = budgets.find((budget) => budget.status === "ACTIVE" && `${budget.scope}/`.startsWith(`${scope}/`))
  const kept = asked.data === undefined ? "nothing is kept when it ends: --data DIR keeps it" : `kept in ${asked.data}`
  const keyOfAdmin = adminKey === undefined ? "that of CYCLES_DEV_ADMIN_KEY" : Redacted.value(adminKey)
  return [
    `${bold("effect-cycles dev")}  ${dim(kept)}`,
    "",
    `  page      ${url}`,
    `  runtime   ${url}`,
    `  admin     ${adminUrl}   X-Admin-API-Key: ${keyOfAdmin}`,
    "",
    ...listed(budgets, budgetLine(asked.budgets)),
    "",
    ...(first === undefined ? [] : [
      dim("# for clients of any language"),
      `export CYCLES_BASE_URL=${url}`,
      `export CYCLES_API_KEY=${Redacted.value(first.key)}`,
      `export CYCLES_TENANT=${first.tenant}`,
      ...listed(others, ({ key, tenant }) => dim(`# tenant ${tenant}: ${Redacted.value(key)}`)),
      ""
    ]),
    ...(first === undefined || budget === undefined ? [] : [
      dim("# a first reservation"),
      curl(url, Redacted.value(first.key), budget, startedAt),
      ""
    ]),
    dim("Ctrl-C ends it.")
  ].join("\n")
}
