import { existsSync, readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { parse } from "yaml"
import type { JsonMap } from "./compareOpenApi.js"

const folder = new URL("../../../shared/protocol/", import.meta.url)

/** Why a test that needs a published document was skipped. */
export const notAtHand = (name: string): string => `skipped: ../shared/protocol/${name} is not there to compare with`

/** A published document, or `undefined` when it is not at hand; the latter is said aloud. */
const read = (name: string): string | undefined => {
  const path = fileURLToPath(new URL(name, folder))
  if (existsSync(path)) return readFileSync(path, "utf8")
  console.warn(notAtHand(name))
  return undefined
}

export const specificationFile = "cycles-protocol-v0.yaml"

export const specification = (): JsonMap | undefined => {
  const text = read(specificationFile)
  return text === undefined ? undefined : parse(text) as JsonMap
}

export const evidenceSpecificationFile = "cycles-evidence-v0.2.yaml"

export const evidenceSpecification = (): JsonMap | undefined => {
  const text = read(evidenceSpecificationFile)
  return text === undefined ? undefined : parse(text) as JsonMap
}

/** The published envelopes by file name: none when they are not at hand. */
export const envelopes = (): ReadonlyArray<readonly [name: string, text: string]> => {
  const path = fileURLToPath(new URL("evidence-fixtures/", folder))
  if (!existsSync(path)) {
    console.warn(notAtHand("evidence-fixtures"))
    return []
  }
  return readdirSync(path).filter((name) => name.endsWith(".json")).sort()
    .map((name) => [name, readFileSync(fileURLToPath(new URL(`evidence-fixtures/${name}`, folder)), "utf8")])
}
