/**
 * References to signed evidence, and the two public documents behind them.
 */
import * as Schema from "effect/Schema"
import { Hex64, option, required } from "./internal/wire.js"
import { JsonObject } from "./Json.js"

/**
 * The content hash of an evidence envelope, 64 lowercase hexadecimal digits. Whoever knows it can read the envelope: keep it
 * out of logs.
 *
 * @since 0.1.0
 * @category schemas
 */
export const EvidenceId = Hex64.pipe(Schema.brand("effect-cycles/EvidenceId"))

/**
 * @since 0.1.0
 * @category models
 */
export type EvidenceId = typeof EvidenceId.Type

/**
 * Where the signed envelope of an operation will be. Source: components/schemas/CyclesEvidenceRef.
 *
 * @since 0.1.0
 * @category schemas
 */
export const EvidenceRef = Schema.Struct({
  evidenceId: required("evidence_id", EvidenceId),
  url: required(
    "cycles_evidence_url",
    Schema.String.pipe(Schema.filter((url) => URL.canParse(url) || "must be an absolute URL", {
      jsonSchema: { format: "uri" },
      arbitrary: () => (fc) => fc.webUrl()
    }))
  )
}).annotations({ identifier: "CyclesEvidenceRef" })

/**
 * @since 0.1.0
 * @category models
 */
export type EvidenceRef = typeof EvidenceRef.Type

/**
 * The references that a reservation has collected. Source: components/schemas/ReservationEvidence.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ReservationEvidence = Schema.Struct({
  reserve: option("reserve", EvidenceRef),
  commit: option("commit", EvidenceRef),
  release: option("release", EvidenceRef)
}).annotations({ identifier: "ReservationEvidence" })

const open = { key: Schema.String, value: Schema.Unknown } as const

const epochMs = Schema.Int.annotations({ jsonSchema: { type: "integer", format: "int64" } })

/**
 * A signed envelope as served, with every member it came with. Source: components/schemas/CyclesEvidenceEnvelope.
 *
 * @since 0.1.0
 * @category schemas
 */
export const EvidenceEnvelope = Schema.Struct({
  schema_version: Schema.Literal("cycles-evidence/v0.1"),
  artifact_type: Schema.Literal("decide", "reserve", "commit", "release", "error"),
  server_id: Schema.String,
  signer_did: Schema.String,
  issued_at_ms: epochMs,
  trace_id: Schema.optional(Schema.String),
  payload: JsonObject,
  evidence_id: Hex64,
  signature: Schema.String.pipe(Schema.pattern(/^[0-9a-f]{128}$/))
}, open).annotations({ identifier: "CyclesEvidenceEnvelope" })

/**
 * @since 0.1.0
 * @category models
 */
export type EvidenceEnvelope = typeof EvidenceEnvelope.Type

/**
 * One signing key with its window of validity. Source: components/schemas/CyclesEvidenceJwk.
 *
 * @since 0.1.0
 * @category schemas
 */
export const EvidenceJwk = Schema.Struct({
  kty: Schema.Literal("OKP"),
  crv: Schema.Literal("Ed25519"),
  alg: Schema.optional(Schema.Literal("EdDSA")),
  x: Schema.String,
  kid: Schema.String,
  cycles_nbf_ms: epochMs,
  cycles_exp_ms: Schema.optional(
    Schema.NullOr(epochMs).annotations({ jsonSchema: { type: ["integer", "null"], format: "int64" } })
  ),
  status: Schema.optional(Schema.Literal("active", "retired"))
}, open).annotations({ identifier: "CyclesEvidenceJwk" })

/**
 * The keys of a signer. Among them may be keys that `EvidenceJwk` does not describe: they sign no evidence, and do not take the others
 * with them. Source: components/schemas/CyclesEvidenceJwks.
 *
 * @since 0.1.0
 * @category schemas
 */
export const EvidenceJwks = Schema.Struct({
  keys: Schema.Array(JsonObject).annotations({
    jsonSchema: { type: "array", items: { $ref: "#/components/schemas/CyclesEvidenceJwk" } }
  })
}, open).annotations({ identifier: "CyclesEvidenceJwks" })

/**
 * @since 0.1.0
 * @category models
 */
export type EvidenceJwks = typeof EvidenceJwks.Type
