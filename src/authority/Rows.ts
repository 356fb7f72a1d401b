/**
 * What a ledger remembers, as plain rows: each has a Schema, so that any store can keep it. Instants are epoch ms, amounts are
 * exact int64 (`bigint`, encoded as decimal text). A row is never changed in place.
 */
import * as Schema from "effect/Schema"
import { Action } from "../protocol/Action.js"
import { Unit } from "../protocol/Amount.js"
import { Caps } from "../protocol/Caps.js"
import { Decision } from "../protocol/Decision.js"
import { EvidenceRef, ReservationEvidence } from "../protocol/Evidence.js"
import { IdempotencyKey } from "../protocol/Idempotency.js"
import { JsonObject } from "../protocol/Json.js"
import { Metrics } from "../protocol/Metrics.js"
import { OveragePolicy, ReservationId, ReservationStatus } from "../protocol/Reservation.js"
import { Subject } from "../protocol/Subject.js"
import { Figures } from "./Budget.js"

const optional = Schema.optional
const Snapshot = Schema.Array(Figures)

/**
 * How a reservation was settled: the one key that did it, the print of its request, and the balances of the answer.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Settled = Schema.Struct({ key: Schema.String, print: Schema.String, balances: Snapshot })

/**
 * A reservation. Its hold lies on `budgetedScopes`, the scopes that had a budget when it was made. `endedAt` is when it left ACTIVE.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Reservation = Schema.Struct({
  id: ReservationId,
  tenant: Schema.String,
  status: ReservationStatus,
  idempotencyKey: IdempotencyKey,
  subject: Subject,
  action: Action,
  unit: Unit,
  estimate: Schema.BigInt,
  affectedScopes: Schema.Array(Schema.String),
  budgetedScopes: Schema.Array(Schema.String),
  createdAt: Schema.Number,
  expiresAt: Schema.Number,
  graceMs: Schema.Number,
  endedAt: optional(Schema.Number),
  overagePolicy: OveragePolicy,
  maxExtensions: Schema.Number,
  extensions: Schema.Number,
  metadata: optional(JsonObject),
  charged: optional(Schema.BigInt),
  metrics: optional(Metrics),
  committedMetadata: optional(JsonObject),
  reason: optional(Schema.String),
  settled: optional(Settled),
  evidence: optional(ReservationEvidence)
})

/**
 * @since 0.1.0
 * @category models
 */
export interface Reservation extends Schema.Schema.Type<typeof Reservation> {}

/**
 * One extension of a reservation, identified by both ids; kept as long as the reservation.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Extension = Schema.Struct({
  reservationId: Schema.String,
  key: Schema.String,
  print: Schema.String,
  expiresAt: Schema.Number,
  balances: Snapshot,
  metadata: optional(JsonObject)
})

/**
 * @since 0.1.0
 * @category models
 */
export interface Extension extends Schema.Schema.Type<typeof Extension> {}

/**
 * Spend without a reservation. `charged` is what the budgets paid of `actual`.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Spend = Schema.Struct({
  id: Schema.String,
  tenant: Schema.String,
  idempotencyKey: IdempotencyKey,
  subject: Subject,
  action: Action,
  unit: Unit,
  actual: Schema.BigInt,
  charged: Schema.BigInt,
  scopes: Schema.Array(Schema.String),
  createdAt: Schema.Number,
  metrics: optional(Metrics),
  metadata: optional(JsonObject)
})

/**
 * @since 0.1.0
 * @category models
 */
export interface Spend extends Schema.Schema.Type<typeof Spend> {}

/**
 * What was answered to a decide, a reserve, an event or a funding.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Receipt = Schema.Union(
  Schema.TaggedStruct("Advice", {
    decision: Decision,
    scopes: Schema.Array(Schema.String),
    caps: optional(Caps),
    reasonCode: optional(Schema.String),
    evidence: optional(EvidenceRef)
  }),
  Schema.TaggedStruct("Hold", {
    decision: Decision,
    reservationId: optional(ReservationId),
    unit: Unit,
    estimate: Schema.BigInt,
    expiresAt: optional(Schema.Number),
    scopes: Schema.Array(Schema.String),
    caps: optional(Caps),
    reasonCode: optional(Schema.String),
    balances: optional(Snapshot),
    evidence: optional(EvidenceRef)
  }),
  Schema.TaggedStruct("Charge", {
    eventId: Schema.String,
    unit: Unit,
    actual: Schema.BigInt,
    charged: Schema.BigInt,
    balances: Snapshot
  }),
  Schema.TaggedStruct("Funding", {
    operation: Schema.String,
    before: Figures,
    after: Figures,
    at: Schema.Number
  })
)

/**
 * @since 0.1.0
 * @category models
 */
export type Receipt = typeof Receipt.Type

/** The receipt of a tag. */
export type ReceiptOf<T extends Receipt["_tag"]> = Extract<Receipt, { readonly _tag: T }>

/**
 * The operations whose answers are remembered by a key of the caller.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Operation = Schema.Literal("decide", "reserve", "event", "fund")

/**
 * An answer that is given again to the same key and request through `until`. `owner` and `key` together are unique in an operation; the
 * owner is a tenant and, of a funding, a budget.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Recorded = Schema.Struct({
  operation: Operation,
  owner: Schema.String,
  key: Schema.String,
  print: Schema.String,
  until: Schema.Number,
  receipt: Receipt
})

/**
 * @since 0.1.0
 * @category models
 */
export interface Recorded extends Schema.Schema.Type<typeof Recorded> {}

/**
 * What is set for a tenant. Without a record: ALLOW_IF_AVAILABLE, 60 s, at most 1 h, 10 extensions. `status` and the policies are
 * text as stored: a value that the protocol does not know is refused when it is used.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Tenant = Schema.Struct({
  status: Schema.String,
  name: optional(Schema.String),
  parentTenantId: optional(Schema.String),
  defaultOveragePolicy: optional(Schema.String),
  defaultTtlMs: optional(Schema.Number),
  maxTtlMs: optional(Schema.Number),
  maxExtensions: optional(Schema.Number),
  expiryPolicy: optional(Schema.String),
  metadata: optional(JsonObject),
  createdAt: optional(Schema.Number),
  updatedAt: optional(Schema.Number),
  closedAt: optional(Schema.Number)
})

/**
 * @since 0.1.0
 * @category models
 */
export interface Tenant extends Schema.Schema.Type<typeof Tenant> {}

/**
 * A key of a tenant. The secret itself is nowhere: `hash` is what a key derivation made of it, and `prefix` its first 14 characters.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ApiKey = Schema.Struct({
  id: Schema.String,
  tenant: Schema.String,
  name: Schema.String,
  description: optional(Schema.String),
  prefix: Schema.String,
  hash: Schema.String,
  permissions: Schema.Array(Schema.String),
  scopeFilter: optional(Schema.Array(Schema.String)),
  status: Schema.Literal("ACTIVE", "REVOKED"),
  createdAt: Schema.Number,
  expiresAt: Schema.Number,
  revokedAt: optional(Schema.Number),
  revokedReason: optional(Schema.String),
  metadata: optional(JsonObject)
})

/**
 * @since 0.1.0
 * @category models
 */
export interface ApiKey extends Schema.Schema.Type<typeof ApiKey> {}

/**
 * What an administrator did on behalf of a tenant.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Audit = Schema.Struct({
  id: Schema.String,
  operation: Schema.String,
  actorType: Schema.Literal("admin_on_behalf_of"),
  tenant: Schema.String,
  resource: Schema.String,
  reason: optional(Schema.String),
  requestId: optional(Schema.String),
  traceId: optional(Schema.String),
  sourceIp: optional(Schema.String),
  at: Schema.Number
})

/**
 * @since 0.1.0
 * @category models
 */
export interface Audit extends Schema.Schema.Type<typeof Audit> {}

/**
 * Bytes that a feature of the authority keeps beside the ledger, such as a signed envelope of evidence.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Document = Schema.Struct({ id: Schema.String, text: Schema.String, at: Schema.Number })

/**
 * @since 0.1.0
 * @category models
 */
export interface Document extends Schema.Schema.Type<typeof Document> {}
