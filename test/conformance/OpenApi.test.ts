import * as OpenApi from "@effect/platform/OpenApi"
import { assert, describe, it } from "@effect/vitest"
import { CyclesApi } from "../../src/protocol/Api.js"
import { compare, type Json, type JsonMap, render } from "./compareOpenApi.js"
import { notAtHand, specification, specificationFile } from "./published.js"

const derived = () => structuredClone(OpenApi.fromApi(CyclesApi)) as unknown as JsonMap

/** Where ours says something else than the published document, and why that is right. */
const allowed: ReadonlyArray<readonly [location: RegExp, why: string]> = [
  [
    /^\$\.(createReservation|getReservation|listReservations)\.responses\.200\..*\.reservation_id\.(minLength|maxLength)$/,
    "The path parameter of the same document bounds an id to 1..128: one outside could never be used again."
  ],
  [
    /^\$\.getReservation\.responses\.200\..*\.(created_at_ms|expires_at_ms|finalized_at_ms)\.minimum$/,
    "ReservationSummary gives the same members a minimum of 0, and time before 1970 is no time of a reservation."
  ]
]

describe("the document derived from CyclesApi", () => {
  const published = specification()

  it("differs from the published one only where this says why", (ctx) => {
    if (published === undefined) return ctx.skip(notAtHand(specificationFile))
    const differences = compare(derived(), published)
    const unexplained = differences.filter(({ location }) => !allowed.some(([where]) => where.test(location)))
    assert.deepStrictEqual(unexplained.map(render), [])
    for (const [where] of allowed) {
      assert.isTrue(differences.some(({ location }) => where.test(location)), `nothing differs at ${where} any more`)
    }
  })

  it("says the version of the published one", (ctx) => {
    if (published === undefined) return ctx.skip(notAtHand(specificationFile))
    assert.strictEqual((derived()["info"] as JsonMap)["version"], (published["info"] as JsonMap)["version"])
  })

  it("has no trace of the library's own decode error", () => {
    assert.notInclude(JSON.stringify(derived()), "HttpApiDecodeError")
  })
})

interface Draft {
  [key: string]: Draft | Json | undefined
}

/** Changes one place of a copy, named by its keys. */
const changed = (path: ReadonlyArray<string>, value: Json | undefined): JsonMap => {
  const copy = derived()
  let at = copy as unknown as Draft
  for (const key of path.slice(0, -1)) {
    const next = at[key]
    assert.isTrue(typeof next === "object" && next !== null, `nothing at ${path.join(" / ")}`)
    at = next as Draft
  }
  const last = path.at(-1) ?? ""
  if (value === undefined) {
    assert.property(at, last)
    delete at[last]
  } else {
    at[last] = value
  }
  return copy
}

const createRequest = ["components", "schemas", "ReservationCreateRequest", "properties"]
const createPost = ["paths", "/v1/reservations", "post"]
const listGet = ["paths", "/v1/reservations", "get"]
const ref = (name: string): Json => ({ $ref: `#/components/schemas/${name}` })

const mutations: ReadonlyArray<
  readonly [what: string, path: ReadonlyArray<string>, value: Json | undefined, at: string]
> = [
  ["a property is gone", [...createRequest, "metadata"], undefined, "properties.metadata"],
  ["a property is new", [...createRequest, "note"], { type: "string" }, "properties.note"],
  ["an upper bound moved", [...createRequest, "ttl_ms", "maximum"], 86_400_001, "properties.ttl_ms.maximum"],
  ["a lower bound is gone", [...createRequest, "ttl_ms", "minimum"], undefined, "properties.ttl_ms.minimum"],
  ["a default moved", [...createRequest, "grace_period_ms", "default"], 5_001, "properties.grace_period_ms.default"],
  ["a type changed", [...createRequest, "dry_run", "type"], "string", "properties.dry_run.type"],
  ["another schema is referred to", [...createRequest, "estimate"], ref("SignedAmount"), "properties.amount.minimum"],
  [
    "a member is required",
    ["components", "schemas", "DecisionResponse", "required"],
    ["decision", "caps"],
    "responses.200.application/json.required"
  ],
  ["an enum lost a value", ["components", "schemas", "UnitEnum", "enum"], ["TOKENS"], "properties.unit.enum"],
  [
    "a pattern changed",
    [
      "components",
      "schemas",
      "ErrorResponse",
      "properties",
      "trace_id",
      "pattern"
    ],
    "^.*$",
    "properties.trace_id.pattern"
  ],
  ["a format is gone", ["components", "schemas", "UnsignedInt64", "format"], undefined, "properties.amount.format"],
  [
    "maxLength changed",
    [
      "components",
      "schemas",
      "Action",
      "properties",
      "kind",
      "maxLength"
    ],
    65,
    "properties.kind.maxLength"
  ],
  [
    "maxItems changed",
    [
      "components",
      "schemas",
      "Action",
      "properties",
      "tags",
      "maxItems"
    ],
    11,
    "properties.tags.maxItems"
  ],
  [
    "the items changed",
    [
      "components",
      "schemas",
      "Action",
      "properties",
      "tags",
      "items",
      "maxLength"
    ],
    63,
    "properties.tags.items.maxLength"
  ],
  [
    "an object is open",
    [
      "components",
      "schemas",
      "Caps",
      "additionalProperties"
    ],
    true,
    "properties.caps.additionalProperties"
  ],
  [
    "a map's values changed",
    [
      "components",
      "schemas",
      "Subject",
      "properties",
      "dimensions",
      "additionalProperties",
      "maxLength"
    ],
    1,
    "properties.dimensions.additionalProperties.maxLength"
  ],
  [
    "maxProperties is gone",
    [
      "components",
      "schemas",
      "Subject",
      "properties",
      "dimensions",
      "maxProperties"
    ],
    undefined,
    "properties.dimensions.maxProperties"
  ],
  ["an alternative is gone", ["components", "schemas", "Subject", "anyOf"], [], "properties.subject.anyOf.length"],
  [
    "an alternative changed",
    [
      "components",
      "schemas",
      "Subject",
      "anyOf",
      "0",
      "required"
    ],
    ["zone"],
    "properties.subject.anyOf"
  ],
  ["an operation is renamed", ["paths", "/v1/decide", "post", "operationId"], "ask", "$.ask"],
  ["an operation is gone", ["paths", "/v1/balances", "get"], undefined, "$.getBalances"],
  ["a success status is another", [...createPost, "responses", "201"], {}, "responses.success"],
  ["an error status is gone", [...createPost, "responses", "404"], undefined, "responses.404"],
  ["the media type changed", [...createPost, "requestBody", "content"], {}, "requestBody.application/json"],
  ["the body is optional", [...createPost, "requestBody", "required"], false, "requestBody.required"],
  ["an operation is public", [...createPost, "security"], [], "security"],
  ["an administrator is refused", [...listGet, "security"], [{ ApiKeyAuth: [] }], "security"],
  ["the key's header changed", ["components", "securitySchemes", "ApiKeyAuth", "name"], "X-Key", "security"],
  [
    "a parameter is required",
    [...listGet, "parameters", "0", "required"],
    true,
    "parameters.query idempotency_key.required"
  ],
  ["a parameter is renamed", [...listGet, "parameters", "1", "name"], "state", "parameters.query state"],
  ["a parameter's default changed", [...listGet, "parameters", "17", "schema", "default"], 49, "query limit.default"],
  ["a list is repeated", [...listGet, "parameters", "16", "explode"], true, "query include.explode"]
]

describe("the comparison", () => {
  it("finds nothing between a document and itself", () => {
    assert.deepStrictEqual(compare(derived(), derived()), [])
  })

  for (const [what, path, value, at] of mutations) {
    it(`finds that ${what}`, () => {
      const found = compare(changed(path, value), derived()).map(({ location }) => location)
      assert.isTrue(found.some((location) => location.includes(at)), `${at} is not among:\n${found.join("\n")}`)
    })
  }

  it("finds that an operation moved", () => {
    const { "/v1/decide": decide, ...rest } = derived()["paths"] as JsonMap
    const item = (decide as JsonMap)["post"] as Json
    assert.deepStrictEqual(
      compare({ ...derived(), paths: { ...rest, "/v2/decide": { put: item } } }, derived()).map(render),
      [
        "$.decide.path: ours \"/v2/decide\", published \"/v1/decide\"",
        "$.decide.method: ours \"put\", published \"post\""
      ]
    )
  })

  it("takes more error statuses, but not fewer", () => {
    const more = changed([...createPost, "responses", "418"], {})
    assert.deepStrictEqual(compare(more, derived()), [])
    assert.deepStrictEqual(compare(derived(), more).map(render), [
      "$.createReservation.responses.418: ours absent, published \"present\""
    ])
  })

  it("ignores what is not on the wire", () => {
    const same: ReadonlyArray<JsonMap> = [
      changed([...createRequest, "ttl_ms", "description"], "how long"),
      changed([...createPost, "parameters", "0", "name"], "X-IDEMPOTENCY-KEY"),
      changed([...createRequest, "overage_policy"], {
        type: "string",
        enum: ["ALLOW_WITH_OVERDRAFT", "ALLOW_IF_AVAILABLE", "REJECT"],
        default: "ALLOW_IF_AVAILABLE"
      }),
      changed(["components", "schemas", "CommitResponse", "properties", "status"], {
        type: "string",
        const: "COMMITTED"
      }),
      changed(["components", "schemas", "Caps", "required"], undefined)
    ]
    for (const document of same) assert.deepStrictEqual(compare(document, derived()).map(render), [])
  })

  it("does not take a dangling reference for an empty schema", () => {
    assert.throws(() => compare(changed([...createRequest, "estimate"], ref("Nowhere")), derived()), /leads nowhere/)
  })
})
