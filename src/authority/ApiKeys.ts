/**
 * Keys that are made here: shown once, kept as a hash.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { sanitize } from "../protocol/InvalidInput.js"
import { type CommandOf, type Refusal, refusal } from "./Command.js"
import { freshId } from "./internal/correlation.js"
import { mint } from "./internal/secrets.js"
import { agentPermissions, isPermission } from "./Principal.js"
import type { ApiKey } from "./Rows.js"

/**
 * A key to be made: by default with the permissions of an agent, for 90 days.
 *
 * @since 0.1.0
 * @category models
 */
export interface ApiKeyOptions extends Partial<Pick<ApiKey, "description" | "scopeFilter" | "metadata">> {
  readonly tenant: string
  readonly name: string
  /** Epoch ms. */
  readonly expiresAt?: number | undefined
  readonly permissions?: ReadonlyArray<string> | undefined
}

/**
 * A key that was made, and its secret, which is told here and never again.
 *
 * @since 0.1.0
 * @category models
 */
export interface MadeKey {
  readonly key: ApiKey
  /** What callers show. */
  readonly secret: Redacted.Redacted
}

const keyLifetime = Duration.days(90)

/** Makes a key and remembers that its secret is right. */
export const makeKey = (
  run: (command: CommandOf<"CreateApiKey">) => Effect.Effect<ApiKey, Refusal>,
  remember: (secret: string, id: string) => void
): (options: ApiKeyOptions) => Effect.Effect<MadeKey, Refusal> =>
  Effect.fnUntraced(function*({ expiresAt, permissions, ...options }: ApiKeyOptions) {
    const unknown = permissions?.find((name) => !isPermission(name))
    if (unknown !== undefined) {
      return yield* Effect.fail(refusal("INVALID_REQUEST", `Unrecognized permission: ${sanitize(unknown, 80)}`))
    }
    const { hash, prefix, secret } = yield* mint
    const now = yield* Clock.currentTimeMillis
    const key = yield* run({
      _tag: "CreateApiKey",
      key: {
        ...options,
        id: freshId(),
        prefix,
        hash,
        permissions: permissions ?? agentPermissions,
        expiresAt: expiresAt ?? now + Duration.toMillis(keyLifetime)
      }
    })
    remember(secret, key.id)
    return { key, secret: Redacted.make(secret) }
  })
