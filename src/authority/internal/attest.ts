/**
 * Evidence of what the ledger answers, when somebody keeps it.
 */
import * as Option from "effect/Option"
import type { EvidenceRef } from "../../protocol/Evidence.js"
import type { CommandOf } from "../Command.js"
import type { Reservation } from "../Rows.js"
import type { Attest, Report, State } from "../State.js"
import { putDocument } from "./write.js"

type Attested = CommandOf<"Decide" | "Reserve" | "Commit" | "Release">

/** Keeps the evidence of an answer, if any is kept. */
const witness = (
  state: State,
  command: Attested,
  answer: Parameters<Attest>[1],
  now: number,
  report: Report
): EvidenceRef | undefined => {
  const made = state.settings.attest?.(command, answer, now)
  if (made !== undefined) putDocument(state, made.document, report)
  return made?.reference
}

/** An answer or a refusal with its evidence, if any is kept. */
export const attested = <A extends Parameters<Attest>[1]>(
  state: State,
  command: Attested,
  answer: A,
  now: number,
  report: Report
): A => {
  const evidence = witness(state, command, answer, now, report)
  return evidence === undefined ? answer : Object.assign({}, answer, { evidence })
}

const none = { reserve: Option.none(), commit: Option.none(), release: Option.none() }

/** The row with the reference of one of its answers. */
export const referring = (row: Reservation, what: keyof typeof none, ref: EvidenceRef | undefined): Reservation =>
  ref === undefined ? row : { ...row, evidence: { ...none, ...row.evidence, [what]: Option.some(ref) } }

/** A settled row with the evidence of its settlement, if any is kept. */
export const withEvidence = (
  state: State,
  command: Attested,
  what: "commit" | "release",
  row: Reservation,
  now: number,
  report: Report
): Reservation => referring(row, what, witness(state, command, row, now, report))
