/**
 * Keys of tenants: made here, shown once, kept as what a key derivation makes of them.
 */
import { hmac } from "@noble/hashes/hmac.js"
import { scryptAsync } from "@noble/hashes/scrypt.js"
import { sha256 } from "@noble/hashes/sha2.js"
import { bytesToHex, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Encoding from "effect/Encoding"
import type { ApiKey } from "../Rows.js"

const random = (length: number): Uint8Array => globalThis.crypto.getRandomValues(new Uint8Array(length))

/** A secret has 192 random bits: the derivation only has to make a stolen file useless, not to slow down guesses of words. */
const cost = { N: 2 ** 13, r: 8, p: 1 }

const derive = (secret: string, salt: Uint8Array, { N, p, r }: typeof cost): Effect.Effect<string> =>
  Effect.map(Effect.promise(() => scryptAsync(utf8ToBytes(secret), salt, { N, r, p, dkLen: 32 })), bytesToHex)

/** How many characters of a secret are kept to find its row. */
const prefixLength = 14

export const prefixOf = (secret: string): string => secret.slice(0, prefixLength)

/** A fresh secret, and what is kept of it. */
export const mint: Effect.Effect<{ readonly secret: string; readonly prefix: string; readonly hash: string }> = Effect
  .suspend(() => {
    const secret = `cyc_live_${Encoding.encodeBase64Url(random(24))}`
    const salt = random(16)
    const { N, p, r } = cost
    return Effect.map(derive(secret, salt, cost), (key) => ({
      secret,
      prefix: prefixOf(secret),
      hash: ["scrypt", N, r, p, bytesToHex(salt), key].join("$")
    }))
  })

const isSame = (a: string, b: string): boolean => {
  let difference = a.length ^ b.length
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i)
  return difference === 0
}

/** Whether a secret is the one of a row. A hash that is not of this form is nobody's. */
const verify = (secret: string, hash: string): Effect.Effect<boolean> => {
  const [, N, r, p, salt, key] =
    /^scrypt\$(\d{1,7})\$(\d{1,3})\$(\d{1,3})\$([0-9a-f]{32})\$([0-9a-f]{64})$/.exec(hash) ?? []
  return N === undefined || salt === undefined || key === undefined
    ? Effect.succeed(false)
    : Effect.map(
      derive(secret, hexToBytes(salt), { N: Number(N), r: Number(r), p: Number(p) }),
      (derived) => isSame(derived, key)
    )
}

/** How many verified secrets are remembered, so that only the first request with a key pays for the derivation. */
const maxVerified = 10_000

/** Finds the row of a secret among rows with its prefix. What was verified is remembered under a keyed digest, never as it is. */
export const makeVerifier = () => {
  const digestKey = random(32)
  const verified = new Map<string, string>()
  const digestOf = (secret: string) => bytesToHex(hmac(sha256, digestKey, utf8ToBytes(secret)))
  const remember = (secret: string, id: string) => {
    if (verified.size >= maxVerified) verified.clear()
    verified.set(digestOf(secret), id)
  }
  return {
    /** A comparison whose time tells nothing of the secret. */
    isSame: (a: string, b: string) => isSame(digestOf(a), digestOf(b)),
    remember,
    find: (secret: string, rows: ReadonlyArray<ApiKey>): Effect.Effect<ApiKey | undefined> =>
      Effect.suspend(() => {
        const known = verified.get(digestOf(secret))
        const row = rows.find(({ id }) => id === known)
        return row !== undefined ? Effect.succeed(row) : Effect.tap(
          Effect.findFirst(rows, ({ hash }) => verify(secret, hash)).pipe(
            Effect.map((found) => found._tag === "Some" ? found.value : undefined)
          ),
          (found) => Effect.sync(() => found === undefined ? undefined : remember(secret, found.id))
        )
      })
  }
}
