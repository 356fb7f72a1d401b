/**
 * A process that puts records p0, p1, … and says which are kept, until it is killed, or until nothing
 * is left to do. Arguments: the directory, the number of the first record, the disk (`platform`, `node`, `thread`), and how many times eight
 * records, without end when it is not there.
 */
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { writeSync } from "node:fs"
import * as Journal from "../../../src/lifecycle/Journal.js"
import * as OnNode from "../../../src/node/internal/journalDisk.js"

const baseUrl = "http://localhost:7878"
const [directory = "", first, disk, times] = process.argv.slice(2)
const layer = disk === "platform"
  ? Journal.layerFiles({ directory })
  : OnNode.layerFiles({ directory, crowd: disk === "thread" ? 0 : Infinity })
let next = Number(first)

const one = (store: Journal.Store) =>
  Effect.suspend(() => {
    const id = `p${next++}`
    return Effect.map(
      store.put({
        reservationId: id as Journal.Entry["reservationId"],
        baseUrl,
        mode: "commit",
        commitBody: { idempotency_key: id, note: "x".repeat(20_000) },
        eventFallbackBody: null,
        recordedAtMs: 1,
        notBeforeMs: null
      }),
      () => writeSync(1, `${id}\n`)
    )
  })

const many = (store: Journal.Store) =>
  times === undefined ? Effect.forever(one(store)) : Effect.replicateEffect(one(store), Number(times))

const program = Effect.gen(function*() {
  const journal = yield* Journal.Journal
  const store = yield* journal.open({ baseUrl, tenant: "acme", apiKey: Redacted.make("k") })
  yield* Effect.all(Array.from({ length: 8 }, () => many(store)), { concurrency: "unbounded" })
})

const live = Layer.provide(layer, NodeContext.layer)

// The layer stays open: a thread that does nothing must not keep the process.
Effect.runFork(Effect.gen(function*() {
  const scope = yield* Scope.make()
  yield* program.pipe(Effect.provide(yield* Layer.buildWithScope(live, scope)), Scope.extend(scope))
}))
