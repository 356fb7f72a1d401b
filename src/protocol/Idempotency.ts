/**
 * Idempotency keys: one key for one intent, the same key for every attempt at it.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

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

/**
 * Where fresh keys come from: random UUIDs of version 4 unless a program provides another source.
 *
 * @since 0.1.0
 * @category tags
 */
export class IdempotencyKeys extends Context.Reference<IdempotencyKeys>()("effect-cycles/protocol/Idempotency", {
  defaultValue: (): Effect.Effect<string> => Effect.sync(() => globalThis.crypto.randomUUID())
}) {}

/**
 * A fresh key.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fresh: Effect.Effect<IdempotencyKey> = Effect.flatten(IdempotencyKeys).pipe(
  Effect.map((key) => IdempotencyKey.make(key))
)
