/**
 * Which key an envelope names, and whether a set of keys gives it the authority to sign. Pure.
 */
import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { type EvidenceEnvelope, EvidenceJwk, type EvidenceJwks } from "../Evidence.js"
import { hashOf } from "./envelope.js"

/** What `signer_did` says: the key itself, or where to find it. */
export type Signer =
  | { readonly _tag: "Key"; readonly hex: string }
  | { readonly _tag: "Did"; readonly serverHash: string; readonly kid: string }

/** The two forms of a signer; nothing for any other method. */
export const signerOf = (did: string): Option.Option<Signer> => {
  if (/^[0-9a-f]{64}$/.test(did)) return Option.some({ _tag: "Key", hex: did })
  const [, serverHash, kid] = /^did:cycles:([0-9a-f]{64})#(.+)$/s.exec(did) ?? []
  return serverHash === undefined || kid === undefined
    ? Option.none()
    : Option.some({ _tag: "Did", serverHash, kid })
}

/** A key that may sign, as 64 lowercase hexadecimal digits, and its window. */
interface Candidate {
  readonly kid: string
  readonly hex: string
  readonly from: number
  /** Exclusive. */
  readonly until: number
}

const isJwk = Schema.is(EvidenceJwk)

/** 32 bytes in exactly one base64url text, without padding. */
const hexOf = (x: string): Option.Option<string> =>
  Either.getRight(Encoding.decodeBase64Url(x)).pipe(
    Option.filter((bytes) => bytes.length === 32 && Encoding.encodeBase64Url(bytes) === x),
    Option.map(Encoding.encodeHex)
  )

/** A key of another type, with another algorithm, a malformed `x` or no beginning is no candidate. `status` is advice. */
const candidate = ({ status: _, ...jwk }: EvidenceJwks["keys"][number]): Option.Option<Candidate> =>
  isJwk(jwk)
    ? Option.map(hexOf(jwk.x), (hex) => ({
      kid: jwk.kid,
      hex,
      from: jwk.cycles_nbf_ms,
      until: jwk.cycles_exp_ms ?? Infinity
    }))
    : Option.none()

const kidsOf = ({ keys }: EvidenceJwks): ReadonlyArray<unknown> =>
  keys.flatMap((jwk) => "kid" in jwk ? [jwk["kid"]] : [])

/** The one key of the set that covers the envelope, or why there is none. Never by `status` or age. */
export const authorized = (
  { issued_at_ms: issuedAt, server_id: serverId }: EvidenceEnvelope,
  signer: Signer,
  jwks: EvidenceJwks
): Either.Either<{ readonly kid: string; readonly hex: string }, string> => {
  if (signer._tag === "Did" && signer.serverHash !== hashOf(serverId)) {
    return Either.left("the signer is bound to another server_id")
  }
  const kids = kidsOf(jwks)
  const twice = kids.find((kid, i) => kids.indexOf(kid) !== i)
  if (twice !== undefined) return Either.left(`the kid ${String(twice)} is not unique in the set`)
  const named = jwks.keys.flatMap((jwk) => Option.toArray(candidate(jwk))).filter(({ hex, kid }) =>
    signer._tag === "Did" ? kid === signer.kid : hex === signer.hex
  )
  const [key, ...others] = named.filter(({ from, until }) => from <= issuedAt && issuedAt < until)
  if (others.length > 0) return Either.left("more than one key of the set covers the envelope")
  return key === undefined
    ? Either.left(
      named.length === 0 ? "the key is not in the set" : "the key was not valid when the envelope was issued"
    )
    : Either.right({ kid: key.kid, hex: key.hex })
}
