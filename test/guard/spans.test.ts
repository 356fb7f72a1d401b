import { assert, describe, it } from "@effect/vitest"
import { Amount, CurrentReservation, guarded } from "effect-cycles"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Tracer from "effect/Tracer"
import { traced } from "../client/support/capture.js"
import { embedded, ledger } from "../support/embedded.js"

const options = { estimate: Amount.tokens(1000), actual: Amount.tokens(37) }

/** Name, parent and end of each span, in the order in which they began. */
const tree = (spans: ReadonlyArray<Tracer.Span>): ReadonlyArray<string> =>
  spans.map(({ name, parent, status }) => {
    const above = Option.match(parent, { onNone: () => "-", onSome: (span) => "name" in span ? span.name : "?" })
    if (status._tag !== "Ended") return `${above} > ${name}: under way`
    return `${above} > ${name}: ${Exit.isInterrupted(status.exit) ? "interrupted" : status.exit._tag}`
  })

describe("the spans of a guard", () => {
  it.effect("hold its exchanges and its work, and what follows it is outside", () =>
    Effect.gen(function*() {
      const work = Effect.withSpan(Effect.void, "work").pipe(guarded(options), Effect.zipRight(Effect.currentSpan))
      const [outside, spans] = yield* traced(Effect.withSpan(work, "caller"))
      assert.deepStrictEqual(tree(spans), [
        "- > caller: Success",
        "caller > cycles.guard: Success",
        "cycles.guard > cycles.createReservation: Success",
        "cycles.guard > work: Success",
        "cycles.guard > cycles.commitReservation: Success"
      ])
      assert.strictEqual(outside.name, "caller")
      const guard = spans[1]
      assert.strictEqual(guard?.attributes.get("cycles.amount.estimated"), "1000")
      assert.strictEqual(guard?.attributes.get("cycles.settlement"), "Committed")
    }).pipe(Effect.provide(embedded())))

  for (
    const [how, work, end] of [
      ["a failure", Effect.fail("no"), "Failure"],
      ["a defect", Effect.die("no"), "Failure"],
      ["a success", Effect.void, "Success"]
    ] as const
  ) {
    it.effect(`end with ${how} of the work, and the context is that of before`, () =>
      Effect.gen(function*() {
        const guard = guarded(Effect.zipRight(CurrentReservation, work), options)
        const [left, [span]] = yield* traced(Effect.zipRight(
          Effect.exit(guard),
          Effect.zip(Effect.serviceOption(CurrentReservation), Effect.option(Effect.currentSpan))
        ))
        assert.deepStrictEqual(span && tree([span]), [`- > cycles.guard: ${end}`])
        assert.deepStrictEqual(left, [Option.none(), Option.none()])
      }).pipe(Effect.provide(embedded())))
  }

  it.effect("end with a denial", () =>
    Effect.gen(function*() {
      const guard = guarded(Effect.void, { estimate: Amount.tokens(10_000_000) })
      const [left, spans] = yield* traced(Effect.zipRight(Effect.exit(guard), Effect.option(Effect.currentSpan)))
      assert.deepStrictEqual(tree(spans), [
        "- > cycles.guard: Failure",
        "cycles.guard > cycles.createReservation: Failure"
      ])
      assert.deepStrictEqual(left, Option.none())
    }).pipe(Effect.provide(embedded())))

  it.effect("end with an interrupt, after the release", () =>
    Effect.gen(function*() {
      const isIn = yield* Deferred.make<void>()
      const guard = guarded(Effect.zipRight(Deferred.succeed(isIn, undefined), Effect.never), options)
      const [, spans] = yield* traced(Effect.gen(function*() {
        const fiber = yield* Effect.fork(guard)
        yield* Deferred.await(isIn)
        yield* Fiber.interrupt(fiber)
      }))
      assert.deepStrictEqual(tree(spans), [
        "- > cycles.guard: interrupted",
        "cycles.guard > cycles.createReservation: Success",
        "cycles.guard > cycles.releaseReservation: Success"
      ])
      assert.deepInclude(yield* ledger(), { spent: 0n, reserved: 0n })
    }).pipe(Effect.provide(embedded())))
})
