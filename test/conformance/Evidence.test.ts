import { assert, describe, it } from "@effect/vitest"
import { Evidence, EvidenceVerdict, verifyEvidence } from "effect-cycles"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { createHash } from "node:crypto"
import { makeSigner } from "../../src/authority/internal/signer.js"
import { idOf, sealed, signedBytes } from "../../src/protocol/internal/envelope.js"
import { envelopes, notAtHand } from "./published.js"

const serverId = "https://cycles.example.com/v1"

/** The key of the published envelopes is made of these words. */
const seed = createHash("sha256").update("cycles-evidence-v0.1-fixture-signer").digest("hex")
const publicKey = "ec52b49b81eb29ef6f62947cade245c715bf943b7ef2a5f2789288574466fc43"

const jwks: Evidence.EvidenceJwks = {
  keys: [{
    kty: "OKP",
    crv: "Ed25519",
    x: Encoding.encodeBase64Url(Either.getOrThrow(Encoding.decodeHex(publicKey))),
    kid: "fixtures",
    cycles_nbf_ms: 0
  }]
}

const all = envelopes()

const fails = (verdict: Either.Either<EvidenceVerdict, unknown>): boolean =>
  Either.match(verdict, { onLeft: () => true, onRight: ({ _tag }) => _tag !== "Authentic" && _tag !== "BindingOnly" })

describe("the published evidence envelopes", () => {
  it("are at hand", (ctx) => {
    if (all.length === 0) return ctx.skip(notAtHand("evidence-fixtures"))
    assert.lengthOf(all, 13)
  })

  for (const [name, text] of all) {
    it.effect(`#161 ${name}: recomputes, verifies and is signed again byte for byte`, () =>
      Effect.gen(function*() {
        const { evidence_id, signature, ...draft } = JSON.parse(text)
        const id = Either.getOrThrow(idOf(draft))
        assert.strictEqual(id, evidence_id)
        const signer = yield* makeSigner(Redacted.make(seed))
        assert.strictEqual(signer.publicKey, publicKey)
        const again = yield* signer.sign(Either.getOrThrow(signedBytes(draft, id)))
        assert.strictEqual(again, signature)
        assert.strictEqual(Either.getOrThrow(sealed(draft, id, again)), text.trim())

        const pinned = yield* verifyEvidence(text, { expectedSigner: publicKey })
        assert.deepStrictEqual(pinned, EvidenceVerdict.BindingOnly({ signerPinMatched: Option.some(true) }))
        const authentic = EvidenceVerdict.Authentic({ kid: "fixtures", signerPinMatched: Option.none() })
        assert.deepStrictEqual(yield* verifyEvidence(text, { authority: { serverId, jwks } }), authentic)
        const value = Schema.decodeUnknownSync(Evidence.EvidenceEnvelope)(JSON.parse(text))
        assert.deepStrictEqual(yield* verifyEvidence(value, { authority: { serverId, jwks } }), authentic)
      }))

    it.effect(`${name}: no byte can be flipped`, () =>
      Effect.gen(function*() {
        const bytes = new TextEncoder().encode(text)
        for (let at = 0; at < bytes.length; at++) {
          const flipped = bytes.slice()
          // Every position, and over the positions every bit.
          flipped[at] = flipped[at]! ^ (1 << (at % 8))
          const verdict = yield* Effect.either(verifyEvidence(new TextDecoder().decode(flipped)))
          assert.isTrue(fails(verdict), `byte ${at} of ${name}`)
        }
      }), 30_000)
  }
})
