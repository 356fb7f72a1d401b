import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Layer from "effect/Layer"
import * as Scheduler from "effect/Scheduler"
import type { Detachable, Reply } from "../../src/client/Client.js"
import { Handover } from "../../src/client/internal/handover.js"
import type { CreateError } from "../../src/protocol/CyclesError.js"
import type { CreateResponse } from "../../src/protocol/Reservation.js"
import { traced } from "./support/capture.js"
import { create, good } from "./support/samples.js"
import { clientOf, transports } from "./support/server.js"

/** Runs on a fiber that is interrupted before its `n`th step, and gives its exit; `Success` when it has fewer. */
const interruptedAt = <A, E>(n: number, effect: Effect.Effect<A, E>) =>
  Effect.suspend(() => {
    const scheduler = new Scheduler.MixedScheduler(2048)
    let caller: unknown
    let step = 0
    const stepping = Effect.withFiberRuntime<A, E>((fiber) => {
      caller = fiber
      return effect
    })
    return Effect.forkDaemon(Effect.withScheduler(stepping, {
      scheduleTask: (task, priority) => scheduler.scheduleTask(task, priority),
      shouldYield: (fiber) => {
        if (fiber !== caller || step++ !== n) return false
        fiber.unsafeInterruptAsFork(FiberId.none)
        return 0
      }
    })).pipe(Effect.flatMap(Fiber.await))
  })

const body = JSON.stringify(good.createReservation.body)
const steps = Array.from({ length: 64 }, (_, n) => n)
const fetches = transports.filter(([name]) => name.includes("fetch"))

const none = { sent: 0, aborted: 0 }

/** A client whose `fetch` answers a little later, and what reached it before that. */
const counted = (transport: (typeof transports)[number][1]) => {
  const exchanged = { ...none }
  const fetch: typeof globalThis.fetch = (_, init) =>
    new Promise((resolve, reject) => {
      exchanged.sent++
      const abort = () => {
        exchanged.aborted++
        reject(new DOMException("aborted", "AbortError"))
      }
      init?.signal?.addEventListener("abort", abort)
      setImmediate(() => {
        init?.signal?.removeEventListener("abort", abort)
        resolve(new Response(body))
      })
    })
  return Effect.map(
    clientOf(Layer.provide(transport, Layer.succeed(FetchHttpClient.Fetch, fetch)), "http://localhost:1"),
    (client) => ({ client: client as Detachable, exchanged })
  )
}

for (const [name, transport] of fetches) {
  describe(`an interrupt at every step, over ${name}`, () => {
    for (const how of ["silent", "traced"] as const) {
      const observe = <A, E>(effect: Effect.Effect<A, E>) =>
        how === "traced" ? traced(effect) : Effect.map(effect, (exit) => [exit, []] as const)

      it.scopedLive(`leaves an exchange that was sent to its handover, and none that was not, ${how}`, () =>
        Effect.gen(function*() {
          let left = 0
          const { client, exchanged } = yield* counted(transport)
          for (const n of steps) {
            Object.assign(exchanged, none)
            const over = new Handover<Reply<CreateResponse>, CreateError>()
            const [exit, spans] = yield* observe(interruptedAt(n, client.createReservation(create, over)))
            assert.strictEqual(exchanged.sent > 0, over.rest !== undefined, `step ${n}`)
            if (over.rest === undefined) continue
            const reply = yield* Effect.timeout(over.rest, "1 second")
            assert.strictEqual(reply.value.decision, "ALLOW")
            assert.deepStrictEqual(exchanged, { sent: 1, aborted: 0 }, `step ${n}`)
            for (const { status } of spans) assert.strictEqual(status._tag, "Ended", `step ${n}`)
            if (Exit.isFailure(exit)) left++
          }
          assert.isAbove(left, 5)
        }))

      it.scopedLive(`cuts off an exchange that was sent, without a handover, ${how}`, () =>
        Effect.gen(function*() {
          let cutOff = 0
          const { client, exchanged } = yield* counted(transport)
          for (const n of steps) {
            Object.assign(exchanged, none)
            let isAnswered = false
            const call = Effect.tap(client.createReservation(create), () => {
              isAnswered = true
            })
            const [, spans] = yield* observe(interruptedAt(n, call))
            if (exchanged.sent === 0) continue
            for (const { status } of spans) assert.strictEqual(status._tag, "Ended", `step ${n}`)
            if (isAnswered) assert.strictEqual(exchanged.aborted, 0)
            cutOff += exchanged.aborted
          }
          assert.isAbove(cutOff, 0)
        }))
    }
  })
}
