/**
 * The wire contract as one value. The client's methods, the authority's routes, the OpenAPI document and the names of
 * telemetry are all derived from it.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import * as Context from "effect/Context"
import * as Schema from "effect/Schema"
import { BalanceFilter, BalancePage } from "./Balance.js"
import { DecisionRequest, DecisionResponse } from "./Decision.js"
import { ErrorResponse } from "./ErrorResponse.js"
import { EventRequest, EventResponse } from "./Event.js"
import { EvidenceEnvelope, EvidenceId, EvidenceJwk, EvidenceJwks } from "./Evidence.js"
import { IdempotencyKey } from "./Idempotency.js"
import { describe } from "./internal/document.js"
import { required } from "./internal/wire.js"
import {
  CommitRequest,
  CommitResponse,
  CreateRequest,
  CreateResponse,
  ExtendRequest,
  ExtendResponse,
  ReleaseRequest,
  ReleaseResponse,
  ReservationId
} from "./Reservation.js"
import { ReservationDetail, ReservationFilter, ReservationPage } from "./ReservationQuery.js"

/**
 * Who may call an endpoint: the key of a tenant (`tenant`, the default), also the key of an administrator (`admin`), or anyone
 * (`public`: no key is ever sent).
 *
 * @since 0.1.0
 * @category models
 */
export class Access extends Context.Reference<Access>()("effect-cycles/protocol/Api/Access", {
  defaultValue: (): "tenant" | "admin" | "public" => "tenant"
}) {}

const admin = Context.make(Access, "admin").pipe(
  Context.add(OpenApi.Override, { security: [{ ApiKeyAuth: [] }, { AdminKeyAuth: [] }] })
)
const open = Context.make(Access, "public").pipe(Context.add(OpenApi.Override, { security: [{}] }))

const idempotent = Schema.Struct({ "x-idempotency-key": Schema.optional(IdempotencyKey) })
const reservation = Schema.Struct({ reservationId: required("reservation_id", ReservationId) })
const evidence = Schema.Struct({ evidenceId: required("evidence_id", EvidenceId) })

const failure = <const S extends number>(status: S) => [ErrorResponse, { status }] as const

const decide = HttpApiEndpoint.post("decide", "/v1/decide")
  .setHeaders(idempotent)
  .setPayload(DecisionRequest)
  .addSuccess(DecisionResponse)
  .addError(...failure(400)).addError(...failure(401)).addError(...failure(403)).addError(...failure(409))
  .addError(...failure(500))

const createReservation = HttpApiEndpoint.post("createReservation", "/v1/reservations")
  .setHeaders(idempotent)
  .setPayload(CreateRequest)
  .addSuccess(CreateResponse)
  .addError(...failure(400)).addError(...failure(401)).addError(...failure(403)).addError(...failure(404))
  .addError(...failure(409)).addError(...failure(500))

const listReservations = HttpApiEndpoint.get("listReservations", "/v1/reservations")
  .annotateContext(admin)
  .setUrlParams(ReservationFilter)
  .addSuccess(ReservationPage)
  .addError(...failure(400)).addError(...failure(401)).addError(...failure(403)).addError(...failure(500))

const getReservation = HttpApiEndpoint.get("getReservation", "/v1/reservations/:reservation_id")
  .annotateContext(admin)
  .setPath(reservation)
  .addSuccess(ReservationDetail)
  .addError(...failure(400)).addError(...failure(401)).addError(...failure(403)).addError(...failure(404))
  .addError(...failure(410)).addError(...failure(500))

const commitReservation = HttpApiEndpoint.post("commitReservation", "/v1/reservations/:reservation_id/commit")
  .setPath(reservation)
  .setHeaders(idempotent)
  .setPayload(CommitRequest)
  .addSuccess(CommitResponse)
  .addError(...failure(400)).addError(...failure(401)).addError(...failure(403)).addError(...failure(404))
  .addError(...failure(409)).addError(...failure(410)).addError(...failure(500))

const releaseReservation = HttpApiEndpoint.post("releaseReservation", "/v1/reservations/:reservation_id/release")
  .annotateContext(admin)
  .setPath(reservation)
  .setHeaders(idempotent)
  .setPayload(ReleaseRequest)
  .addSuccess(ReleaseResponse)
  .addError(...failure(400)).addError(...failure(401)).addError(...failure(403)).addError(...failure(404))
  .addError(...failure(409)).addError(...failure(410)).addError(...failure(500))

const extendReservation = HttpApiEndpoint.post("extendReservation", "/v1/reservations/:reservation_id/extend")
  .setPath(reservation)
  .setHeaders(idempotent)
  .setPayload(ExtendRequest)
  .addSuccess(ExtendResponse)
  .addError(...failure(400)).addError(...failure(401)).addError(...failure(403)).addError(...failure(404))
  .addError(...failure(409)).addError(...failure(410)).addError(...failure(429)).addError(...failure(500))

const getBalances = HttpApiEndpoint.get("getBalances", "/v1/balances")
  .setUrlParams(BalanceFilter)
  .addSuccess(BalancePage)
  .addError(...failure(400)).addError(...failure(401)).addError(...failure(403)).addError(...failure(500))

const createEvent = HttpApiEndpoint.post("createEvent", "/v1/events")
  .setHeaders(idempotent)
  .setPayload(EventRequest)
  .addSuccess(EventResponse.annotations({ identifier: "EventCreateResponse" }), { status: 201 })
  .addError(...failure(400)).addError(...failure(401)).addError(...failure(403)).addError(...failure(404))
  .addError(...failure(409)).addError(...failure(500))

const getEvidence = HttpApiEndpoint.get("getEvidence", "/v1/evidence/:evidence_id")
  .annotateContext(open)
  .setPath(evidence)
  .addSuccess(EvidenceEnvelope)
  .addError(...failure(400)).addError(...failure(404)).addError(...failure(429)).addError(...failure(500))

const getEvidenceJwks = HttpApiEndpoint.get("getEvidenceJwks", "/v1/.well-known/cycles-jwks.json")
  .annotateContext(open)
  .addSuccess(EvidenceJwks)
  .addError(...failure(404)).addError(...failure(429)).addError(...failure(500))

const group = <const Id extends string>(id: Id, title: string) =>
  HttpApiGroup.make(id, { topLevel: true }).annotate(OpenApi.Title, title)

/**
 * The 11 runtime operations of the protocol, version 0.1.25.
 *
 * @since 0.1.0
 * @category models
 */
export const CyclesApi = HttpApi.make("cycles")
  .add(group("decisions", "Decisions").add(decide))
  .add(
    group("reservations", "Reservations").add(createReservation).add(listReservations).add(getReservation)
      .add(commitReservation).add(releaseReservation).add(extendReservation)
  )
  .add(group("balances", "Balances").add(getBalances))
  .add(group("events", "Events").add(createEvent))
  .add(group("evidence", "Evidence").add(getEvidence).add(getEvidenceJwks))
  .annotate(OpenApi.Title, "Cycles Budget Authority API")
  .annotate(OpenApi.Version, "0.1.25.16")
  .annotate(HttpApi.AdditionalSchemas, [ErrorResponse, EvidenceJwk])
  .annotate(OpenApi.Transform, describe)
