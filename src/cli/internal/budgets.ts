/**
 * What `--budget` takes: `scope=amount unit`, such as `tenant:acme=10usd`. A unit is never guessed.
 */
import * as Either from "effect/Either"
import * as Scopes from "../../authority/Scopes.js"
import { Amount } from "../../protocol/Amount.js"
import { type InvalidInput, invalidInput } from "../../protocol/InvalidInput.js"

export interface Budget {
  readonly scope: string
  readonly allocated: Amount
}

const whole = (make: (n: bigint) => Amount) => (amount: string): Either.Either<Amount, InvalidInput> =>
  /^\d{1,30}$/.test(amount)
    ? Either.try({ try: () => make(BigInt(amount)), catch: (error) => error as InvalidInput })
    : Either.left(invalidInput("amount", "must be a whole number", amount))

const dollars = (amount: string): Either.Either<Amount, InvalidInput> =>
  /\.\d{9}/.test(amount)
    ? Either.left(invalidInput("amount", "must have at most 8 decimals", amount))
    : Amount.fromUsd(amount)

const units: Readonly<Record<string, (amount: string) => Either.Either<Amount, InvalidInput>>> = {
  usd: dollars,
  tokens: whole(Amount.tokens),
  credits: whole(Amount.credits),
  points: whole(Amount.riskPoints)
}

const shape = /^\s*([^=\s]+)\s*=\s*([^a-z\s]*)\s*([a-z_]*)\s*$/i
const example = "such as tenant:acme=10usd or tenant:acme/agent:x=50000tokens"

const amountOf = (amount: string, unit: string): Either.Either<Amount, string> => {
  if (unit === "") return Either.left("must say the unit: usd, tokens, credits or points")
  const read = units[unit.toLowerCase()]
  if (read === undefined) {
    return Either.left(`the unit must be usd (0.25usd is 25 cents), tokens, credits or points, and not ${unit}`)
  }
  if (!/^\d+(?:\.\d+)?$/.test(amount)) return Either.left(`the amount must be digits, as in 1500.25, and not ${amount}`)
  return Either.mapLeft(read(amount), ({ bound }) => `the amount of ${unit} ${bound}`)
}

/**
 * The budget that a text means, or one sentence about what is wrong with it. `usd` are dollars, with at most 8 decimals; `tokens`,
 * `credits` and `points` are whole.
 */
export const parse = (text: string): Either.Either<Budget, string> => {
  const [, scope = "", amount = "", unit = ""] = shape.exec(text) ?? []
  return Either.all({
    scope: scope === ""
      ? Either.left(`must be SCOPE=AMOUNT, ${example}`)
      : Either.mapLeft(Scopes.parse(scope), ({ bound }) => `the scope ${bound}`),
    allocated: amountOf(amount, unit)
  }).pipe(Either.mapLeft((why) => `--budget ${JSON.stringify(text)}: ${why}`))
}

/** The budgets of a command line. No scope may have two in the same unit: it would be a guess which one is meant. */
export const parseAll = (texts: ReadonlyArray<string>): Either.Either<ReadonlyArray<Budget>, string> =>
  Either.gen(function*() {
    const budgets: Array<Budget> = []
    for (const text of texts) {
      const budget = yield* parse(text)
      const isSame = ({ allocated, scope }: Budget) =>
        scope === budget.scope && allocated.unit === budget.allocated.unit
      if (budgets.some(isSame)) {
        return yield* Either.left(`--budget ${JSON.stringify(text)}: the scope has a budget in this unit already`)
      }
      budgets.push(budget)
    }
    return budgets
  })
