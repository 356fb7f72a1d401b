import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Tracer from "effect/Tracer"
import type { Client, Reply } from "../../src/client/Client.js"
import type { CyclesError } from "../../src/protocol/CyclesError.js"
import * as Telemetry from "../../src/protocol/Telemetry.js"
import { outcomeOf } from "./support/outcome.js"
import { calls, good, refusal } from "./support/samples.js"
import { answer, type Script, talk, transports } from "./support/server.js"

/** Under a tracer whose spans throw when they are told how their exchange went. */
const broken = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.flatMap(Effect.tracer, (native) =>
    Effect.withTracer(
      effect,
      Tracer.make({
        context: native.context,
        span: (...args) => {
          const span = native.span(...args)
          const attribute = (name: string) => {
            if (name !== Telemetry.attributes.operation) throw new Error(`no room for ${name}`)
          }
          const end = () => {
            throw new Error("no room for an end")
          }
          return Object.assign(span, { attribute, end })
        }
      })
    ))

type Call = (client: Client) => Effect.Effect<Reply<unknown>, CyclesError>

const commit: Call = (client) => calls.commitReservation(client)

const ends: ReadonlyArray<readonly [string, Script, Call, string]> = [
  ["a success", answer(200, good.commitReservation.body), commit, "ok 200"],
  ["a refusal", answer(409, refusal("BUDGET_FROZEN")), commit, "BudgetFrozen BUDGET_FROZEN 409"],
  ["a cut connection", (response) => response.destroy(), commit, "Transport aborted"],
  ["no answer", () => {}, commit, "Transport timeout"],
  [
    "no answer, where nothing can be interrupted",
    () => {},
    (client) => Effect.uninterruptible(commit(client)),
    "Transport timeout"
  ],
  ["a request that is not sent", () => {}, (client) => client.getBalances({}), "InvalidInput getBalances"]
]

for (const [name, transport] of transports) {
  describe(`a tracer that throws, over ${name}`, () => {
    for (const [end, script, call, outcome] of ends) {
      it.scopedLive(`takes nothing from ${end}`, () =>
        Effect.gen(function*() {
          const { client } = yield* talk(transport, script, { connectTimeout: "50 millis", readTimeout: "50 millis" })
          const told = outcomeOf(call(client)).pipe(broken, Effect.disconnect, Effect.timeout("3 seconds"))
          assert.strictEqual(yield* told, outcome)
        }))
    }

    it.scopedLive("takes nothing from an interrupt", () =>
      Effect.gen(function*() {
        const { client } = yield* talk(transport, () => {})
        const exit = yield* Effect.exit(broken(Effect.timeoutOption(commit(client), "30 millis")))
        assert.isTrue(Exit.isSuccess(exit))
      }))
  })
}
