import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import { codesOf } from "../../src/protocol/CyclesError.js"
import * as Telemetry from "../../src/protocol/Telemetry.js"

describe("names", () => {
  it("the eleven operations are those of the Api value, in its order", () => {
    assert.deepStrictEqual(Telemetry.operations, [
      "decide",
      "createReservation",
      "listReservations",
      "getReservation",
      "commitReservation",
      "releaseReservation",
      "extendReservation",
      "getBalances",
      "createEvent",
      "getEvidence",
      "getEvidenceJwks"
    ])
    assert.sameMembers([...Telemetry.operations], Object.keys(codesOf))
  })

  it("spans and attributes are named after them", () => {
    assert.strictEqual(Telemetry.spanOf("createReservation"), "cycles.createReservation")
    assert.strictEqual(Telemetry.guardSpan, "cycles.guard")
    const names: ReadonlyArray<string> = Object.values(Telemetry.attributes)
    assert.strictEqual(new Set(names).size, names.length)
    for (const name of names) assert.match(name, /^(?:cycles(?:\.[a-z]+)+|error\.type)$/)
  })
})

describe("metrics", () => {
  const named = (name: string) =>
    Effect.map(Metric.snapshot, (all) => all.filter(({ metricKey }) => metricKey.name === name))

  it.effect("durations are in seconds", () =>
    Effect.gen(function*() {
      yield* Telemetry.operationDuration(Effect.succeed(0.25))
      const [pair] = yield* named("cycles.client.operation.duration")
      assert.deepStrictEqual(pair?.metricKey.tags.map(({ key, value }) => [key, value]), [["unit", "s"]])
      const state = yield* Metric.value(Telemetry.operationDuration)
      assert.strictEqual(state.count, 1)
      assert.strictEqual(state.max, 0.25)
    }))

  it.effect("settlements in the background are counted up and down", () =>
    Effect.gen(function*() {
      yield* Metric.increment(Telemetry.settlementPending)
      yield* Metric.increment(Telemetry.settlementPending)
      yield* Metric.incrementBy(Telemetry.settlementPending, -1)
      assert.strictEqual((yield* Metric.value(Telemetry.settlementPending)).value, 1)
      assert.strictEqual((yield* named("cycles.settlement.pending")).length, 1)
    }))
})
