/**
 * A refusal of Node as the platform says it.
 */
import { type PlatformError, SystemError } from "@effect/platform/Error"

/** The members of Node's error that say why. */
export interface Refusal {
  readonly code?: string | undefined
  readonly message: string
  readonly syscall?: string | undefined
}

export const failed = (method: string, file: string, { code, message, syscall }: Refusal): PlatformError =>
  new SystemError({
    reason: code === "ENOENT" ? "NotFound" : "Unknown",
    module: "FileSystem",
    method,
    pathOrDescriptor: file,
    syscall,
    description: message
  })
