/**
 * What the readers share: counts are checked, parts are taken out of wholes, and nothing becomes zero.
 */
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import type { YieldWrap } from "effect/Utils"
import { invalidInput } from "../../protocol/InvalidInput.js"
import type { Usage } from "../Usage.js"
import { MalformedUsage, UsageAbsent, type UsageReadError } from "../UsageErrors.js"

/** A count as SDKs type it. */
export type Reported = number | null | undefined

/** A count under the name that the reply has for it. */
export type Named = readonly [field: string, value: number | undefined]

type Read<A> = Either.Either<A, MalformedUsage>

const sum = (parts: ReadonlyArray<Named>): number => parts.reduce((n, [, value]) => n + (value ?? 0), 0)

const names = (parts: ReadonlyArray<Named>): string =>
  parts.filter(([, value]) => value !== undefined).map(([field]) => field).join(" and ")

/** The parts of a reader that name its source in errors. */
export const reading = (source: string) => {
  const malformed = (field: string, bound: string, found?: unknown): MalformedUsage => {
    const { value } = invalidInput(field, bound, found)
    return new MalformedUsage({ source, field, bound, ...(value !== undefined && { value }) })
  }

  /** A count, or `undefined` when it is absent or `null`. */
  const count = (field: string, value: unknown): Read<Named> =>
    value === undefined || value === null
      ? Either.right([field, undefined])
      : typeof value === "number" && Number.isSafeInteger(value) && value >= 0
      ? Either.right([field, value])
      : Either.left(malformed(field, "must be a whole number that is not negative", value))

  return {
    malformed,

    count,

    /** The counts under `key` of the details for which `which` holds, together; `undefined` when there are none. */
    detailed: (
      field: string,
      key: string,
      details: unknown,
      which: (detail: Readonly<Record<string, unknown>>) => boolean
    ): Read<Named> => {
      if (details !== undefined && details !== null && !Array.isArray(details)) {
        return Either.left(malformed(field, "must be an array", details))
      }
      let total: number | undefined
      for (const detail of details ?? []) {
        if (!Predicate.isRecord(detail) || !which(detail)) continue
        const read = count(`${field}.${key}`, detail[key])
        if (Either.isLeft(read)) return read
        const [, n] = read.right
        if (n !== undefined) total = (total ?? 0) + n
      }
      return Either.right([field, total])
    },

    /** What is left of a whole without its parts. Of an unknown whole nothing is known. */
    rest: ([field, whole]: Named, ...parts: ReadonlyArray<Named>): Read<number | undefined> =>
      whole === undefined
        ? Either.right(undefined)
        : sum(parts) <= whole
        ? Either.right(whole - sum(parts))
        : Either.left(malformed(field, `must be at least ${names(parts)}, ${sum(parts)} together`, whole)),

    /** Reads the usage object of a reply. One without any count is as good as none. */
    object: <A extends object>(
      usage: A | null | undefined,
      read: (usage: A) => Generator<YieldWrap<Read<unknown>>, Usage, never>
    ): Either.Either<Usage, UsageReadError> => {
      if (usage === undefined || usage === null) return Either.left(new UsageAbsent({ source, field: "usage" }))
      if (typeof usage !== "object") return Either.left(malformed("usage", "must be an object", usage))
      return Either.flatMap(Either.gen(() => read(usage)), (usage) =>
        Object.keys(usage).length > 0
          ? Either.right(usage)
          : Either.left(new UsageAbsent({ source, field: "every count" })))
    }
  }
}

/** Buckets without those that are absent. */
export const known = (
  { other, ...buckets }: { readonly [K in Exclude<keyof Usage, "other">]?: number | undefined } & {
    readonly other?: Readonly<Record<string, number | undefined>> | undefined
  }
): Usage => {
  const counters = other === undefined ? {} : defined(other)
  const usage: Usage = defined(buckets)
  return Object.keys(counters).length > 0 ? Object.assign({}, usage, { other: counters }) : usage
}

const defined = (counts: Readonly<Record<string, number | undefined>>): Readonly<Record<string, number>> =>
  Object.fromEntries(Object.entries(counts).filter((entry): entry is [string, number] => entry[1] !== undefined))

/** As reasoning tokens are reported: inside the output tokens, or beside them, which a total tells. */
export interface Reasoned {
  readonly input: Named
  readonly output: Named
  readonly reasoning: Named
  readonly total: Named
  /** Cached input beside `input`, which a total may count or not. */
  readonly cached?: Named | undefined
}

/**
 * Output tokens without reasoning. Without a total, `reasoning` is part of `output`. With one, the three must add up, in the one way or in
 * the other. An absent output is what the total leaves.
 */
export const outputOf = (
  { malformed, rest }: ReturnType<typeof reading>,
  { cached, input, output, reasoning, total }: Reasoned,
  ...parts: ReadonlyArray<Named>
): Read<number | undefined> => {
  const whole = total[1]
  if (whole === undefined || input[1] === undefined) return rest(output, reasoning, ...parts)
  if (output[1] === undefined) return rest(total, input, reasoning, ...parts)
  const said = input[1] + output[1]
  const totals = (n: number) => whole === n || whole === n + (cached?.[1] ?? 0)
  if (totals(said)) return rest(output, reasoning, ...parts)
  if (totals(said + (reasoning[1] ?? 0))) return rest(output, ...parts)
  return Either.left(malformed(total[0], `must be ${names([input, output])} together`, whole))
}
