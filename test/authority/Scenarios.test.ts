import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { admin } from "./scenarios/admin.js"
import { advice } from "./scenarios/advice.js"
import { denials } from "./scenarios/denials.js"
import { finalization } from "./scenarios/finalization.js"
import { idempotency } from "./scenarios/idempotency.js"
import { lifecycle } from "./scenarios/lifecycle.js"
import { listing } from "./scenarios/listing.js"
import { overage } from "./scenarios/overage.js"
import { tenancy } from "./scenarios/tenancy.js"
import { validation } from "./scenarios/validation.js"
import { backends, makeLab } from "./support/Lab.js"

const scenarios = [
  ...lifecycle,
  ...denials,
  ...overage,
  ...finalization,
  ...idempotency,
  ...advice,
  ...tenancy,
  ...listing,
  ...validation,
  ...admin
]

for (const [backend, layer] of backends) {
  describe(`scenarios, ${backend}`, () => {
    for (const { balance = {}, name, options = {}, run } of scenarios) {
      it.scopedLive(name, () =>
        Effect.gen(function*() {
          const lab = yield* makeLab(layer, options)
          yield* run(lab)
          for (const [scope, expected] of Object.entries(balance)) {
            assert.strictEqual(yield* lab.figures(scope), expected, scope)
          }
        }))
    }
  })
}
