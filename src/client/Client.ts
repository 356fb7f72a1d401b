/**
 * The 11 operations of the protocol: one operation is one HTTP exchange is one Effect. No retry, no state.
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as RuntimeFlags from "effect/RuntimeFlags"
import * as Schema from "effect/Schema"
import { Amount } from "../protocol/Amount.js"
import { CyclesApi } from "../protocol/Api.js"
import type { BalanceFilter, BalancePage } from "../protocol/Balance.js"
import type * as CyclesError from "../protocol/CyclesError.js"
import type { DecisionRequest, DecisionResponse } from "../protocol/Decision.js"
import type { EventRequest, EventResponse } from "../protocol/Event.js"
import type { EvidenceEnvelope, EvidenceId, EvidenceJwks } from "../protocol/Evidence.js"
import { refuse } from "../protocol/internal/refuse.js"
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
  ReservationId
} from "../protocol/Reservation.js"
import type { ReservationDetail, ReservationFilter, ReservationPage } from "../protocol/ReservationQuery.js"
import * as Telemetry from "../protocol/Telemetry.js"
import { type CyclesConfig, isCleartext } from "./CyclesConfig.js"
import { type Answer, type Asked, classify, decoder, metaOf } from "./internal/classify.js"
import { clockOf } from "./internal/clockOf.js"
import { type Exchange, exchange } from "./internal/exchange.js"
import { Handover } from "./internal/handover.js"
import { type Endpoint, outgoing, requestIn } from "./internal/outgoing.js"

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

/**
 * A client that reserves for callers who may go away.
 *
 * @since 0.1.0
 * @category models
 */
export interface Detachable extends Client {
  /** With a handover, a caller that is interrupted leaves the exchange to it instead of ending it. */
  readonly createReservation: (
    request: CreateRequest,
    handover?: Handover<Reply<CreateResponse>, CyclesError.CreateError>
  ) => Effect.Effect<Reply<CreateResponse>, CyclesError.CreateError>
}

const isAmount = (u: unknown): u is Amount => u instanceof Amount

const amountIn = (request: unknown): Option.Option<Amount> => {
  const { actual, estimate }: { readonly actual?: unknown; readonly estimate?: unknown } = Object(request)
  return Option.liftPredicate(estimate ?? actual, isAmount)
}

const isDenied = (operation: CyclesError.OperationName, value: unknown): value is DecisionResponse =>
  (operation === "decide" || operation === "createReservation") && (value as DecisionResponse).decision === "DENY"

/** A decision DENY is the same error as the status that says no. */
const denied = (asked: Asked, value: DecisionResponse, meta: Meta): CyclesError.Refusal =>
  refuse({
    ...asked,
    code: Option.getOrElse(value.reasonCode, () => "DENY"),
    detail: "The authority denies the request",
    meta: { ...meta, retryAfter: Option.orElse(value.retryAfter, () => meta.retryAfter) },
    evidence: value.evidence,
    affectedScopes: Option.isOption(value.affectedScopes)
      ? Option.getOrElse(value.affectedScopes, () => [])
      : value.affectedScopes
  })

const warnDropped = (operation: string, dropped: ReadonlyArray<string>) =>
  Effect.logWarning("Malformed optional members of an answer were ignored").pipe(
    Effect.annotateLogs({ package: "effect-cycles", module: "client", operation, members: dropped.join(", ") })
  )

const handoverIn = (args: ReadonlyArray<unknown>): Handover<Reply<unknown>, CyclesError.CyclesError> | undefined => {
  const last = args[args.length - 1]
  return last instanceof Handover ? last : undefined
}

type Answered = Effect.Effect<Reply<unknown>, CyclesError.CyclesError>
type Result = Exit.Exit<Reply<unknown>, CyclesError.CyclesError>

/** The method of one endpoint: `(id?, request?) => Effect<Reply, error>`. */
const methodOf = (endpoint: Endpoint, send: Exchange) => {
  const operation = endpoint.endpoint.name as CyclesError.OperationName
  const [okStatus, success] = [...endpoint.successes][0] ?? [200, { ast: Option.none() }]
  const decode = decoder(Schema.make<unknown>(Option.getOrThrow(success.ast)))
  const encode = outgoing(endpoint)
  const duration = Telemetry.durationOf(operation)
  const observed = Telemetry.observed(Telemetry.spanOf(operation), {
    kind: "client",
    attributes: { [Telemetry.attributes.operation]: operation }
  })

  const ofError = ({ _tag }: CyclesError.CyclesError) => ({ [Telemetry.attributes.errorType]: _tag })

  const replyOf = (request: unknown, answer: Answer, ended: (reply: Result) => Result): Answered => {
    const asked: Asked = { operation, requested: amountIn(request) }
    const decoded = classify(asked, okStatus, decode, answer)
    if (Either.isLeft(decoded)) return ended(Exit.fail(decoded.left))
    const { dropped, value } = decoded.right
    const meta = metaOf(answer)
    const reply = ended(
      isDenied(operation, value) ? Exit.fail(denied(asked, value, meta)) : Exit.succeed({ value, meta })
    )
    return dropped.length === 0 ? reply : Effect.zipRight(warnDropped(operation, dropped), reply)
  }

  return (...args: ReadonlyArray<unknown>): Answered =>
    observed((caller, { runtimeFlags }, span): Answered => {
      const handover = handoverIn(args)
      const answered = (answer: Answered): Answered => handover?.answered(answer) ?? answer
      const ended = (exit: Result): Result => {
        Telemetry.end(span, clockOf(caller), exit, ofError)
        return exit
      }
      const encoded = encode(args)
      if (Either.isLeft(encoded)) return answered(ended(Exit.fail(encoded.left)))
      const begin = (resume: (answer: Answered) => void) => {
        handover?.begin()
        return send(encoded.right, caller, span, (answer) => {
          Telemetry.update(caller, duration, answer.rttMs / 1000)
          resume(answered(Effect.suspend(() => {
            try {
              return replyOf(requestIn(args), answer, ended)
            } catch (defect) {
              return ended(Exit.die(defect))
            }
          })))
        }, (failure) => resume(answered(ended(Exit.fail(failure)))))
      }
      // Where nobody can end it, to say how would cost nine steps more.
      if (handover !== undefined || !RuntimeFlags.interruptible(runtimeFlags)) {
        return Effect.async((resume) => void begin(resume))
      }
      let stop = (): void => {}
      // Around the beginning: what `Effect.async` is told there, it knows only steps later.
      // Not `Effect.onInterrupt`, which keeps a literal: V8 comes to make one that lives for an exchange among the old objects.
      return Effect.onExit(
        Effect.async<Reply<unknown>, CyclesError.CyclesError>((resume) => {
          stop = begin(resume)
        }),
        (exit) =>
          Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause)
            ? Effect.sync(() => {
              stop()
              ended(Exit.interrupt(caller.id()))
            })
            : Effect.void
      )
    })
}

const warnCleartext = (config: CyclesConfig) =>
  isCleartext(config.url)
    ? Effect.logWarning(
      `${config.url.host} is reached over plain http: the API key and every amount travel unencrypted. Use https.`
    ).pipe(Effect.annotateLogs({ package: "effect-cycles", module: "client" }))
    : Effect.void

/**
 * A client over the `HttpClient` in context. Its methods are derived from `CyclesApi`. Warns once when the key would travel in clear text.
 * A `FetchHttpClient.RequestInit` in context is used, except that redirects are never followed.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (config: CyclesConfig): Effect.Effect<Detachable, never, HttpClient.HttpClient> =>
  Effect.gen(function*() {
    yield* warnCleartext(config)
    const init = yield* Effect.serviceOption(FetchHttpClient.RequestInit)
    const send = exchange(yield* HttpClient.HttpClient, config, Option.getOrElse(init, () => ({})))
    const methods: Record<string, unknown> = {}
    HttpApi.reflect(CyclesApi, {
      onGroup: () => {},
      onEndpoint: (endpoint) => {
        methods[endpoint.endpoint.name] = methodOf(endpoint, send)
      }
    })
    return methods as unknown as Detachable
  })
