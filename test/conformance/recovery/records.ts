/**
 * The journal on the disk, by the words of the published format alone.
 */
import type { Journal } from "effect-cycles"
import * as Effect from "effect/Effect"
import type { Scope } from "effect/Scope"
import { createHash, pbkdf2Sync } from "node:crypto"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { tenant } from "./authority.js"

export const fileNameOf = (reservationId: string): string =>
  `v2-${createHash("sha256").update(reservationId, "utf8").digest("hex")}.json`

const fingerprintOf = (baseUrl: string): string =>
  pbkdf2Sync(`tenant\n${tenant}`, `runcycles-commit-journal\n${baseUrl}`, 30_000, 32, "sha256").toString("hex")
    .slice(0, 16)

/** A record of another program: no reservation of the authority. */
export const entryOf = (baseUrl: string, id: string): Journal.Entry => ({
  reservationId: id as Journal.Entry["reservationId"],
  baseUrl,
  mode: "commit",
  commitBody: { idempotency_key: `key of ${id}`, actual: { unit: "TOKENS", amount: 1 } },
  eventFallbackBody: null,
  recordedAtMs: 1_700_000_000_000,
  notBeforeMs: null
})

/** The same as text. */
export const textOf = (baseUrl: string, id: string, version = 1): string => {
  const { commitBody, eventFallbackBody, mode, notBeforeMs, recordedAtMs } = entryOf(baseUrl, id)
  return JSON.stringify({
    version,
    reservation_id: id,
    base_url: baseUrl,
    mode,
    commit_body: commitBody,
    event_fallback_body: eventFallbackBody,
    recorded_at_ms: recordedAtMs,
    not_before_ms: notBeforeMs
  })
}

export interface Stored {
  readonly reservation_id: string
  readonly mode: string
  readonly commit_body: Readonly<Record<string, unknown>> | null
  readonly event_fallback_body: Readonly<Record<string, unknown>> | null
  readonly not_before_ms: number | null
}

export interface Disk {
  readonly directory: string
  /** The files of the identity. */
  readonly names: () => ReadonlyArray<string>
  readonly read: (name: string) => string
  readonly write: (name: string, text: string) => void
  /** The records that wait. */
  readonly records: () => ReadonlyArray<Stored>
  /** Every name and every content below the directory. */
  readonly everything: () => string
}

/** A journal directory of its own for one authority, removed at the end. */
export const disk = (baseUrl: string): Effect.Effect<Disk, never, Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "recovery-"))),
    (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
  ).pipe(Effect.map((directory) => {
    const own = join(directory, fingerprintOf(baseUrl))
    const names = () => existsSync(own) ? readdirSync(own).sort() : []
    const read = (name: string) => readFileSync(join(own, name), "utf8")
    return {
      directory,
      names,
      read,
      write: (name, text) => {
        mkdirSync(own, { recursive: true, mode: 0o700 })
        writeFileSync(join(own, name), text, { mode: 0o600 })
      },
      records: () => names().filter((name) => name.endsWith(".json")).map((name) => JSON.parse(read(name))),
      everything: () =>
        readdirSync(directory, { recursive: true, withFileTypes: true }).map((file) =>
          `${file.name}\n${file.isFile() ? readFileSync(join(file.parentPath, file.name), "utf8") : ""}`
        ).join("\n")
    }
  }))
