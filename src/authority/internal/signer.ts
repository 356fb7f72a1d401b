/**
 * The key that signs evidence.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"
import * as Redacted from "effect/Redacted"
import { type InvalidInput, invalidInput } from "../../protocol/InvalidInput.js"

export interface Signer {
  /** 64 lowercase hexadecimal digits. */
  readonly publicKey: string
  /** The signature as 128 lowercase hexadecimal digits: the same bytes always get the same. */
  readonly sign: (bytes: Uint8Array<ArrayBuffer>) => Effect.Effect<string>
}

const algorithm = { name: "Ed25519" }

/** What stands before the 32 bytes of an Ed25519 key in PKCS #8. */
const pkcs8 = "302e020100300506032b657004220420"

const badKey = () => invalidInput("signing_key", "must be an Ed25519 private key, 64 hexadecimal digits")

/** From the 32 bytes of an Ed25519 private key, as 64 hexadecimal digits. `InvalidInput` never shows them. */
export const makeSigner = (privateKey: Redacted.Redacted): Effect.Effect<Signer, InvalidInput> =>
  Effect.gen(function*() {
    const hex = Redacted.value(privateKey).trim().toLowerCase()
    if (!/^[0-9a-f]{64}$/.test(hex)) return yield* badKey()
    const bytes = new Uint8Array(yield* Either.mapLeft(Encoding.decodeHex(pkcs8 + hex), badKey))
    const { subtle } = globalThis.crypto
    const key = yield* Effect.promise(() => subtle.importKey("pkcs8", bytes, algorithm, true, ["sign"]))
    const { x = "" } = yield* Effect.promise(() => subtle.exportKey("jwk", key))
    return {
      publicKey: Encoding.encodeHex(yield* Either.mapLeft(Encoding.decodeBase64Url(x), badKey)),
      sign: (bytes) =>
        Effect.map(
          Effect.promise(() => subtle.sign(algorithm, key, bytes)),
          (signature) => Encoding.encodeHex(new Uint8Array(signature))
        )
    }
  })
