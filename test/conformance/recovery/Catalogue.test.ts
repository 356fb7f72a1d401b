import { assert, describe, it } from "@effect/vitest"
import { notAtHand } from "../published.js"
import { catalogue, type Scenario, scenarios } from "./scenarios.js"

describe("the published recovery catalogue", () => {
  it("asks for exactly what our scenarios assert", (ctx) => {
    const published = catalogue()
    if (published === undefined) {
      const message = notAtHand("recovery/scenarios.yaml")
      console.warn(message)
      return ctx.skip(message)
    }
    const ours = Object.entries<Scenario>(scenarios).map(([id, { test: _, ...scenario }]) => ({ id, ...scenario }))
    assert.deepStrictEqual(
      ours,
      published.map(({ assertions, expected_requests, faults, id, level, precondition }) => ({
        id,
        level: level as Scenario["level"],
        precondition,
        faults,
        requests: expected_requests,
        assertions
      }))
    )
  })

  it("each test is named by its scenario", () => {
    for (const [id, { test }] of Object.entries(scenarios)) assert.isTrue(test.startsWith(`${id} `))
  })
})
