/**
 * Where envelopes are kept, signed and asked for.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { EvidenceJwks } from "../../protocol/Evidence.js"
import { isUnsigned, type Keeper } from "../Evidence.js"
import type { Document } from "../Rows.js"
import type { State } from "../State.js"
import type { Desk } from "./desk.js"
import * as Generations from "./generations.js"
import { putDocument } from "./write.js"

export interface EvidenceDesk {
  /** The text of an envelope, signed. */
  readonly envelope: (id: string) => Effect.Effect<Option.Option<string>>
  readonly jwks: Option.Option<EvidenceJwks>
  readonly run: Desk["run"]
}

/** Signs an envelope, once. Nothing for one of another key, which was closed before it was signed. */
const makeSeal = (
  { amend, look }: Desk,
  state: State,
  keeper: Keeper
): (id: string) => Effect.Effect<Document | undefined> =>
  Effect.fnUntraced(function*(id) {
    const document = yield* look(() => Generations.get(state.documents, id))
    if (document === undefined || !isUnsigned(document)) return document
    const signed = yield* keeper.seal(document)
    if (signed !== undefined) yield* amend((report) => putDocument(state, signed, report))
    return signed
  })

/** Envelopes are signed as soon as they are made: later on, the key may be another one. What a crash left unsigned is signed at the start. */
export const makeEvidenceDesk = (state: State, desk: Desk, keeper: Keeper | undefined): Effect.Effect<EvidenceDesk> =>
  Effect.gen(function*() {
    if (keeper === undefined) return { envelope: () => Effect.succeedNone, jwks: Option.none(), run: desk.run }
    const { jwks, unsealed } = keeper
    const seal = makeSeal(desk, state, keeper)
    const left = Array.from(Generations.values(state.documents)).filter(isUnsigned)
    const sealed = yield* Effect.forEach(left, ({ id }) => seal(id))
    const lost = sealed.filter((document) => document === undefined).length
    if (lost > 0) {
      yield* Effect.logWarning(`${lost} envelopes of evidence wait for the signature of an earlier key`).pipe(
        Effect.annotateLogs({ package: "effect-cycles", module: "authority" })
      )
    }
    const sealAll = Effect.suspend(() => {
      const ids = Array.from(unsealed)
      unsealed.clear()
      return Effect.forEach(ids, seal, { discard: true })
    })
    return {
      envelope: (id) =>
        Effect.map(seal(id), (document) => Option.map(Option.fromNullable(document), ({ text }) => text)),
      jwks: Option.some(jwks),
      run: (command) =>
        Effect.ensuring(
          desk.run(command),
          // Nobody waits for a signature: it is of no fiber that asks.
          Effect.suspend(() => unsealed.size === 0 ? Effect.void : Effect.forkDaemon(Effect.interruptible(sealAll)))
        )
    }
  })
