import { assert, describe, it } from "@effect/vitest"
import Ajv from "ajv/dist/2020.js"
import { Amount, verifyEvidence } from "effect-cycles"
import * as App from "effect-cycles/authority/App"
import { Authority, make, makeStored, type Service } from "effect-cycles/authority/Authority"
import type { EvidenceOptions } from "effect-cycles/authority/Evidence"
import * as Ledger from "effect-cycles/authority/Ledger"
import { LedgerStore } from "effect-cycles/authority/LedgerStore"
import { noRows, type RowChange } from "effect-cycles/authority/RowSet"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { evidenceSpecification, evidenceSpecificationFile, notAtHand } from "../conformance/published.js"

const serverId = "https://cycles.example.com/v1"
const evidence: EvidenceOptions = { serverId, signingKey: Redacted.make("11".repeat(32)) }
const key = "key-of-tenant-a"

const options = (more: object = {}) => ({
  budgets: [{ scope: "tenant:tenant-a", allocated: Amount.tokens(1_000_000), caps: { maxTokens: 5 } }],
  keys: [{ key: Redacted.make(key), tenant: "tenant-a" }],
  evidence,
  ...more
})

// What a test looks into, it asserts.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Json = Readonly<Record<string, any>>

const asker = (authority: Service) => (method: "GET" | "POST", path: string, body?: object) =>
  Effect.map(
    Effect.provideService(
      App.respond({
        method,
        path,
        query: [],
        headers: { "x-cycles-api-key": key, traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01` },
        body: Option.some(JSON.stringify(body ?? {}))
      }),
      Authority,
      authority
    ),
    (reply) => ({ ...reply, json: JSON.parse(reply.body) as Json })
  )

const asked = (k: string, amount: number, more: object = {}) => ({
  idempotency_key: k,
  subject: { tenant: "tenant-a" },
  action: { kind: "llm.completion", name: "m" },
  estimate: { unit: "TOKENS", amount },
  ...more
})

const lab = (more: object = {}) => Effect.map(make(options(more)), asker)

/** The envelope behind the reference of an answer: its raw text verifies. */
const follow = (ask: ReturnType<typeof asker>, reply: { readonly json: Json }) =>
  Effect.gen(function*() {
    const { cycles_evidence_url: url, evidence_id: id } = reply.json["cycles_evidence"]
    assert.strictEqual(url, `${serverId}/evidence/${id}`)
    const served = yield* ask("GET", `/v1/evidence/${id}`)
    assert.strictEqual(served.status, 200)
    assert.strictEqual(served.headers["cache-control"], "max-age=31536000, public, immutable")
    const jwks = yield* ask("GET", "/v1/.well-known/cycles-jwks.json")
    assert.strictEqual(jwks.headers["cache-control"], "max-age=300, public")
    const verdict = yield* verifyEvidence(served.body, { authority: { serverId, jwks: jwks.json as never } })
    assert.strictEqual(verdict._tag, "Authentic", JSON.stringify(verdict))
    assert.strictEqual(served.json["evidence_id"], id)
    assert.strictEqual(served.json["trace_id"], "a".repeat(32))
    return served.json
  })

describe("an authority that keeps evidence", () => {
  it.effect("#162 attests every fresh answer and every denial, without what only concerns their transport", () =>
    Effect.gen(function*() {
      const ask = yield* lab()
      const document = evidenceSpecification()
      const ajv = document === undefined ? undefined : new Ajv.default({ strict: false, validateFormats: false })
      const validate = ajv?.addSchema({ $id: "spec", ...document }).compile({
        $ref: "spec#/components/schemas/CyclesEvidence"
      })
      if (validate === undefined) console.warn(notAtHand(evidenceSpecificationFile))
      const attests = (
        type: string,
        sent: object | undefined,
        reply: { readonly status: number; readonly json: Json }
      ) =>
        Effect.gen(function*() {
          const envelope = yield* follow(ask, reply)
          assert.strictEqual(envelope["artifact_type"], type)
          const { request, response } = envelope["payload"][type]
          assert.deepInclude(request, sent as never)
          const { cycles_evidence: _, remaining_ttl_ms: __, ...rest } = reply.json
          assert.deepStrictEqual(response, rest)
          if (validate !== undefined) assert.isTrue(validate(envelope), JSON.stringify(validate.errors))
          return envelope
        })
      const decide = asked("d", 10, { metadata: { "\r": 1, "1": 2, big: 1e21, deep: { signature: "" } } })
      yield* attests("decide", decide, yield* ask("POST", "/v1/decide", decide))
      const dry = asked("dry", 2_000_000, { dry_run: true })
      const denied = yield* ask("POST", "/v1/reservations", dry)
      assert.strictEqual(denied.json["decision"], "DENY")
      yield* attests("reserve", dry, denied)
      yield* attests(
        "reserve",
        asked("dry2", 1, { dry_run: true }),
        yield* ask("POST", "/v1/reservations", asked("dry2", 1, { dry_run: true }))
      )
      const created = yield* ask("POST", "/v1/reservations", asked("r", 1000))
      const reserved = yield* attests(
        "reserve",
        { ...asked("r", 1000), grace_period_ms: 5000, dry_run: false },
        created
      )
      assert.isDefined(reserved["payload"].reserve.response.caps)
      const path = `/v1/reservations/${created.json["reservation_id"]}`
      const actual = { idempotency_key: "c", actual: { unit: "TOKENS", amount: 7 }, metrics: { tokens_input: 3 } }
      const wrong = { ...actual, actual: { unit: "CREDITS", amount: 7 } }
      const refusedUnit = yield* ask("POST", `${path}/commit`, wrong)
      const error = yield* attests("error", wrong, refusedUnit)
      assert.deepInclude(error["payload"].error, {
        endpoint: "POST /v1/reservations/{reservation_id}/commit",
        http_status: 400,
        reservation_id: created.json["reservation_id"]
      })
      const committed = yield* ask("POST", `${path}/commit`, actual)
      yield* attests("commit", actual, committed)
      const late = yield* ask("POST", `${path}/release`, { idempotency_key: "x", reason: "late" })
      assert.strictEqual(late.status, 409)
      yield* attests("error", { idempotency_key: "x", reason: "late" }, late)
      const tooMuch = yield* ask("POST", "/v1/reservations", asked("much", 1_000_001))
      assert.strictEqual(tooMuch.json["error"], "BUDGET_EXCEEDED")
      yield* attests("error", { ...asked("much", 1_000_001), dry_run: false }, tooMuch)
      const other = yield* ask("POST", "/v1/reservations", asked("other", 5))
      const gone = yield* ask("POST", `/v1/reservations/${other.json["reservation_id"]}/release`, {
        idempotency_key: "x"
      })
      yield* attests("release", { idempotency_key: "x" }, gone)

      const row = yield* ask("GET", path)
      assert.deepStrictEqual(row.json["evidence"], {
        reserve: created.json["cycles_evidence"],
        commit: committed.json["cycles_evidence"]
      })
    }))

  it.effect("#163 attests nothing that was not evaluated, nor extends and events", () =>
    Effect.gen(function*() {
      const ask = yield* lab()
      const created = yield* ask("POST", "/v1/reservations", asked("r", 1000))
      const path = `/v1/reservations/${created.json["reservation_id"]}`
      const replies = [
        yield* ask("POST", `${path}/extend`, { idempotency_key: "e", extend_by_ms: 1000 }),
        yield* ask("POST", "/v1/events", {
          ...asked("v", 1),
          estimate: undefined,
          actual: { unit: "TOKENS", amount: 1 }
        }),
        yield* ask("POST", "/v1/reservations", asked("r", 999)),
        yield* ask("POST", "/v1/reservations", asked("q", -1)),
        yield* ask("POST", "/v1/reservations", asked("o", 1, { subject: { tenant: "other" } })),
        yield* ask("POST", "/v1/reservations/nobody/release", { idempotency_key: "x" }),
        yield* ask("POST", `${path}/commit`, { idempotency_key: "c", actual: { unit: "TOKENS", amount: 1 } }),
        yield* ask("POST", `${path}/extend`, { idempotency_key: "e2", extend_by_ms: 1000 })
      ]
      assert.deepStrictEqual(replies.map(({ status }) => status), [200, 201, 409, 400, 403, 404, 200, 409])
      const has = replies.map(({ json }) => "cycles_evidence" in json)
      assert.deepStrictEqual(has, [false, false, false, false, false, false, true, false])
    }))

  it.effect("#164 a repeated request gets the same reference, and makes no second envelope", () =>
    Effect.gen(function*() {
      const ask = yield* lab()
      for (const body of [asked("r", 1000), asked("dry", 1, { dry_run: true })]) {
        const first = yield* ask("POST", "/v1/reservations", body)
        const again = yield* ask("POST", "/v1/reservations", body)
        assert.deepStrictEqual(again.json["cycles_evidence"], first.json["cycles_evidence"])
        assert.isDefined(first.json["cycles_evidence"])
      }
      const decided = yield* ask("POST", "/v1/decide", asked("r", 1000))
      assert.deepStrictEqual((yield* ask("POST", "/v1/decide", asked("r", 1000))).json, decided.json)
    }))

  it.effect("#165 answers 400 for what is no id, 404 for what it does not know", () =>
    Effect.gen(function*() {
      const ask = yield* lab()
      for (const id of ["A".repeat(64), "a".repeat(63), "a".repeat(65)]) {
        assert.strictEqual((yield* ask("GET", `/v1/evidence/${id}`)).status, 400, id)
      }
      assert.strictEqual((yield* ask("GET", `/v1/evidence/${"a".repeat(64)}`)).status, 404)
      const bare = yield* lab({ evidence: undefined })
      assert.strictEqual((yield* bare("GET", "/v1/.well-known/cycles-jwks.json")).status, 404)
      assert.notProperty((yield* bare("POST", "/v1/reservations", asked("r", 1))).json, "cycles_evidence")
    }))

  it.effect("what has no canonical text is answered without evidence", () =>
    Effect.gen(function*() {
      const ask = yield* lab()
      const reply = yield* ask("POST", "/v1/reservations", asked("r", 1, { metadata: { half: "\ud800" } }))
      assert.strictEqual(reply.status, 200)
      assert.notProperty(reply.json, "cycles_evidence")
    }))

  it.effect("may name its signer by did:cycles", () =>
    Effect.gen(function*() {
      const ask = yield* lab({ evidence: { ...evidence, signer: "did", kid: "2026-11" } })
      const envelope = yield* follow(ask, yield* ask("POST", "/v1/decide", asked("d", 1)))
      assert.match(envelope["signer_did"], /^did:cycles:[0-9a-f]{64}#2026-11$/)
    }))

  const wrong: ReadonlyArray<readonly [object, field: string]> = [
    [{ signingKey: Redacted.make("SECRET".repeat(10)) }, "signing_key"],
    [{ signingKey: Redacted.make("ab") }, "signing_key"],
    [{ serverId: "cycles" }, "server_id"],
    [{ kid: "a\"b" }, "kid"],
    [{ retired: [{ publicKey: "xyz", notBefore: 0, notAfter: 1 }] }, "public_key"],
    [{ retired: [{ publicKey: "ab".repeat(32), notBefore: 2, notAfter: 1 }] }, "not_after"],
    [{ kid: "a", retired: [{ publicKey: "ab".repeat(32), kid: "a", notBefore: 0, notAfter: 1 }] }, "kid"]
  ]
  for (const [more, field] of wrong) {
    it.effect(`names ${field} when it is wrong: ${Object.keys(more)}`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(make(options({ evidence: { ...evidence, ...more } })))
        assert.strictEqual(error.field, field)
        assert.notInclude(error.message, "SECRET")
      }))
  }
})

describe("with a store", () => {
  /** A store that keeps rows in this process, and can be opened again. */
  const kept = () => {
    const state = Ledger.make()
    return {
      keeps: true,
      load: Effect.sync(() => Ledger.rowsOf(state)),
      append: (changes: ReadonlyArray<RowChange>) =>
        Effect.sync(() => {
          for (const change of changes) Ledger.apply(state, change)
        })
    }
  }
  const open = (store: ReturnType<typeof kept>, more: object = {}) =>
    Effect.provideService(makeStored(options(more)), LedgerStore, store)

  it.live("evidence survives a restart and a change of the key", () =>
    Effect.gen(function*() {
      const store = kept()
      const ask = asker(yield* open(store))
      const created = yield* ask("POST", "/v1/reservations", asked("r", 1000))
      const denied = yield* ask("POST", "/v1/reservations", asked("much", 1_000_001))
      const isSigned = Effect.map(store.load, ({ documents }) =>
        documents.length === 2 && documents.every(({ text }) => JSON.parse(text).signature !== ""))
      yield* Effect.repeat(Effect.zipRight(Effect.sleep(5), isSigned), {
        until: (is) =>
          is,
        times: 400
      })
      assert.isTrue(yield* isSigned)

      const now = Date.now()
      const old = yield* Effect.map(ask("GET", "/v1/.well-known/cycles-jwks.json"), ({ json }) => json["keys"][0])
      const publicKey = Buffer.from(old.x, "base64url").toString("hex")
      const rotated = {
        ...evidence,
        signingKey: Redacted.make("22".repeat(32)),
        retired: [{ publicKey, notBefore: 0, notAfter: now + 1000 }]
      }
      const next = asker(yield* open(store, { evidence: rotated }))
      yield* follow(next, created)
      yield* follow(next, denied)
      const again = yield* next("POST", "/v1/reservations", asked("r", 1000))
      assert.deepStrictEqual(again.json["cycles_evidence"], created.json["cycles_evidence"])
    }))

  it.live("what a crash left unsigned is signed at the next start, by the same key only", () =>
    Effect.gen(function*() {
      const store = kept()
      const ask = asker(yield* open(store))
      const created = yield* ask("POST", "/v1/reservations", asked("r", 1000))
      // As it is in the store before the signature follows.
      const { documents } = yield* store.load
      const bare = documents.map((row) => ({
        ...row,
        text: row.text.replace(/"signature":"[0-9a-f]*"(,"signer_did")/, `"signature":""$1`)
      }))
      const crashed = {
        ...store,
        load: Effect.map(store.load, (rows) => ({ ...noRows, ...rows, documents: bare }))
      }
      yield* follow(asker(yield* open(crashed)), created)
      const foreign = asker(
        yield* open(crashed, { evidence: { ...evidence, signingKey: Redacted.make("22".repeat(32)) } })
      )
      const id = created.json["cycles_evidence"].evidence_id
      assert.strictEqual((yield* foreign("GET", `/v1/evidence/${id}`)).status, 404)
    }))
})
