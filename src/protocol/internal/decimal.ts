/**
 * Decimal texts as exact fractions, and the one place where a fraction is rounded.
 */
import * as Either from "effect/Either"
import type { Rounding } from "../Amount.js"
import { type InvalidInput, invalidInput } from "../InvalidInput.js"

/** A non-negative fraction of integers. */
export interface Fraction {
  readonly numerator: bigint
  readonly denominator: bigint
}

/** At most this many digits before, and after, the point. */
export const maxDigits = 30

const shape = new RegExp(`^(\\d{1,${maxDigits}})(?:\\.(\\d{1,${maxDigits}}))?$`)

/** What `decimal` takes, for messages. */
export const decimalBound = "must be a decimal such as \"0.0025\", not negative"

/** Reads `"0.0025"`. No sign, exponent or separator; a number is refused, for it may have been rounded already. */
export const decimal = (field: string, text: string): Either.Either<Fraction, InvalidInput> => {
  const match = typeof text === "string" ? shape.exec(text) : null
  if (match === null) return Either.left(invalidInput(field, decimalBound, text))
  const fraction = match[2] ?? ""
  return Either.right({ numerator: BigInt(`${match[1]}${fraction}`), denominator: 10n ** BigInt(fraction.length) })
}

/** The integer of a fraction. Without `rounding` the fraction must be one. */
export const divide = (
  field: string,
  { denominator, numerator }: Fraction,
  rounding: Rounding | undefined
): Either.Either<bigint, InvalidInput> => {
  const quotient = numerator / denominator
  const twice = (numerator % denominator) * 2n
  if (twice === 0n) return Either.right(quotient)
  switch (rounding) {
    case undefined:
      return Either.left(invalidInput(field, "is finer than the unit; say how to round: up, down or halfEven"))
    case "up":
      return Either.right(quotient + 1n)
    case "down":
      return Either.right(quotient)
    case "halfEven":
      return Either.right(
        twice > denominator || (twice === denominator && quotient % 2n === 1n) ? quotient + 1n : quotient
      )
    default:
      return Either.left(invalidInput("rounding", "must be up, down or halfEven", rounding))
  }
}
