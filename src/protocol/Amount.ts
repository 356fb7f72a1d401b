/**
 * Exact amounts of a unit. Money is never a bare number: a constructor names the unit, arithmetic checks it.
 */
import * as Either from "effect/Either"
import { dual } from "effect/Function"
import * as Hash from "effect/Hash"
import type * as Ordering from "effect/Ordering"
import * as Schema from "effect/Schema"
import { checked as checkedClass } from "./internal/checked.js"
import { decimal, divide } from "./internal/decimal.js"
import { Int64, UnsignedInt64 } from "./internal/wire.js"
import { type InvalidInput, invalidInput } from "./InvalidInput.js"

/**
 * What an amount counts. 1 USD = 100 000 000 `USD_MICROCENTS`.
 *
 * Source: components/schemas/UnitEnum.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Unit = Schema.Literal("USD_MICROCENTS", "TOKENS", "CREDITS", "RISK_POINTS").annotations({
  identifier: "UnitEnum"
})

/**
 * @since 0.1.0
 * @category models
 */
export type Unit = typeof Unit.Type

/**
 * What to do with the part that the unit cannot express: `up` and `down` are towards and away from more spend,
 * `halfEven` goes to the nearest unit and, half-way, to the even one.
 *
 * @since 0.1.0
 * @category models
 */
export type Rounding = "up" | "down" | "halfEven"

const maxInt64 = 9223372036854775807n
const microcentsDigits = 8

const checked = (field: string, unit: Unit, amount: bigint): Either.Either<Amount, InvalidInput> =>
  amount < 0n || amount > maxInt64
    ? Either.left(invalidInput(field, `must be between 0 and ${maxInt64} ${unit}`, amount))
    : Either.right(new Amount({ unit, amount }, { disableValidation: true }))

const isUnit = Schema.is(Unit)

const counted = (field: string, unit: Unit, n: number | bigint): Either.Either<Amount, InvalidInput> =>
  !isUnit(unit)
    ? Either.left(invalidInput("unit", `must be one of ${Unit.literals.join(", ")}`, unit))
    : typeof n === "bigint" || Number.isSafeInteger(n)
    ? checked(field, unit, BigInt(n))
    : Either.left(invalidInput(field, "must be a whole number that a double holds exactly, or a bigint", n))

const count = (field: string, unit: Unit, n: number | bigint): Amount =>
  Either.getOrThrowWith(counted(field, unit, n), (error) => error)

const together = <A>(
  field: string,
  that: Amount,
  self: Amount,
  f: (self: bigint, that: bigint) => A
): Either.Either<A, InvalidInput> =>
  self.unit === that.unit
    ? Either.right(f(self.amount, that.amount))
    : Either.left(invalidInput(field, `must have the unit ${self.unit}`, that.unit))

/** The digits before the point, and the eight after it. */
const dollars = (microcents: bigint): readonly [whole: string, fraction: string] => {
  const digits = microcents.toString().padStart(microcentsDigits + 1, "0")
  return [digits.slice(0, -microcentsDigits), digits.slice(-microcentsDigits)]
}

const trim = (unit: Unit, amount: bigint): string => {
  const sign = amount < 0n ? "-" : ""
  const digits = (amount < 0n ? -amount : amount).toString()
  const grouped = (text: string) => text.replace(/\B(?=(\d{3})+$)/g, ",")
  if (unit !== "USD_MICROCENTS") return `${sign}${grouped(digits)} ${unit.toLowerCase().replace("_", " ")}`
  const [whole, fraction] = dollars(BigInt(digits))
  return `${sign}$${grouped(whole)}.${fraction.replace(/0{1,6}$/, "")}`
}

const rejectForeign = (amounts: ReadonlyArray<Amount>, unit: Unit) => amounts.find((amount) => amount.unit !== unit)

/**
 * An exact, non-negative amount: `amount` is an int64 (0 to 9223372036854775807) of `unit`.
 *
 * Constructors name the unit and throw `InvalidInput` for a value that the unit cannot hold, so that a literal in the code
 * stays a plain value; `Amount.fromUsd` is the same for text from outside, as an `Either`. Arithmetic gives an `Either`: different units, a
 * result below zero and int64 overflow are `InvalidInput`.
 *
 * Source: components/schemas/Amount.
 *
 * @example
 * ```ts
 * import { Amount } from "effect-cycles"
 *
 * Amount.usd("0.0025").amount // 250000n
 * Amount.tokens(1500)
 * Amount.scale(Amount.usd("0.05"), "1.1", "up") // Either.right($0.055)
 * ```
 *
 * @since 0.1.0
 * @category models
 */
export class Amount extends checkedClass(
  Schema.Class<Amount>("effect-cycles/Amount")(
    { unit: Unit, amount: UnsignedInt64 },
    { identifier: "Amount" }
  )
) {
  /** Dollars as a decimal text: `"0.0025"`. Finer than 1e-8 dollars needs `rounding`. Throws `InvalidInput`. */
  static usd(dollars: string, rounding?: Rounding): Amount {
    return Either.getOrThrowWith(Amount.fromUsd(dollars, rounding), (error) => error)
  }

  /** As `usd`, for text from outside. */
  static fromUsd(dollars: string, rounding?: Rounding): Either.Either<Amount, InvalidInput> {
    return decimal("usd", dollars).pipe(
      Either.flatMap(({ denominator, numerator }) =>
        divide("usd", { numerator: numerator * 10n ** BigInt(microcentsDigits), denominator }, rounding)
      ),
      Either.flatMap((amount) => checked("usd", "USD_MICROCENTS", amount))
    )
  }

  /** Whole cents: one is 1 000 000 microcents. Throws `InvalidInput`. */
  static usdCents(n: number | bigint): Amount {
    const cents = Either.getOrThrowWith(counted("usdCents", "USD_MICROCENTS", n), (error) => error)
    return count("usdCents", "USD_MICROCENTS", cents.amount * 1_000_000n)
  }

  /** Units of 1e-8 dollars. Throws `InvalidInput`. */
  static usdMicrocents(n: number | bigint): Amount {
    return count("usdMicrocents", "USD_MICROCENTS", n)
  }

  /** Whole tokens. Throws `InvalidInput`. */
  static tokens(n: number | bigint): Amount {
    return count("tokens", "TOKENS", n)
  }

  /** Whole credits. Throws `InvalidInput`. */
  static credits(n: number | bigint): Amount {
    return count("credits", "CREDITS", n)
  }

  /** Whole risk points. Throws `InvalidInput`. */
  static riskPoints(n: number | bigint): Amount {
    return count("riskPoints", "RISK_POINTS", n)
  }

  /** As the constructors above, for a unit and a number that come from outside. */
  static of(unit: Unit, n: number | bigint): Either.Either<Amount, InvalidInput> {
    return counted("amount", unit, n)
  }

  /** Nothing, in a unit. */
  static zero(unit: Unit): Amount {
    return new Amount({ unit, amount: 0n })
  }

  /** The sum. `InvalidInput` for different units or more than an int64 holds. */
  static readonly add: {
    (that: Amount): (self: Amount) => Either.Either<Amount, InvalidInput>
    (self: Amount, that: Amount): Either.Either<Amount, InvalidInput>
  } = dual(
    2,
    (self: Amount, that: Amount) =>
      together("add", that, self, (a, b) => a + b).pipe(Either.flatMap((n) => checked("add", self.unit, n)))
  )

  /** The difference. `InvalidInput` for different units or a result below zero. */
  static readonly subtract: {
    (that: Amount): (self: Amount) => Either.Either<Amount, InvalidInput>
    (self: Amount, that: Amount): Either.Either<Amount, InvalidInput>
  } = dual(
    2,
    (self: Amount, that: Amount) =>
      together("subtract", that, self, (a, b) => a - b).pipe(Either.flatMap((n) => checked("subtract", self.unit, n)))
  )

  /** The smaller one. `InvalidInput` for different units. */
  static readonly min: {
    (that: Amount): (self: Amount) => Either.Either<Amount, InvalidInput>
    (self: Amount, that: Amount): Either.Either<Amount, InvalidInput>
  } = dual(2, (self: Amount, that: Amount) => together("min", that, self, (a, b) => a <= b ? self : that))

  /** -1, 0 or 1. `InvalidInput` for different units. */
  static readonly compare: {
    (that: Amount): (self: Amount) => Either.Either<Ordering.Ordering, InvalidInput>
    (self: Amount, that: Amount): Either.Either<Ordering.Ordering, InvalidInput>
  } = dual(
    2,
    (self: Amount, that: Amount) =>
      together("compare", that, self, (a, b): Ordering.Ordering => a < b ? -1 : a > b ? 1 : 0)
  )

  /** The sum of any number of amounts of one unit. */
  static sum(unit: Unit, amounts: Iterable<Amount>): Either.Either<Amount, InvalidInput> {
    const all = Array.from(amounts)
    const foreign = rejectForeign(all, unit)
    return foreign === undefined
      ? checked("sum", unit, all.reduce((n, { amount }) => n + amount, 0n))
      : Either.left(invalidInput("sum", `must have the unit ${unit}`, foreign.unit))
  }

  /** Times a decimal factor such as `"1.25"`, rounded as said. */
  static scale(self: Amount, factor: string, rounding: Rounding): Either.Either<Amount, InvalidInput> {
    return decimal("factor", factor).pipe(
      Either.flatMap(({ denominator, numerator }) =>
        divide("scale", { numerator: numerator * self.amount, denominator }, rounding)
      ),
      Either.flatMap((amount) => checked("scale", self.unit, amount))
    )
  }

  /**
   * Dollars as a decimal text for machines, which `fromUsd` reads back: `"1234.5"`. Every digit is kept, so it needs no division by hand.
   * `InvalidInput` for another unit.
   */
  static toUsd(self: Amount): Either.Either<string, InvalidInput> {
    return self.unit === "USD_MICROCENTS"
      ? Either.right(dollars(self.amount).join(".").replace(/\.?0*$/, ""))
      : Either.left(invalidInput("toUsd", "must have the unit USD_MICROCENTS", self.unit))
  }

  /** For people: `$0.0025`, `1,500 tokens`. Every digit is kept. */
  static format(self: Amount): string {
    return trim(self.unit, self.amount)
  }

  override toString(): string {
    return trim(this.unit, this.amount)
  }

  /** Digits as a number while a double holds them, as text beyond: a log never fails on a `bigint`. */
  toJSON(): { readonly unit: Unit; readonly amount: number | string } {
    return { unit: this.unit, amount: printable(this.amount) }
  }

  [Hash.symbol](): number {
    return hash(this.unit, this.amount)
  }
}

/**
 * As `Amount`, but it may be negative: what remains of a budget in overdraft.
 *
 * Source: components/schemas/SignedAmount.
 *
 * @since 0.1.0
 * @category models
 */
export class SignedAmount extends checkedClass(
  Schema.Class<SignedAmount>("effect-cycles/SignedAmount")(
    { unit: Unit, amount: Int64 },
    { identifier: "SignedAmount" }
  )
) {
  /** For people: `-$0.0025`, `1,500 tokens`. */
  static format(self: SignedAmount): string {
    return trim(self.unit, self.amount)
  }

  override toString(): string {
    return trim(this.unit, this.amount)
  }

  toJSON(): { readonly unit: Unit; readonly amount: number | string } {
    return { unit: this.unit, amount: printable(this.amount) }
  }

  [Hash.symbol](): number {
    return hash(this.unit, this.amount)
  }
}

const printable = (n: bigint): number | string => Number.isSafeInteger(Number(n)) ? Number(n) : n.toString()

const hash = (unit: Unit, amount: bigint): number => Hash.combine(Hash.string(unit))(Hash.string(amount.toString()))
