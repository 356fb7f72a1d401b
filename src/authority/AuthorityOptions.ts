/**
 * What an authority begins with, and what of it the ledger takes.
 */
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import type { Amount } from "../protocol/Amount.js"
import type { Caps } from "../protocol/Caps.js"
import { type InvalidInput, invalidInput } from "../protocol/InvalidInput.js"
import { type BudgetStatus, isSound } from "./Budget.js"
import type { CommandOf } from "./Command.js"
import type { EvidenceOptions } from "./Evidence.js"
import type { Tenant } from "./Rows.js"
import * as Scopes from "./Scopes.js"
import type { Settings } from "./State.js"

/**
 * A budget of a scope such as `tenant:acme/agent:x` (case is lowered), in the unit of `allocated`. Absent: no overdraft, no
 * caps, ACTIVE, nothing spent and no debt. What is reserved is not an option: it is what reservations hold.
 *
 * @since 0.1.0
 * @category config
 */
export interface BudgetOptions {
  /** Levels in the order tenant, workspace, app, workflow, agent, toolset; the first is a tenant. */
  readonly scope: string
  /** The size of the budget. Its unit is that of every other amount here. */
  readonly allocated: Amount
  /** How far commits may go into debt, where their overage policy lets them. */
  readonly overdraftLimit?: Amount | undefined
  /** What a reservation on it is allowed with. */
  readonly caps?: Caps | undefined
  /** `FROZEN` and `CLOSED` take no reservation. */
  readonly status?: BudgetStatus | undefined
  /** What was spent of it before. */
  readonly spent?: Amount | undefined
  /** What was spent beyond it before. */
  readonly debt?: Amount | undefined
  /** Whether reservations are refused until somebody adds funds. */
  readonly isOverLimit?: boolean | undefined
}

/**
 * What an authority begins with, and how it works. Every option may be absent.
 *
 * @since 0.1.0
 * @category config
 */
export interface Options {
  /**
   * The budgets to begin with. None when absent. A kept ledger that has one already keeps what was spent on it, held and funded; what the
   * configuration has changed since it was opened last is changed: `allocated` by the difference, `overdraftLimit`, `caps` and `status` as a
   * whole. A budget that the configuration names no more stays.
   */
  readonly budgets?: ReadonlyArray<BudgetOptions> | undefined
  /** The keys that callers may show, each for its tenant. Without one, every call is refused. */
  readonly keys?: ReadonlyArray<{ readonly key: Redacted.Redacted; readonly tenant: string }> | undefined
  /** The key of an administrator, who may list, read and release the reservations of every tenant. */
  readonly adminKey?: Redacted.Redacted | undefined
  /** Tenants to begin with, beside those that only their keys and budgets name. */
  readonly tenants?: ReadonlyArray<{ readonly id: string; readonly tenant: Tenant }> | undefined
  /** Whether the permissions of keys that the administrator made are enforced, or only kept. `stored` when absent. */
  readonly permissions?: "stored" | "enforced" | undefined
  /** How many requests to the public endpoints one client may send in a minute. 300 when absent; `Infinity` for any number. */
  readonly publicLimit?: number | undefined
  /** Signs evidence of what is answered. None when absent. */
  readonly evidence?: EvidenceOptions | undefined
  /** How the ledger remembers; the defaults are those of the protocol. */
  readonly ledger?: Settings | undefined
}

/** A budget as the ledger takes it. */
export const budgetOf = (
  { allocated, caps, debt, isOverLimit, overdraftLimit, scope, spent, status }: BudgetOptions
): Either.Either<CommandOf<"PutBudget">["budget"], InvalidInput> =>
  Either.gen(function*() {
    const { unit } = allocated
    const count = (field: string, amount: Amount | undefined) =>
      amount !== undefined && amount.unit !== unit
        ? Either.left(invalidInput(field, `must have the unit of allocated, ${unit}`, amount.unit))
        : Either.right(amount?.amount ?? 0n)
    const budget = {
      scope: yield* Scopes.parse(scope),
      unit,
      allocated: allocated.amount,
      spent: yield* count("spent", spent),
      debt: yield* count("debt", debt),
      overdraftLimit: yield* count("overdraft_limit", overdraftLimit),
      isOverLimit: isOverLimit ?? false,
      status: status ?? "ACTIVE",
      caps
    }
    return isSound({ ...budget, reserved: 0n })
      ? budget
      : yield* Either.left(invalidInput("spent", "must leave a remaining amount that an int64 holds", budget.spent))
  })

/** All of them, none twice. */
export const draftsOf = (
  budgets: ReadonlyArray<BudgetOptions>
): Either.Either<ReadonlyArray<CommandOf<"PutBudget">["budget"]>, InvalidInput> =>
  Either.gen(function*() {
    const drafts = new Map<string, CommandOf<"PutBudget">["budget"]>()
    for (const options of budgets) {
      const budget = yield* budgetOf(options)
      const { scope, unit } = budget
      if (drafts.has(`${unit} ${scope}`)) {
        return yield* Either.left(invalidInput("scope", `must not be given twice in ${unit}`, scope))
      }
      drafts.set(`${unit} ${scope}`, budget)
    }
    return Array.from(drafts.values())
  })

/** The tenants of the configured keys, by secret. */
export const keyring = (
  keys: NonNullable<Options["keys"]>
): Either.Either<ReadonlyMap<string, string>, InvalidInput> => {
  const tenants = new Map<string, string>()
  for (const { key, tenant } of keys) {
    const secret = Redacted.value(key)
    if (secret.trim() === "") return Either.left(invalidInput("key", "must not be blank"))
    if (tenants.has(secret)) return Either.left(invalidInput("key", "must not be given twice", `of tenant ${tenant}`))
    if (tenant.trim() === "") return Either.left(invalidInput("tenant", "must not be blank", tenant))
    tenants.set(secret, tenant)
  }
  return Either.right(tenants)
}
