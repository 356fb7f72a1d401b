/**
 * Why the journal did not do what it was asked.
 */
import * as Schema from "effect/Schema"

/**
 * A record was not written, moved or removed.
 *
 * - `unwritable`: the directory or the disk refused; `detail` has the words of the platform.
 * - `symlink`: the directory of the identity is a symbolic link: nothing is read or written through it.
 * - `invalid`: the record is not one that another client could send. A fault of the program.
 * - `tooLarge`: the record is over `maxRecordBytes`.
 * - `full`: the journal in memory holds `maxRecords` already.
 *
 * @since 0.1.0
 * @category errors
 */
export class JournalError extends Schema.TaggedError<JournalError>("effect-cycles/JournalError")("JournalError", {
  reason: Schema.Literal("unwritable", "symlink", "invalid", "tooLarge", "full"),
  detail: Schema.String
}) {
  override get message(): string {
    return `The journal did not keep a record (${this.reason}): ${this.detail}`
  }
}
