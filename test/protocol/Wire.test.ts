import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { Action } from "../../src/protocol/Action.js"
import { Amount, SignedAmount } from "../../src/protocol/Amount.js"
import { Balance, BalanceFilter, BalancePage } from "../../src/protocol/Balance.js"
import { Caps } from "../../src/protocol/Caps.js"
import { DecisionRequest, DecisionResponse } from "../../src/protocol/Decision.js"
import { ErrorResponse } from "../../src/protocol/ErrorResponse.js"
import { EventRequest, EventResponse } from "../../src/protocol/Event.js"
import {
  EvidenceEnvelope,
  EvidenceJwk,
  EvidenceJwks,
  EvidenceRef,
  ReservationEvidence
} from "../../src/protocol/Evidence.js"
import { durationMs, Instant } from "../../src/protocol/internal/wire.js"
import * as Json from "../../src/protocol/Json.js"
import { Metrics } from "../../src/protocol/Metrics.js"
import {
  CommitRequest,
  CommitResponse,
  CreateRequest,
  CreateResponse,
  ExtendRequest,
  ExtendResponse,
  ReleaseRequest,
  ReleaseResponse
} from "../../src/protocol/Reservation.js"
import {
  ReservationDetail,
  ReservationFilter,
  ReservationPage,
  ReservationSummary
} from "../../src/protocol/ReservationQuery.js"
import { Subject } from "../../src/protocol/Subject.js"

const throughText = (wire: unknown): unknown => Either.getOrThrow(Either.flatMap(Json.stringify(wire), Json.parse))

/** A member that is `undefined` is an absent one: the types say `?: A | undefined`. */
const present = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(present)
  if (Option.isOption(value)) return Option.map(value, present)
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(
    Object.entries(value).filter(([, member]) => member !== undefined).map(([key, member]) => [key, present(member)])
  )
}

/** Keys that the reader drops on purpose, though a free map may hold them. */
const dropped: ReadonlyArray<PropertyKey> = ["__proto__", "constructor", "prototype"]

const isKept = (value: unknown): boolean =>
  typeof value !== "object" || value === null ||
  Object.entries(value).every(([key, member]) => !dropped.includes(key) && isKept(member))

const roundTrips = <A, I>(
  name: string,
  schema: Schema.Schema<A, I>,
  values: FastCheck.Arbitrary<A> = Arbitrary.make(schema)
): void => {
  const encode = Schema.encodeSync(schema)
  const decode = Schema.decodeUnknownSync(schema, { onExcessProperty: "error" })
  it.prop(name, [values.filter(isKept)], ([value]) => {
    const wire = encode(value)
    const again = decode(throughText(wire))
    assert.deepStrictEqual(present(again), present(value))
    assert.strictEqual(Json.canonical(encode(again)), Json.canonical(wire))
  }, { fastCheck: { numRuns: 40 } })
}

/** Members that a signed document may have and that we do not know. */
const extras = FastCheck.dictionary(
  FastCheck.stringMatching(/^x_[a-z]{1,8}$/),
  FastCheck.oneof(
    FastCheck.string(),
    FastCheck.boolean(),
    FastCheck.bigInt({ min: 9007199254740992n, max: 9223372036854775807n })
  )
)

const open = <A extends object>(schema: Schema.Schema<A, A>): FastCheck.Arbitrary<A> =>
  FastCheck.tuple(Arbitrary.make(schema), extras).map(([known, more]) => ({ ...known, ...more }))

const openJwk = open(Schema.Struct(EvidenceJwk.fields))

describe("encode, write, read, decode gives the value back", () => {
  roundTrips("Amount", Amount)
  roundTrips("SignedAmount", SignedAmount)
  roundTrips("Subject", Subject)
  roundTrips("Action", Action)
  roundTrips("Caps", Caps)
  roundTrips("Metrics", Metrics)
  roundTrips("Balance", Balance)
  roundTrips("EvidenceRef", EvidenceRef)
  roundTrips("ReservationEvidence", ReservationEvidence)
  roundTrips("DecisionRequest", DecisionRequest)
  roundTrips("DecisionResponse", DecisionResponse)
  roundTrips("CreateRequest", CreateRequest)
  roundTrips("CreateResponse", CreateResponse)
  roundTrips("CommitRequest", CommitRequest)
  roundTrips("CommitResponse", CommitResponse)
  roundTrips("ReleaseRequest", ReleaseRequest)
  roundTrips("ReleaseResponse", ReleaseResponse)
  roundTrips("ExtendRequest", ExtendRequest)
  roundTrips("ExtendResponse", ExtendResponse)
  roundTrips("EventRequest", EventRequest)
  roundTrips("EventResponse", EventResponse)
  roundTrips("ReservationDetail", ReservationDetail)
  roundTrips("ReservationSummary", ReservationSummary)
  roundTrips("ReservationPage", ReservationPage)
  roundTrips("BalancePage", BalancePage)
  roundTrips("ErrorResponse", ErrorResponse)
  roundTrips("ReservationFilter", ReservationFilter)
  roundTrips("BalanceFilter", BalanceFilter)
  roundTrips("EvidenceEnvelope", EvidenceEnvelope, open(Schema.Struct(EvidenceEnvelope.fields)))
  roundTrips(
    "EvidenceJwks",
    EvidenceJwks,
    FastCheck.array(openJwk, { maxLength: 3 }).map((keys) => ({ keys }))
  )
})

const key = "key-1"
const subject = { tenant: "acme" }
const action = { kind: "llm.completion", name: "m" }
const tokens = (amount: number) => ({ unit: "TOKENS", amount })
const balance = { scope: "tenant:acme", scope_path: "tenant:acme", remaining: tokens(-5) }
const reservation = {
  reservation_id: "r",
  status: "ACTIVE",
  subject,
  action,
  reserved: tokens(5),
  created_at_ms: 1,
  expires_at_ms: 2,
  scope_path: "tenant:acme",
  affected_scopes: ["tenant:acme"]
}

interface Case {
  readonly schema: Schema.Schema<unknown, unknown>
  readonly required: Readonly<Record<string, unknown>>
  readonly optional: ReadonlyArray<string>
}

const shape = <A, I>(
  schema: Schema.Schema<A, I>,
  required: Readonly<Record<string, unknown>>,
  optional: ReadonlyArray<string>
): Case => ({ schema: schema as unknown as Schema.Schema<unknown, unknown>, required, optional })

const requests: Readonly<Record<string, Case>> = {
  Subject: shape(Subject, subject, ["workspace", "app", "workflow", "agent", "toolset", "dimensions"]),
  Action: shape(Action, action, ["tags"]),
  Metrics: shape(Metrics, {}, ["tokens_input", "tokens_output", "latency_ms", "model_version", "custom"]),
  Caps: shape(Caps, {}, ["max_tokens", "max_steps_remaining", "tool_allowlist", "tool_denylist", "cooldown_ms"]),
  DecisionRequest: shape(DecisionRequest, { idempotency_key: key, subject, action, estimate: tokens(1) }, ["metadata"]),
  CreateRequest: shape(CreateRequest, { idempotency_key: key, subject, action, estimate: tokens(1) }, [
    "ttl_ms",
    "grace_period_ms",
    "overage_policy",
    "dry_run",
    "metadata"
  ]),
  CommitRequest: shape(CommitRequest, { idempotency_key: key, actual: tokens(0) }, ["metrics", "metadata"]),
  ReleaseRequest: shape(ReleaseRequest, { idempotency_key: key }, ["reason"]),
  ExtendRequest: shape(ExtendRequest, { idempotency_key: key, extend_by_ms: 1 }, ["metadata"]),
  EventRequest: shape(EventRequest, { idempotency_key: key, subject, action, actual: tokens(1) }, [
    "overage_policy",
    "metrics",
    "client_time_ms",
    "metadata"
  ])
}

const responses: Readonly<Record<string, Case>> = {
  DecisionResponse: shape(DecisionResponse, { decision: "ALLOW" }, [
    "caps",
    "reason_code",
    "retry_after_ms",
    "affected_scopes",
    "cycles_evidence"
  ]),
  CreateResponse: shape(CreateResponse, { decision: "DENY", affected_scopes: [] }, [
    "reservation_id",
    "reserved",
    "expires_at_ms",
    "remaining_ttl_ms",
    "scope_path",
    "caps",
    "balances",
    "reason_code",
    "retry_after_ms",
    "cycles_evidence"
  ]),
  CommitResponse: shape(CommitResponse, { status: "COMMITTED", charged: tokens(1) }, [
    "released",
    "balances",
    "cycles_evidence"
  ]),
  ReleaseResponse: shape(ReleaseResponse, { status: "RELEASED", released: tokens(1) }, ["balances", "cycles_evidence"]),
  ExtendResponse: shape(ExtendResponse, { status: "ACTIVE", expires_at_ms: 0 }, ["remaining_ttl_ms", "balances"]),
  EventResponse: shape(EventResponse, { status: "APPLIED", event_id: "e" }, ["charged", "balances"]),
  Balance: shape(Balance, balance, ["reserved", "spent", "debt", "allocated", "overdraft_limit", "is_over_limit"]),
  BalancePage: shape(BalancePage, { balances: [balance] }, ["next_cursor", "has_more"]),
  ReservationDetail: shape(ReservationDetail, reservation, [
    "idempotency_key",
    "committed",
    "finalized_at_ms",
    "metadata",
    "committed_metadata",
    "evidence"
  ]),
  ReservationPage: shape(ReservationPage, { reservations: [reservation] }, ["next_cursor", "has_more"]),
  ReservationEvidence: shape(ReservationEvidence, {}, ["reserve", "commit", "release"]),
  ErrorResponse: shape(ErrorResponse, { error: "X", message: "m", request_id: "r" }, [
    "trace_id",
    "details",
    "cycles_evidence"
  ])
}

const withNulls = ({ optional, required }: Case) => ({
  ...required,
  ...Object.fromEntries(optional.map((name) => [name, null]))
})

describe("null is absent", () => {
  for (const [name, each] of Object.entries(requests)) {
    it(name, () => {
      const decode = Schema.decodeUnknownSync(each.schema, { onExcessProperty: "error" })
      assert.deepStrictEqual(decode(withNulls(each)), decode(each.required))
      assert.deepStrictEqual<unknown>(Schema.encodeSync(each.schema)(decode(withNulls(each))), each.required)
    })
  }

  for (const [name, each] of Object.entries(responses)) {
    it(`${name}: None`, () => {
      const decode = Schema.decodeUnknownSync(each.schema, { onExcessProperty: "error" })
      const value = decode(withNulls(each))
      assert.deepStrictEqual(value, decode(each.required))
      const nones = Object.values(value as object).filter((member) => Option.isOption(member) && Option.isNone(member))
      assert.strictEqual(nones.length, each.optional.length)
      assert.deepStrictEqual<unknown>(Schema.encodeSync(each.schema)(value), each.required)
    })
  }

  it("but not for a required member", () => {
    for (const each of [...Object.values(requests), ...Object.values(responses)]) {
      for (const name of Object.keys(each.required)) {
        for (const missing of [null, undefined]) {
          assert.isTrue(
            Either.isLeft(Schema.decodeUnknownEither(each.schema)({ ...each.required, [name]: missing })),
            name
          )
        }
      }
    }
  })
})

describe("unknown members", () => {
  for (const [name, each] of Object.entries({ ...requests, ...responses })) {
    it(`${name}: ignored, unless the reader is told to be strict`, () => {
      const wire = { ...each.required, added_later: { a: [1] } }
      assert.deepStrictEqual(
        Schema.decodeUnknownSync(each.schema)(wire),
        Schema.decodeUnknownSync(each.schema)(each.required)
      )
      assert.isTrue(Either.isLeft(Schema.decodeUnknownEither(each.schema, { onExcessProperty: "error" })(wire)))
    })
  }

  it("are ignored in nested objects as well", () => {
    const wire = { status: "RELEASED", released: { ...tokens(1), note: "x" }, balances: [{ ...balance, zone: "eu" }] }
    const { balances, released } = Schema.decodeUnknownSync(ReleaseResponse)(wire)
    assert.deepStrictEqual(released, Amount.tokens(1))
    assert.strictEqual(Option.getOrThrow(balances)[0]?.remaining.amount, -5n)
  })
})

const refusalOf = (result: Either.Either<unknown, { readonly message: string }>): string =>
  Either.match(result, {
    onLeft: ({ message }) => message,
    onRight: (value) => assert.fail(`accepted ${String(value)}`)
  })

describe("durations", () => {
  const bounds = [
    ["ttl_ms", 1_000, 86_400_000, (ttl: Duration.Duration) => ({ ttl })],
    ["grace_period_ms", 0, 60_000, (gracePeriod: Duration.Duration) => ({ gracePeriod })]
  ] as const
  const base = {
    idempotencyKey: key,
    subject,
    action,
    estimate: Amount.tokens(1)
  }
  const wireBase = requests["CreateRequest"]?.required ?? {}

  for (const [name, least, most, of] of bounds) {
    it(`${name} is ${least} to ${most}, whole milliseconds`, () => {
      const encode = (duration: Duration.Duration) =>
        Schema.encodeUnknownEither(CreateRequest)({ ...base, ...of(duration) })
      const decode = (n: unknown) => Schema.decodeUnknownEither(CreateRequest)({ ...wireBase, [name]: n })
      for (const n of [least, most, least + 1]) {
        assert.deepStrictEqual(Either.getOrThrow(encode(Duration.millis(n))), { ...wireBase, [name]: n } as never)
        assert.isTrue(Either.isRight(decode(n)))
      }
      const said = `must be a whole number of milliseconds between ${least} and ${most}, got `
      const wrong = [
        Duration.millis(most + 1),
        Duration.millis(least + 0.5),
        Duration.infinity,
        Duration.nanos(1_000_000_001n)
      ]
      for (const duration of wrong) {
        assert.include(refusalOf(encode(duration)), `${said}${Duration.toMillis(duration)}`)
      }
      for (const n of [least - 1, most + 1, least + 0.5, NaN, Infinity]) {
        assert.include(refusalOf(decode(n)), `${said}${n}`)
      }
      for (const n of ["1000", {}, true, 5000n]) assert.isTrue(Either.isLeft(decode(n)))
    })
  }

  it("extend_by_ms is at least 1", () => {
    const encode = (extendBy: Duration.Duration) =>
      Schema.encodeUnknownEither(ExtendRequest)({ idempotencyKey: "k", extendBy })
    assert.isTrue(Either.isRight(encode(Duration.millis(1))))
    assert.isTrue(Either.isRight(encode(Duration.hours(24))))
    assert.include(refusalOf(encode(Duration.zero)), "between 1 and 86400000, got 0")
  })

  it("a duration of a response has no upper bound but that of exact integers", () => {
    const decode = Schema.decodeUnknownEither(durationMs(0))
    assert.isTrue(Either.isRight(decode(Number.MAX_SAFE_INTEGER)))
    for (const n of [-1, 0.5, 2 ** 53]) {
      assert.include(refusalOf(decode(n)), `must be a whole number of milliseconds of at least 0, got ${n}`)
    }
  })
})

describe("instants", () => {
  const decode = Schema.decodeUnknownEither(Instant)

  it("are whole epoch milliseconds that a date can hold", () => {
    for (const n of [0, 1_712_956_830_000, 8.64e15]) {
      const instant = Either.getOrThrow(decode(n))
      assert.strictEqual(DateTime.toEpochMillis(instant), n)
      assert.strictEqual(Schema.encodeSync(Instant)(instant), n)
    }
    for (const n of [-1, 0.5, 8.64e15 + 1, NaN, Infinity]) {
      assert.include(refusalOf(decode(n)), `must be epoch milliseconds, got ${n}`)
    }
    for (const n of ["0", null, 5n, "1970-01-01T00:00:00Z"]) assert.isTrue(Either.isLeft(decode(n)))
  })

  it("before 1970 are not sent", () => {
    assert.include(
      refusalOf(Schema.encodeEither(Instant)(DateTime.unsafeMake(-1))),
      "must be epoch milliseconds, got -1"
    )
  })
})
