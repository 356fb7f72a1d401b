/**
 * The embedded authority on a socket of its own, a client that reaches it there, and the operator who looks after the budgets.
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpServer from "@effect/platform/HttpServer"
import { Amount, Cycles, Journal } from "effect-cycles"
import { Authority } from "effect-cycles/authority"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { loopbackServer } from "./loopback.js"

export const tenant = "acme"

/** The writer has no budget of its own: it draws on the tenant's only. The researcher draws on both. */
export const scopes = { tenant: "tenant:acme", researcher: "tenant:acme/agent:researcher" } as const

/** Both run out on the way through the repository's questions. */
const budgets = [
  { scope: scopes.tenant, allocated: Amount.usd("0.0168") },
  { scope: scopes.researcher, allocated: Amount.usd("0.0062") }
]

const apiKey = Redacted.make("cyc_demo_key_of_acme")

const AuthorityLive = Authority.layerAuthority({ budgets, keys: [{ key: apiKey, tenant }] })

const CyclesOverHttp = Layer.unwrapEffect(
  HttpServer.addressFormattedWith((baseUrl) => Effect.succeed(Cycles.layer({ baseUrl, apiKey, subject: { tenant } })))
)

/** `Cycles` over HTTP for the agents, and the authority itself for the operator. */
export const BudgetsLive = CyclesOverHttp.pipe(
  Layer.provideMerge(HttpServer.serve(Authority.httpApp)),
  Layer.provide(loopbackServer()),
  Layer.provide([FetchHttpClient.layer, Journal.layerMemory()]),
  Layer.provideMerge(AuthorityLive),
  Layer.orDie
)

/** The longest answer that the operator still allows the researcher once half of its budget is spent. */
export const cappedTokens = 20

/** Caps the researcher's budget when half of it is spent; says whether it did. */
export const capResearcher: Effect.Effect<boolean, never, Authority.Authority> = Effect.gen(function*() {
  const authority = yield* Authority.Authority
  const budget = (yield* authority.budgets).find(({ scope }) => scope === scopes.researcher)
  if (budget === undefined || budget.spent.amount * 2n < budget.allocated.amount) return false
  yield* authority.setCaps(scopes.researcher, budget.unit, { maxTokens: cappedTokens })
  return true
}).pipe(Effect.orDie)
