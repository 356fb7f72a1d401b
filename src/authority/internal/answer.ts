/**
 * From rows and receipts to what the protocol shows.
 */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import type { Unit } from "../../protocol/Amount.js"
import type { Balance } from "../../protocol/Balance.js"
import type { DecisionResponse } from "../../protocol/Decision.js"
import type { EventResponse } from "../../protocol/Event.js"
import type { CommitResponse, CreateResponse, ExtendResponse, ReleaseResponse } from "../../protocol/Reservation.js"
import type { ReservationDetail } from "../../protocol/ReservationQuery.js"
import { amountOf, type Figures, toBalance } from "../Budget.js"
import type { Outcomes } from "../Command.js"
import type { ReceiptOf, Reservation } from "../Rows.js"
import { finalizedAt } from "./list.js"

const present = Option.fromNullable

const amount = (unit: Unit, n: bigint | undefined) => n === undefined ? Option.none() : Option.some(amountOf(unit, n))

const balances = (figures: ReadonlyArray<Figures> | undefined): Option.Option<ReadonlyArray<Balance>> =>
  figures === undefined ? Option.none() : Option.some(figures.map(toBalance))

const millis = (n: number | undefined) => Option.map(present(n), Duration.millis)

const instant = (n: number | undefined) => Option.map(present(n), (at) => DateTime.unsafeMake(at))

export const decision = (receipt: ReceiptOf<"Advice">): DecisionResponse => ({
  decision: receipt.decision,
  caps: present(receipt.caps),
  reasonCode: present(receipt.reasonCode),
  retryAfter: Option.none(),
  affectedScopes: Option.some(receipt.scopes),
  evidence: present(receipt.evidence)
})

export const created = ({ receipt, ttlMs }: Outcomes["Reserve"]): CreateResponse => ({
  decision: receipt.decision,
  reservationId: present(receipt.reservationId),
  reserved: receipt.decision === "DENY" ? Option.none() : amount(receipt.unit, receipt.estimate),
  expiresAt: instant(receipt.expiresAt),
  remainingTtl: millis(ttlMs),
  scopePath: present(receipt.scopes[receipt.scopes.length - 1]),
  affectedScopes: receipt.scopes,
  caps: present(receipt.caps),
  balances: balances(receipt.balances),
  reasonCode: present(receipt.reasonCode),
  retryAfter: Option.none(),
  evidence: present(receipt.evidence)
})

export const committed = ({ charged = 0n, estimate, evidence, settled, unit }: Reservation): CommitResponse => ({
  status: "COMMITTED",
  charged: amountOf(unit, charged),
  released: charged < estimate ? Option.some(amountOf(unit, estimate - charged)) : Option.none(),
  balances: balances(settled?.balances),
  evidence: evidence?.commit ?? Option.none()
})

export const released = ({ estimate, evidence, settled, unit }: Reservation): ReleaseResponse => ({
  status: "RELEASED",
  released: amountOf(unit, estimate),
  balances: balances(settled?.balances),
  evidence: evidence?.release ?? Option.none()
})

export const extended = ({ extension, ttlMs }: Outcomes["Extend"]): ExtendResponse => ({
  status: "ACTIVE",
  expiresAt: DateTime.unsafeMake(extension.expiresAt),
  remainingTtl: Option.some(Duration.millis(ttlMs)),
  balances: balances(extension.balances)
})

export const applied = (receipt: ReceiptOf<"Charge">): EventResponse => ({
  status: "APPLIED",
  eventId: receipt.eventId,
  charged: receipt.charged < receipt.actual ? amount(receipt.unit, receipt.charged) : Option.none(),
  balances: balances(receipt.balances)
})

/** A reservation as the protocol shows it. */
export const detail = (row: Reservation): ReservationDetail => ({
  reservationId: row.id,
  status: row.status,
  idempotencyKey: Option.some(row.idempotencyKey),
  subject: row.subject,
  action: row.action,
  reserved: amountOf(row.unit, row.estimate),
  committed: amount(row.unit, row.charged),
  createdAt: DateTime.unsafeMake(row.createdAt),
  expiresAt: DateTime.unsafeMake(row.expiresAt),
  finalizedAt: instant(finalizedAt(row)),
  scopePath: row.affectedScopes[row.affectedScopes.length - 1] ?? "",
  affectedScopes: row.affectedScopes,
  metadata: present(row.metadata),
  committedMetadata: present(row.committedMetadata),
  evidence: present(row.evidence)
})
