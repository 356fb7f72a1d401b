/**
 * Whether a signed envelope is what it says it is: who signed it, and whether that signer may.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { EvidenceEnvelope, type EvidenceJwks } from "../protocol/Evidence.js"
import { idOf, sealed, signedBytes } from "../protocol/internal/envelope.js"
import { fromParseError } from "../protocol/internal/issue.js"
import { authorized, type Signer, signerOf } from "../protocol/internal/signerKey.js"
import { type InvalidInput, invalidInput } from "../protocol/InvalidInput.js"

/**
 * What is known of an envelope, exactly one of the dispositions of the specification (in brackets). `signerPinMatched` says whether the
 * envelope names the `expectedSigner`; without one it is `None`.
 *
 * - `Authentic` (`authentic`): the signature is valid, and the server's own set has exactly one key that made it and was valid at
 *   the time.
 * - `BindingOnly` (`binding_only`): the signature is valid for the key that the envelope itself names. Nobody vouches for that key,
 *   unless `signerPinMatched` is `Some(true)`.
 * - `SignerAuthorityFailed` (`signer_authority_failed`): the set was there and does not let this key sign this envelope.
 * - `SignerResolutionFailed` (`signer_resolution_failed`): the set could not be had, or the signer is of an unknown form. It says
 *   nothing about the bytes; trying again may help.
 * - `SignatureInvalid` (`signature_invalid`): what was signed is something else.
 *
 * @since 0.1.0
 * @category models
 */
export type EvidenceVerdict = Data.TaggedEnum<{
  Authentic: { readonly kid: string; readonly signerPinMatched: Option.Option<boolean> }
  BindingOnly: { readonly signerPinMatched: Option.Option<boolean> }
  SignerAuthorityFailed: { readonly reason: string }
  SignerResolutionFailed: { readonly reason: string; readonly cause: Option.Option<unknown> }
  SignatureInvalid: { readonly reason: string }
}>

/**
 * @since 0.1.0
 * @category constructors
 */
export const EvidenceVerdict = Data.taggedEnum<EvidenceVerdict>()

const { Authentic, BindingOnly, SignatureInvalid, SignerAuthorityFailed, SignerResolutionFailed } = EvidenceVerdict

/**
 * What is known of the authority beforehand. The less is said, the weaker the best verdict.
 *
 * @since 0.1.0
 * @category config
 */
export interface VerifyEvidenceOptions<E = never, R = never> {
  /**
   * The server that is believed, and its keys: what `getEvidenceJwks` answers. `serverId` is compared byte for byte with that of the
   * envelope, so that the keys of one server never vouch for another. Without an authority no verdict is better than `BindingOnly`.
   */
  readonly authority?: {
    readonly serverId: string
    readonly jwks: EvidenceJwks | Effect.Effect<EvidenceJwks, E, R>
  } | undefined
  /** The `signer_did` that the envelope should name. */
  readonly expectedSigner?: string | undefined
}

const kinds = ["decide", "reserve", "commit", "release", "error"] as const

/** The rules that concern several members. */
const checked = (envelope: EvidenceEnvelope): Either.Either<EvidenceEnvelope, InvalidInput> => {
  const found = Object.keys(envelope.payload)
  if (found.length !== 1 || found[0] !== envelope.artifact_type) {
    return Either.left(
      invalidInput(
        "payload",
        `must have the one member "${envelope.artifact_type}"`,
        found.slice(0, kinds.length).join(", ")
      )
    )
  }
  if (envelope.trace_id !== undefined && !/^[0-9a-f]{32}$/.test(envelope.trace_id)) {
    return Either.left(invalidInput("trace_id", "must be 32 lowercase hexadecimal digits", envelope.trace_id))
  }
  return envelope.issued_at_ms < 0
    ? Either.left(invalidInput("issued_at_ms", "must not be negative", envelope.issued_at_ms))
    : Either.right(envelope)
}

const decode = Schema.decodeUnknownEither(EvidenceEnvelope)

/** An envelope, and the text that it came as. */
const read = (
  input: EvidenceEnvelope | string
): Either.Either<readonly [EvidenceEnvelope, Option.Option<string>], InvalidInput> => {
  const wire: Either.Either<unknown, InvalidInput> = typeof input === "string"
    ? Either.try({ try: () => JSON.parse(input), catch: () => invalidInput("envelope", "must be JSON") })
    : Either.right(input)
  return wire.pipe(
    Either.flatMap((value) => Either.mapLeft(decode(value), (error) => fromParseError(error, "envelope"))),
    Either.flatMap(checked),
    Either.map((envelope) => [envelope, typeof input === "string" ? Option.some(input) : Option.none()])
  )
}

/** The bytes that the signature should be over, or why there are none. */
const content = (
  envelope: EvidenceEnvelope,
  text: Option.Option<string>
): Either.Either<Uint8Array<ArrayBuffer>, string> =>
  Either.gen(() => faithful(envelope, text)).pipe(Either.mapLeft((why) => typeof why === "string" ? why : why.reason))

const faithful = function*(envelope: EvidenceEnvelope, text: Option.Option<string>) {
  const id = yield* idOf(envelope)
  if (id !== envelope.evidence_id) return yield* Either.left("the content does not have this evidence_id")
  const served = yield* sealed(envelope, id, envelope.signature)
  return Option.exists(text, (text) => text.trim() !== served)
    ? yield* Either.left("the text is not canonical")
    : yield* signedBytes(envelope, id)
}

const bytesOf = (hex: string) => new Uint8Array(Either.getOrThrow(Encoding.decodeHex(hex)))

const isSigned = (hex: string, signature: string, bytes: Uint8Array<ArrayBuffer>): Effect.Effect<boolean> =>
  Effect.promise(() =>
    globalThis.crypto.subtle.importKey("raw", bytesOf(hex), { name: "Ed25519" }, false, ["verify"]).then((key) =>
      globalThis.crypto.subtle.verify({ name: "Ed25519" }, key, bytesOf(signature), bytes)
    )
  )

type Key = { readonly hex: string; readonly kid: Option.Option<string> }

/** The key that the signature must be of, or the verdict when there is none. */
const resolve = <E, R>(
  envelope: EvidenceEnvelope,
  signer: Signer,
  authority: VerifyEvidenceOptions<E, R>["authority"]
): Effect.Effect<Key, EvidenceVerdict, R> => {
  if (authority === undefined) {
    return signer._tag === "Key"
      ? Effect.succeed({ hex: signer.hex, kid: Option.none() })
      : Effect.fail(
        SignerResolutionFailed({ reason: "there are no keys to look the signer up in", cause: Option.none() })
      )
  }
  if (authority.serverId !== envelope.server_id) {
    return Effect.fail(SignerAuthorityFailed({ reason: "the envelope is of another server_id" }))
  }
  const jwks = Effect.isEffect(authority.jwks) ? authority.jwks : Effect.succeed(authority.jwks)
  return jwks.pipe(
    Effect.mapError((error) =>
      SignerResolutionFailed({ reason: "the keys could not be had", cause: Option.some(error) })
    ),
    Effect.flatMap((jwks) =>
      Either.mapBoth(authorized(envelope, signer, jwks), {
        onLeft: (reason) => SignerAuthorityFailed({ reason }),
        onRight: ({ hex, kid }) => ({ hex, kid: Option.some(kid) })
      })
    )
  )
}

const verdict: <E, R>(
  envelope: EvidenceEnvelope,
  text: Option.Option<string>,
  options: VerifyEvidenceOptions<E, R>
) => Effect.Effect<EvidenceVerdict, EvidenceVerdict, R> = Effect.fnUntraced(
  function*<E, R>(
    envelope: EvidenceEnvelope,
    text: Option.Option<string>,
    { authority, expectedSigner }: VerifyEvidenceOptions<E, R>
  ) {
    const bytes = yield* Either.mapLeft(content(envelope, text), (reason) => SignatureInvalid({ reason }))
    const signer = yield* Effect.mapError(
      signerOf(envelope.signer_did),
      () => SignerResolutionFailed({ reason: "the signer is of an unknown form", cause: Option.none() })
    )
    const { hex, kid } = yield* resolve(envelope, signer, authority)
    if (!(yield* isSigned(hex, envelope.signature, bytes))) {
      return SignatureInvalid({ reason: "the signature is not that of the key" })
    }
    const signerPinMatched = Option.map(Option.fromNullable(expectedSigner), (pin) => pin === envelope.signer_did)
    return Option.match(kid, {
      onNone: () => BindingOnly({ signerPinMatched }),
      onSome: (kid) => Authentic({ kid, signerPinMatched })
    })
  }
)

/**
 * Verifies a signed envelope: its id, its signature and, with an `authority`, the right of its signer. A text must be the one that
 * was served; a value may be what `getEvidence` answers. No network is used but that of `jwks`, and no clock: keys are
 * chosen by the time at which the envelope was issued, so that it stays verifiable after its key is retired.
 *
 * `InvalidInput` names the member that makes it no envelope of a known version: one verdict is then too much said.
 *
 * Source: CyclesEvidence and CyclesEvidenceJwks of the evidence document.
 *
 * @example
 * ```ts
 * import { Cycles, verifyEvidence } from "effect-cycles"
 * import type { Evidence } from "effect-cycles"
 * import * as Effect from "effect/Effect"
 *
 * const isAuthentic = (id: Evidence.EvidenceId) =>
 *   Effect.gen(function*() {
 *     const cycles = yield* Cycles
 *     const { value: envelope } = yield* cycles.getEvidence(id)
 *     const jwks = Effect.map(cycles.getEvidenceJwks(), ({ value }) => value)
 *     const verdict = yield* verifyEvidence(envelope, { authority: { serverId: "https://cycles.example.com/v1", jwks } })
 *     return verdict._tag === "Authentic"
 *   })
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const verifyEvidence = <E = never, R = never>(
  envelope: EvidenceEnvelope | string,
  options: VerifyEvidenceOptions<E, R> = {}
): Effect.Effect<EvidenceVerdict, InvalidInput, R> =>
  Effect.flatMap(read(envelope), ([value, text]) => Effect.merge(verdict(value, text, options)))
