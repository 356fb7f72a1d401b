/**
 * Leases over authorities without a wire: a real ledger, or one that clamps.
 */
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Authority from "../../../src/authority/Authority.js"
import type { Refusal } from "../../../src/authority/Command.js"
import type { Reply } from "../../../src/client/Client.js"
import * as CyclesConfig from "../../../src/client/CyclesConfig.js"
import * as Lease from "../../../src/lifecycle/Lease.js"
import { Amount } from "../../../src/protocol/Amount.js"
import { Ambiguous, type ExtendError, Transport } from "../../../src/protocol/CyclesError.js"
import type { ErrorCode } from "../../../src/protocol/ErrorResponse.js"
import * as Idempotency from "../../../src/protocol/Idempotency.js"
import { refuse } from "../../../src/protocol/internal/refuse.js"
import type { Meta } from "../../../src/protocol/Meta.js"
import {
  type CreateResponse,
  type ExtendRequest,
  type ExtendResponse,
  ReservationId
} from "../../../src/protocol/Reservation.js"

const metaOf = (rttMs: number, status = 200, retryAfter?: Duration.DurationInput): Meta => ({
  status,
  rttMs,
  requestId: Option.none(),
  traceId: Option.none(),
  tenant: Option.none(),
  rateLimitRemaining: Option.none(),
  rateLimitReset: Option.none(),
  retryAfter: Option.map(Option.fromNullable(retryAfter), Duration.decode)
})

/** The error that a code and a status make. */
export const refused = (
  code: ErrorCode | "NEW_CODE",
  status: number,
  retryAfter?: Duration.DurationInput
): ExtendError =>
  refuse({
    operation: "extendReservation",
    code,
    detail: "no",
    meta: metaOf(0, status, retryAfter)
  }) as ExtendError

/** An answer that is not from the protocol. */
export const ambiguous = (status: number): ExtendError =>
  new Ambiguous({ operation: "extendReservation", reason: "status", message: "odd", meta: metaOf(0, status) })

/** A status without the body of the protocol, which any proxy can give. */
export const bodiless = (code: ErrorCode, status: number): ExtendError =>
  refuse({
    operation: "extendReservation",
    code,
    detail: "no",
    meta: metaOf(0, status),
    fromStatus: true
  }) as ExtendError

export const cut: ExtendError = new Transport({ operation: "extendReservation", reason: "aborted", message: "cut" })

/** What goes wrong with one attempt. */
export interface Fault {
  /** It never reaches the authority. */
  readonly error?: ExtendError
  /** The authority applies it, and the answer is lost. */
  readonly lose?: boolean
  /** The authority applies it, and the answer never comes. */
  readonly hang?: boolean
  /** Wait before all that. */
  readonly after?: Duration.DurationInput
}

/** An attempt that began. */
export interface Attempt {
  readonly atMs: number
  readonly id: ReservationId
  readonly key: string
  readonly byMs: number
}

type Extend = (id: ReservationId, request: ExtendRequest) => Effect.Effect<ExtendResponse, ExtendError>

/** `Lease.make` over an authority, with faults in between. */
export const leasesOver = (extend: Extend, options: {
  readonly attempts?: Array<Attempt>
  readonly script?: (n: number) => Fault | undefined
  readonly attemptTimeout?: Duration.DurationInput
} = {}) =>
  Effect.gen(function*() {
    const { attempts = [], script = () => undefined } = options
    const config = yield* CyclesConfig.make({ baseUrl: "http://authority.localhost", apiKey: "cyc_live_test" })
    const begun = yield* Clock.currentTimeNanos
    let n = 0
    return yield* Lease.make({
      config: options.attemptTimeout === undefined
        ? config
        : { ...config, attemptTimeout: Duration.decode(options.attemptTimeout) },
      extendReservation: (id, request) =>
        Effect.gen(function*() {
          const sent = yield* Clock.currentTimeNanos
          attempts.push({
            atMs: Number(sent - begun) / 1e6,
            id,
            key: request.idempotencyKey,
            byMs: Duration.toMillis(request.extendBy)
          })
          n += 1
          const fault = script(n)
          if (fault?.after !== undefined) yield* Effect.sleep(fault.after)
          if (fault?.error !== undefined) return yield* fault.error
          const value = yield* extend(id, request)
          if (fault?.lose === true) return yield* cut
          if (fault?.hang === true) return yield* Effect.never
          return { value, meta: metaOf(Number((yield* Clock.currentTimeNanos) - sent) / 1e6) }
        })
    })
  })

const holdOf = (ttl: Duration.DurationInput, value: CreateResponse) =>
  Effect.map(Clock.currentTimeNanos, (receivedAtNanos): Lease.Hold => ({
    id: Option.getOrThrow(value.reservationId),
    ttl: Duration.decode(ttl),
    created: { value, meta: metaOf(0) } satisfies Reply<CreateResponse>,
    receivedAtNanos
  }))

const tenant = "tenant-a"

/** The real ledger, with as many extensions as anyone needs. */
export const ledger = (maxExtensions = 1_000_000) =>
  Effect.gen(function*() {
    const authority = yield* Authority.make({
      budgets: [{ scope: `tenant:${tenant}`, allocated: Amount.tokens(1_000_000) }]
    })
    yield* authority.putTenant(tenant, { status: "ACTIVE", maxExtensions })
    let n = 0
    const extend: Extend = (reservationId, request) =>
      Effect.mapError(
        authority.run({ _tag: "Extend", tenant, reservationId, request }),
        ({ code }: Refusal) => refused(code as ErrorCode, code === "RESERVATION_EXPIRED" ? 410 : 409)
      )
    return {
      authority,
      extend,
      reserve: (ttl: Duration.DurationInput) =>
        Effect.gen(function*() {
          n += 1
          const request = {
            idempotencyKey: yield* Idempotency.fresh,
            subject: { tenant },
            action: { kind: "llm.completion", name: "model" },
            estimate: Amount.tokens(1),
            ttl: Duration.decode(ttl)
          }
          return yield* holdOf(ttl, yield* authority.run({ _tag: "Reserve", tenant, id: `r-${n}`, request }))
        }),
      /** How long a reservation still stands; negative when it does not. */
      left: (id: ReservationId) =>
        Effect.gen(function*() {
          const row = (yield* authority.reservations).find(({ reservationId }) => reservationId === id)
          return row?.status === "ACTIVE"
            ? DateTime.toEpochMillis(row.expiresAt) - (yield* Clock.currentTimeMillis)
            : -1
        })
    }
  })

export interface Clamps {
  /** What a new reservation is granted, whatever it asks for. */
  readonly firstMs?: number
  /** What one extend is granted at most. */
  readonly grantMs?: number
  /** How far ahead a hold may end. */
  readonly leadMs?: number
  /** Whether an answer leaves out what remains: the nth, with the reservation as the first. */
  readonly silent?: (n: number) => boolean
  readonly maxExtensions?: number
}

/** One reservation at an authority that gives less than it is asked for. */
export const clamped = (ttl: Duration.DurationInput, clamps: Clamps) =>
  Effect.gen(function*() {
    const {
      firstMs = Infinity,
      grantMs = Infinity,
      leadMs = Infinity,
      maxExtensions = Infinity,
      silent = () => false
    } = clamps
    const applied = new Map<string, number>()
    let answers = 0
    let expiresAt = (yield* Clock.currentTimeMillis) + Math.min(Duration.toMillis(ttl), firstMs, leadMs)
    const terms = (at: number, nowMs: number) => {
      answers += 1
      return {
        expiresAt: DateTime.unsafeMake(at),
        remainingTtl: silent(answers) ? Option.none() : Option.some(Duration.millis(Math.max(0, expiresAt - nowMs)))
      }
    }
    const extend: Extend = (_id, { extendBy, idempotencyKey }) =>
      Effect.gen(function*() {
        const nowMs = yield* Clock.currentTimeMillis
        const known = applied.get(idempotencyKey)
        if (known === undefined) {
          if (nowMs > expiresAt) return yield* refused("RESERVATION_EXPIRED", 410)
          if (applied.size >= maxExtensions) return yield* refused("MAX_EXTENSIONS_EXCEEDED", 409)
          expiresAt = Math.min(expiresAt + Math.min(Duration.toMillis(extendBy), grantMs), nowMs + leadMs)
          applied.set(idempotencyKey, expiresAt)
        }
        return { status: "ACTIVE", balances: Option.none(), ...terms(known ?? expiresAt, nowMs) } as const
      })
    const { expiresAt: first, remainingTtl } = terms(expiresAt, yield* Clock.currentTimeMillis)
    const hold = yield* holdOf(ttl, {
      decision: "ALLOW",
      reservationId: Option.some(ReservationId.make("r-clamped")),
      reserved: Option.none(),
      expiresAt: Option.some(first),
      remainingTtl,
      scopePath: Option.none(),
      affectedScopes: [],
      caps: Option.none(),
      balances: Option.none(),
      reasonCode: Option.none(),
      retryAfter: Option.none(),
      evidence: Option.none()
    })
    return { hold, extend, applied, left: Effect.map(Clock.currentTimeMillis, (nowMs) => expiresAt - nowMs) }
  })

/** Everything that happens, in order, from now on. */
export const recorded = (leases: Lease.Leases) =>
  Effect.gen(function*() {
    const events: Array<Lease.LeaseEvent> = []
    yield* Effect.forkScoped(Stream.runForEach(leases.events, (event) => Effect.sync(() => events.push(event))))
    yield* Effect.sleep(1)
    return events
  })
