import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import type * as Tracer from "effect/Tracer"
import type { Detachable, Reply } from "../../src/client/Client.js"
import { Handover } from "../../src/client/internal/handover.js"
import type { CreateError } from "../../src/protocol/CyclesError.js"
import { IdempotencyKey } from "../../src/protocol/Idempotency.js"
import type { CreateResponse } from "../../src/protocol/Reservation.js"
import { traced } from "./support/capture.js"
import { create, good } from "./support/samples.js"
import { answer, type Script, talk, transports } from "./support/server.js"

const endOf = (span: Tracer.Span | undefined): string => {
  if (span?.status._tag !== "Ended") return "under way"
  return Exit.isInterrupted(span.status.exit) ? "interrupted" : span.status.exit._tag
}

const handover = () => new Handover<Reply<CreateResponse>, CreateError>()

/** A client whose server answers when it is told to. */
const slow = (transport: Parameters<typeof talk>[0]) => {
  const { body, status } = good.createReservation
  let go = (): void => {}
  const script: Script = (...args) => {
    go = () => answer(status, body)(...args)
  }
  return Effect.map(talk(transport, script), ({ client, server }) => ({
    client: client as Detachable,
    server,
    received: Effect.repeat(Effect.sync(() => server.requests.length), {
      until: (n) => n > 0,
      schedule: Schedule.spaced("1 millis")
    }),
    answer: Effect.sync(() => go())
  }))
}

for (const [name, transport] of transports) {
  describe(`a caller that goes away, over ${name}`, () => {
    it.scopedLive("leaves the rest of the exchange to its handover", () =>
      Effect.gen(function*() {
        const { answer, client, received, server } = yield* slow(transport)
        const over = handover()
        const caller = yield* Effect.fork(client.createReservation(create, over))
        yield* received
        yield* Fiber.interrupt(caller)
        const rest = yield* Effect.fork(over.rest ?? Effect.die("it has begun"))
        yield* answer
        assert.strictEqual((yield* Fiber.join(rest)).value.decision, "ALLOW")
        assert.strictEqual((yield* over.rest ?? Effect.die("it has begun")).value.decision, "ALLOW")
        assert.lengthOf(server.requests, 1)
      }))

    it.scopedLive("without one, ends the exchange on the socket", () =>
      Effect.gen(function*() {
        const { client, received, server } = yield* slow(transport)
        const caller = yield* Effect.fork(client.createReservation(create))
        yield* received
        yield* Fiber.interrupt(caller)
        yield* Effect.repeat(server.connections, { until: (n) => n === 0, schedule: Schedule.spaced("1 millis") }).pipe(
          Effect.timeout("3 seconds")
        )
      }))

    it.scopedLive("has a span that ends as its exchange does: when it is cut off, or with the rest", () =>
      Effect.gen(function*() {
        const leave = (...over: [] | [ReturnType<typeof handover>]) =>
          Effect.gen(function*() {
            const { answer, client, received } = yield* slow(transport)
            const [, [span]] = yield* traced(Effect.gen(function*() {
              const caller = yield* Effect.fork(client.createReservation(create, ...over))
              yield* received
              yield* Fiber.interrupt(caller)
            }))
            return { answer, span }
          })
        const cutOff = yield* leave()
        assert.deepStrictEqual(endOf(cutOff.span), "interrupted")
        const over = handover()
        const { answer, span } = yield* leave(over)
        assert.deepStrictEqual(endOf(span), "under way")
        yield* answer
        yield* over.rest ?? Effect.die("it has begun")
        assert.deepStrictEqual(endOf(span), "Success")
      }))
  })
}

describe("a handover", () => {
  const [, transport] = transports[0]!

  it.scopedLive("has no rest of what never began", () =>
    Effect.gen(function*() {
      const { client, server } = yield* slow(transport)
      const over = handover()
      const exit = yield* Effect.exit(Effect.zipRight(Effect.interrupt, client.createReservation(create, over)))
      assert.isTrue(Exit.isInterrupted(exit))
      assert.isUndefined(over.rest)
      assert.lengthOf(server.requests, 0)
    }))

  it.scopedLive("tells why nothing was sent", () =>
    Effect.gen(function*() {
      const { client, server } = yield* slow(transport)
      const over = handover()
      const wrong = { ...create, idempotencyKey: IdempotencyKey.make("é") }
      const error = yield* Effect.flip(client.createReservation(wrong, over))
      assert.strictEqual(error._tag, "InvalidInput")
      assert.strictEqual(yield* Effect.flip(over.rest ?? Effect.die("it has begun")), error)
      assert.lengthOf(server.requests, 0)
    }))

  it.scopedLive("changes the answer once, whoever gets it", () =>
    Effect.gen(function*() {
      const { answer, client, received } = yield* slow(transport)
      const over = handover()
      let seen = 0
      over.change((answer) => Effect.tap(answer, () => seen++))
      const caller = yield* Effect.fork(client.createReservation(create, over))
      yield* received
      yield* answer
      yield* Fiber.join(caller)
      assert.strictEqual(seen, 1)
    }))
})
