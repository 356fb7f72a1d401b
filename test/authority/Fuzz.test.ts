/**
 * Anything at all, sent to both planes of an authority: never a hang, never a server error that is not documented, never a ledger
 * that a refusal has changed, always an answer of the published shape.
 *
 * `FUZZ_REQUESTS=200000 npx vitest run test/authority/Fuzz.test.ts` is the full run; `FUZZ_SEED` repeats one.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { makeDice } from "./support/fuzz/dice.js"
import { volley } from "./support/fuzz/raw.js"
import { shoot } from "./support/fuzz/requests.js"
import { serveWorld } from "./support/fuzz/served.js"
import { makeWorld } from "./support/fuzz/world.js"

const requests = Number(process.env["FUZZ_REQUESTS"] ?? 3000)
const seed = Number(process.env["FUZZ_SEED"] ?? crypto.getRandomValues(new Uint32Array(1))[0])
const perRound = 250
/** One request in so many goes through a socket. */
const socketShare = 25

/** How many of each answer, and faults by their kind, each with the first request that showed it. */
const makeReport = () => {
  const counts: Record<string, number> = {}
  const faults = new Map<string, string>()
  return {
    count: (key: string) => void (counts[key] = (counts[key] ?? 0) + 1),
    blame: (complaint: string | undefined, ...shown: ReadonlyArray<unknown>) => {
      const kind = complaint?.slice(0, 60)
      if (kind === undefined || faults.has(kind)) return
      faults.set(
        kind,
        [complaint, ...shown.map((part) => JSON.stringify(part))].map((text) => text?.slice(0, 1500)).join("\n  ")
      )
    },
    end: (name: string) => {
      console.log(`fuzz ${name}: FUZZ_SEED=${seed} FUZZ_REQUESTS=${requests}`, counts)
      assert.strictEqual(Array.from(faults.values()).join("\n"), "")
    }
  }
}

const limit = { timeout: 60_000 + requests * 20 }

describe(`requests at random, FUZZ_SEED=${seed}`, () => {
  it.live("in process", () =>
    Effect.gen(function*() {
      const { blame, count, end } = makeReport()
      for (let round = 0; round * perRound < requests; round++) {
        const dice = makeDice(seed + round)
        const world = yield* makeWorld(dice)
        for (let n = 0; n < perRound; n++) {
          if (dice.oneIn(12)) yield* world.wait
          const shot = shoot(dice, world.memory)
          const { answer, complaint } = yield* world.fire(shot, dice.oneIn(4))
          count(`${shot.plane} ${answer.status}`)
          blame(complaint, { round, n }, shot, answer)
        }
      }
      end("in process")
    }), limit)

  it.live("as bytes on a socket", () =>
    Effect.gen(function*() {
      const { blame, count, end } = makeReport()
      for (let round = 0; round * perRound < requests / socketShare; round++) {
        yield* Effect.scoped(Effect.gen(function*() {
          const dice = makeDice(seed ^ (round + 1))
          const world = yield* makeWorld(dice)
          const send = yield* serveWorld(world.authority)
          for (let n = 0; n < Math.min(perRound, requests / socketShare); n++) {
            // What a raw request could refer to comes from requests in process.
            yield* world.fire(shoot(dice, world.memory), false)
            const shot = shoot(dice, world.memory)
            const bytes = volley(dice, shot)
            const { answer: { answers, complaint }, complaint: ofLedger } = yield* world.watched(
              send(shot, bytes),
              ({ mayWrite }) => mayWrite,
              true
            )
            count(`${bytes.kind} ${answers.map(({ status }) => status).join(" ")}`)
            blame(complaint ?? ofLedger, { round, n }, bytes.bytes.toString("latin1"), answers)
          }
        }))
      }
      end("on a socket")
    }), limit)
})
