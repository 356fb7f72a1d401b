/**
 * Idempotency keys: one key for one intent, the same key for every attempt at it.
 */
import { sha256 } from "@noble/hashes/sha2.js"
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { maker } from "./internal/checked.js"

/**
 * A key of 1 to 256 characters. It also travels as a header, so the client accepts visible ASCII only.
 *
 * Source: components/schemas/IdempotencyKey.
 *
 * @since 0.1.0
 * @category schemas
 */
export const IdempotencyKey = Schema.String.pipe(Schema.minLength(1), Schema.maxLength(256)).annotations({
  identifier: "IdempotencyKey"
}).pipe(Schema.brand("effect-cycles/IdempotencyKey"))

/**
 * @since 0.1.0
 * @category models
 */
export type IdempotencyKey = typeof IdempotencyKey.Type

const make = maker(IdempotencyKey)

const random = (): string => globalThis.crypto.randomUUID()
const randomKey = Effect.sync(random)

/**
 * Where fresh keys come from: random UUIDs of version 4 unless a program provides another source.
 *
 * @since 0.1.0
 * @category tags
 */
export class IdempotencyKeys extends Context.Reference<IdempotencyKeys>()("effect-cycles/protocol/Idempotency", {
  defaultValue: (): Effect.Effect<string> => randomKey
}) {}

/**
 * A fresh key.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fresh: Effect.Effect<IdempotencyKey> = Effect.withFiberRuntime(({ currentContext }) => {
  const source = Context.get(currentContext, IdempotencyKeys)
  return source === randomKey ? Effect.succeed(make(random())) : Effect.map(source, (key) => make(key))
})

const longest = 200

/** By unit of UTF-16, so that nothing is lost. Neither this sign nor the one between parts is left in a part. */
const escaped = (unit: string): string => `~${unit.charCodeAt(0).toString(16).padStart(4, "0")}`

/**
 * A key that the same parts give in every process: the ids of a job, a message, a workflow and its step. Different parts give different
 * keys; what is too long for a key becomes its SHA-256. Put nothing secret in: authorities show keys.
 *
 * @example
 * ```ts
 * import { Idempotency } from "effect-cycles"
 *
 * Idempotency.stable("invoice", 4711, "summarize") // "invoice/4711/summarize"
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const stable = (
  ...parts: readonly [string | number | bigint, ...ReadonlyArray<string | number | bigint>]
): IdempotencyKey => {
  const text = parts.map((part) => String(part).replace(/[^\w.-]/g, escaped)).join("/")
  return make(
    text.length <= longest && text !== ""
      ? text
      : `sha256:${bytesToHex(sha256(utf8ToBytes(text)))}`
  )
}
