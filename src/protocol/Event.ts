/**
 * Spend that is recorded without a reservation.
 */
import * as Schema from "effect/Schema"
import { Action } from "./Action.js"
import { Amount } from "./Amount.js"
import { Balance } from "./Balance.js"
import { IdempotencyKey } from "./Idempotency.js"
import { Instant, option, optional, required } from "./internal/wire.js"
import { JsonObject } from "./Json.js"
import { Metrics } from "./Metrics.js"
import { OveragePolicy } from "./Reservation.js"
import { Subject } from "./Subject.js"

/**
 * Source: components/schemas/EventCreateRequest. `clientTime` is advice: no decision depends on it.
 *
 * @since 0.1.0
 * @category schemas
 */
export const EventRequest = Schema.Struct({
  idempotencyKey: required("idempotency_key", IdempotencyKey),
  subject: required("subject", Subject),
  action: required("action", Action),
  actual: required("actual", Amount),
  overagePolicy: optional("overage_policy", OveragePolicy),
  metrics: optional("metrics", Metrics),
  clientTime: optional("client_time_ms", Instant),
  metadata: optional("metadata", JsonObject)
}).annotations({ identifier: "EventCreateRequest" })

/**
 * @since 0.1.0
 * @category models
 */
export type EventRequest = typeof EventRequest.Type

/**
 * Source: components/schemas/EventCreateResponse. `charged` is there when less than the actual was charged.
 *
 * @since 0.1.0
 * @category schemas
 */
export const EventResponse = Schema.Struct({
  status: required("status", Schema.Literal("APPLIED")),
  eventId: required("event_id", Schema.String),
  charged: option("charged", Amount),
  balances: option("balances", Schema.Array(Balance))
}).annotations({ identifier: "EventCreateResponse" })

/**
 * @since 0.1.0
 * @category models
 */
export type EventResponse = typeof EventResponse.Type
