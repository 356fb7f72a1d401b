import * as HttpApi from "@effect/platform/HttpApi"
import * as OpenApi from "@effect/platform/OpenApi"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import { Access, CyclesApi } from "../../src/protocol/Api.js"
import { describe as complete } from "../../src/protocol/internal/document.js"

interface Endpoint {
  readonly access: string
  readonly route: string
  readonly successes: ReadonlyArray<number>
}

const endpoints: Record<string, Endpoint> = {}
HttpApi.reflect(CyclesApi, {
  onGroup: () => {},
  onEndpoint: ({ endpoint, mergedAnnotations, successes }) => {
    endpoints[endpoint.name] = {
      access: Context.get(mergedAnnotations, Access),
      route: `${endpoint.method} ${endpoint.path}`,
      successes: [...successes.keys()]
    }
  }
})

const expected: Record<string, readonly [route: string, access: string, success: number]> = {
  decide: ["POST /v1/decide", "tenant", 200],
  createReservation: ["POST /v1/reservations", "tenant", 200],
  listReservations: ["GET /v1/reservations", "admin", 200],
  getReservation: ["GET /v1/reservations/:reservation_id", "admin", 200],
  commitReservation: ["POST /v1/reservations/:reservation_id/commit", "tenant", 200],
  releaseReservation: ["POST /v1/reservations/:reservation_id/release", "admin", 200],
  extendReservation: ["POST /v1/reservations/:reservation_id/extend", "tenant", 200],
  getBalances: ["GET /v1/balances", "tenant", 200],
  createEvent: ["POST /v1/events", "tenant", 201],
  getEvidence: ["GET /v1/evidence/:evidence_id", "public", 200],
  getEvidenceJwks: ["GET /v1/.well-known/cycles-jwks.json", "public", 200]
}

describe("CyclesApi", () => {
  it("has the eleven operations and no other", () => {
    assert.sameMembers(Object.keys(endpoints), Object.keys(expected))
  })

  for (const [name, [route, access, success]] of Object.entries(expected)) {
    it(`${name} is ${route}, for ${access}, and means success by ${success} alone`, () => {
      assert.deepStrictEqual(endpoints[name], { access, route, successes: [success] })
    })
  }
})

describe("the derived document", () => {
  const { components, paths, security } = OpenApi.fromApi(CyclesApi) as unknown as {
    readonly components: { readonly schemas: Readonly<Record<string, unknown>> }
    readonly paths: Readonly<
      Record<
        string,
        Readonly<
          Record<string, {
            readonly operationId: string
            readonly security?: unknown
            readonly responses: Readonly<Record<string, { readonly headers: object }>>
          }>
        >
      >
    >
    readonly security: unknown
  }
  const operations = Object.values(paths).flatMap((path) => Object.values(path))

  it("says the same about keys as the annotations", () => {
    const said = { tenant: undefined, admin: [{ ApiKeyAuth: [] }, { AdminKeyAuth: [] }], public: [] }
    assert.deepStrictEqual(security, [{ ApiKeyAuth: [] }])
    for (const { operationId, security } of operations) {
      assert.deepStrictEqual(security, said[expected[operationId]?.[1] as keyof typeof said], operationId)
    }
  })

  it("promises the headers of every answer", () => {
    for (const { responses } of operations) {
      for (const { headers } of Object.values(responses)) {
        assert.containsAllKeys(headers, ["X-Request-Id", "X-Cycles-Trace-Id", "X-Cycles-Tenant", "Retry-After"])
      }
    }
  })

  it("names no schema of the library, and says null only where the protocol does", () => {
    assert.doesNotHaveAnyKeys(components.schemas, ["HttpApiDecodeError", "Issue", "PropertyKey"])
    const nullable = Object.entries(components.schemas).filter(([, schema]) =>
      JSON.stringify(schema).includes("\"null\"")
    )
    assert.deepStrictEqual(nullable.map(([name]) => name), ["CyclesEvidenceJwk"])
  })

  it("completes even an empty one", () => {
    assert.containsAllKeys(complete({}), ["security", "paths", "components"])
    assert.deepStrictEqual(complete({ paths: { "/": { get: {}, summary: "s" } }, components: {} })["paths"], {
      "/": { get: { responses: {} }, summary: "s" }
    })
  })
})
