/**
 * What is said when the server is up: where it is, and what to paste.
 */
import * as Redacted from "effect/Redacted"
import type { BudgetView } from "../../authority/Budget.js"
import type { Running } from "../DevServer.js"
import type { Colour } from "./colour.js"

/** `tenant:acme/agent:x` as `{"tenant":"acme","agent":"x"}`. */
const subjectOf = (scope: string): string =>
  JSON.stringify(Object.fromEntries(scope.split("/").map((segment) => segment.split(":"))))

/** Half a percent of what is left, at least 1: the line can be pasted again and again. */
const estimateOf = ({ remaining, unit }: BudgetView): string =>
  `{"unit":"${unit}","amount":${remaining.amount < 200n ? 1n : remaining.amount / 200n}}`

const curl = (url: string, key: string, budget: BudgetView): string =>
  [
    `curl -s ${url}/v1/reservations -H 'X-Cycles-API-Key: ${key}' -H 'Content-Type: application/json' \\`,
    `  -d '{"idempotency_key":"hello-1","subject":${subjectOf(budget.scope)},` +
    `"action":{"kind":"llm.completion","name":"gpt-4o"},"estimate":${estimateOf(budget)}}'`
  ].join("\n")

const columns = (rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => {
  const widths = rows.reduce<ReadonlyArray<number>>(
    (widths, row) => row.map((cell, i) => Math.max(widths[i] ?? 0, cell.length)),
    []
  )
  return rows.map((row) => `  ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("   ")}`.trimEnd())
}

/** The text, without a line feed at its end. */
export const greeting = (
  { adminKey, adminUrl, budgets, data, keys, url }: Running,
  { bold, dim }: Colour
): string => {
  const [first, ...others] = keys
  const budget = budgets.find(({ scope, status }) => status === "ACTIVE" && scope.startsWith(`tenant:${first?.tenant}`))
  const kept = data === undefined ? "Nothing is kept when it ends: --data DIR keeps it." : `Kept in ${data}.`
  return [
    bold("effect-cycles dev") + dim(`  ${kept}`),
    "",
    ...columns([
      ["page", url, ""],
      ["runtime", url, ""],
      [
        "admin",
        adminUrl,
        `X-Admin-API-Key: ${adminKey === undefined ? "that of CYCLES_DEV_ADMIN_KEY" : Redacted.value(adminKey)}`
      ]
    ]),
    "",
    ...columns(budgets.map(({ allocated, remaining, scope }) => [
      scope,
      `${allocated}` + (remaining.amount === allocated.amount ? "" : `, ${remaining} left`)
    ])),
    "",
    ...(first === undefined ? [] : [
      dim("# for clients of any language"),
      `export CYCLES_BASE_URL=${url}`,
      `export CYCLES_API_KEY=${Redacted.value(first.key)}`,
      `export CYCLES_TENANT=${first.tenant}`,
      ...others.map(({ key, tenant }) => dim(`# tenant ${tenant}: ${Redacted.value(key)}`)),
      ""
    ]),
    ...(first === undefined || budget === undefined ? [] : [
      dim("# a first reservation"),
      curl(url, Redacted.value(first.key), budget),
      ""
    ]),
    dim("Ctrl-C ends it.")
  ].join("\n")
}
