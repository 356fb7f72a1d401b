import { assert } from "@effect/vitest"
import { Cycles, guarded, Journal } from "effect-cycles"
import { Transport } from "effect-cycles/node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { keys, serve, tenant } from "./authority.js"
import { scenario } from "./evidence.js"
import { spend } from "./spend.js"

scenario("CR-BOUNDARY-001", ({ asserts, requests }) =>
  Effect.gen(function*() {
    const authority = yield* serve()
    const client = Cycles.layer({ baseUrl: authority.baseUrl, apiKey: keys.first, subject: { tenant } }).pipe(
      Layer.provide([Transport.layer(), Journal.layerMemory()])
    )
    let ran = false
    const work = Effect.sync(() => {
      ran = true
    })
    // The end of the layer waits for everything that would still be sent.
    const error = yield* guarded(work, { ...spend, actual: () => undefined, whenActualUnknown: "fail" }).pipe(
      Effect.flip,
      Effect.provide(client)
    )
    const { spent, statuses } = yield* authority.ledger
    asserts("no_commit_or_event_without_known_actual", () => {
      assert.deepStrictEqual(authority.requests.map(({ operation }) => operation), ["create"])
      assert.deepStrictEqual([spent, statuses], [0n, ["ACTIVE"]])
    })
    asserts("missing_actual_or_guarded_action_failure_is_surfaced", () => {
      assert.isTrue(ran)
      assert.strictEqual(error._tag, "ActualUnknown")
    })
    requests(authority.names())
  }))
