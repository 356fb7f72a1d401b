/**
 * A process that puts and settles records, 16 at a time, until it is killed. The id of each is the key in its body. It says `+id` when one
 * is kept, and `-id` before it is settled. Arguments: the directory, and the number of the first record.
 */
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as Journal from "effect-cycles/lifecycle/Journal"
import * as Effect from "effect/Effect"
import { writeSync } from "node:fs"
import { layerFiles } from "../../../src/node/internal/journalDisk.js"
import { entry, identity } from "../../lifecycle/support/journal.js"

const [directory = "", first] = process.argv.slice(2)
let next = Number(first)

const program = Effect.gen(function*() {
  const store = yield* Effect.flatMap(Journal.Journal, (journal) => journal.open(identity))
  const one = Effect.suspend(() => {
    const id = `p${String(next++).padStart(8, "0")}`
    const record = entry(id, { commitBody: { idempotency_key: id, note: "x".repeat(next % 700) } })
    const say = (sign: string) => Effect.sync(() => writeSync(1, `${sign}${id}\n`))
    return store.put(record).pipe(
      Effect.zipRight(say("+")),
      Effect.zipRight(Effect.yieldNow()),
      Effect.zipRight(say("-")),
      Effect.zipRight(store.remove(id))
    )
  })
  yield* Effect.all(Array.from({ length: 16 }, () => Effect.forever(one)), { concurrency: "unbounded" })
})

Effect.runFork(program.pipe(
  Effect.scoped,
  Effect.provide(layerFiles({ directory, crowd: 0 })),
  Effect.provide(NodeContext.layer)
))
