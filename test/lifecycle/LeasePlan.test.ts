import { assert, describe, it } from "@effect/vitest"
import { assertNone, assertSome } from "@effect/vitest/utils"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as LeasePlan from "../../src/lifecycle/LeasePlan.js"

const { Decision, Failure } = LeasePlan

const settings = (ttlMs: number, timeoutMs: number, maxTimeoutMs = timeoutMs): LeasePlan.Settings => ({
  ttlMs,
  timeoutMs,
  maxTimeoutMs,
  maxLifetimeMs: Infinity
})

/** What `Lease` uses for a client whose attempts take at most 7 s. */
const usual = (ttlMs: number) => settings(ttlMs, LeasePlan.attemptTimeout(ttlMs, 7000), 7000)

interface Answered {
  readonly rtt?: number
  readonly expires?: number
}

const answer = (
  atMs: number,
  remainingMs: number | undefined,
  { expires, rtt = 0 }: Answered = {}
): LeasePlan.Success => ({
  atMs,
  rttMs: rtt,
  remainingMs: Option.fromNullable(remainingMs),
  expiresAtMs: Option.fromNullable(expires)
})

const transient = (atMs: number) => Failure.Transient({ atMs })
const throttled = (atMs: number, retryAfterMs?: number) =>
  Failure.Throttled({ atMs, retryAfterMs: Option.fromNullable(retryAfterMs) })

const sleep = (delayMs: number) => Decision.Sleep({ delayMs })
const retry = (delayMs: number) => Decision.Retry({ delayMs })
const ending = (reason: LeasePlan.StopReason) => Decision.Stop({ reason, disposition: "ending" })
const over = (reason: LeasePlan.StopReason) => Decision.Stop({ reason, disposition: "over" })

/** Runs observations through a plan and gives the decisions. The first one is the reservation. */
const decide = (
  settings: LeasePlan.Settings,
  created: LeasePlan.Success,
  ...observations: ReadonlyArray<LeasePlan.Success | LeasePlan.Failure>
): ReadonlyArray<LeasePlan.Decision> => {
  let [state, decision] = LeasePlan.initial(settings, created)
  const decisions = [decision]
  for (const observation of observations) {
    ;[state, decision] = "_tag" in observation
      ? LeasePlan.onFailure(state, observation)
      : LeasePlan.onSuccess(state, observation)
    decisions.push(decision)
  }
  return decisions
}

describe("the first delay", () => {
  const rows: ReadonlyArray<readonly [string, LeasePlan.Settings, LeasePlan.Success, number]> = [
    ["the worked example", settings(60_000, 10_000), answer(0, 61_500, { rtt: 1500 }), 37_000],
    ["a round trip less", settings(60_000, 10_000), answer(0, 60_000, { rtt: 1500 }), 35_500],
    ["the default: 60 s, 7 s, no round trip", usual(60_000), answer(0, 60_000), 45_000],
    ["a margin of 1 s at least", usual(60_000), answer(0, 60_000, { rtt: 500 }), 44_500],
    ["twice the round trip when that is more", usual(60_000), answer(0, 60_000, { rtt: 501 }), 44_497],
    ["a budget of twice the round trip when that is more", usual(60_000), answer(0, 60_000, { rtt: 4000 }), 32_000],
    ["leads down, margins up", usual(60_000), answer(0, 60_000, { rtt: 700.4 }), 43_898],
    ["10 s", usual(10_000), answer(0, 10_000), 5668],
    ["5 s", usual(5000), answer(0, 5000), 2000],
    ["no more than the reserve", usual(3000), answer(0, 3000), 0],
    ["24 h asked and 1 s granted", usual(86_400_000), answer(0, 1000), 0],
    ["24 h asked and 10 s granted", usual(86_400_000), answer(0, 10_000), 5668],
    ["an authority that does not say what remains", usual(60_000), answer(0, undefined), 0],
    ["an unbounded attempt", settings(60_000, Infinity), answer(0, 60_000), 0],
    ["a round trip that is not known", usual(60_000), answer(0, 60_000, { rtt: NaN }), 0],
    ["a round trip without end", usual(60_000), answer(0, 60_000, { rtt: Infinity }), 0],
    ["a round trip before its start", usual(60_000), answer(0, 60_000, { rtt: -1 }), 0],
    ["a lead without end", usual(60_000), answer(0, Infinity), Infinity]
  ]
  for (const [name, settings, created, delayMs] of rows) {
    it(`${name}: ${delayMs} ms`, () => {
      assert.deepStrictEqual(decide(settings, created), [sleep(delayMs)])
    })
  }

  it("a limit that the lead has no room for is lowered, and not below two round trips", () => {
    const limitOf = (remainingMs: number, rtt: number) =>
      LeasePlan.initial(settings(60_000, 30_000), answer(0, remainingMs, { rtt }))[0].timeoutMs
    assert.strictEqual(limitOf(63_001, 0), 30_000)
    assert.strictEqual(limitOf(60_000, 0), 10_000)
    assert.strictEqual(limitOf(2000, 0), 1000)
    assert.strictEqual(limitOf(4000, 1200.5), 2401)
  })

  it("a limit is raised for a slow authority, as far as an attempt may take", () => {
    const limitOf = (rtt: number) => LeasePlan.initial(usual(10_000), answer(0, 60_000, { rtt }))[0].timeoutMs
    assert.strictEqual(limitOf(100), 1666)
    assert.strictEqual(limitOf(2000), 4000)
    assert.strictEqual(limitOf(5000), 7000)
  })
})

describe("the limit of one attempt", () => {
  for (
    const [ttlMs, limitMs] of [[1000, 1000], [5000, 1000], [10_000, 1666], [30_000, 5000], [60_000, 7000]] as const
  ) {
    it(`${ttlMs} ms: ${limitMs} ms`, () => assert.strictEqual(LeasePlan.attemptTimeout(ttlMs, 7000), limitMs))
  }

  it("is never above that of the client", () => assert.strictEqual(LeasePlan.attemptTimeout(60_000, 250), 250))
})

describe("after a success", () => {
  it("the schedule follows from the last answer alone, but for the longest round trip", () => {
    assert.deepStrictEqual(
      decide(
        settings(60_000, 10_000),
        answer(0, 61_500, { rtt: 1500 }),
        answer(37_000, 83_000, { rtt: 10 }),
        answer(97_000, 60_010, { rtt: 10 })
      ),
      [sleep(37_000), sleep(59_990), sleep(37_000)]
    )
  })

  it("two answers in succession without time to wait end it", () => {
    assert.deepStrictEqual(
      decide(usual(86_400_000), answer(0, 1000), answer(1, 1000)),
      [sleep(0), ending("tooShort")]
    )
  })

  it("one does not, and the count begins anew after a delay", () => {
    assert.deepStrictEqual(
      decide(usual(3000), answer(0, 3000), answer(0, 6000), answer(3000, 2000), answer(3000, 5000)),
      [sleep(0), sleep(3000), sleep(0), sleep(2000)]
    )
  })

  it("time that cannot be measured is no time, and no reason for the fallback", () => {
    assert.deepStrictEqual(
      decide(usual(60_000), answer(0, 60_000, { rtt: NaN }), answer(5, 120_000, { rtt: NaN })),
      [sleep(0), ending("tooShort")]
    )
    assert.deepStrictEqual(
      decide(usual(60_000), answer(100, 60_000), answer(99, 120_000)),
      [sleep(45_000), sleep(0)]
    )
  })

  it("nothing begins after the longest lifetime", () => {
    const bounded = { ...usual(60_000), maxLifetimeMs: 100_000 }
    assert.deepStrictEqual(
      decide(bounded, answer(0, 60_000), answer(45_000, 60_000), answer(90_000, 60_000)),
      [sleep(45_000), sleep(45_000), ending("maxLifetime")]
    )
  })
})

describe("after a failure", () => {
  it("the same attempt follows while a complete one and the margin fit: 7 s of 60 s", () => {
    assert.deepStrictEqual(
      decide(
        usual(60_000),
        answer(0, 60_000),
        transient(45_000),
        transient(48_750),
        transient(51_562),
        transient(52_000),
        transient(52_000)
      ),
      [sleep(45_000), retry(3750), retry(2812), retry(438), retry(0), ending("noSafeRetry")]
    )
  })

  it("two attempts that take all their time fit into the reserve", () => {
    assert.deepStrictEqual(
      decide(usual(60_000), answer(0, 60_000), transient(52_000), transient(59_000)),
      [sleep(45_000), retry(0), ending("noSafeRetry")]
    )
    assert.deepStrictEqual(
      decide(usual(5000), answer(0, 5000), transient(3000), transient(4000)),
      [sleep(2000), retry(0), ending("noSafeRetry")]
    )
  })

  it("never waits longer than 30 s, and never longer than a quarter of the lead", () => {
    assert.deepStrictEqual(decide(usual(60_000), answer(0, 600_000), transient(0)).at(-1), retry(30_000))
    assert.deepStrictEqual(decide(usual(60_000), answer(0, 100_000), transient(1)).at(-1), retry(24_999))
  })

  it("a window of exactly zero allows one immediate attempt", () => {
    assert.deepStrictEqual(
      decide(settings(60_000, 1000), answer(0, 8000), transient(6000), transient(6000), transient(6000)).slice(1),
      [retry(0), ending("noSafeRetry"), ending("noSafeRetry")]
    )
  })

  it("a negative window allows none", () => {
    assert.deepStrictEqual(decide(usual(60_000), answer(0, 60_000), transient(52_001)).at(-1), ending("noSafeRetry"))
  })

  it("time that stands still ends it, or runs backwards", () => {
    assert.deepStrictEqual(
      decide(usual(60_000), answer(0, 60_000), transient(45_000), transient(45_000)).slice(1),
      [retry(3750), ending("noProgress")]
    )
    assert.deepStrictEqual(decide(usual(60_000), answer(10, 60_000), transient(9)).at(-1), ending("noSafeRetry"))
  })

  it("a success makes the window new", () => {
    assert.deepStrictEqual(
      decide(usual(60_000), answer(0, 60_000), transient(52_000), answer(52_100, 67_900), transient(97_000)).slice(1),
      [retry(0), sleep(52_900), retry(5750)]
    )
  })
})

describe("429", () => {
  const rows: ReadonlyArray<readonly [string, number | undefined, LeasePlan.Decision]> = [
    ["inside the window", 5000, retry(5000)],
    ["at its end", 7000, retry(7000)],
    ["outside", 7001, ending("throttled")],
    ["without a wait", undefined, ending("throttled")],
    ["with none", 0, retry(0)],
    ["with an hour", 3_600_000, ending("throttled")]
  ]
  for (const [name, retryAfterMs, decision] of rows) {
    it(`${name}: ${decision._tag}`, () => {
      assert.deepStrictEqual(
        decide(usual(60_000), answer(0, 60_000), throttled(45_000, retryAfterMs)).at(-1),
        decision
      )
    })
  }

  it("is never answered sooner than it asks, not even when a quarter of the lead is less", () => {
    assert.deepStrictEqual(decide(usual(60_000), answer(0, 60_000), throttled(0, 50_000)).at(-1), retry(50_000))
  })

  it("never after a negative window", () => {
    assert.deepStrictEqual(decide(usual(60_000), answer(0, 60_000), throttled(59_000, 0)).at(-1), ending("noSafeRetry"))
  })
})

describe("a refusal", () => {
  const reasons: ReadonlyArray<readonly [LeasePlan.StopReason, typeof over]> = [
    ["expired", over],
    ["finalized", over],
    ["notFound", over],
    ["tenantClosed", over],
    ["maxExtensions", ending],
    ["refused", ending]
  ]
  for (const [reason, disposition] of reasons) {
    for (const remaining of [60_000, undefined]) {
      it(`${reason} is for good${remaining === undefined ? ", in the fallback too" : ""}`, () => {
        const [state, decision] = LeasePlan.onFailure(
          LeasePlan.initial(usual(60_000), answer(0, remaining))[0],
          Failure.Permanent({ atMs: 1000, reason })
        )
        assert.deepStrictEqual(decision, disposition(reason))
        assert.deepStrictEqual(LeasePlan.onFailure(state, transient(2000)), [state, decision])
        const [renewed, still] = LeasePlan.onSuccess(state, answer(3000, 90_000))
        assert.deepStrictEqual(still, decision)
        assert.strictEqual(LeasePlan.leadAt(renewed, 3000), 90_000)
      })
    }
  }
})

describe("the fallback", () => {
  const T = 1_700_000_000_000
  const at = (atMs: number, expires?: number) =>
    answer(atMs, undefined, expires === undefined ? {} : { expires: T + expires })

  it("extends at once, then every half of a full grant, and skips what is not needed", () => {
    assert.deepStrictEqual(
      decide(
        usual(60_000),
        at(0, 60_000),
        at(10, 120_000),
        at(30_010, 180_000),
        at(60_010, 240_000),
        at(90_010, 300_000)
      ),
      [sleep(0), sleep(30_000), sleep(30_000), sleep(30_000), sleep(60_000)]
    )
  })

  it("takes the ttl for a grant that cannot be measured", () => {
    assert.deepStrictEqual(decide(usual(10_000), at(0), at(0, 20_000)), [sleep(0), sleep(5000)])
  })

  it("goes faster for smaller grants, to 500 ms at the most", () => {
    assert.deepStrictEqual(
      decide(usual(60_000), at(0, 60_000), at(10, 80_000), at(10_010, 80_700), at(20_010, 81_400)).slice(1),
      [sleep(10_000), sleep(10_000), sleep(500)]
    )
  })

  it("holds its pace when the grants only echo it", () => {
    const decisions = decide(usual(60_000), at(0, 60_000), at(10, 60_010), at(30_010, 90_010), at(60_010, 120_010))
    assert.deepStrictEqual(decisions.slice(1), [sleep(30_000), sleep(30_000), sleep(30_000)])
    const [state] = LeasePlan.onSuccess(LeasePlan.initial(usual(60_000), at(0, 60_000))[0], at(10, 60_010))
    assert.isTrue(state.bounded)
  })

  it("tries the same again after half a pace, before the first success after a whole one", () => {
    assert.deepStrictEqual(
      decide(usual(60_000), at(0, 60_000), transient(100), at(30_100, 120_000), transient(60_100), transient(90_000)),
      [sleep(0), retry(30_000), sleep(30_000), retry(15_000), retry(15_000)]
    )
    assert.deepStrictEqual(decide(usual(1000), at(0, 1000), at(10, 2000), transient(600)).at(-1), retry(500))
  })

  it("waits as long as a throttle asks, and a whole pace when it does not say", () => {
    const extended = [usual(60_000), at(0, 60_000), at(10, 120_000)] as const
    assert.deepStrictEqual(decide(...extended, throttled(30_010, 40_000)).at(-1), retry(40_000))
    assert.deepStrictEqual(decide(...extended, throttled(30_010, 1)).at(-1), retry(15_000))
    assert.deepStrictEqual(decide(...extended, throttled(30_010)).at(-1), retry(30_000))
  })

  it("is entered and left by what the last answer says", () => {
    assert.deepStrictEqual(
      decide(
        usual(60_000),
        answer(0, 60_000, { expires: T + 60_000 }),
        at(45_000, 120_000),
        answer(75_000, 105_000, { expires: T + 180_000 }),
        at(165_000, 240_000)
      ),
      [sleep(45_000), sleep(30_000), sleep(90_000), sleep(30_000)]
    )
  })

  it("knows what is left for certain: what was granted, less the time since", () => {
    const [created] = LeasePlan.initial(usual(60_000), at(0, 60_000))
    assert.strictEqual(LeasePlan.leadAt(created, 0), 0)
    const [extended] = LeasePlan.onSuccess(created, at(1000, 120_000))
    assert.strictEqual(LeasePlan.leadAt(extended, 1000), 59_000)
    assert.strictEqual(LeasePlan.leadAt(extended, 60_000), 0)
  })

  it("ends with the longest lifetime", () => {
    const bounded = { ...usual(60_000), maxLifetimeMs: 20_000 }
    assert.deepStrictEqual(decide(bounded, at(0, 60_000), transient(100)).at(-1), ending("maxLifetime"))
  })
})

describe("check", () => {
  const problem = (settings: LeasePlan.Settings, created: LeasePlan.Success) =>
    LeasePlan.check(LeasePlan.initial(settings, created)[0])

  it("has nothing to say of leases that leave time to wait", () => {
    for (const ttlMs of [3001, 5000, 10_000, 60_000, 86_400_000]) {
      assertNone(problem(usual(ttlMs), answer(0, ttlMs)))
    }
    assertNone(problem(usual(86_400_000), answer(0, 5000)))
    assertNone(problem(usual(2000), answer(0, undefined)))
  })

  it("gives the numbers of one that depends on the authority", () => {
    assertSome(
      problem(usual(2000), answer(0, 2000, { rtt: 20.5 })),
      "A lease of 1979 ms (ttl 2000 ms) is not longer than the 3000 ms that must be kept in reserve for its extension: " +
        "two attempts of 1000 ms each (time limit 1000 ms, round trip 21 ms) and a margin of 1000 ms. " +
        "It is extended at once, and kept only if the authority adds the whole ttl to what is left. Ask for a longer ttl."
    )
  })

  it("says when a lease cannot be kept at all", () => {
    assert.match(Option.getOrThrow(problem(usual(1000), answer(0, 1000))), /It is extended once and then ends\./)
    assert.match(Option.getOrThrow(problem(usual(60_000), answer(0, 60_000, { rtt: 25_000 }))), /round trip 25000 ms/)
  })
})

describe("any observations", () => {
  const step = FastCheck.record({
    wait: FastCheck.oneof(FastCheck.nat(120_000), FastCheck.double({ min: 0, max: 100, noNaN: true })),
    rtt: FastCheck.oneof(FastCheck.double({ min: 0, max: 8000, noNaN: true }), FastCheck.constant(NaN)),
    remaining: FastCheck.option(FastCheck.nat(200_000), { nil: undefined }),
    expires: FastCheck.nat(1_000_000),
    kind: FastCheck.constantFrom("success", "success", "transient", "throttled", "refused"),
    retryAfter: FastCheck.option(FastCheck.nat(100_000), { nil: undefined })
  })
  const steps = FastCheck.array(step, { minLength: 1, maxLength: 30 })
  const ttl = FastCheck.integer({ min: 1000, max: 86_400_000 })

  const observe = (
    atMs: number,
    { expires, kind, remaining, retryAfter, rtt }: typeof step extends FastCheck.Arbitrary<infer A> ? A : never
  ) =>
    kind === "success"
      ? answer(atMs, remaining, { rtt, expires })
      : kind === "transient"
      ? transient(atMs)
      : kind === "throttled"
      ? throttled(atMs, retryAfter)
      : Failure.Permanent({ atMs, reason: "refused" })

  it.prop("keep the plan inside its reserve, its delays whole and not negative, and its end final", [ttl, steps], (
    [ttlMs, [first, ...others]]
  ) => {
    if (first === undefined) return
    let atMs = 0
    let [state, decision] = LeasePlan.initial(usual(ttlMs), answer(0, first.remaining, first))
    for (const next of others) {
      const before = state
      const margin = Math.max(1000, 2 * before.maxRttMs)
      atMs += next.wait
      const observation = observe(atMs, next)
      ;[state, decision] = "_tag" in observation
        ? LeasePlan.onFailure(state, observation)
        : LeasePlan.onSuccess(state, observation)
      if (Option.isSome(before.stop)) {
        assert.deepStrictEqual(decision, before.stop.value)
        continue
      }
      if (decision._tag === "Stop") continue
      assert.isTrue(Number.isInteger(decision.delayMs) && decision.delayMs >= 0, `delay ${decision.delayMs}`)
      assert.isAtLeast(state.timeoutMs, 1000)
      assert.isAtMost(state.timeoutMs, 7000)
      if (state.mode === "fallback") continue
      const leadMs = LeasePlan.leadAt(state, atMs) - decision.delayMs
      if (decision._tag === "Retry") assert.isAtLeast(leadMs, state.timeoutMs + margin - 1)
      else if (decision.delayMs > 0) {
        assert.isAtLeast(leadMs, 2 * state.timeoutMs + Math.max(1000, 2 * state.maxRttMs) - 1)
      }
    }
  })

  it.prop("a longer lead never makes the delay shorter, and a longer round trip never longer", [
    ttl,
    FastCheck.nat(100_000),
    FastCheck.nat(100_000),
    FastCheck.nat(7000),
    FastCheck.nat(7000)
  ], ([ttlMs, a, b, c, d]) => {
    const delayOf = (remaining: number, rtt: number) => {
      const [decision] = decide(usual(ttlMs), answer(0, remaining, { rtt }))
      return decision?._tag === "Sleep" ? decision.delayMs : -1
    }
    // Where the limit changes with the lead, a longer lead has a longer attempt to keep in reserve.
    const limitOf = (remaining: number, rtt: number) =>
      LeasePlan.initial(usual(ttlMs), answer(0, remaining, { rtt }))[0].timeoutMs
    const [low, high] = [Math.min(a, b), Math.max(a, b)]
    const [quick, slow] = [Math.min(c, d), Math.max(c, d)]
    if (limitOf(low, c) === limitOf(high, c)) assert.isAtMost(delayOf(low, c), delayOf(high, c))
    if (limitOf(a, quick) === limitOf(a, slow)) assert.isAtLeast(delayOf(a, quick), delayOf(a, slow))
  })
})
