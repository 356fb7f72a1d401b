/**
 * Evidence of what the ledger answers, when somebody keeps it.
 */
import * as Option from "effect/Option"
import type { EvidenceRef } from "../../protocol/Evidence.js"
import type { CommandOf } from "../Command.js"
import type { Reservation } from "../Rows.js"
import type { Attest, State } from "../State.js"

type Attested = CommandOf<"Decide" | "Reserve" | "Commit" | "Release">

/** An answer or a refusal with its evidence, if any is kept. */
export const attested = <A extends Parameters<Attest>[1]>(
  { settings: { attest } }: State,
  command: Attested,
  answer: A,
  now: number
): A => {
  const evidence = attest?.(command, answer, now)
  return evidence === undefined ? answer : { ...answer, evidence }
}

const none = { reserve: Option.none(), commit: Option.none(), release: Option.none() }

/** The row with the reference of one of its answers. */
export const referring = (row: Reservation, what: keyof typeof none, ref: EvidenceRef | undefined): Reservation =>
  ref === undefined ? row : { ...row, evidence: { ...none, ...row.evidence, [what]: Option.some(ref) } }

/** A settled row with the evidence of its settlement, if any is kept. */
export const withEvidence = (
  { settings: { attest } }: State,
  command: Attested,
  what: "commit" | "release",
  row: Reservation,
  now: number
): Reservation => attest === undefined ? row : referring(row, what, attest(command, row, now))
