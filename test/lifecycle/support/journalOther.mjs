/**
 * What another client does, in plain JavaScript: writes records r0, r1, … as it would, then deletes those with an even number.
 * Arguments: the directory of the identity, the base URL, how many.
 */
import { createHash } from "node:crypto"
import { chmodSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const [directory, baseUrl, count] = process.argv.slice(2)
const fileOf = (id) => join(directory, `v2-${createHash("sha256").update(id, "utf8").digest("hex")}.json`)

mkdirSync(directory, { recursive: true, mode: 0o700 })
for (let i = 0; i < Number(count); i++) {
  const id = `r${i}`
  const record = {
    version: 1,
    reservation_id: id,
    base_url: baseUrl,
    mode: "commit",
    commit_body: { idempotency_key: `k${i}`, actual: { unit: "TOKENS", amount: i } },
    event_fallback_body: null,
    recorded_at_ms: Date.now(),
    not_before_ms: null
  }
  const temp = `${fileOf(id)}.${process.pid}.${i.toString(16)}.tmp`
  writeFileSync(temp, JSON.stringify(record))
  chmodSync(temp, 0o600)
  renameSync(temp, fileOf(id))
  if (i % 2 === 0) rmSync(fileOf(id))
}
