/**
 * What was decided of late, as the page says it. No key, no metadata.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Service } from "../../authority/Authority.js"
import type { LedgerEvent } from "../../authority/LedgerEvent.js"
import type { Action } from "../../protocol/Action.js"

/** `at` is epoch ms; `tone` is `good`, `bad`, `warn` or nothing; `action` says what was to be done, or what was done to a budget. */
export interface Decision {
  readonly at: number
  readonly verdict: string
  readonly tone: "" | "good" | "bad" | "warn"
  readonly denial: boolean
  readonly scope: string
  readonly action: string
  readonly amount: string
  readonly note: string
}

const most = 100

const words = (code: string): string => code.toLowerCase().replaceAll("_", " ")
const nameOf = ({ kind, name }: Action): string => `${kind} ${name}`

const operations = {
  reserve: "reserve",
  dryRun: "dry run",
  decide: "decide",
  commit: "commit",
  event: "event"
} as const

const plain = { tone: "", denial: false, note: "" } as const

/** Nothing for a heartbeat: those would push out all else. */
const decisionOf = (event: LedgerEvent): Decision | undefined => {
  const { at } = event
  switch (event._tag) {
    case "Extended":
      return undefined
    case "Reserved":
    case "Released":
    case "Expired":
    case "Committed":
    case "Overage": {
      const { action, committed, reserved, scopePath } = event.reservation
      const about = { ...plain, at, verdict: words(event._tag), scope: scopePath, action: nameOf(action) }
      if (event._tag === "Overage") {
        return {
          ...about,
          tone: "warn",
          amount: String(event.actual),
          note: `${reserved} held`
        }
      }
      if (event._tag === "Committed") {
        return { ...about, amount: String(Option.getOrElse(committed, () => reserved)), note: `${reserved} held` }
      }
      const tone = event._tag === "Reserved" ? "good" : event._tag === "Expired" ? "warn" : ""
      return { ...about, tone, amount: String(reserved) }
    }
    case "SpendApplied": {
      const { action, actual, charged, path } = event
      const note = charged.amount === actual.amount ? "" : `of ${actual}`
      return { ...plain, at, verdict: "event", scope: path, action: nameOf(action), amount: String(charged), note }
    }
    case "Denied": {
      const { code, operation, path, requested, scope } = event
      const note = scope === undefined || scope === path ? "" : `by ${scope}`
      const about = { at, verdict: words(code), scope: path, action: operations[operation] }
      return { ...about, tone: "bad", denial: true, amount: String(requested), note }
    }
    case "TenantClosed":
      return {
        ...plain,
        at,
        verdict: "closed",
        tone: "warn",
        scope: `tenant:${event.tenant}`,
        action: "tenant",
        amount: ""
      }
    default: {
      const { budget } = event
      const about = {
        ...plain,
        at,
        scope: budget.scope,
        action: "budget",
        amount: String(budget.remaining),
        note: "left"
      }
      switch (event._tag) {
        case "Exhausted":
          return { ...about, verdict: "exhausted", tone: "warn" }
        case "OverLimitEntered":
          return { ...about, verdict: "over limit", tone: "bad" }
        case "StatusChanged":
          return { ...about, verdict: words(budget.status), tone: budget.status === "ACTIVE" ? "" : "warn" }
        case "DebtIncurred":
          return { ...about, verdict: "debt", tone: "warn", amount: String(event.incurred), note: "" }
        case "Funded":
          return {
            ...about,
            verdict: words(event.operation),
            amount: String(event.amount),
            note: `${budget.remaining} left`
          }
      }
    }
  }
}

/** The latest decisions of an authority from now on, the newest first. */
export const latest = (authority: Service): Effect.Effect<() => ReadonlyArray<Decision>, never, Scope.Scope> =>
  Effect.gen(function*() {
    let decisions: ReadonlyArray<Decision> = []
    yield* authority.observe().pipe(
      Stream.runForEachChunk((events) =>
        Effect.sync(() => {
          const fresh = Array.from(events).flatMap((event) => decisionOf(event) ?? []).reverse()
          decisions = [...fresh, ...decisions].slice(0, most)
        })
      ),
      Effect.forkScoped
    )
    return () => decisions
  })
