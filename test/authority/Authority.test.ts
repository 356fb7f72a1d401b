import { assert, describe, it } from "@effect/vitest"
import { Authority, layer, make, type Options } from "effect-cycles/authority/Authority"
import * as Scopes from "effect-cycles/authority/Scopes"
import { Amount } from "effect-cycles/protocol/Amount"
import { IdempotencyKey } from "effect-cycles/protocol/Idempotency"
import { InvalidInput } from "effect-cycles/protocol/InvalidInput"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"

const acme = { scope: "tenant:acme", allocated: Amount.tokens(100) }
const key = { key: Redacted.make("secret-of-acme"), tenant: "acme" }

const reserve = (id: string, amount: Amount) => ({
  _tag: "Reserve",
  tenant: "acme",
  id,
  request: {
    idempotencyKey: IdempotencyKey.make(id),
    subject: { tenant: "acme" },
    action: { kind: "k", name: "n" },
    estimate: amount
  }
} as const)

describe("options", () => {
  const refuses = (name: string, options: Options, expected: Partial<InvalidInput>) =>
    it.effect(name, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(make(options))
        assert.instanceOf(error, InvalidInput)
        assert.deepInclude(error, expected)
        assert.notInclude(JSON.stringify(error), "secret")
      }))

  for (
    const scope of [
      "",
      "acme",
      "workspace:x",
      "tenant:",
      "tenant:acme/",
      "tenant:acme/agent:a/app:b",
      "tenant:acme/tenant:b",
      "tenant:*",
      "tenant:-acme",
      "tenant:acme/colour:red",
      `tenant:${"a".repeat(129)}`
    ]
  ) {
    refuses(`the scope "${scope.slice(0, 40)}"`, { budgets: [{ ...acme, scope }] }, { field: "scope" })
  }

  refuses("a limit in another unit", { budgets: [{ ...acme, overdraftLimit: Amount.credits(1) }] }, {
    field: "overdraft_limit",
    bound: "must have the unit of allocated, TOKENS",
    value: "\"CREDITS\""
  })
  refuses("spent in another unit", { budgets: [{ ...acme, spent: Amount.credits(1) }] }, { field: "spent" })
  refuses("debt in another unit", { budgets: [{ ...acme, debt: Amount.credits(1) }] }, { field: "debt" })
  refuses("figures that no int64 holds together", {
    budgets: [{ ...acme, spent: Amount.tokens(9223372036854775807n), debt: Amount.tokens(9223372036854775807n) }]
  }, { field: "spent" })
  refuses("a budget twice", { budgets: [acme, { ...acme, scope: "tenant:ACME" }] }, {
    field: "scope",
    bound: "must not be given twice in TOKENS",
    value: "\"tenant:acme\""
  })
  refuses("a blank key", { keys: [{ ...key, key: Redacted.make(" ") }] }, { field: "key" })
  refuses("a key twice", { keys: [key, { ...key, tenant: "other" }] }, { field: "key" })
  refuses("a key of nobody", { keys: [{ ...key, tenant: " " }] }, { field: "tenant" })
  refuses("a blank key of the administrator", { adminKey: Redacted.make("") }, { field: "admin_key" })

  it.effect("the same scope in two units is two budgets, and a gap in the levels is fine", () =>
    Effect.gen(function*() {
      const { budgets } = yield* make({
        budgets: [acme, { ...acme, allocated: Amount.usd("1") }, {
          ...acme,
          scope: `tenant:acme/agent:a.b_c-${"1".repeat(99)}`
        }]
      })
      assert.lengthOf(yield* budgets, 3)
    }))

  it("an empty list of levels is no scope", () => {
    assert.isTrue(Either.isRight(Scopes.parse("tenant:a/workspace:b/app:c/workflow:d/agent:e/toolset:f")))
    assert.deepStrictEqual(Scopes.derive({}), [])
    assert.strictEqual(Scopes.leafOf("tenant:a"), "tenant:a")
  })
})

describe("the service", () => {
  const live = layer({
    budgets: [{ ...acme, overdraftLimit: Amount.tokens(5), caps: { maxTokens: 7 } }],
    keys: [key],
    adminKey: Redacted.make("secret-of-the-admin")
  })

  it.layer(live)((it) => {
    it.effect("shows budgets and reservations as they are now", () =>
      Effect.gen(function*() {
        const authority = yield* Authority
        yield* authority.run(reserve("a", Amount.tokens(10)))
        yield* authority.run(reserve("b", Amount.tokens(20)))
        const [budget] = yield* authority.budgets
        assert.deepInclude(budget, {
          scope: "tenant:acme",
          unit: "TOKENS",
          status: "ACTIVE",
          allocated: Amount.tokens(100),
          reserved: Amount.tokens(30),
          spent: Amount.tokens(0),
          debt: Amount.tokens(0),
          overdraftLimit: Amount.tokens(5),
          isOverLimit: false,
          caps: Option.some({ maxTokens: 7 })
        })
        assert.strictEqual(budget?.remaining.amount, 70n)
        assert.deepStrictEqual((yield* authority.reservations).map(({ reservationId }) => String(reservationId)), [
          "a",
          "b"
        ])
        yield* TestClock.adjust("66 seconds")
        assert.strictEqual((yield* authority.budgets)[0]?.reserved.amount, 0n)
        assert.deepStrictEqual((yield* authority.reservations).map(({ status }) => status), ["EXPIRED", "EXPIRED"])
      }))

    it.effect("a log of what it shows never fails", () =>
      Effect.gen(function*() {
        const { budgets, reservations } = yield* Authority
        assert.include(JSON.stringify([yield* budgets, yield* reservations]), "tenant:acme")
      }))

    it.effect("an operator changes budgets, whatever the case of the scope", () =>
      Effect.gen(function*() {
        const { credit, putBudget, removeBudget, setCaps, setStatus } = yield* Authority
        const scope = "tenant:acme/agent:x"
        const put = yield* putBudget({ scope, allocated: Amount.tokens(1), status: "FROZEN", isOverLimit: true })
        assert.deepInclude(put, { scope, status: "FROZEN", isOverLimit: true })
        const frozen = yield* Effect.flip(credit("tenant:acme/agent:X", Amount.tokens(1)))
        assert.strictEqual(frozen.code, "BUDGET_FROZEN")
        assert.strictEqual((yield* setStatus("tenant:acme/agent:X", "TOKENS", "ACTIVE")).status, "ACTIVE")
        assert.deepStrictEqual(
          (yield* setCaps("tenant:acme/agent:X", "TOKENS", { maxTokens: 9 })).caps,
          Option.some({ maxTokens: 9 })
        )
        assert.deepStrictEqual((yield* setCaps(scope, "TOKENS", undefined)).caps, Option.none())
        const credited = yield* credit(scope, Amount.tokens(1))
        assert.deepInclude(credited, { allocated: Amount.tokens(2), isOverLimit: false })
        assert.strictEqual((yield* Effect.flip(credit(scope, Amount.credits(1)))).code, "NOT_FOUND")
        assert.strictEqual((yield* removeBudget("tenant:acme/agent:X", "TOKENS")).scope, scope)
        assert.strictEqual((yield* Effect.flip(setStatus(scope, "TOKENS", "CLOSED"))).code, "NOT_FOUND")
        const bad = yield* Effect.flip(putBudget({ ...acme, scope: "acme" }))
        assert.strictEqual(bad._tag, "InvalidInput")
      }))

    it.effect("a key opens its tenant, unless that is suspended or closed", () =>
      Effect.gen(function*() {
        const { identify, putTenant } = yield* Authority
        assert.strictEqual((yield* identify("secret-of-acme")).tenant, "acme")
        assert.strictEqual((yield* Effect.flip(identify("bogus"))).message, "KEY_NOT_FOUND")
        for (const status of ["SUSPENDED", "CLOSED"]) {
          yield* putTenant("acme", { status })
          assert.strictEqual((yield* Effect.flip(identify("secret-of-acme"))).message, `TENANT_${status}`)
        }
      }))
  })

  it.effect("never shows a key", () =>
    Effect.gen(function*() {
      const authority = yield* Effect.provide(Authority, live)
      assert.notInclude(JSON.stringify(authority), "secret")
      assert.deepStrictEqual(authority.isAdminKey("secret-of-the-admin"), Option.some(true))
      assert.deepStrictEqual(authority.isAdminKey("secret-of-the-admin "), Option.some(false))
    }))

  it.effect("two authorities share nothing", () =>
    Effect.gen(function*() {
      const [one, two] = [yield* make({ budgets: [acme] }), yield* make({ budgets: [acme] })]
      yield* one.run(reserve("a", Amount.tokens(10)))
      assert.strictEqual((yield* one.budgets)[0]?.reserved.amount, 10n)
      assert.isEmpty(yield* two.reservations)
      assert.isEmpty(yield* Effect.flatMap(make({}), ({ budgets }) => budgets))
    }))
})
