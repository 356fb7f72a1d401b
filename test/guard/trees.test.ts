/**
 * Random trees of nested work and fan-outs: no part is spent twice, and the costs add up. A seed makes a tree again.
 */
import { assert, describe, it } from "@effect/vitest"
import {
  Amount,
  type Cost,
  CurrentReservation,
  Cycles,
  guarded,
  type GuardError,
  runBudget,
  subBudget
} from "effect-cycles"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as TestClock from "effect/TestClock"
import { embedded, ledger } from "../support/embedded.js"

const trees = Number(process.env["TREES"] ?? 15)
const base = Number(process.env["SEED"] ?? 20_260_101)

interface Node {
  readonly mode: "split" | "join" | "sub" | "default"
  readonly estimate: number
  readonly own: number
  readonly sleepMs: number
  readonly fails: boolean
  readonly concurrency: 1 | 2 | "unbounded"
  readonly children: ReadonlyArray<Node>
}

/** A child asks for at most what its parent has, so that some are refused and some are not. */
const nodeOf = (budget: number, depth: number): Effect.Effect<Node> =>
  Effect.gen(function*() {
    const estimate = yield* Random.nextIntBetween(1, budget + 1)
    const width = depth === 0 ? 0 : yield* Random.nextIntBetween(0, 5)
    const children = yield* Effect.replicateEffect(nodeOf(Math.max(1, Math.ceil(estimate / 2)), depth - 1), width)
    return {
      mode: (["split", "join", "sub", "default"] as const)[yield* Random.nextIntBetween(0, 4)]!,
      estimate,
      // Work with children leaves them room.
      own: yield* Random.nextIntBetween(0, Math.floor(estimate / (width + 1)) + 1),
      sleepMs: yield* Random.nextIntBetween(0, 50),
      fails: (yield* Random.nextIntBetween(0, 6)) === 0,
      concurrency: ([1, 2, "unbounded"] as const)[yield* Random.nextIntBetween(0, 3)]!,
      children
    }
  })

interface Book {
  /** What was used, when. */
  used: number
  held: number
  most: number
  refused: number
  readonly costs: Array<Cost>
}

/** The work of a node: spends its own part, then its children theirs. What was refused is not run. */
const work = (node: Node, book: Book): Effect.Effect<void, "failed", CurrentReservation | Cycles> =>
  Effect.gen(function*() {
    const { cost, remaining, setUsage } = yield* CurrentReservation
    const before = (yield* remaining).amount
    // A joined child sees what the outer work has left, which may be less than it would like to use.
    const own = Math.min(node.own, Number(before))
    yield* setUsage(Amount.tokens(own))
    book.used += own
    yield* Effect.sleep(node.sleepMs)
    yield* Effect.forEach(node.children, (child) => visit(child, book), {
      concurrency: node.concurrency,
      discard: true
    })
    yield* Effect.sleep(node.sleepMs)
    book.costs.push(yield* cost)
    assert.isAtLeast(Number((yield* remaining).amount), 0)
    if (node.fails) return yield* Effect.fail("failed" as const)
  })

const visit = (node: Node, book: Book): Effect.Effect<void, never, CurrentReservation | Cycles> => {
  const estimate = Amount.tokens(node.estimate)
  const inside = work(node, book)
  const opened: Effect.Effect<void, "failed" | GuardError, CurrentReservation | Cycles> = node.mode === "sub"
    ? Effect.provide(inside, subBudget(estimate))
    : guarded(inside, { estimate, nested: node.mode === "default" ? undefined : node.mode })
  return opened.pipe(
    Effect.catchAll((error) => {
      if (error !== "failed") {
        assert.strictEqual(error._tag, "AllocationExceeded")
        book.refused += 1
      }
      return Effect.void
    })
  )
}

const grow = (seed: number, interruptAt?: number) =>
  Effect.gen(function*() {
    const root = yield* Effect.withRandom(nodeOf(2000, 3), Random.make(seed))
    const limit = Amount.tokens(root.estimate)
    const book: Book = { used: 0, held: 0, most: 0, refused: 0, costs: [] }
    const fiber = yield* Effect.fork(
      Effect.ignore(Effect.provide(work(root, book), runBudget({ limit })))
    )
    if (interruptAt !== undefined) {
      yield* TestClock.adjust(interruptAt)
      yield* Fiber.interrupt(fiber)
    } else {
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
    }
    assert.isTrue(yield* Cycles.flush)
    const after = yield* ledger()
    assert.deepInclude(after, { reserved: 0n, active: 0 })
    assert.strictEqual(after.spent, BigInt(book.used))
    assert.isAtMost(book.used, root.estimate)
    for (const { children, inclusive, own } of book.costs) {
      assert.strictEqual(own.amount + children.amount, inclusive.amount)
    }
    return { nodes: book.costs.length, refused: book.refused, at: yield* Clock.currentTimeMillis }
  }).pipe(Effect.provide(embedded()), Effect.tapErrorCause(() => Effect.logError(`seed ${seed}`)))

describe("random trees", () => {
  it.effect(
    `${trees} trees from seed ${base}: the ledger has what was used, never more than the hold`,
    () =>
      Effect.gen(function*() {
        const seeds = Array.from({ length: trees }, (_, n) => base + n)
        const grown = yield* Effect.forEach(seeds, (seed) => grow(seed))
        const total = (key: "nodes" | "refused") => grown.reduce((sum, tree) => sum + tree[key], 0)
        assert.isAbove(total("nodes"), trees * 5)
        assert.isAbove(total("refused"), 0)
        if (trees > 15) yield* Effect.log(`${total("nodes")} nodes ran, ${total("refused")} were refused`)
      }),
    600_000
  )

  it.effect(
    `${trees} trees, interrupted somewhere: what was said is recorded, nothing stays held`,
    () =>
      Effect.gen(function*() {
        const seeds = Array.from({ length: trees }, (_, n) => base + n)
        yield* Effect.forEach(seeds, (seed) => grow(seed, seed % 97), { discard: true })
      }),
    600_000
  )
})
