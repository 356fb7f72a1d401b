/**
 * Calls of every kind, and what each may come to.
 */
import {
  Amount,
  CurrentReservation,
  type Cycles,
  guarded,
  recordEvent,
  type Reservation,
  reserve,
  type Settlement
} from "effect-cycles"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

export const kinds = [
  "actual",
  "over the estimate",
  "usage",
  "unknown",
  "fails",
  "fails with usage",
  "dies",
  "another unit",
  "refused overage",
  "refused overage as an event",
  "outlives its hold",
  "outlives its hold with a heartbeat",
  "handle",
  "handle released",
  "handle left with usage",
  "event"
] as const

export type Kind = typeof kinds[number]

/** Of a hundred calls. */
const weights: { readonly [K in Kind]: number } = {
  actual: 24,
  "over the estimate": 8,
  usage: 6,
  unknown: 4,
  fails: 6,
  "fails with usage": 6,
  dies: 2,
  "another unit": 2,
  "refused overage": 2,
  "refused overage as an event": 4,
  "outlives its hold": 6,
  "outlives its hold with a heartbeat": 3,
  handle: 8,
  "handle released": 3,
  "handle left with usage": 4,
  event: 12
}

export interface Call {
  readonly n: number
  /** It begins this long after its turn came. */
  readonly delayMs: number
  readonly kind: Kind
  readonly agent: string | undefined
  readonly estimate: Amount
  readonly actual: Amount
  readonly usage: Amount
  readonly workMs: number
  /** When it is interrupted, from its start. */
  readonly interruptMs: number | undefined
  readonly settle: "await" | "background"
}

export const callOf = (n: number, chance: () => number): Call => {
  let left = chance() * 100
  const kind = kinds.find((kind) => (left -= weights[kind]) < 0) ?? "actual"
  // Some amounts are larger than a double can tell from the next.
  const scale = chance() < 0.02 ? 9_007_199_254_740_993n : 1_000_003n
  const part = () => scale / 3n + BigInt(Math.floor(chance() * 1_000_000))
  const estimate = scale + part()
  const over = kind === "over the estimate" || kind.startsWith("refused")
  const outlives = kind.startsWith("outlives")
  return {
    n,
    delayMs: 6000 * chance(),
    kind,
    agent: kind === "event" ? undefined : chance() < 0.1 ? "tight" : chance() < 0.1 ? "indebted" : undefined,
    estimate: Amount.usdMicrocents(estimate),
    actual: kind === "another unit"
      ? Amount.tokens(n + 1)
      : Amount.usdMicrocents(over ? estimate + part() : part()),
    usage: Amount.usdMicrocents(part()),
    workMs: outlives ? 5000 + 30_000 * chance() : 4000 * chance(),
    interruptMs: chance() < 0.15 ? 6000 * chance() : undefined,
    settle: chance() < 0.2 ? "background" : "await"
  }
}

/** What is known of a call when it is over. */
export interface Story {
  readonly call: Call
  id: string | undefined
  /** The last thing that the work did. */
  stage: "begun" | "used" | "done"
  settlement: Settlement | undefined
  final: Settlement | undefined
}

const work = (story: Story): Effect.Effect<Amount, "failed", CurrentReservation> =>
  Effect.gen(function*() {
    const { actual, kind, usage, workMs } = story.call
    const { setUsage } = yield* CurrentReservation
    yield* Effect.sleep(workMs / 2)
    if (kind === "usage" || kind === "fails with usage") {
      yield* setUsage(usage)
      story.stage = "used"
    }
    yield* Effect.sleep(workMs / 2)
    if (kind === "fails" || kind === "fails with usage") return yield* Effect.fail("failed" as const)
    if (kind === "dies") return yield* Effect.die("died")
    story.stage = "done"
    return actual
  })

/** Waits in the background for the settlement that stays. */
const follow = (story: Story, reservation: Reservation) =>
  Effect.suspend(() => {
    story.id = reservation.id
    return Effect.map(reservation.settlement, (final) => {
      story.final = final
    })
  }).pipe(Effect.interruptible, Effect.forkDaemon, Effect.asVoid)

const heard = (story: Story, settlement: Settlement, reservation: Reservation) =>
  Effect.suspend(() => {
    story.settlement = settlement
    return follow(story, reservation)
  })

const optionsOf = ({ agent, estimate, kind }: Call) => ({
  estimate,
  subject: { agent },
  action: { kind: "chaos", name: kind.replaceAll(" ", "-") },
  ttl: kind.startsWith("outlives") ? 15_000 : 60_000,
  gracePeriod: 1000,
  heartbeat: kind !== "outlives its hold",
  overagePolicy: kind.startsWith("refused")
    ? "REJECT" as const
    : agent === "indebted"
    ? "ALLOW_WITH_OVERDRAFT" as const
    : undefined,
  onRejected: kind === "refused overage as an event" ? "event" as const : undefined
})

const asGuard = (story: Story) =>
  guarded(work(story), {
    ...optionsOf(story.call),
    settle: story.call.settle,
    actual: story.call.kind === "usage" || story.call.kind === "unknown" ? undefined : (used: Amount) => used,
    onSettled: (settlement, reservation) => heard(story, settlement, reservation)
  })

const asHandle = (story: Story) =>
  Effect.scoped(Effect.gen(function*() {
    const { actual, kind, usage, workMs } = story.call
    const reservation = yield* reserve(optionsOf(story.call))
    yield* follow(story, reservation)
    yield* Effect.sleep(workMs)
    if (kind === "handle released") {
      story.stage = "done"
      return yield* reservation.release("chaos")
    }
    if (kind === "handle left with usage") {
      yield* reservation.setUsage(usage)
      story.stage = "used"
      return yield* Effect.fail("left" as const)
    }
    story.stage = "done"
    return yield* reservation.commit(actual)
  }))

const asEvent = (story: Story) =>
  Effect.map(recordEvent({ actual: story.call.actual, action: { kind: "chaos", name: "event" } }), (settlement) => {
    if (settlement._tag === "Unreleased") return
    story.id = settlement.reservationId
    story.settlement = settlement
    story.stage = "done"
  })

/** Runs a call to its end, or until it is interrupted. Never fails. */
export const run = (call: Call): Effect.Effect<Story, never, Cycles> => {
  const story: Story = { call, id: undefined, stage: "begun", settlement: undefined, final: undefined }
  const effect: Effect.Effect<unknown, unknown, Cycles> = call.kind === "event"
    ? asEvent(story)
    : call.kind.startsWith("handle")
    ? asHandle(story)
    : asGuard(story)
  return Effect.gen(function*() {
    yield* Effect.sleep(call.delayMs)
    const fiber = yield* Effect.fork(effect)
    if (call.interruptMs === undefined) yield* Fiber.await(fiber)
    else {
      yield* Effect.sleep(call.interruptMs)
      yield* Fiber.interrupt(fiber)
    }
    return story
  })
}
