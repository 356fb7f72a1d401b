/**
 * Reservations whose key the caller chose: whichever process tries, however often, one of them is charged.
 *
 * Each attempt says in its metadata which one it is, so that the authority answers a second one with a mismatch instead of the first
 * one's hold. Attempts that gave their hold back, or lost it, leave the key used: the next one takes the key after it, `key.2`, `key.3`, in
 * an order that every process finds again.
 */
import * as Effect from "effect/Effect"
import type { CreateError, ReleaseError } from "../../protocol/CyclesError.js"
import * as Idempotency from "../../protocol/Idempotency.js"
import { merged } from "../../protocol/internal/merged.js"
import type { CreateRequest } from "../../protocol/Reservation.js"
import type { ReservationSummary } from "../../protocol/ReservationQuery.js"
import { AlreadyCharged, type AttemptError, AttemptInProgress } from "../Attempt.js"
import type { Service } from "../Cycles.js"
import { acquire } from "./acquire.js"
import type { Held } from "./held.js"
import type { Restore } from "./source.js"

/** So many attempts of one key were given back or lost: more is a loop. */
const mostAttempts = 100

const keyOf = (key: Idempotency.IdempotencyKey, n: number): Idempotency.IdempotencyKey =>
  n === 1 ? key : Idempotency.IdempotencyKey.make(`${key}.${n}`, { disableValidation: true })

const find = (cycles: Service, idempotencyKey: Idempotency.IdempotencyKey) =>
  Effect.map(
    cycles.listReservations({ idempotencyKey }),
    ({ value }) =>
      value.reservations.find((row) =>
        row.idempotencyKey._tag === "Some" && row.idempotencyKey.value === idempotencyKey
      )
  )

/** Whether a hold that looks active is over: an authority may notice that only when it is asked for this one. */
const isOver = (cycles: Service, { reservationId }: ReservationSummary): Effect.Effect<boolean, CreateError> =>
  cycles.getReservation(reservationId).pipe(
    Effect.map(({ value }) => value.status !== "ACTIVE"),
    Effect.catchTag("ReservationExpired", () => Effect.succeed(true))
  )

/** Takes the hold away from whoever has it: its lease is lost, and its commit refused. */
const takeOver = (cycles: Service, { reservationId }: ReservationSummary): Effect.Effect<void, CreateError> =>
  Effect.flatMap(
    Idempotency.fresh,
    (idempotencyKey) =>
      Effect.asVoid(cycles.releaseReservation(reservationId, { idempotencyKey, reason: "taken_over" }))
  ).pipe(
    Effect.catchTags({ ReservationExpired: () => Effect.void, ReservationFinalized: () => Effect.void })
  ) as Effect.Effect<void, Exclude<ReleaseError, { _tag: "ReservationExpired" | "ReservationFinalized" }>>

export const acquireKeyed = (
  cycles: Service,
  request: CreateRequest,
  whenInProgress: "fail" | "takeOver",
  restore: Restore
): Effect.Effect<Held, CreateError | AttemptError> =>
  Effect.flatMap(Idempotency.fresh, (attempt) => {
    const asked = { ...request, metadata: merged(request.metadata, { attempt }) }
    const at = (n: number): Effect.Effect<Held, CreateError | AttemptError> => {
      const idempotencyKey = keyOf(request.idempotencyKey, n)
      return acquire(cycles, { ...asked, idempotencyKey }, restore, attempt).pipe(
        Effect.catchTag("IdempotencyMismatch", (mismatch) =>
          Effect.flatMap(restore(find(cycles, idempotencyKey)), (row) =>
            row === undefined || n === mostAttempts ? Effect.fail(mismatch) : after(n, row)))
      )
    }
    /** What the attempt before left behind decides. */
    const after = (n: number, row: ReservationSummary): Effect.Effect<Held, CreateError | AttemptError> => {
      const { committed, expiresAt, reservationId, status } = row
      const { idempotencyKey } = request
      switch (status) {
        case "COMMITTED":
          return new AlreadyCharged({ idempotencyKey, reservationId, charged: committed })
        case "RELEASED":
        case "EXPIRED":
          return at(n + 1)
        case "ACTIVE":
          return Effect.flatMap(restore(isOver(cycles, row)), (over) =>
            over
              ? again(n)
              : whenInProgress === "fail"
              ? Effect.fail(new AttemptInProgress({ idempotencyKey, reservationId, expiresAt }))
              : Effect.zipRight(restore(takeOver(cycles, row)), again(n)))
      }
    }
    /** It has ended meanwhile: how, says the authority. */
    const again = (n: number): Effect.Effect<Held, CreateError | AttemptError> =>
      Effect.flatMap(restore(find(cycles, keyOf(request.idempotencyKey, n))), (row) =>
        row !== undefined && row.status === "COMMITTED" ? after(n, row) : at(n + 1))
    return at(1)
  })
