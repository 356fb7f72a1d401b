/**
 * The agent: asks the good model, then the cheap one, and neither without budget.
 */
import { type Amount, Caps, CurrentReservation, type CyclesError, guarded } from "effect-cycles"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { Book, type Verdict } from "./book.js"
import { chat, type ChatReply } from "./chat.js"
import { type Attempt, lineOf, type Question } from "./lines.js"
import { costOf, dollars, GPT_4O, GPT_4O_MINI, type Model, promptTokens, tokensOf } from "./prices.js"
import { note, print } from "./screen.js"

/** How long an answer may be, before any caps. */
const answerTokens = { long: 90, short: 60 }

/** Usage that the model did not say is unknown, never zero. */
const spent = (model: Model, { usage }: ChatReply): Amount | undefined =>
  usage && costOf(model, usage.prompt_tokens, usage.completion_tokens)

/** Asks a model within the budget. `seen` learns what is tried and how it is settled. */
const complete = ({ agent, prompt }: Question, model: Model, wanted: number, seen: (attempt: Attempt) => void) =>
  Effect.flatMap(Book, (book) => {
    const inputTokens = promptTokens(prompt)
    const planned = Caps.clampTokens(book.caps.get(agent) ?? {}, wanted)
    // The most that this call can cost. As nothing costs more than was held for it, no commit is capped by what is left.
    const estimate = costOf(model, inputTokens, planned)
    seen({ model, estimate })
    return Effect.gen(function*() {
      const reservation = yield* CurrentReservation
      const caps = Option.getOrElse(reservation.caps, (): Caps.Caps => ({}))
      book.caps.set(agent, caps)
      // From here on the question counts as sent: a call that is interrupted is charged for that much.
      yield* reservation.setUsage(costOf(model, inputTokens, 0))
      const reply = yield* chat(model.name, prompt, Caps.clampTokens(caps, planned))
      // For a model that does not say what it used: what can be counted here.
      yield* reservation.setUsage(costOf(model, inputTokens, tokensOf(reply.choices[0].message.content).length))
      yield* reservation.setMetrics({
        tokensInput: reply.usage?.prompt_tokens,
        tokensOutput: reply.usage?.completion_tokens,
        modelVersion: reply.model
      })
      return { reply, verdict: reservation.decision === "ALLOW" ? "allowed" as const : "capped" as const }
    }).pipe(
      guarded({
        action: { kind: "llm.completion", name: model.name },
        subject: { agent },
        estimate,
        actual: ({ reply }) => spent(model, reply),
        onSettled: (settlement) =>
          Effect.sync(() => {
            book.entries.push({ agent, estimate, settlement })
            seen({ model, estimate, settlement })
          })
      }),
      Effect.map(({ verdict }): Verdict => verdict)
    )
  })

/**
 * The second one would follow a commit that a budget could not cover. Here no commit is above its estimate, but other programs may spend
 * from the same budget.
 */
type OutOfBudget = CyclesError.BudgetExceeded | CyclesError.OverdraftLimitExceeded

/** Says, the first time, which budget cannot cover a model. What is held for calls under way is not free. */
const tell = ({ requested, scope }: OutOfBudget, model: Model, then: string) =>
  Effect.map(Book, ({ told }) => {
    const where = Option.getOrElse(scope, () => "a budget")
    if (told.has(`${where} ${model.name}`)) return
    told.add(`${where} ${model.name}`)
    const wanted = Option.match(requested, { onNone: () => "what is asked", onSome: ({ amount }) => dollars(amount) })
    note(`${where} has less than ${wanted} free: ${then}`)
  })

/** Asks a question, and prints one line when it has ended, however it ends. */
export const ask = (question: Question) =>
  Effect.flatMap(Book, (book) => {
    let last: Attempt | undefined
    let problem: string | undefined
    const seen = (attempt: Attempt) => {
      last = attempt
    }
    book.inFlight += 1
    return complete(question, GPT_4O, answerTokens.long, seen).pipe(
      Effect.catchTag("BudgetExceeded", "OverdraftLimitExceeded", (error) =>
        tell(error, GPT_4O, `${GPT_4O_MINI.name} is asked instead`).pipe(
          Effect.zipRight(complete(question, GPT_4O_MINI, answerTokens.short, seen)),
          Effect.as<Verdict>("downgraded")
        )),
      Effect.catchTag("BudgetExceeded", "OverdraftLimitExceeded", (error) =>
        Effect.as(tell(error, GPT_4O_MINI, "refused"), "refused" as const)),
      Effect.catchAll((error) => {
        problem = "message" in error ? error.message : error._tag
        return Effect.succeed("failed" as const)
      }),
      Effect.onExit((exit) =>
        Effect.sync(() => {
          const verdict = Exit.isSuccess(exit) ? exit.value : Exit.isInterrupted(exit) ? "interrupted" : "failed"
          book.inFlight -= 1
          book.verdicts.set(verdict, (book.verdicts.get(verdict) ?? 0) + 1)
          print(lineOf(question, verdict, last, problem))
        })
      )
    )
  })
