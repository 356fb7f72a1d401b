import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as fc from "effect/FastCheck"
import { parse } from "../../src/cli/internal/budgets.js"

const meant = (text: string) =>
  Either.match(parse(text), {
    onLeft: (why) => why,
    onRight: ({ allocated, scope }) => `${scope} ${allocated.amount} ${allocated.unit}`
  })

const scopeBound = "the scope must be like tenant:acme/agent:x, with levels in this order: " +
  "tenant, workspace, app, workflow, agent, toolset"

describe("--budget", () => {
  it("says a scope, an amount and its unit", () => {
    for (
      const [text, expected] of [
        ["tenant:acme=10usd", "tenant:acme 1000000000 USD_MICROCENTS"],
        ["tenant:acme=10 USD", "tenant:acme 1000000000 USD_MICROCENTS"],
        ["tenant:Acme/agent:X=0.00000001usd", "tenant:acme/agent:x 1 USD_MICROCENTS"],
        ["tenant:acme=0usd", "tenant:acme 0 USD_MICROCENTS"],
        ["tenant:acme=92233720368.54775807usd", "tenant:acme 9223372036854775807 USD_MICROCENTS"],
        ["tenant:acme=9223372036854775807tokens", "tenant:acme 9223372036854775807 TOKENS"],
        [" tenant:acme = 50 credits ", "tenant:acme 50 CREDITS"],
        ["tenant:acme=7points", "tenant:acme 7 RISK_POINTS"]
      ] as const
    ) assert.strictEqual(meant(text), expected)
  })

  it("is refused when the unit, the amount or the scope is in doubt", () => {
    for (
      const [text, why] of [
        ["tenant:acme=10", "must say the unit: usd, tokens, credits or points"],
        ["tenant:acme=$10", "must say the unit: usd, tokens, credits or points"],
        ["tenant:acme=", "must say the unit: usd, tokens, credits or points"],
        ["tenant:acme=10cents", "the unit must be usd (0.25usd is 25 cents), tokens, credits or points, and not cents"],
        [
          "tenant:acme=10USD_MICROCENTS",
          "the unit must be usd (0.25usd is 25 cents), tokens, credits or points, and not USD_MICROCENTS"
        ],
        ["tenant:acme=$10usd", "the amount must be digits, as in 1500.25, and not $10"],
        ["tenant:acme=1,000usd", "the amount must be digits, as in 1500.25, and not 1,000"],
        ["tenant:acme=-1usd", "the amount must be digits, as in 1500.25, and not -1"],
        ["tenant:acme=.5usd", "the amount must be digits, as in 1500.25, and not .5"],
        ["tenant:acme=0.000000001usd", "the amount of usd must have at most 8 decimals"],
        ["tenant:acme=1.5tokens", "the amount of tokens must be a whole number"],
        [
          "tenant:acme=92233720368.54775808usd",
          "the amount of usd must be between 0 and 9223372036854775807 USD_MICROCENTS"
        ],
        [
          "tenant:acme=9223372036854775808points",
          "the amount of points must be between 0 and 9223372036854775807 RISK_POINTS"
        ],
        ["acme=10usd", scopeBound],
        ["agent:x/tenant:acme=10usd", scopeBound],
        ["10usd", "must be SCOPE=AMOUNT, such as tenant:acme=10usd or tenant:acme/agent:x=50000tokens"],
        ["tenant:a=1usd=2", "must be SCOPE=AMOUNT, such as tenant:acme=10usd or tenant:acme/agent:x=50000tokens"]
      ] as const
    ) assert.strictEqual(meant(text), `--budget ${JSON.stringify(text)}: ${why}`)
  })

  it("is exact, whatever the number of decimals", () => {
    fc.assert(fc.property(fc.bigInt({ min: 0n, max: 9223372036854775807n }), (microcents) => {
      const digits = microcents.toString().padStart(9, "0")
      const text = `${digits.slice(0, -8)}.${digits.slice(-8)}`
      assert.strictEqual(meant(`tenant:a=${text}usd`), `tenant:a ${microcents} USD_MICROCENTS`)
    }))
  })

  it("never gives a budget for a text that is not one", () => {
    fc.assert(fc.property(fc.string(), (text) => {
      const why = meant(text)
      assert.isTrue(why.startsWith("--budget ") && !why.includes("\n"))
    }))
  })
})
