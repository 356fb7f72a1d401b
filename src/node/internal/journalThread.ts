/**
 * A disk whose records are written by a thread of its own as soon as there are several at a time: the event loop of the program gives them
 * away and hears of them in messages, many records in each. Before there is a thread, and after its death, records are written here.
 */
import type { PlatformError } from "@effect/platform/Error"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Worker } from "node:worker_threads"
import { logs } from "../../lifecycle/internal/held.js"
import type { JournalError } from "../../lifecycle/internal/journalError.js"
import { type Disk, makeTemps, symlink } from "../../lifecycle/internal/journalWhole.js"
import { sanitize } from "../../protocol/InvalidInput.js"
import { failed } from "./journalFailure.js"
import { type Answer, code, type Failure, type Job } from "./journalThreadCode.js"

export interface Options {
  /** How many records under way at once start the thread; with 0 it is there before the first. */
  readonly crowd: number
  readonly start: () => Worker
}

type Outcome = Effect.Effect<void, PlatformError | JournalError>

interface Request {
  readonly job: Job
  readonly resume: (outcome: Outcome) => void
  /** The same without the thread. */
  readonly again: () => Outcome
}

/** More than this many wait until some are answered: as many files are open at once. */
const maxSent = 64

/** Nothing of how the program was started reaches it: no loader, no variable. */
const startThread = (): Worker => new Worker(code, { eval: true, execArgv: [], env: {} })

const outcomeOf = ([, file, , text]: Job, failure: Failure): Outcome =>
  failure === null
    ? Effect.void
    : Effect.fail(failure === true ? symlink() : failed(text === "" ? "unlink" : "rename", file, failure))

const warn = (why: string) =>
  Effect.logWarning("The thread of the journal cannot be used: records are written without it").pipe(
    Effect.annotateLogs({ ...logs, why: sanitize(why) })
  )

/** Requests on their way to the thread and back. It holds the process only while there are some. */
const makeThread = (worker: Worker, mayWork: () => boolean, died: (why: string) => void) => {
  let state: "starting" | "on" | "off" = "starting"
  let waiting: Array<Request> = []
  /** By slot. Not a map: each of its tables leads to the next one, so that one old table keeps all that came after. */
  const sent: Array<Request | undefined> = Array.from({ length: maxSent }, () => undefined)
  const free = Array.from({ length: maxSent }, (_, slot) => slot)
  let isDue = false
  let isEnding = false
  let why = "it has ended"
  let settled: Array<() => void> = []
  const send = () => {
    isDue = false
    if (state !== "on" || !mayWork()) return
    if (waiting.length > 0 && free.length > 0) {
      const next = waiting.splice(0, free.length)
      worker.postMessage(next.map((request) => {
        const slot = free.pop()!
        sent[slot] = request
        return [slot, ...request.job]
      }))
    }
    if (free.length < maxSent) return
    worker.unref()
    settle()
  }
  const settle = () => {
    const all = settled
    settled = []
    for (const resume of all) resume()
  }
  /** At the end of this turn of the event loop, when all that is there now has asked. */
  const schedule = () => {
    if (isDue) return
    isDue = true
    worker.ref()
    setImmediate(send)
  }
  worker.on("online", () => {
    state = "on"
    schedule()
  })
  worker.on("message", (answers: ReadonlyArray<Answer>) => {
    for (const [slot, failure] of answers) {
      const request = sent[slot]
      if (request === undefined) continue
      sent[slot] = undefined
      free.push(slot)
      request.resume(outcomeOf(request.job, failure))
    }
    if (waiting.length > 0 || free.length === maxSent) schedule()
  })
  worker.on("messageerror", () => void worker.terminate())
  worker.on("error", (error) => {
    why = String(error)
  })
  worker.on("exit", () => {
    state = "off"
    if (!isEnding) died(why)
    const left = [...sent.filter((request) => request !== undefined), ...waiting]
    waiting = []
    sent.fill(undefined)
    for (const { again, resume } of left) resume(again())
    settle()
  })
  worker.unref()
  return {
    isOn: () => state === "on",
    schedule,
    ask: (request: Request) => {
      waiting.push(request)
      schedule()
    },
    /** It is there, or dead, and has nothing to do. */
    settled: Effect.async<void>((resume) => {
      if (state === "off") return resume(Effect.void)
      settled.push(() => resume(Effect.void))
      worker.ref()
      if (state === "on") schedule()
    }),
    /** Once it is settled. */
    end: Effect.async<void>((resume) => {
      if (state === "off") return resume(Effect.void)
      isEnding = true
      state = "off"
      worker.ref()
      worker.on("exit", () => resume(Effect.void))
      worker.postMessage(null)
    })
  }
}

/** The same disk with a thread, which ends with the scope. */
export const make = (
  disk: Disk,
  { crowd = 4, start = startThread }: Partial<Options>
): Effect.Effect<Disk, never, Scope.Scope> =>
  Effect.gen(function*() {
    let thread: ReturnType<typeof makeThread> | undefined
    let mayBegin = true
    let here = 0
    let lost: string | undefined
    const died = (why: string) => {
      lost = why
    }
    const begin = () => {
      mayBegin = false
      try {
        thread = makeThread(start(), () => here === 0, died)
      } catch (error) {
        died(String(error))
      }
    }
    const sayLost = Effect.suspend(() => {
      const why = lost
      lost = undefined
      return why === undefined ? Effect.void : warn(why)
    })
    const without = (outcome: Outcome): Outcome =>
      Effect.suspend(() => {
        here++
        if (mayBegin && here >= crowd) begin()
        return Effect.zipRight(sayLost, outcome)
      }).pipe(Effect.ensuring(Effect.sync(() => {
        here--
        if (here === 0) thread?.schedule()
      })))
    const run = (job: () => Job, outcome: () => Outcome): Outcome =>
      Effect.suspend(() => {
        if (thread?.isOn() !== true) return without(outcome())
        const { ask } = thread
        return Effect.async((resume) => {
          const made = job()
          // It may have been done already, in part or as a whole: a second time changes nothing.
          const again = () => without(Effect.zipRight(Effect.ignore(disk.unlink(made[2])), outcome()))
          ask({ job: made, resume, again })
        })
      })
    if (crowd === 0) begin()
    if (thread !== undefined) yield* thread.settled
    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        mayBegin = false
        return thread === undefined ? Effect.void : Effect.zipRight(thread.settled, thread.end)
      })
    )
    return {
      ...disk,
      within: (directory, synced) => {
        const whole = disk.within(directory, synced)
        const tempOf = makeTemps()
        return {
          ...whole,
          replace: (file, text) =>
            run(() => [directory, file, tempOf(file), text, synced], () => whole.replace(file, text)),
          remove: (file) => run(() => [directory, file, tempOf(file), "", synced], () => whole.remove(file))
        }
      }
    }
  })
