/**
 * The one place where a denial or another refusal becomes an error.
 */
import * as Option from "effect/Option"
import type { Amount } from "../Amount.js"
import { byCode, codesOf, type OperationName, type Refusal, Refused } from "../CyclesError.js"
import type { ErrorCode } from "../ErrorResponse.js"
import type { EvidenceRef } from "../Evidence.js"
import { sanitize } from "../InvalidInput.js"
import type { Meta } from "../Meta.js"

/** What a refusal is made of. */
export interface Told {
  readonly operation: OperationName
  readonly code: string
  readonly detail: string
  readonly meta: Meta
  readonly fromStatus?: boolean | undefined
  readonly details?: Option.Option<Readonly<Record<string, unknown>>> | undefined
  readonly evidence?: Option.Option<EvidenceRef> | undefined
  readonly requested?: Option.Option<Amount> | undefined
  readonly affectedScopes?: ReadonlyArray<string> | undefined
}

const scopePath = /\b(?:tenant|workspace|app|workflow|agent|toolset):[\w.-]*[\w-](?:\/[a-z]+:[\w.-]*[\w-])*/

/** Which scope said no: from the details, from the words, or the only scope there is. */
const scopeOf = (
  details: Option.Option<Readonly<Record<string, unknown>>>,
  detail: string,
  affectedScopes: ReadonlyArray<string>
): Option.Option<string> =>
  details.pipe(
    Option.flatMap(({ scope }) => typeof scope === "string" ? Option.some(scope) : Option.none()),
    Option.orElse(() => Option.fromNullable(scopePath.exec(detail)?.[0])),
    Option.orElse(() => affectedScopes.length === 1 ? Option.fromNullable(affectedScopes[0]) : Option.none()),
    Option.map((scope) => sanitize(scope, 1024))
  )

const isKnown = (code: string): code is ErrorCode => Object.hasOwn(byCode, code)

/** A reason code that has no error code of its own, and the error that a live request gets for it. */
const sameAs = (code: string): string => code === "BUDGET_NOT_FOUND" ? "NOT_FOUND" : code

/** `JSON.stringify` refuses a `bigint`, and an error is logged: an integer that a double cannot hold becomes text. */
const printable = (value: unknown): unknown => {
  if (typeof value === "bigint") return value.toString()
  if (Array.isArray(value)) return value.map(printable)
  return typeof value === "object" && value !== null ? printableMap(value) : value
}

const printableMap = (map: object): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(map).map(([key, value]) => [key, printable(value)]))

/**
 * The one place where a denial or another refusal becomes an error: whether it came as an error body or as a decision
 * DENY, the same code gives the same tag.
 */
export const refuse = (told: Told): Refusal => {
  const code = sameAs(told.code)
  const details = Option.map(told.details ?? Option.none(), printableMap)
  const affectedScopes = told.affectedScopes ?? []
  const fields = {
    operation: told.operation,
    code: sanitize(told.code, 128),
    fromStatus: told.fromStatus ?? false,
    message: `${sanitize(told.detail)} (${sanitize(told.code, 128)}, ${told.operation}, HTTP ${told.meta.status}${
      Option.match(told.meta.requestId, { onNone: () => "", onSome: (id) => `, request ${sanitize(id, 200)}` })
    })`,
    meta: told.meta,
    details,
    evidence: told.evidence ?? Option.none(),
    scope: scopeOf(details, told.detail, affectedScopes),
    requested: told.requested ?? Option.none(),
    affectedScopes
  }
  const codes: ReadonlyArray<ErrorCode> = codesOf[told.operation]
  return isKnown(code) && codes.includes(code) ? new byCode[code](fields) : new Refused(fields)
}
