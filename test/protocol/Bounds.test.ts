import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { inspect } from "node:util"
import { Action } from "../../src/protocol/Action.js"
import { BalanceFilter } from "../../src/protocol/Balance.js"
import { Decision, ReasonCode } from "../../src/protocol/Decision.js"
import { EvidenceEnvelope, EvidenceId, EvidenceJwk, EvidenceJwks, EvidenceRef } from "../../src/protocol/Evidence.js"
import { IdempotencyKey } from "../../src/protocol/Idempotency.js"
import { Metrics } from "../../src/protocol/Metrics.js"
import { OveragePolicy, ReleaseRequest, ReservationId, ReservationStatus } from "../../src/protocol/Reservation.js"
import { ReservationFilter, SortBy } from "../../src/protocol/ReservationQuery.js"
import { levels, Subject } from "../../src/protocol/Subject.js"

const reads = <A, I>(schema: Schema.Schema<A, I>) => (wire: unknown): boolean =>
  Either.isRight(Schema.decodeUnknownEither(schema)(wire))

const x = (length: number) => "x".repeat(length)
const entries = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, "v"]))

/** For each case: what is read, and what is not. */
const check = (is: (wire: unknown) => boolean, good: ReadonlyArray<unknown>, bad: ReadonlyArray<unknown>): void => {
  for (const wire of good) assert.isTrue(is(wire), `refused ${inspect(wire)}`)
  for (const wire of bad) assert.isFalse(is(wire), `accepted ${inspect(wire)}`)
}

describe("Subject", () => {
  const is = reads(Subject)

  for (const level of levels) {
    it(`${level} is enough, and has at most 128 characters`, () => {
      check(is, [{ [level]: "a" }, { [level]: x(128) }], [{ [level]: x(129) }, { [level]: "" }, { [level]: 1 }])
    })
  }

  it("needs a level that is not empty: dimensions alone are none", () => {
    check(
      is,
      [{ tenant: "a", workspace: null, dimensions: null }, { tenant: "", agent: "a" }],
      [{}, { dimensions: { a: "b" } }, { tenant: null }, { tenant: "", agent: "" }, null, [], "tenant"]
    )
  })

  it("names the six levels when there is none", () => {
    const error = Either.getOrThrow(Either.flip(Schema.decodeUnknownEither(Subject)({})))
    assert.include(error.message, "must have at least one of tenant, workspace, app, workflow, agent, toolset")
  })

  it("has at most 16 dimensions of at most 256 characters", () => {
    const having = (dimensions: unknown) => ({ tenant: "a", dimensions })
    check(
      is,
      [having({}), having(entries(16)), having({ k: x(256) })],
      [having(entries(17)), having({ k: x(257) }), having({ k: 1 }), having([])]
    )
  })
})

describe("Action", () => {
  it("kind ≤ 64, name ≤ 256, 10 tags ≤ 64", () => {
    const action = { kind: "llm.completion", name: "m" }
    const tags = (count: number, length: number) => ({
      ...action,
      tags: Array.from({ length: count }, () => x(length))
    })
    check(
      reads(Action),
      [action, { ...action, kind: x(64) }, { ...action, name: x(256) }, tags(10, 64), tags(0, 0), {
        ...action,
        tags: null
      }],
      [
        { ...action, kind: x(65) },
        { ...action, name: x(257) },
        tags(11, 1),
        tags(1, 65),
        { kind: "a" },
        { name: "a" },
        {}
      ]
    )
  })
})

describe("Metrics", () => {
  it("counts are integers that are not negative, the model version has at most 128 characters", () => {
    const is = reads(Metrics)
    for (const key of ["tokens_input", "tokens_output", "latency_ms"]) {
      check(
        (n) => is({ [key]: n }),
        [0, 1, Number.MAX_SAFE_INTEGER, null],
        [-1, 0.5, "1", Number.MAX_SAFE_INTEGER + 1, NaN, Infinity, 10n]
      )
    }
    check(
      is,
      [{}, { model_version: x(128) }, { custom: { a: [1] } }],
      [{ model_version: x(129) }, { custom: [] }, { custom: { a: NaN } }]
    )
  })
})

describe("ids and names", () => {
  it("have the lengths of the protocol", () => {
    check(reads(IdempotencyKey), [x(1), x(256)], ["", x(257), 1, null])
    check(reads(ReservationId), [x(1), x(128)], ["", x(129), 1, null])
    check(reads(ReasonCode), ["", "NEW_CODE", x(128)], [x(129)])
    check(reads(EvidenceId), ["a0".repeat(32)], ["A0".repeat(32), "a".repeat(63), "a".repeat(65), "g".repeat(64), ""])
    check(
      (reason) => reads(ReleaseRequest)({ idempotency_key: "k", reason }),
      ["", x(256), null],
      [x(257), 1]
    )
  })

  it("closed sets are closed", () => {
    check(reads(Decision), ["ALLOW", "ALLOW_WITH_CAPS", "DENY"], ["allow", "", "MAYBE", null])
    check(reads(OveragePolicy), ["REJECT", "ALLOW_IF_AVAILABLE", "ALLOW_WITH_OVERDRAFT"], ["ALLOW", null])
    check(reads(ReservationStatus), ["ACTIVE", "COMMITTED", "RELEASED", "EXPIRED"], ["active", "OPEN"])
    check(reads(SortBy), [
      "reservation_id",
      "tenant",
      "scope_path",
      "status",
      "reserved",
      "created_at_ms",
      "expires_at_ms"
    ], [
      "createdAt",
      ""
    ])
  })

  it("an evidence reference is a hash and an absolute URL", () => {
    const of = (url: unknown) => ({ evidence_id: "a".repeat(64), cycles_evidence_url: url })
    check(reads(EvidenceRef), [of("https://a.example/v1/evidence/1")], [of("/v1/evidence"), of("a"), of(""), of(1), {}])
  })
})

describe("evidence documents", () => {
  const envelope = {
    schema_version: "cycles-evidence/v0.1",
    artifact_type: "reserve",
    server_id: "s",
    signer_did: "d",
    issued_at_ms: 1,
    payload: {},
    evidence_id: "a".repeat(64),
    signature: "b".repeat(128)
  }
  const jwk = { kty: "OKP", crv: "Ed25519", x: "x", kid: "k", cycles_nbf_ms: 0 }

  it("an envelope keeps the members that we do not know", () => {
    const wire = { ...envelope, trace_id: "t", added: { later: [1] } }
    assert.deepStrictEqual<unknown>(Schema.decodeUnknownSync(EvidenceEnvelope)(wire), wire)
    assert.deepStrictEqual<unknown>(
      Schema.encodeSync(EvidenceEnvelope)(Schema.decodeUnknownSync(EvidenceEnvelope)(wire)),
      wire
    )
  })

  it("the required part of an envelope is strict", () => {
    const is = reads(EvidenceEnvelope)
    for (const key of Object.keys(envelope)) {
      const { [key as keyof typeof envelope]: _, ...rest } = envelope
      assert.isFalse(is(rest), `accepted without ${key}`)
    }
    check(is, [envelope], [
      { ...envelope, schema_version: "cycles-evidence/v1" },
      { ...envelope, artifact_type: "extend" },
      { ...envelope, issued_at_ms: 1.5 },
      { ...envelope, issued_at_ms: "1" },
      { ...envelope, payload: [] },
      { ...envelope, signature: "b".repeat(127) },
      { ...envelope, evidence_id: "B".repeat(64) }
    ])
  })

  it("a key may have no end", () => {
    check(reads(EvidenceJwk), [
      jwk,
      { ...jwk, cycles_exp_ms: null, alg: "EdDSA", status: "retired", use: "sig" },
      { ...jwk, cycles_exp_ms: 5 }
    ], [
      { ...jwk, kty: "RSA" },
      { ...jwk, cycles_exp_ms: 1.5 },
      { ...jwk, cycles_nbf_ms: null },
      { ...jwk, status: "old" }
    ])
  })

  it("a key of another kind does not take the set with it", () => {
    check(reads(EvidenceJwks), [{ keys: [] }, { keys: [jwk, { ...jwk, kty: "RSA" }], more: 1 }], [{}, { keys: ["k"] }, {
      keys: jwk
    }])
  })
})

describe("filters", () => {
  it("limit is 1 to 200", () => {
    for (const is of [reads(ReservationFilter), reads(BalanceFilter)]) {
      check((limit) => is({ limit }), ["1", "50", "200"], ["0", "201", "-1", "1.5", "ten", "", "NaN", "Infinity", 5])
    }
  })

  it("include_children is true or false", () => {
    check((v) => reads(BalanceFilter)({ include_children: v }), ["true", "false"], ["yes", "1", "", true])
  })

  it("a window's bound is an instant with a zone", () => {
    for (const key of ["from", "to", "expires_from", "expires_to", "finalized_from", "finalized_to"]) {
      check(
        (bound) => reads(ReservationFilter)({ [key]: bound }),
        ["2026-01-02T03:04:05Z", "2026-01-02T03:04Z", "2026-01-02T03:04:05.123456+02:00"],
        [
          "2026-01-02",
          "2026-01-02T03:04:05",
          "Jan 2 2026",
          "1",
          "",
          "2026-13-40T00:00:00Z",
          "2026-01-02t03:04:05z",
          "x2026-01-02T03:04:05Z"
        ]
      )
    }
  })

  it("include is a list with commas, spaces allowed, empty parts ignored", () => {
    const decode = Schema.decodeUnknownSync(ReservationFilter)
    const encode = Schema.encodeEither(ReservationFilter)
    assert.deepStrictEqual(decode({ include: "metadata, evidence,,bogus," }).include, ["metadata", "evidence", "bogus"])
    assert.deepStrictEqual(decode({ include: "" }).include, [])
    assert.deepStrictEqual(Either.getOrThrow(encode({ include: ["metadata", "evidence"] })), {
      include: "metadata,evidence"
    })
    for (const part of ["a,b", "", " a"]) assert.isTrue(Either.isLeft(encode({ include: [part] })))
  })
})
