/**
 * The published schemas, strictly: a body has no member that they do not name.
 */
import Ajv from "ajv/dist/2020.js"
import { specification } from "../../conformance/published.js"

interface Reply {
  readonly status: number
  readonly text: string
}

const bodies: ReadonlyArray<readonly [method: string, path: RegExp, schema: string]> = [
  ["POST", /^\/v1\/decide$/, "DecisionResponse"],
  ["POST", /^\/v1\/reservations$/, "ReservationCreateResponse"],
  ["GET", /^\/v1\/reservations$/, "ReservationListResponse"],
  ["GET", /^\/v1\/reservations\/[^/]+$/, "ReservationDetail"],
  ["POST", /\/commit$/, "CommitResponse"],
  ["POST", /\/release$/, "ReleaseResponse"],
  ["POST", /\/extend$/, "ReservationExtendResponse"],
  ["GET", /^\/v1\/balances$/, "BalanceResponse"],
  ["POST", /^\/v1\/events$/, "EventCreateResponse"],
  ["GET", /^\/v1\/evidence\/[^/]+$/, "CyclesEvidenceEnvelope"],
  ["GET", /cycles-jwks\.json$/, "CyclesEvidenceJwks"]
]

const document = specification()
const ajv = document === undefined
  ? undefined
  : new Ajv.default({ strict: false, validateFormats: false }).addSchema({ $id: "published", ...document })

/** What the published schema of an answer says against it; nothing when the document is not at hand. */
export const complaint = (method: string, path: string, { status, text }: Reply): string | undefined => {
  if (ajv === undefined) return undefined
  const bare = path.replace(/\?.*$/s, "")
  const schema = status >= 400
    ? "ErrorResponse"
    : bodies.find(([m, where]) => m === method && where.test(bare))?.[2]
  if (schema === undefined) return `no published schema for ${method} ${bare}, status ${status}`
  const validate = ajv.getSchema(`published#/components/schemas/${schema}`)
  if (validate === undefined) return `no schema ${schema}`
  return validate(JSON.parse(text)) === true ? undefined : `${schema}: ${ajv.errorsText(validate.errors)} in ${text}`
}
