/**
 * Which refusals are denials: the budget says no, and nothing else is wrong.
 */
import type { Refusal } from "../Command.js"
import type { Denied } from "../LedgerEvent.js"
import type { Report } from "../State.js"

export const reasons: { readonly [code: string]: string } = {
  BUDGET_FROZEN: "BUDGET_FROZEN",
  BUDGET_CLOSED: "BUDGET_CLOSED",
  OVERDRAFT_LIMIT_EXCEEDED: "OVERDRAFT_LIMIT_EXCEEDED",
  DEBT_OUTSTANDING: "DEBT_OUTSTANDING",
  BUDGET_EXCEEDED: "BUDGET_EXCEEDED",
  NOT_FOUND: "BUDGET_NOT_FOUND",
  TENANT_CLOSED: "TENANT_CLOSED"
}

interface Asked extends Pick<Denied, "operation" | "tenant" | "requested"> {
  readonly scopes: ReadonlyArray<string>
}

/** Tells observers of a refusal that is a denial. */
export const denied = ({ events }: Report, at: number, { code, scope }: Refusal, { scopes, ...asked }: Asked): void => {
  const reason = reasons[code]
  if (events === undefined || reason === undefined) return
  events.push({
    _tag: "Denied",
    at,
    ...asked,
    code: code === "NOT_FOUND" ? "BUDGET_NOT_FOUND" : code,
    path: scopes[scopes.length - 1] ?? "",
    scope
  })
}
