/**
 * From an operation of the Api to a command of the ledger.
 */
import type { Command, Origin } from "../Command.js"
import { freshId } from "./correlation.js"
import type { Input, Operation } from "./routes.js"

type Shared = "listReservations" | "getReservation" | "releaseReservation"
type Public = "getEvidence" | "getEvidenceJwks"

/** For tenants and, without one, for the administrator. */
const shared: { readonly [N in Shared]: (tenant: string | undefined, input: Input<N>) => Command } = {
  listReservations: (tenant, { query }) => ({ _tag: "List", tenant, filter: query }),
  getReservation: (tenant, { path }) => ({ _tag: "Get", tenant, ...path }),
  releaseReservation: (tenant, { body, path }) => ({ _tag: "Release", tenant, ...path, request: body })
}

const own: { readonly [N in Exclude<Operation, Shared | Public>]: (tenant: string, input: Input<N>) => Command } = {
  decide: (tenant, { body }) => ({ _tag: "Decide", tenant, request: body }),
  createReservation: (tenant, { body }) => ({ _tag: "Reserve", tenant, id: freshId(), request: body }),
  commitReservation: (tenant, { body, path }) => ({ _tag: "Commit", tenant, ...path, request: body }),
  extendReservation: (tenant, { body, path }) => ({ _tag: "Extend", tenant, ...path, request: body }),
  getBalances: (tenant, { query }) => ({ _tag: "Balances", tenant, filter: query }),
  createEvent: (tenant, { body }) => ({ _tag: "Event", tenant, id: freshId(), request: body })
}

const has = <T extends object>(table: T, name: PropertyKey): name is keyof T => Object.hasOwn(table, name)

/** The command of a call whose parts were decoded by the schemas of `name`; nothing for operations that are not the ledger's. */
export const commandOf = (
  name: Operation,
  tenant: string | undefined,
  input: { readonly path: unknown; readonly query: unknown; readonly body: unknown },
  origin: Origin
): Command | undefined => {
  // `input` came out of the schemas of `name`, which the type cannot say.
  const parts = input as never
  if (has(shared, name)) return { origin, ...shared[name](tenant, parts) }
  return tenant !== undefined && has(own, name) ? { origin, ...own[name](tenant, parts) } : undefined
}
