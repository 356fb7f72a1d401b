import { assert, describe, it } from "@effect/vitest"
import { merged } from "../../src/protocol/internal/merged.js"

describe("maps put together", () => {
  it("of a name that several have, the last one counts", () => {
    assert.deepStrictEqual(merged({ a: 1, b: 1 }, undefined, { b: 2 }, { c: undefined }), { a: 1, b: 2, c: undefined })
  })

  it("none of them changes, and __proto__ is a name like any other", () => {
    const hostile = JSON.parse(`{"__proto__":{"polluted":true}}`) as Readonly<Record<string, unknown>>
    const first = { a: 1 }
    const all = merged(first, hostile)
    assert.deepStrictEqual(Object.keys(all), ["a", "__proto__"])
    assert.isUndefined(all["polluted"])
    assert.strictEqual(Object.getPrototypeOf(all), Object.prototype)
    assert.deepStrictEqual(first, { a: 1 })
  })
})
