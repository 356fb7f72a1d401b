/**
 * Names on the disk, the same for every client: the directory of an identity and the file of a reservation.
 */
import { sha256 } from "@noble/hashes/sha2.js"
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { Identity } from "../Journal.js"
import { principalOf } from "./journalRecord.js"

/**
 * 16 hexadecimal digits derived from the base URL as written and from the tenant or the key. An identifier, not a secret; still derived
 * slowly (tens of milliseconds), since a key must not be guessed from it.
 */
export const fingerprint = (identity: Identity): Effect.Effect<string> =>
  Effect.promise(() => {
    const principal = principalOf(identity)
    const text = "tenant" in principal ? `tenant\n${principal.tenant}` : `key\n${Redacted.value(principal.apiKey)}`
    const salt = utf8ToBytes(`runcycles-commit-journal\n${identity.baseUrl}`)
    return crypto.subtle.importKey("raw", utf8ToBytes(text), "PBKDF2", false, ["deriveBits"]).then((key) =>
      crypto.subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt, iterations: 30_000 }, key, 256)
    )
  }).pipe(Effect.map((bytes) => bytesToHex(new Uint8Array(bytes)).slice(0, 16)))

/** The file of a reservation: no two ids share one, whatever characters they have. */
export const recordName = (reservationId: string): string => `v2-${bytesToHex(sha256(utf8ToBytes(reservationId)))}.json`

const standard = /^v2-[0-9a-f]{64}\.json$/

/** Whether a record has a name of an earlier version. */
export const isLegacy = (name: string): boolean => name.endsWith(".json") && !standard.test(name)

/** Names of earlier versions. Characters outside the basic plane became one `_` in some clients and two in others. */
export const legacyNames = (reservationId: string): ReadonlyArray<string> => {
  const names = [/[^A-Za-z0-9_-]/g, /[^A-Za-z0-9_-]/gu].map((unsafe) => `${reservationId.replace(unsafe, "_")}.json`)
  return [...new Set(names)]
}

/** The name of a dead letter. Other clients read `*.json` only. */
export const deadName = (recordName: string): string => recordName.replace(/\.json$/, ".dead")

/** The name of a file that could not be read. */
export const corruptName = (name: string): string => name.replace(/\.(json|dead)$/, ".corrupt")
