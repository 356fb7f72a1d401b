import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { allowsTool, Caps, clampTokens, filterTools } from "../../src/protocol/Caps.js"

type Names = ReadonlyArray<string> | undefined

const caps = (toolAllowlist: Names, toolDenylist: Names): Caps => ({
  ...(toolAllowlist !== undefined && { toolAllowlist }),
  ...(toolDenylist !== undefined && { toolDenylist })
})

/** allowlist, denylist, and which of `a` and `b` may be used. */
const precedence: ReadonlyArray<readonly [allow: Names, deny: Names, allowed: ReadonlyArray<string>]> = [
  [undefined, undefined, ["a", "b"]],
  [undefined, [], ["a", "b"]],
  [[], undefined, ["a", "b"]],
  [[], [], ["a", "b"]],
  [["a"], undefined, ["a"]],
  [["a"], [], ["a"]],
  [["a"], ["a"], ["a"]],
  [["a"], ["b"], ["a"]],
  [["a", "b"], ["a", "b"], ["a", "b"]],
  [["c"], undefined, []],
  [["c"], ["a"], []],
  [undefined, ["a"], ["b"]],
  [[], ["a"], ["b"]],
  [[], ["a", "b"], []],
  [undefined, ["c"], ["a", "b"]]
]

const names: ReadonlyArray<string> = ["a", "b"]

describe("Caps", () => {
  for (const [allow, deny, allowed] of precedence) {
    it(`allowlist ${allow ?? "absent"}, denylist ${deny ?? "absent"}: ${allowed.join() || "nothing"}`, () => {
      const self = caps(allow, deny)
      assert.deepStrictEqual(names.filter((tool) => allowsTool(self, tool)), [...allowed])
      assert.deepStrictEqual(filterTools(self, names), allowed)
      assert.deepStrictEqual(filterTools(names)(self), allowed)
    })
  }

  it("allowsTool is the same data-last, and minds the case", () => {
    assert.isTrue(allowsTool("a")(caps(["a"], undefined)))
    assert.isFalse(allowsTool("A")(caps(["a"], undefined)))
    assert.isTrue(allowsTool("A")(caps(undefined, ["a"])))
  })

  it("filterTools keeps the tools themselves, in their order", () => {
    const tools = [{ name: "b", run: 1 }, { name: "a", run: 2 }, { name: "c", run: 3 }]
    assert.deepStrictEqual(filterTools(caps(undefined, ["a"]), tools), [{ name: "b", run: 1 }, { name: "c", run: 3 }])
  })

  it("clampTokens is the smaller one, or what was wanted", () => {
    assert.strictEqual(clampTokens({ maxTokens: 100 }, 500), 100)
    assert.strictEqual(clampTokens({ maxTokens: 100 }, 50), 50)
    assert.strictEqual(clampTokens({ maxTokens: 0 }, 50), 0)
    assert.strictEqual(clampTokens({}, 500), 500)
    assert.strictEqual(clampTokens(500)({ maxTokens: 100 }), 100)
  })

  it("reads counters that are not negative and names of at most 256 characters", () => {
    const is = (wire: unknown) => Schema.decodeUnknownEither(Caps)(wire)._tag === "Right"
    for (const key of ["max_tokens", "max_steps_remaining", "cooldown_ms"]) {
      for (const n of [0, 1, Number.MAX_SAFE_INTEGER, null]) assert.isTrue(is({ [key]: n }), `${key} ${n}`)
      for (const n of [-1, 0.5, "1", 2 ** 53]) assert.isFalse(is({ [key]: n }), `${key} ${n}`)
    }
    for (const key of ["tool_allowlist", "tool_denylist"]) {
      assert.isTrue(is({ [key]: ["x".repeat(256)] }))
      assert.isFalse(is({ [key]: ["x".repeat(257)] }))
      assert.isFalse(is({ [key]: "x" }))
    }
  })
})
