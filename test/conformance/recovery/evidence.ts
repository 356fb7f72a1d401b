/**
 * A test that is bound to a scenario: it must show the expected requests and every listed assertion, or it fails.
 */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type Scenario, type ScenarioId, scenarios } from "./scenarios.js"

export interface Evidence<Id extends ScenarioId> {
  /** Shows an assertion of the scenario by name: `check` throws when it does not hold. */
  readonly asserts: (name: typeof scenarios[Id]["assertions"][number], check: () => void) => void
  /** Shows the requests of the scenario, in order. */
  readonly requests: (names: ReadonlyArray<string>) => void
}

/** The test of a scenario, in real time. */
export const scenario = <Id extends ScenarioId, E>(
  id: Id,
  test: (evidence: Evidence<Id>) => Effect.Effect<void, E, Scope.Scope>
): void =>
  it.scopedLive(scenarios[id].test, () => {
    const { assertions, requests }: Scenario = scenarios[id]
    const shown: Array<string> = []
    let requested: ReadonlyArray<string> | undefined
    const evidence: Evidence<Id> = {
      asserts: (name, check) => {
        try {
          check()
        } catch (error) {
          throw new Error(`${id} ${name}`, { cause: error })
        }
        shown.push(name)
      },
      requests: (names) => {
        assert.deepStrictEqual(names, requests)
        requested = names
      }
    }
    return Effect.map(test(evidence), () => {
      assert.sameMembers(shown, [...assertions])
      assert.deepStrictEqual(requested, requests)
    })
  }, 30_000)
