import { assert, describe, it } from "@effect/vitest"
import { Amount, Cycles, guarded, type GuardOptions, Idempotency, type Settlement } from "effect-cycles"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import { embedded, ledger } from "../support/embedded.js"
import type { Call } from "../support/faults.js"

const tokens = Amount.tokens
const key = Idempotency.stable("job", 7, "step one")

/** Counts how often the paid work runs. */
const desk = () => {
  const book = { runs: 0 }
  const attempt = (work: Effect.Effect<void, "no"> = Effect.void, options: Partial<GuardOptions<void>> = {}) =>
    Effect.sync(() => void (book.runs += 1)).pipe(
      Effect.zipRight(work),
      guarded({ estimate: tokens(100), actual: tokens(40), idempotencyKey: key, ...options } as GuardOptions<void>),
      Effect.match({ onFailure: (error) => error === "no" ? error : error._tag, onSuccess: () => "charged" })
    )
  return { book, attempt }
}

const creates = (calls: ReadonlyArray<Call>) =>
  calls.filter(({ operation }) => operation === "create").map(({ body }) => JSON.parse(body).idempotency_key)

describe("a stable key", () => {
  it.effect("after a charge: the work does not run again, nothing more is charged, and the error says what was", () =>
    Effect.gen(function*() {
      const { attempt, book } = desk()
      assert.deepStrictEqual(yield* Effect.all([attempt(), attempt(), attempt(Effect.void, { estimate: tokens(7) })]), [
        "charged",
        "AlreadyCharged",
        "AlreadyCharged"
      ])
      assert.strictEqual(book.runs, 1)
      const error = yield* Effect.flip(guarded(Effect.void, { estimate: tokens(1), idempotencyKey: key }))
      assert.deepInclude(error, { _tag: "AlreadyCharged", charged: Option.some(tokens(40)), idempotencyKey: key })
      assert.deepInclude(yield* ledger(), { spent: 40n, reserved: 0n, active: 0 })
    }).pipe(Effect.provide(embedded())))

  it.effect("the first attempt costs no request more", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      yield* desk().attempt()
      assert.deepStrictEqual(calls.map(({ operation }) => operation), ["create", "commit"])
      assert.deepStrictEqual(creates(calls), [key])
    }).pipe(Effect.provide(embedded({ calls })))
  })

  it.effect("after failures and interrupts that spent nothing: runs, on holds whose keys every process finds", () => {
    const calls: Array<Call> = []
    return Effect.gen(function*() {
      const { attempt, book } = desk()
      assert.strictEqual(yield* attempt(Effect.fail("no")), "no")
      const fiber = yield* Effect.fork(attempt(Effect.never))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(yield* Effect.all([attempt(), attempt()]), ["charged", "AlreadyCharged"])
      assert.strictEqual(book.runs, 3)
      assert.deepStrictEqual(creates(calls).slice(-6), [key, `${key}.2`, `${key}.3`, key, `${key}.2`, `${key}.3`])
      assert.deepInclude(yield* ledger(), { spent: 40n, reserved: 0n, active: 0 })
    }).pipe(Effect.provide(embedded({ calls })))
  })

  it.effect("a denial uses no key up", () =>
    Effect.gen(function*() {
      const { attempt } = desk()
      assert.strictEqual(yield* attempt(Effect.void, { estimate: tokens(9_000_000) }), "BudgetExceeded")
      assert.strictEqual(yield* attempt(), "charged")
    }).pipe(Effect.provide(embedded())))

  it.effect("while another attempt runs: one of six does, and is charged", () =>
    Effect.gen(function*() {
      const { attempt, book } = desk()
      const fiber = yield* Effect.fork(
        Effect.all(Array.from({ length: 6 }, () => attempt(Effect.sleep("1 minute"))), { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("5 minutes")
      const outcomes = yield* Fiber.join(fiber)
      assert.strictEqual(outcomes.filter((outcome) => outcome === "charged").length, 1)
      assert.strictEqual(outcomes.filter((outcome) => outcome === "AttemptInProgress").length, 5)
      assert.strictEqual(book.runs, 1)
      assert.deepInclude(yield* ledger(), { spent: 40n, reserved: 0n, active: 0 })
    }).pipe(Effect.provide(embedded({ script: () => ({ before: 3, after: 3 }) }))), 30_000)

  it.effect("a dead attempt stands in the way until its hold ends, or is taken over", () =>
    Effect.gen(function*() {
      const { attempt, book } = desk()
      // A process that is gone leaves a hold that nobody extends.
      const die = Effect.flatMap(Cycles, (cycles) =>
        cycles.createReservation({
          idempotencyKey: key,
          subject: { tenant: "tenant-a" },
          action: { kind: "unknown", name: "unknown" },
          estimate: tokens(100)
        }))
      yield* die
      assert.strictEqual(yield* attempt(), "AttemptInProgress")
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(yield* Effect.all([attempt(), attempt()]), ["charged", "AlreadyCharged"])
      assert.strictEqual(book.runs, 1)
      assert.deepInclude(yield* ledger(), { spent: 40n, reserved: 0n, active: 0 })
    }).pipe(Effect.provide(embedded())))

  it.effect("takeOver: the one before loses its lease, and its spend is not lost", () =>
    Effect.gen(function*() {
      const settlements: Array<Settlement> = []
      const onSettled = (settlement: Settlement) => Effect.sync(() => void settlements.push(settlement))
      const { attempt, book } = desk()
      const zombie = yield* Effect.fork(attempt(Effect.sleep("10 minutes"), { onSettled, onRejected: "event" }))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* attempt(Effect.void, { whenInProgress: "takeOver" }), "charged")
      yield* TestClock.adjust("20 minutes")
      yield* Fiber.join(zombie)
      assert.strictEqual(book.runs, 2)
      // Both ran, and both have spent: the ledger has both.
      assert.deepInclude(settlements[0], { _tag: "Committed", via: "event" })
      assert.deepInclude(yield* ledger(), { spent: 80n, reserved: 0n, active: 0 })
    }).pipe(Effect.provide(embedded())))

  it.effect("interrupted at every step and tried again: charged once", () =>
    Effect.gen(function*() {
      for (let ms = 0; ms < 24; ms += 4) {
        yield* Effect.gen(function*() {
          const { attempt } = desk()
          const fiber = yield* Effect.fork(attempt(Effect.sleep(5)))
          yield* TestClock.adjust(ms)
          const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
          yield* TestClock.adjust("1 second")
          yield* Fiber.join(interrupting)
          const second = yield* Effect.fork(attempt())
          yield* TestClock.adjust("1 second")
          assert.include(["charged", "AlreadyCharged"], yield* Fiber.join(second))
          assert.deepInclude(yield* ledger(), { spent: 40n, reserved: 0n, active: 0 }, `after ${ms} ms`)
        }).pipe(Effect.provide(embedded({ script: () => ({ before: 3, after: 3 }) })))
      }
    }), 60_000)

  it.effect("an attempt that got no answer gives its own hold back, never the one of another attempt", () => {
    const state = { answers: true }
    const calls: Array<Call> = []
    const script = ({ operation }: Call) => !state.answers && operation === "create" ? { lose: true } : undefined
    return Effect.gen(function*() {
      const { attempt, book } = desk()
      const living = yield* Effect.fork(attempt(Effect.sleep("1 minute")))
      yield* TestClock.adjust("1 second")
      state.answers = false
      assert.strictEqual(yield* attempt(), "Transport")
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual(yield* Fiber.join(living), "charged")
      assert.include(calls.map(({ operation }) => operation), "list")
      assert.deepInclude(yield* ledger(), { spent: 40n, active: 0, released: 0 })
      assert.strictEqual(book.runs, 1)
    }).pipe(Effect.provide(embedded({ calls, script })))
  })

  it.effect("an attempt that got no answer leaves nothing held", () => {
    const state = { answers: false }
    const script = ({ operation }: Call) => !state.answers && operation === "create" ? { lose: true } : undefined
    return Effect.gen(function*() {
      const { attempt } = desk()
      assert.strictEqual(yield* attempt(), "Transport")
      yield* TestClock.adjust("1 second")
      assert.deepInclude(yield* ledger(), { reserved: 0n, active: 0, released: 1 })
      state.answers = true
      assert.strictEqual(yield* attempt(), "charged")
      assert.deepInclude(yield* ledger(), { spent: 40n, reserved: 0n, active: 0 })
    }).pipe(Effect.provide(embedded({ script })))
  })

  it.effect("refuses a key that cannot be sent", () =>
    Effect.gen(function*() {
      for (const bad of ["", "a b", "ä", "x".repeat(241)]) {
        const error = yield* Effect.flip(guarded(Effect.die("ran"), { estimate: tokens(1), idempotencyKey: bad }))
        assert.deepInclude(error, { _tag: "InvalidInput", field: "idempotency_key" })
      }
    }).pipe(Effect.provide(embedded())))
})

describe("Idempotency.stable", () => {
  it("is readable, legal, and the same parts give the same key", () => {
    assert.strictEqual(key, "job/7/step~0020one")
    assert.match(Idempotency.stable("ä".repeat(500)), /^sha256:[0-9a-f]{64}$/)
    assert.match(Idempotency.stable(""), /^sha256:/)
  })

  it("different parts give different keys", () => {
    const part = FastCheck.oneof(
      FastCheck.string({ maxLength: 6 }),
      FastCheck.constantFrom("", "/", "a/b", "~", "sha256:x")
    )
    const parts = FastCheck.array(part, { minLength: 1, maxLength: 4 })
    FastCheck.assert(FastCheck.property(parts, parts, (a, b) => {
      const [one, other] = [a, b].map(([first, ...rest]) => Idempotency.stable(first!, ...rest))
      assert.strictEqual(one === other, JSON.stringify(a) === JSON.stringify(b))
      assert.match(one!, /^[\x21-\x7e]{1,240}$/)
    }))
  })
})
