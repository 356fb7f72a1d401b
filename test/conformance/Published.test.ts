import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { Amount, SignedAmount } from "../../src/protocol/Amount.js"
import { Balance } from "../../src/protocol/Balance.js"
import { DecisionRequest, DecisionResponse } from "../../src/protocol/Decision.js"
import { ErrorResponse } from "../../src/protocol/ErrorResponse.js"
import { EvidenceEnvelope } from "../../src/protocol/Evidence.js"
import * as Json from "../../src/protocol/Json.js"
import {
  CommitRequest,
  CommitResponse,
  CreateRequest,
  CreateResponse,
  ReleaseRequest,
  ReleaseResponse
} from "../../src/protocol/Reservation.js"
import type { JsonMap } from "./compareOpenApi.js"
import { envelopes, notAtHand, specification, specificationFile } from "./published.js"

const strict = { onExcessProperty: "error" } as const

/** What is written after reading, as a text that does not depend on the order of members. */
const again = <A, I>(schema: Schema.Schema<A, I>) => (wire: unknown): string =>
  Json.canonical(Schema.encodeSync(schema)(Schema.decodeUnknownSync(schema, strict)(wire)))

const readers: Readonly<Record<string, (wire: unknown) => string>> = {
  Amount: again(Amount),
  SignedAmount: again(SignedAmount),
  Balance: again(Balance),
  DecisionResponse: again(DecisionResponse),
  ErrorResponse: again(ErrorResponse),
  CommitRequest: again(CommitRequest),
  ReservationCreateRequest: again(CreateRequest),
  ReservationCreateResponse: again(CreateResponse)
}

describe("the examples of the published document", () => {
  const document = specification()

  it("are read and written back as they are, all of them", (ctx) => {
    if (document === undefined) return ctx.skip(notAtHand(specificationFile))
    const schemas = Object.entries((document["components"] as JsonMap)["schemas"] as Readonly<Record<string, JsonMap>>)
    const examples = schemas.filter(([, schema]) => schema["example"] !== undefined)
    assert.sameMembers(examples.map(([name]) => name), Object.keys(readers))
    for (const [name, { example }] of examples) {
      assert.strictEqual(readers[name]?.(example), Json.canonical(example), name)
    }
  })
})

const exchanges: Readonly<
  Record<string, readonly [request: (wire: unknown) => string, response: (wire: unknown) => string]>
> = {
  decide: [again(DecisionRequest), again(DecisionResponse)],
  reserve: [again(CreateRequest), again(CreateResponse)],
  commit: [again(CommitRequest), again(CommitResponse)],
  release: [again(ReleaseRequest), again(ReleaseResponse)],
  error: [Json.canonical, again(ErrorResponse)]
}

interface Exchange {
  readonly request?: unknown
  readonly response?: unknown
}

describe("the published evidence envelopes", () => {
  const all = envelopes()

  it("are at hand", (ctx) => {
    if (all.length === 0) return ctx.skip(notAtHand("evidence-fixtures"))
    assert.isAtLeast(all.length, 10)
  })

  for (const [name, text] of all) {
    it(`${name} is read and written back to the digit`, () => {
      const wire = Either.getOrThrow(Json.parse(text))
      const envelope = Schema.decodeUnknownSync(EvidenceEnvelope)(wire)
      assert.deepStrictEqual<unknown>(Schema.encodeSync(EvidenceEnvelope)(envelope), wire)
      const { request, response } = envelope.payload[envelope.artifact_type] as Exchange
      const [readRequest, readResponse] = exchanges[envelope.artifact_type] ?? assert.fail("no reader")
      if (request !== undefined) assert.strictEqual(readRequest(request), Json.canonical(request))
      assert.strictEqual(readResponse(response), Json.canonical(response))
    })
  }
})
