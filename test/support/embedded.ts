/**
 * A `Cycles` over the embedded authority, with faults in between.
 */
import { Amount, Cycles, type CyclesConfig, Journal } from "effect-cycles"
import { Authority } from "effect-cycles/authority"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { type Call, type Fault, faulty } from "./faults.js"

const key = Redacted.make("cyc_live_test")

export interface Options extends Partial<CyclesConfig.Options> {
  readonly script?: (call: Call) => Fault | undefined
  readonly calls?: Array<Call>
  readonly journalLayer?: Layer.Layer<Journal.Journal>
  readonly budgets?: Authority.Options["budgets"]
}

/** One budget of 1 000 000 tokens for tenant-a unless said otherwise; one attempt takes at most 7 s. */
export const embedded = ({ budgets, calls, journalLayer, script, ...options }: Options = {}) =>
  Cycles.layer({
    baseUrl: "http://authority.localhost",
    apiKey: key,
    subject: { tenant: "tenant-a" },
    ...options
  }).pipe(
    Layer.provide(journalLayer ?? Journal.layerMemory()),
    Layer.provide(faulty(script ?? (() => undefined), calls)),
    Layer.provide(Authority.layerInProcess),
    Layer.provideMerge(Authority.layerAuthority({
      budgets: budgets ?? [{ scope: "tenant:tenant-a", allocated: Amount.tokens(1_000_000) }],
      keys: [{ key, tenant: "tenant-a" }]
    })),
    Layer.orDie
  )

/** remaining/reserved/spent of a scope, and how many reservations are active. */
export const ledger = (scope = "tenant:tenant-a") =>
  Effect.gen(function*() {
    const authority = yield* Authority.Authority
    const budget = (yield* authority.budgets).find((budget) => budget.scope === scope)
    const reservations = yield* authority.reservations
    const count = (status: string) => reservations.filter((row) => row.status === status).length
    return {
      spent: budget?.spent.amount,
      reserved: budget?.reserved.amount,
      active: count("ACTIVE"),
      committed: count("COMMITTED"),
      released: count("RELEASED"),
      expired: count("EXPIRED")
    }
  })
