/**
 * The 11 operations of the protocol: one operation is one HTTP exchange is one Effect. No retry, no state.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { Amount } from "../protocol/Amount.js"
import { Access, CyclesApi } from "../protocol/Api.js"
import type { BalanceFilter, BalancePage } from "../protocol/Balance.js"
import * as CyclesError from "../protocol/CyclesError.js"
import type { DecisionRequest, DecisionResponse } from "../protocol/Decision.js"
import type { EventRequest, EventResponse } from "../protocol/Event.js"
import type { EvidenceEnvelope, EvidenceId, EvidenceJwks } from "../protocol/Evidence.js"
import { fromParseError } from "../protocol/internal/issue.js"
import { type InvalidInput, invalidInput } from "../protocol/InvalidInput.js"
import * as Json from "../protocol/Json.js"
import type { Meta } from "../protocol/Meta.js"
import type {
  CommitRequest,
  CommitResponse,
  CreateRequest,
  CreateResponse,
  ExtendRequest,
  ExtendResponse,
  ReleaseRequest,
  ReleaseResponse,
  ReservationDetail,
  ReservationFilter,
  ReservationId,
  ReservationPage
} from "../protocol/Reservation.js"
import * as Telemetry from "../protocol/Telemetry.js"
import { type CyclesConfig, isCleartext } from "./CyclesConfig.js"
import { type Asked, classify, type Decoded, decoder, metaOf } from "./internal/classify.js"
import { exchange, type Outgoing } from "./internal/exchange.js"

/**
 * A value, and what came with it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reply<A> {
  readonly value: A
  readonly meta: Meta
}

/**
 * The operations. A method succeeds only when the exact success status came with every required field; a denial is a typed error
 * whether it came as a status or as a decision; nothing is retried.
 *
 * @since 0.1.0
 * @category models
 */
export interface Client {
  /** Asks without holding anything: advice. Denials fail with their tag. */
  readonly decide: (request: DecisionRequest) => Effect.Effect<Reply<DecisionResponse>, CyclesError.DecideError>
  /** Holds budget, or with `dryRun` only evaluates. Denials fail with their tag. */
  readonly createReservation: (
    request: CreateRequest
  ) => Effect.Effect<Reply<CreateResponse>, CyclesError.CreateError>
  /** One page of reservations; `Cycles.reservations` streams all. */
  readonly listReservations: (
    filter: ReservationFilter
  ) => Effect.Effect<Reply<ReservationPage>, CyclesError.ListError>
  /** One reservation. An expired one fails with `ReservationExpired`. */
  readonly getReservation: (id: ReservationId) => Effect.Effect<Reply<ReservationDetail>, CyclesError.GetError>
  /** Charges the actual and ends the reservation. */
  readonly commitReservation: (
    id: ReservationId,
    request: CommitRequest
  ) => Effect.Effect<Reply<CommitResponse>, CyclesError.CommitError>
  /** Returns the hold and ends the reservation. */
  readonly releaseReservation: (
    id: ReservationId,
    request: ReleaseRequest
  ) => Effect.Effect<Reply<ReleaseResponse>, CyclesError.ReleaseError>
  /** Moves the expiry of an active reservation. */
  readonly extendReservation: (
    id: ReservationId,
    request: ExtendRequest
  ) => Effect.Effect<Reply<ExtendResponse>, CyclesError.ExtendError>
  /** One page of balances, for at least one level; `Cycles.balances` streams all. */
  readonly getBalances: (filter: BalanceFilter) => Effect.Effect<Reply<BalancePage>, CyclesError.BalancesError>
  /** Records spend that had no reservation. */
  readonly createEvent: (request: EventRequest) => Effect.Effect<Reply<EventResponse>, CyclesError.EventError>
  /** A signed envelope. Public: no key is sent. */
  readonly getEvidence: (id: EvidenceId) => Effect.Effect<Reply<EvidenceEnvelope>, CyclesError.EvidenceError>
  /** The keys of the signer. Public: no key is sent. */
  readonly getEvidenceJwks: () => Effect.Effect<Reply<EvidenceJwks>, CyclesError.OperationError<"getEvidenceJwks">>
}

type Encode = (input: unknown) => Either.Either<Readonly<Record<string, unknown>>, InvalidInput>

const encoder = <A, I>(schema: Option.Option<Schema.Schema<A, I>>, root: string): Option.Option<Encode> =>
  Option.map(schema, (schema) => {
    const encode = Schema.encodeUnknownEither(schema as unknown as Schema.Schema<A, Readonly<Record<string, unknown>>>)
    return (input) => Either.mapLeft(encode(input), (error) => fromParseError(error, root))
  })

const visibleAscii = /^[\x21-\x7e]+$/

const headerOf = (body: Readonly<Record<string, unknown>>): Either.Either<string | undefined, InvalidInput> => {
  const key = body["idempotency_key"]
  return typeof key !== "string" || visibleAscii.test(key)
    ? Either.right(typeof key === "string" ? key : undefined)
    : Either.left(invalidInput("idempotency_key", "must be visible ASCII, since it also travels as a header", key))
}

const segment = (name: string, value: string): Either.Either<string, InvalidInput> =>
  value === "." || value === ".."
    ? Either.left(invalidInput(name, "must not be a path segment of its own", value))
    : Either.right(encodeURIComponent(value))

const fillPath = (
  path: string,
  values: Readonly<Record<string, unknown>>
): Either.Either<string, InvalidInput> =>
  Either.all(
    path.split("/").map((part) =>
      part.startsWith(":") ? segment(part.slice(1), String(values[part.slice(1)])) : Either.right(part)
    )
  ).pipe(Either.map((parts) => parts.join("/")))

const queryOf = (values: Readonly<Record<string, unknown>>): string => {
  const query = new URLSearchParams(
    Object.entries(values).flatMap(([key, value]) => value === undefined || value === "" ? [] : [[key, String(value)]])
  ).toString()
  return query === "" ? "" : `?${query}`
}

const amountIn = (request: unknown): Option.Option<Amount> => {
  if (typeof request !== "object" || request === null) return Option.none()
  const { actual, estimate } = request as { readonly actual?: unknown; readonly estimate?: unknown }
  return Option.liftPredicate(estimate ?? actual, (amount): amount is Amount => amount instanceof Amount)
}

const isDenied = (value: unknown): value is DecisionResponse =>
  typeof value === "object" && value !== null && "decision" in value && value.decision === "DENY"

/** A decision DENY is the same error as the status that says no. */
const denied = (asked: Asked, value: DecisionResponse, meta: Meta): CyclesError.Refusal =>
  CyclesError.refuse({
    ...asked,
    code: Option.getOrElse(value.reasonCode, () => "DENY"),
    detail: "The authority denies the request",
    meta: { ...meta, retryAfter: Option.orElse(value.retryAfter, () => meta.retryAfter) },
    evidence: value.evidence,
    affectedScopes: Option.isOption(value.affectedScopes)
      ? Option.getOrElse(value.affectedScopes, () => [])
      : value.affectedScopes
  })

const warnDropped = (operation: string, { dropped }: Decoded<unknown>) =>
  dropped.length === 0 ? Effect.void : Effect.logWarning("Malformed optional members of an answer were ignored").pipe(
    Effect.annotateLogs({ package: "effect-cycles", module: "client", operation, members: dropped.join(", ") })
  )

type Endpoint = Parameters<Parameters<typeof HttpApi.reflect>[1]["onEndpoint"]>[0]

/** The method of one endpoint: `(id?, request?) => Effect<Reply, error>`. */
const methodOf = (
  { endpoint, mergedAnnotations, successes }: Endpoint,
  send: ReturnType<typeof exchange>
) => {
  const operation = endpoint.name as CyclesError.OperationName
  const [okStatus, success] = [...successes][0] ?? [200, { ast: Option.none() }]
  const decode = decoder(Schema.make<unknown>(Option.getOrThrow(success.ast)))
  const path = encoder(endpoint.pathSchema, operation)
  const query = encoder(endpoint.urlParamsSchema, operation)
  const payload = encoder(endpoint.payloadSchema, operation)
  const isPublic = Context.get(mergedAnnotations, Access) === "public"
  const idName = /:(\w+)/.exec(endpoint.path)?.[1]?.replace(/_(\w)/, (_, letter: string) => letter.toUpperCase())

  const encode = (id: unknown, request: unknown): Either.Either<Outgoing, InvalidInput> =>
    Either.gen(function*() {
      const target = yield* fillPath(
        endpoint.path,
        Option.isSome(path) ? yield* path.value({ [idName ?? ""]: id }) : {}
      )
      const search = Option.isSome(query) ? queryOf(yield* query.value(request)) : ""
      const body = Option.isSome(payload) ? yield* payload.value(request) : undefined
      return {
        operation,
        method: endpoint.method,
        target: `${target}${search}`,
        body: body === undefined
          ? undefined
          : yield* Either.mapLeft(Json.stringify(body), ({ reason }) => invalidInput(operation, `is ${reason}`)),
        idempotencyKey: body === undefined ? undefined : yield* headerOf(body),
        isPublic
      }
    })

  const duration = Metric.tagged(Telemetry.operationDuration, "operation", operation)

  return (...args: ReadonlyArray<unknown>): Effect.Effect<Reply<unknown>, CyclesError.CyclesError> => {
    const [id, request] = Option.isSome(path) ? args : [undefined, args[0]]
    const asked: Asked = { operation, requested: amountIn(request) }
    return Effect.gen(function*() {
      const start = yield* Clock.currentTimeNanos
      const answer = yield* send(yield* encode(id, request))
      const decoded = yield* classify(asked, okStatus, decode, answer)
      yield* warnDropped(operation, decoded)
      yield* Metric.update(duration, Number((yield* Clock.currentTimeNanos) - start) / 1e9)
      const meta = metaOf(answer)
      return isDenied(decoded.value)
        ? yield* denied(asked, decoded.value, meta)
        : { value: decoded.value, meta }
    }).pipe(
      Effect.tapError((error) => Effect.annotateCurrentSpan(Telemetry.attributes.errorType, error._tag)),
      Effect.withSpan(Telemetry.spanOf(operation), {
        captureStackTrace: false,
        attributes: { [Telemetry.attributes.operation]: operation }
      })
    )
  }
}

const warnCleartext = (config: CyclesConfig) =>
  isCleartext(config.url)
    ? Effect.logWarning(
      `${config.url.host} is reached over plain http: the API key and every amount travel unencrypted. Use https.`
    ).pipe(Effect.annotateLogs({ package: "effect-cycles", module: "client" }))
    : Effect.void

/**
 * A client over the `HttpClient` in context. Its methods are derived from `CyclesApi`. Warns once when the key would travel in clear text.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (config: CyclesConfig): Effect.Effect<Client, never, HttpClient.HttpClient> =>
  Effect.gen(function*() {
    yield* warnCleartext(config)
    const send = exchange(yield* HttpClient.HttpClient, config)
    const methods: Record<string, unknown> = {}
    HttpApi.reflect(CyclesApi, {
      onGroup: () => {},
      onEndpoint: (endpoint) => {
        methods[endpoint.endpoint.name] = methodOf(endpoint, send)
      }
    })
    return methods as unknown as Client
  })
