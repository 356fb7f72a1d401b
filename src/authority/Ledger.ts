/**
 * The ledger as a pure state machine: a state and a command give the next state and an answer. It reads no clock and makes up
 * no id, so the same commands always give the same states.
 */
import * as Either from "effect/Either"
import type { Answer, Answers, Command, Refusal } from "./Command.js"
import { advance } from "./internal/expiry.js"
import * as Operator from "./internal/operator.js"
import * as Read from "./internal/read.js"
import * as Reserve from "./internal/reserve.js"
import * as Settle from "./internal/settle.js"
import type { Outcome, State } from "./State.js"

export {
  /**
   * The state as it is at an instant (epoch ms): what expired by then has returned to its budgets.
   *
   * @since 0.1.0
   * @category combinators
   */
  advance
}

const run = (state: State, command: Command, now: number): Outcome<Answers[Command["_tag"]]> => {
  switch (command._tag) {
    case "Decide":
      return Reserve.decide(state, command, now)
    case "Reserve":
      return Reserve.reserve(state, command, now)
    case "Commit":
      return Settle.commit(state, command, now)
    case "Release":
      return Settle.release(state, command, now)
    case "Extend":
      return Settle.extend(state, command, now)
    case "Event":
      return Settle.event(state, command, now)
    case "Get":
      return Read.get(state, command)
    case "List":
      return Read.list(state, command)
    case "Balances":
      return Read.balances(state, command)
    case "PutBudget":
      return Operator.putBudget(state, command)
    case "RemoveBudget":
      return Operator.removeBudget(state, command)
    case "Credit":
      return Operator.credit(state, command)
    case "SetStatus":
      return Operator.setStatus(state, command)
    case "SetCaps":
      return Operator.setCaps(state, command)
    case "PutTenant":
      return Operator.putTenant(state, command)
  }
}

/**
 * Runs one command at `now` (epoch ms). First everything whose grace ended before `now` expires; then the command changes
 * all of its budgets or, when it is refused, nothing. The given state stays valid.
 *
 * Source: the semantics of each operation in the protocol document.
 *
 * @since 0.1.0
 * @category combinators
 */
export const step = <C extends Command>(state: State, command: C, now: number): readonly [State, Answer<C>] => {
  const current = advance(state, now)
  return Either.match(run(current, command, now), {
    onLeft: (refusal: Refusal): readonly [State, Answer<C>] => [current, Either.left(refusal)],
    // `run` answers each tag with what `Answers` says of it.
    onRight: ([next, answer]) => [next, Either.right(answer as Answers[C["_tag"]])]
  })
}
