/**
 * Runs commands one after another: the ledger steps in memory, the store makes the step durable, and then come answer and events.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import type * as Stream from "effect/Stream"
import { type Answers, type Command, isRefusal, type Refusal, refusal } from "../Command.js"
import * as Ledger from "../Ledger.js"
import type { LedgerEvent } from "../LedgerEvent.js"
import { LedgerStoreError, type Service as Store } from "../LedgerStore.js"
import type { RowChange } from "../RowSet.js"
import type { Report, State } from "../State.js"
import { makeObservers, type ObserveOptions } from "./observers.js"

export interface Desk {
  readonly run: <C extends Command>(command: C) => Effect.Effect<Answers[C["_tag"]], Refusal>
  /** Looks at the state as it is now. */
  readonly look: <A>(f: () => A) => Effect.Effect<A>
  /** Writes what is no answer to anybody. */
  readonly amend: (f: (report: Report) => void) => Effect.Effect<void>
  readonly observe: (options?: ObserveOptions) => Stream.Stream<LedgerEvent>
}

/** Makes changes durable. Without any, waits for those that are on their way: an answer may tell of them. */
const makeWriter = (store: Store) => {
  let failure: LedgerStoreError | undefined
  let last: Deferred.Deferred<void, LedgerStoreError> | undefined
  /** Called in the same turn as the step, so that the store gets the changes in the order of the steps. */
  const append = (changes: ReadonlyArray<RowChange>) => {
    const written = Deferred.unsafeMake<void, LedgerStoreError>(FiberId.none)
    last = written
    return store.append(changes).pipe(
      Effect.catchAllDefect((cause) =>
        new LedgerStoreError({ reason: "defect", detail: "the store is broken", cause })
      ),
      Effect.exit,
      Effect.flatMap((exit) => {
        if (exit._tag === "Failure" && exit.cause._tag === "Fail") failure ??= exit.cause.error
        if (exit._tag === "Failure") failure ??= new LedgerStoreError({ reason: "defect", detail: "interrupted" })
        if (last === written) last = undefined
        Deferred.unsafeDone(written, failure === undefined ? Effect.void : Effect.fail(failure))
        return failure === undefined ? Effect.void : Effect.fail(failure)
      })
    )
  }
  return {
    failed: () => failure,
    write: (changes: ReadonlyArray<RowChange>): Effect.Effect<void, LedgerStoreError> =>
      changes.length > 0 ? append(changes) : last === undefined ? Effect.void : Deferred.await(last)
  }
}

export const makeDesk = (state: State, store: Store): Desk => {
  const { failed, write } = makeWriter(store)
  const observers = makeObservers(() => Effect.asVoid(look(() => undefined)))

  /** A step that somebody keeps or watches. */
  const witnessed = <A>(f: (report: Report) => A): Effect.Effect<A, LedgerStoreError> =>
    Effect.uninterruptible(Effect.suspend(() => {
      const before = failed()
      if (before !== undefined) return Effect.fail(before)
      const changes: Array<RowChange> | undefined = store.keeps ? [] : undefined
      const events: Array<LedgerEvent> | undefined = observers.isWatched() ? [] : undefined
      const result = f({ changes, events })
      const told = events === undefined || events.length === 0 ? Effect.void : observers.tell(events)
      const kept = changes === undefined ? told : Effect.zipRight(write(changes), told)
      return Effect.as(kept, result)
    }))

  const transact = <A>(f: (now: number, report: Report) => A): Effect.Effect<A, LedgerStoreError> =>
    Effect.clockWith((clock) =>
      Effect.suspend(() => {
        const now = Math.floor(clock.unsafeCurrentTimeMillis())
        return store.keeps || observers.isWatched()
          ? witnessed((report) => f(now, report))
          : Effect.succeed(f(now, {}))
      })
    )

  const look = <A>(f: () => A): Effect.Effect<A> =>
    Effect.orDie(transact((now, report) => {
      Ledger.advance(state, now, report)
      return f()
    }))

  return {
    run: (command) =>
      Effect.matchEffect(transact((now, report) => Ledger.step(state, command, now, report)), {
        onFailure: () => Effect.fail(storeFailed),
        onSuccess: (outcome) => {
          const answer = Ledger.answer(command, outcome)
          return isRefusal(answer) ? Effect.fail(answer) : Effect.succeed(answer)
        }
      }),
    look,
    amend: (f) => Effect.orDie(transact((_, report) => f(report))),
    observe: observers.observe
  }
}

const storeFailed: Refusal = refusal(
  "INTERNAL_ERROR",
  "The ledger's store failed: nothing is answered until the authority is opened again"
)
