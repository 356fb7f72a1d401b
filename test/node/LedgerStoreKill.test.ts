import * as NodeContext from "@effect/platform-node/NodeContext"
import { assert, describe, it } from "@effect/vitest"
import { make } from "effect-cycles/node/LedgerStoreSql"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { cpSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { bundle, type Child, start } from "../support/child.js"
import { checkLedger, costOf, dice, draw, isGranted, send, type Sent } from "./support/storm.js"

const kills = Number(process.env.STORE_KILLS ?? 5)
const seed = Number(process.env.STORE_SEED ?? Math.floor(Math.random() * 2 ** 31))

/** A ledger is read as a whole after each kill: a new one now and then keeps the whole small. */
const killsPerLedger = 20
const lanes = 16

const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "ledger-"))),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true }))
)

/** What a crash left, read from a copy: the authority that comes next has to recover it itself. */
const readCopy = (directory: string) =>
  Effect.scoped(Effect.gen(function*() {
    const copy = yield* temporary
    cpSync(directory, copy, { recursive: true })
    return yield* Effect.flatMap(make({ directory: copy }), ({ load }) => load)
  })).pipe(Effect.provide(NodeContext.layer))

const roll = dice(seed)
let names = 0

/** Sends requests in lanes until a random number of answers have come, and goes on while the server is killed. */
const storm = (server: Child, all: Array<Sent>, held: Array<string>) =>
  Effect.gen(function*() {
    const url = (yield* server.said("listening"))?.slice(10) ?? ""
    let answers = 0
    // First the requests whose answers never came, then new ones, and now and then an old one again.
    const waiting = all.filter(({ answer }) => answer === undefined)
    const granted = all.filter(isGranted)
    const lane = async () => {
      while (server.isUp()) {
        const old = waiting.pop() ?? (roll(10) === 0 ? granted[roll(granted.length)] : undefined)
        const sent = old ?? draw(roll, () => `k${names++}`, held)
        if (old === undefined) all.push(sent)
        const isFirst = sent.answer === undefined
        await send(url, sent)
        if (sent.answer === undefined) return
        answers++
        const id = sent.answer.body["reservation_id"]
        if (isFirst && sent.kind === "reserve" && typeof id === "string") held.push(id)
      }
    }
    const sending = yield* Effect.fork(Effect.promise(() => Promise.all(Array.from({ length: lanes }, lane))))
    const enough = roll(300)
    yield* server.until(() => answers > enough)
    yield* Effect.sleep(roll(20))
    yield* server.kill
    yield* Fiber.join(sending)
  })

describe("kill -9 in a write storm", () => {
  it.scopedLive(
    `leaves the answered requests, the others wholly or not at all (${kills} kills, seed ${seed})`,
    () =>
      Effect.gen(function*() {
        const program = bundle(fileURLToPath(new URL("support/ledgerServer.ts", import.meta.url)))
        const total = { kills: 0, answered: 0, unanswered: 0, ofTheseThere: 0 }
        while (total.kills < kills) {
          const directory = yield* temporary
          const all: Array<Sent> = []
          const held: Array<string> = []
          let credits = 0
          let answered = 0
          for (let n = 0; n < killsPerLedger && total.kills < kills; n++) {
            const server = yield* start(program, { directory })
            // Now and then it does not even get through its start.
            if (roll(8) === 0) yield* Effect.zipRight(Effect.sleep(roll(600)), server.kill)
            else yield* storm(server, all, held)
            credits += server.lines.filter((line) => line === "credited").length
            const seen = checkLedger(yield* readCopy(directory), all, credits)
            credits = seen.credits
            answered = seen.answered
            total.kills++
            total.unanswered += seen.unanswered
            total.ofTheseThere += seen.there
          }
          total.answered += answered
          console.log(`seed ${seed}:`, total)
        }
        assert.isAbove(total.answered, 0)
        assert.isAbove(total.unanswered, 0)
      }),
    60_000 + kills * 30_000
  )

  it.scopedLive(
    `charges every guarded call once, and all that was said to be committed (seed ${seed})`,
    () =>
      Effect.gen(function*() {
        const program = bundle(fileURLToPath(new URL("support/ledgerAgent.ts", import.meta.url)))
        const directory = yield* temporary
        const said: Array<string> = []
        for (let n = 0; n < Math.ceil(kills / 2); n++) {
          const agent = yield* start(program, { directory, prefix: `r${n}`, calls: 10_000 })
          const enough = roll(60)
          yield* agent.until(() => agent.lines.length > enough)
          yield* agent.kill
          assert.deepStrictEqual(agent.lines.filter((line) => !line.startsWith("Committed ")), [])
          for (const line of agent.lines) said.push(line.slice(10))
        }
        // The last one makes no calls: it settles what the others left.
        const left = () =>
          readdirSync(join(directory, "journal"), { recursive: true }).filter((f) => `${f}`.endsWith(".json"))
        const open = left().length
        const agent = yield* start(program, { directory, prefix: "none", calls: 0 })
        yield* agent.until(() => left().length === 0)
        yield* agent.kill
        const { budgets: [budget], reservations, spend } = yield* readCopy(directory)
        const charges = [
          ...reservations.flatMap(({ action, charged }) =>
            charged === undefined ? [] : [{ name: action.name, charged }]
          ),
          ...spend.map(({ action, charged }) => ({ name: action.name, charged }))
        ]
        const names = charges.map(({ name }) => name)
        assert.strictEqual(new Set(names).size, names.length, "nothing is charged twice")
        assert.includeMembers(names, said)
        for (const { charged, name } of charges) assert.strictEqual(charged, BigInt(costOf(name)), name)
        assert.strictEqual(budget?.spent, charges.reduce((all, { charged }) => all + charged, 0n))
        console.log(`seed ${seed}:`, { said: said.length, charged: names.length, events: spend.length, left: open })
        assert.isAbove(said.length, 0)
      }),
    60_000 + kills * 15_000
  )
})
