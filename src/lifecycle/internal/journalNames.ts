/**
 * Names on the disk, the same for every client: the directory of an identity and the file of a reservation.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { Identity } from "../Journal.js"
import { principalOf } from "./journalRecord.js"

const utf8 = (text: string) => new TextEncoder().encode(text)

const hex = (bytes: ArrayBuffer): string =>
  Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("")

/**
 * 16 hexadecimal digits derived from the base URL as written and from the tenant or the key. An identifier, not a secret; still derived
 * slowly (tens of milliseconds), since a key must not be guessed from it.
 */
export const fingerprint = (identity: Identity): Effect.Effect<string> =>
  Effect.promise(() => {
    const principal = principalOf(identity)
    const text = "tenant" in principal ? `tenant\n${principal.tenant}` : `key\n${Redacted.value(principal.apiKey)}`
    const salt = utf8(`runcycles-commit-journal\n${identity.baseUrl}`)
    return crypto.subtle.importKey("raw", utf8(text), "PBKDF2", false, ["deriveBits"]).then((key) =>
      crypto.subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt, iterations: 30_000 }, key, 256)
    )
  }).pipe(Effect.map((bytes) => hex(bytes).slice(0, 16)))

/** The file of a reservation: no two ids share one, whatever characters they have. */
export const recordName = (reservationId: string): Effect.Effect<string> =>
  Effect.map(
    Effect.promise(() => crypto.subtle.digest("SHA-256", utf8(reservationId))),
    (bytes) => `v2-${hex(bytes)}.json`
  )

/** Names of earlier versions. Characters outside the basic plane became one `_` in some clients and two in others. */
export const legacyNames = (reservationId: string): ReadonlyArray<string> => {
  const names = [/[^A-Za-z0-9_-]/g, /[^A-Za-z0-9_-]/gu].map((unsafe) => `${reservationId.replace(unsafe, "_")}.json`)
  return [...new Set(names)]
}

/** The name of a dead letter. Other clients read `*.json` only. */
export const deadName = (recordName: string): string => recordName.replace(/\.json$/, ".dead")

/** The name of a file that could not be read. */
export const corruptName = (name: string): string => name.replace(/\.(json|dead)$/, ".corrupt")
