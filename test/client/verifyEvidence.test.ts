import { assert, describe, it } from "@effect/vitest"
import { type Evidence, EvidenceVerdict, type InvalidInput, verifyEvidence } from "effect-cycles"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { makeSigner, type Signer } from "../../src/authority/internal/signer.js"
import { EvidenceEnvelope } from "../../src/protocol/Evidence.js"
import { hashOf, idOf, sealed, signedBytes } from "../../src/protocol/internal/envelope.js"

const serverId = "https://cycles.example.com/v1"
const issuedAt = 1_800_000_000_000

const signerOf = (digit: string) => makeSigner(Redacted.make(digit.repeat(64)))

const xOf = ({ publicKey }: Signer) => Encoding.encodeBase64Url(Either.getOrThrow(Encoding.decodeHex(publicKey)))

const jwkOf = (signer: Signer, more: object = {}) => ({
  kty: "OKP",
  crv: "Ed25519",
  alg: "EdDSA",
  x: xOf(signer),
  kid: "k1",
  cycles_nbf_ms: issuedAt,
  ...more
})

const didOf = (kid: string, server = serverId) => `did:cycles:${hashOf(server)}#${kid}`

/** The text of a signed release. */
const seal = (signer: Signer, more: object = {}) =>
  Effect.gen(function*() {
    const draft = {
      schema_version: "cycles-evidence/v0.1",
      artifact_type: "release",
      server_id: serverId,
      signer_did: signer.publicKey,
      issued_at_ms: issuedAt,
      payload: {
        release: {
          reservation_id: "r",
          request: { idempotency_key: "k" },
          response: { status: "RELEASED", released: { unit: "TOKENS", amount: 9223372036854775807n } }
        }
      },
      ...more
    }
    const id = Either.getOrThrow(idOf(draft))
    const signature = yield* signer.sign(Either.getOrThrow(signedBytes(draft, id)))
    return Either.getOrThrow(sealed(draft, id, signature))
  })

const { Authentic, BindingOnly } = EvidenceVerdict
const none = Option.none<boolean>()

/** `Tag`, or `Tag: reason`. */
const tell = (verdict: EvidenceVerdict): string =>
  "reason" in verdict ? `${verdict._tag}: ${verdict.reason}` : verdict._tag

/** What a set of keys says of an envelope by key "1" at `issuedAt`, named by its key or by `kid`. */
const judged = (kid: string | undefined, keys: (one: Signer, other: Signer) => Evidence.EvidenceJwks["keys"]) =>
  Effect.gen(function*() {
    const one = yield* signerOf("1")
    const text = yield* seal(one, kid === undefined ? {} : { signer_did: didOf(kid) })
    return tell(
      yield* verifyEvidence(text, { authority: { serverId, jwks: { keys: keys(one, yield* signerOf("2")) } } })
    )
  })

const absent = "SignerAuthorityFailed: the key is not in the set"
const untimely = "SignerAuthorityFailed: the key was not valid when the envelope was issued"
const twice = "SignerAuthorityFailed: the kid k1 is not unique in the set"

const sets: ReadonlyArray<
  readonly [
    what: string,
    keys: (one: Signer, other: Signer) => Evidence.EvidenceJwks["keys"],
    byKid: string,
    byKey?: string
  ]
> = [
  ["valid from this very instant", (one) => [jwkOf(one)], "Authentic"],
  ["valid until the next", (one) => [jwkOf(one, { cycles_exp_ms: issuedAt + 1 })], "Authentic"],
  ["retired since, and marked so", (one, other) => [
    jwkOf(one, { cycles_exp_ms: issuedAt + 1000, status: "retired" }),
    jwkOf(other, { kid: "k2", cycles_nbf_ms: issuedAt + 1000, status: "active" })
  ], "Authentic"],
  ["an open end said as null", (one) => [jwkOf(one, { cycles_exp_ms: null })], "Authentic"],
  ["a status that nobody knows", (one) => [jwkOf(one, { status: "compromised" })], "Authentic"],
  ["without alg", (one) => [jwkOf(one, { alg: undefined })], "Authentic"],
  ["beside keys that sign no evidence", (one) => [
    { kty: "RSA", kid: "rsa", n: "AQAB", e: "AQAB" },
    { note: "no key at all" },
    jwkOf(one)
  ], "Authentic"],
  ["valid from the next instant", (one) => [jwkOf(one, { cycles_nbf_ms: issuedAt + 1 })], untimely],
  ["valid until this instant", (one) => [jwkOf(one, { cycles_exp_ms: issuedAt })], untimely],
  ["active, but not then", (one) => [jwkOf(one, { cycles_nbf_ms: issuedAt + 1, status: "active" })], untimely],
  ["no key", () => [], absent],
  ["another kid", (one) => [jwkOf(one, { kid: "k9" })], absent, "Authentic"],
  ["another key", (_, other) => [jwkOf(other)], "SignatureInvalid: the signature is not that of the key", absent],
  ["the kid twice", (one, other) => [jwkOf(one), jwkOf(other)], twice],
  ["the kid twice, of another type", (one) => [jwkOf(one), { kty: "RSA", kid: "k1" }], twice],
  [
    "the same key under two names",
    (one) => [jwkOf(one), jwkOf(one, { kid: "k2" })],
    "Authentic",
    "SignerAuthorityFailed: more than one key of the set covers the envelope"
  ],
  ["the same key under two names, one window after the other", (one) => [
    jwkOf(one, { kid: "k0", cycles_nbf_ms: 0, cycles_exp_ms: issuedAt }),
    jwkOf(one)
  ], "Authentic"],
  ["another kty", (one) => [jwkOf(one, { kty: "EC" })], absent],
  ["another crv", (one) => [jwkOf(one, { crv: "Ed448" })], absent],
  ["another alg", (one) => [jwkOf(one, { alg: "ES256" })], absent],
  ["no beginning", (one) => [jwkOf(one, { cycles_nbf_ms: undefined })], absent],
  ["an end that is text", (one) => [jwkOf(one, { cycles_exp_ms: "never" })], absent],
  ["an x with padding", (one) => [jwkOf(one, { x: `${xOf(one)}=` })], absent],
  ["an x that is too short", (one) => [jwkOf(one, { x: xOf(one).slice(0, -2) })], absent],
  ["an x of hexadecimal digits", (one) => [jwkOf(one, { x: one.publicKey })], absent]
]

describe("the set of keys", () => {
  for (const [what, keys, byKid, byKey = byKid] of sets) {
    it.effect(what, () =>
      Effect.gen(function*() {
        assert.strictEqual(yield* judged("k1", keys), byKid)
        assert.strictEqual(yield* judged(undefined, keys), byKey)
      }))
  }

  it.effect("a signer that is bound to another server", () =>
    Effect.gen(function*() {
      const signer = yield* signerOf("1")
      const authority = { serverId, jwks: { keys: [jwkOf(signer)] } }
      const foreign = yield* seal(signer, { signer_did: didOf("k1", `${serverId}/`) })
      assert.strictEqual(
        tell(yield* verifyEvidence(foreign, { authority })),
        "SignerAuthorityFailed: the signer is bound to another server_id"
      )
      const elsewhere = yield* seal(signer, { server_id: "https://elsewhere.example.com/v1" })
      assert.strictEqual(
        tell(yield* verifyEvidence(elsewhere, { authority })),
        "SignerAuthorityFailed: the envelope is of another server_id"
      )
    }))

  it.effect("that cannot be had proves nothing about the bytes", () =>
    Effect.gen(function*() {
      const signer = yield* signerOf("1")
      for (const did of [signer.publicKey, didOf("k1")]) {
        const text = yield* seal(signer, { signer_did: did })
        const verdict = yield* verifyEvidence(text, { authority: { serverId, jwks: Effect.fail("no network") } })
        assert.deepStrictEqual(
          verdict,
          EvidenceVerdict.SignerResolutionFailed({
            reason: "the keys could not be had",
            cause: Option.some("no network")
          })
        )
      }
    }))

  it.effect("is not asked for when the content is not that of the id", () =>
    Effect.gen(function*() {
      const text = yield* seal(yield* signerOf("1"))
      const tampered = text.replace(`"idempotency_key":"k"`, `"idempotency_key":"j"`)
      const jwks = Effect.dieMessage("asked for the keys")
      const verdict = yield* verifyEvidence(tampered, { authority: { serverId, jwks } })
      assert.strictEqual(tell(verdict), "SignatureInvalid: the content does not have this evidence_id")
    }))
})

describe("without a set of keys", () => {
  it.effect("the key of the envelope binds, and a pin says whose it is", () =>
    Effect.gen(function*() {
      const signer = yield* signerOf("1")
      const text = yield* seal(signer, { trace_id: "0af7651916cd43dd8448eb211c80319c" })
      const pinned = (expectedSigner?: string) => verifyEvidence(text, { expectedSigner })
      assert.deepStrictEqual(yield* pinned(), BindingOnly({ signerPinMatched: none }))
      assert.deepStrictEqual(yield* pinned(signer.publicKey), BindingOnly({ signerPinMatched: Option.some(true) }))
      assert.deepStrictEqual(yield* pinned("00".repeat(32)), BindingOnly({ signerPinMatched: Option.some(false) }))
      const authority = { serverId, jwks: { keys: [jwkOf(signer)] } }
      assert.deepStrictEqual(
        yield* verifyEvidence(text, { authority, expectedSigner: "someone else" }),
        Authentic({ kid: "k1", signerPinMatched: Option.some(false) })
      )
    }))

  it.effect("a name cannot be resolved", () =>
    Effect.gen(function*() {
      const signer = yield* signerOf("1")
      for (const did of [didOf("k1"), "did:web:example.com", signer.publicKey.toUpperCase(), ""]) {
        const verdict = yield* verifyEvidence(yield* seal(signer, { signer_did: did }))
        assert.strictEqual(verdict._tag, "SignerResolutionFailed", did)
      }
    }))
})

describe("the envelope", () => {
  it.effect("of another hand is not that of the key it names", () =>
    Effect.gen(function*() {
      const text = yield* seal(yield* signerOf("2"), { signer_did: (yield* signerOf("1")).publicKey })
      assert.strictEqual(
        tell(yield* verifyEvidence(text)),
        "SignatureInvalid: the signature is not that of the key"
      )
    }))

  it.effect("as a value needs no order and may hold exact integers; as a text it must be the one that was served", () =>
    Effect.gen(function*() {
      const text = yield* seal(yield* signerOf("1"))
      const value = JSON.parse(text)
      value.payload.release.response.released.amount = 9223372036854775807n
      const shuffled = Object.fromEntries(Object.entries(value).reverse()) as unknown as EvidenceEnvelope
      assert.strictEqual((yield* verifyEvidence(shuffled))._tag, "BindingOnly")
      assert.strictEqual((yield* verifyEvidence(`${text}\n`))._tag, "BindingOnly")
      assert.strictEqual(
        tell(yield* verifyEvidence(text.replace(":", ": "))),
        "SignatureInvalid: the text is not canonical"
      )
      // Another reader might take the first of two members.
      assert.strictEqual(
        tell(yield* verifyEvidence(text.replace("{", `{"issued_at_ms":1,`))),
        "SignatureInvalid: the text is not canonical"
      )
    }))

  it.effect("with a member too many has another id", () =>
    Effect.gen(function*() {
      const envelope = JSON.parse(yield* seal(yield* signerOf("1")))
      assert.strictEqual(
        tell(yield* verifyEvidence({ ...envelope, note: "x" })),
        "SignatureInvalid: the content does not have this evidence_id"
      )
    }))

  const malformed: ReadonlyArray<readonly [what: string, more: object, field: string]> = [
    ["a version that is not known", { schema_version: "cycles-evidence/v0.2" }, "schema_version"],
    ["a type that is not known", { artifact_type: "expire" }, "artifact_type"],
    ["a payload of another type", { artifact_type: "commit" }, "payload"],
    ["two payloads", { payload: { release: {}, commit: {} } }, "payload"],
    ["no payload", { payload: {} }, "payload"],
    ["a trace of upper case", { trace_id: "0AF7651916CD43DD8448EB211C80319C" }, "trace_id"],
    ["a time before 1970", { issued_at_ms: -1 }, "issued_at_ms"],
    ["a fraction of a millisecond", { issued_at_ms: 1.5 }, "issued_at_ms"]
  ]
  for (const [what, more, field] of malformed) {
    it.effect(`is refused for ${what}, also when it is signed`, () =>
      Effect.gen(function*() {
        const text = yield* seal(yield* signerOf("1"), more)
        const error: InvalidInput = yield* Effect.flip(verifyEvidence(text))
        assert.strictEqual(error.field, field)
      }))
  }

  it.effect("is refused when it is no envelope at all", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* Effect.flip(verifyEvidence("<html>"))).message, "envelope: must be JSON")
      assert.strictEqual((yield* Effect.flip(verifyEvidence("[]"))).field, "envelope")
      const text = yield* seal(yield* signerOf("1"))
      const short = text.replace(/"signature":"../, `"signature":"`)
      assert.strictEqual((yield* Effect.flip(verifyEvidence(short))).field, "signature")
      const half = { ...Schema.decodeUnknownSync(EvidenceEnvelope)(JSON.parse(text)), server_id: "\ud800" }
      assert.strictEqual(
        tell(yield* verifyEvidence(half)),
        "SignatureInvalid: half of a surrogate pair has no canonical form"
      )
    }))
})
