import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { assert } from "@effect/vitest"
import { Amount, Cycles, type CyclesConfig, guarded, type GuardOptions, Journal, LeaseEvent } from "effect-cycles"
import { Transport } from "effect-cycles/node"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { type Fault, keys, type Request, serve, type Served, tenant } from "./authority.js"
import { scenario } from "./evidence.js"
import { untilTrue } from "./process.js"
import { spend, wire } from "./spend.js"

const client = ({ baseUrl }: Served, options: Partial<CyclesConfig.Options> = {}) =>
  Cycles.layer({ baseUrl, apiKey: keys.first, subject: { tenant }, ...options }).pipe(
    Layer.provide([Transport.layer(), Journal.layerMemory()])
  )

/** Guarded work whose settlements are the first answer and the one that stays. */
const settled = <A, E, R>(self: Effect.Effect<A, E, R>, options: Partial<GuardOptions<A>> = {}) =>
  Effect.gen(function*() {
    const both = yield* Deferred.make<ReadonlyArray<string>>()
    const value = yield* guarded(self, {
      ...spend,
      actual: Amount.tokens(37),
      ...options,
      onSettled: (first, { settlement }) =>
        Effect.asVoid(Effect.forkDaemon(
          Effect.flatMap(settlement, (last) => Deferred.succeed(both, [first._tag, last._tag]))
        ))
    })
    return { value, settlements: yield* Deferred.await(both) }
  })

const on = (operation: Request["operation"], fault: Fault) => (request: Request) =>
  request.operation === operation && request.n === 1 ? fault : undefined

const keysOf = (requests: ReadonlyArray<Request>) => new Set(requests.map(({ key }) => key))

scenario("CR-CORE-001", ({ asserts, requests }) =>
  Effect.gen(function*() {
    const authority = yield* serve(on("commit", { lose: true }))
    const { settlements } = yield* Effect.provide(settled(Effect.void), client(authority))
    const { spent, statuses } = yield* authority.ledger
    asserts("settlement_occurs_at_most_once", () => {
      assert.deepStrictEqual(settlements, ["Pending", "Committed"])
      assert.deepStrictEqual([spent, statuses], [37n, ["COMMITTED"]])
    })
    asserts("retry_uses_original_idempotency_key", () => {
      assert.strictEqual(keysOf(authority.of("commit")).size, 1)
      const [first, second] = authority.of("commit")
      assert.isString(first?.key)
      assert.deepStrictEqual(second?.body, first?.body)
    })
    requests(authority.names())
  }))

scenario("CR-CORE-002", ({ asserts, requests }) =>
  Effect.gen(function*() {
    const authority = yield* serve()
    const { settlements } = yield* settled(Effect.sleep(1200), { ttl: 1000, gracePeriod: 0, heartbeat: false }).pipe(
      Effect.provide(client(authority))
    )
    const [commit] = authority.of("commit")
    const [event] = authority.of("event")
    const { reserved, spent, statuses } = yield* authority.ledger
    asserts("event_carries_original_subject_action_actual", () => {
      assert.deepInclude(event?.body, wire)
      assert.deepInclude(authority.of("create")[0]?.body, { subject: wire.subject, action: wire.action })
      assert.deepStrictEqual(event?.body["metadata"], {
        recovered_reservation_id: commit?.path.split("/").at(-2),
        recovery_reason: "commit_after_reservation_expired"
      })
    })
    asserts("settlement_occurs_at_most_once", () => {
      assert.deepStrictEqual(settlements, ["Committed", "Committed"])
      assert.deepStrictEqual([spent, reserved, statuses], [37n, 0n, ["EXPIRED"]])
    })
    requests(authority.names())
  }))

scenario("CR-CORE-003", ({ asserts, requests }) =>
  Effect.gen(function*() {
    const authority = yield* serve(on("extend", { cut: true }))
    const outcome = yield* Effect.gen(function*() {
      const { leases } = yield* Cycles
      const events = yield* Effect.fork(Stream.runCollect(Stream.take(leases.events, 2)))
      yield* Effect.yieldNow()
      const work = Effect.as(untilTrue(() => authority.of("extend").length === 2), "done")
      const { settlements, value } = yield* settled(Effect.zipLeft(work, Effect.sleep(100)), { ttl: 3400 })
      return { settlements, value, events: [...(yield* Fiber.join(events))] }
    }).pipe(Effect.provide(client(authority)))
    const reservationId = authority.of("commit")[0]?.path.split("/").at(-2) as LeaseEvent["reservationId"]
    asserts("heartbeat_failure_reports_reservation_and_disposition", () => {
      const [failure, success] = outcome.events
      assert.isTrue(failure !== undefined && LeaseEvent.$is("Retrying")(failure))
      assert.deepStrictEqual([failure?.reservationId, failure?.disposition], [reservationId, "kept"])
      assert.deepStrictEqual([success?._tag, success?.reservationId], ["Extended", reservationId])
    })
    asserts("guarded_action_continues_under_warn_policy", () => assert.strictEqual(outcome.value, "done"))
    asserts("final_settlement_is_attempted", () => {
      assert.deepStrictEqual(outcome.settlements, ["Committed", "Committed"])
      assert.deepInclude(authority.of("commit")[0]?.body, { actual: wire.actual })
    })
    requests(authority.names())
  }))

const json = (status: number, body: unknown) =>
  HttpServerResponse.text(JSON.stringify(body), { status, headers: { "content-type": "application/json" } })

const charged = { unit: "TOKENS", amount: 37 }
const nonconformant = [
  HttpServerResponse.empty({ status: 204 }),
  HttpServerResponse.text("<html>welcome</html>", { status: 200, headers: { "content-type": "text/html" } }),
  json(200, {}),
  json(200, { status: "COMMITTED" }),
  json(200, { status: "RELEASED", charged }),
  json(200, { status: "COMMITTED", charged: { unit: "TOKENS", amount: "37" } }),
  json(201, { status: "COMMITTED", charged }),
  json(202, { status: "COMMITTED", charged })
]

scenario("CR-CORE-004", ({ asserts, requests }) =>
  Effect.gen(function*() {
    const runs = yield* Effect.forEach(nonconformant, (answer) =>
      Effect.gen(function*() {
        // So slow that the first sweep of the journal finds the record while its first attempt is under way.
        const authority = yield* serve(on("commit", { answer, after: Effect.sleep(700) }))
        const { settlements } = yield* Effect.provide(settled(Effect.void), client(authority))
        return { authority, settlements, ledger: yield* authority.ledger }
      }), { concurrency: "unbounded" })
    asserts("only_schema_valid_expected_status_is_terminal_success", () => {
      for (const { ledger, settlements } of runs) {
        assert.deepStrictEqual(settlements, ["Pending", "Committed"])
        assert.deepInclude(ledger, { spent: 37n, reserved: 0n })
      }
    })
    asserts("ambiguous_success_retains_original_idempotency_key", () => {
      for (const { authority } of runs) assert.strictEqual(keysOf(authority.of("commit")).size, 1)
    })
    for (const { authority } of runs) requests(authority.names())
  }))
