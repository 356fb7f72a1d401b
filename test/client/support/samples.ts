/**
 * One good request and one good answer of each operation.
 */
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { Client, Reply } from "../../../src/client/Client.js"
import { Amount } from "../../../src/protocol/Amount.js"
import type { CyclesError, OperationName } from "../../../src/protocol/CyclesError.js"
import type { DecisionRequest } from "../../../src/protocol/Decision.js"
import type { EventRequest } from "../../../src/protocol/Event.js"
import { EvidenceId } from "../../../src/protocol/Evidence.js"
import { IdempotencyKey } from "../../../src/protocol/Idempotency.js"
import {
  type CommitRequest,
  type CreateRequest,
  type ExtendRequest,
  type ReleaseRequest,
  ReservationId
} from "../../../src/protocol/Reservation.js"

export const key = IdempotencyKey.make("key-1")
export const id = ReservationId.make("rsv-1")
export const evidenceId = EvidenceId.make("ab".repeat(32))

const intent = { idempotencyKey: key, subject: { tenant: "acme" }, action: { kind: "llm.completion", name: "gpt-4o" } }

export const decision: DecisionRequest = { ...intent, estimate: Amount.tokens(100) }
export const create: CreateRequest = { ...intent, estimate: Amount.tokens(100) }
export const commit: CommitRequest = { idempotencyKey: key, actual: Amount.tokens(60) }
export const release: ReleaseRequest = { idempotencyKey: key, reason: "stream_aborted" }
export const extend: ExtendRequest = { idempotencyKey: key, extendBy: Duration.seconds(30) }
export const event: EventRequest = { ...intent, actual: Amount.tokens(60) }

/** A call of each operation. */
export const calls: {
  readonly [Name in OperationName]: (client: Client) => Effect.Effect<Reply<unknown>, CyclesError>
} = {
  decide: (client) => client.decide(decision),
  createReservation: (client) => client.createReservation(create),
  listReservations: (client) => client.listReservations({ tenant: "acme" }),
  getReservation: (client) => client.getReservation(id),
  commitReservation: (client) => client.commitReservation(id, commit),
  releaseReservation: (client) => client.releaseReservation(id, release),
  extendReservation: (client) => client.extendReservation(id, extend),
  getBalances: (client) => client.getBalances({ tenant: "acme" }),
  createEvent: (client) => client.createEvent(event),
  getEvidence: (client) => client.getEvidence(evidenceId),
  getEvidenceJwks: (client) => client.getEvidenceJwks()
}

export const operations = Object.keys(calls) as ReadonlyArray<OperationName>

export const tokens = (amount: number) => ({ unit: "TOKENS", amount })

export const balance = { scope: "tenant:acme", scope_path: "tenant:acme", remaining: tokens(900) }

export const row = {
  reservation_id: id,
  status: "ACTIVE",
  subject: { tenant: "acme" },
  action: { kind: "llm.completion", name: "gpt-4o" },
  reserved: tokens(100),
  created_at_ms: 1_000,
  expires_at_ms: 61_000,
  scope_path: "tenant:acme",
  affected_scopes: ["tenant:acme"]
}

interface Good {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
  /** Members that may be absent or `null`. */
  readonly optional: ReadonlyArray<string>
}

/** The least that each operation promises. */
export const good: { readonly [Name in OperationName]: Good } = {
  decide: {
    status: 200,
    body: { decision: "ALLOW" },
    optional: ["caps", "reason_code", "retry_after_ms", "affected_scopes", "cycles_evidence"]
  },
  createReservation: {
    status: 200,
    body: { decision: "ALLOW", affected_scopes: ["tenant:acme"] },
    optional: [
      "reservation_id",
      "reserved",
      "expires_at_ms",
      "remaining_ttl_ms",
      "scope_path",
      "caps",
      "balances",
      "reason_code",
      "retry_after_ms",
      "cycles_evidence"
    ]
  },
  listReservations: { status: 200, body: { reservations: [row] }, optional: ["next_cursor", "has_more"] },
  getReservation: {
    status: 200,
    body: row,
    optional: ["idempotency_key", "committed", "finalized_at_ms", "metadata", "committed_metadata", "evidence"]
  },
  commitReservation: {
    status: 200,
    body: { status: "COMMITTED", charged: tokens(60) },
    optional: ["released", "balances", "cycles_evidence"]
  },
  releaseReservation: {
    status: 200,
    body: { status: "RELEASED", released: tokens(100) },
    optional: ["balances", "cycles_evidence"]
  },
  extendReservation: {
    status: 200,
    body: { status: "ACTIVE", expires_at_ms: 91_000 },
    optional: ["remaining_ttl_ms", "balances"]
  },
  getBalances: { status: 200, body: { balances: [balance] }, optional: ["next_cursor", "has_more"] },
  createEvent: {
    status: 201,
    body: { status: "APPLIED", event_id: "evt-1" },
    optional: ["charged", "balances"]
  },
  getEvidence: {
    status: 200,
    body: {
      schema_version: "cycles-evidence/v0.1",
      artifact_type: "reserve",
      server_id: "server",
      signer_did: "did:cycles:server",
      issued_at_ms: 1_000,
      payload: {},
      evidence_id: evidenceId,
      signature: "0".repeat(128)
    },
    optional: []
  },
  getEvidenceJwks: { status: 200, body: { keys: [] }, optional: [] }
}

/** An error body of the protocol. */
export const refusal = (error: string, more: Readonly<Record<string, unknown>> = {}) => ({
  error,
  message: "no",
  request_id: "req-1",
  ...more
})
