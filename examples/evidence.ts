/**
 * Signed evidence: the authority attests each answer, and anybody can verify it later, without the ledger.
 */
import { Console, Effect, Option, Redacted } from "effect"
import { Amount, Cycles, type Evidence, Idempotency, verifyEvidence } from "effect-cycles"
import { Authority } from "effect-cycles/authority"

const serverId = "https://cycles.example.com/v1"

const tell = (what: string, envelope: Evidence.EvidenceEnvelope) =>
  Effect.gen(function*() {
    const cycles = yield* Cycles
    const jwks = Effect.map(cycles.getEvidenceJwks(), ({ value }) => value)
    const verdict = yield* verifyEvidence(envelope, { authority: { serverId, jwks } })
    yield* Console.log(`${what}: ${verdict._tag}${"reason" in verdict ? `, ${verdict.reason}` : ""}`)
  })

const program = Effect.gen(function*() {
  const cycles = yield* Cycles
  const { value: { evidence } } = yield* cycles.decide({
    idempotencyKey: yield* Idempotency.fresh,
    subject: { tenant: "acme" },
    action: { kind: "llm.completion", name: "gpt-4o" },
    estimate: Amount.usd("0.05")
  })
  const { evidenceId } = yield* Option.match(evidence, {
    onNone: () => Effect.dieMessage("none"),
    onSome: Effect.succeed
  })

  // An auditor needs the envelope, the keys of the server, and nothing else.
  const { value: envelope } = yield* cycles.getEvidence(evidenceId)
  yield* tell("as it was served", envelope)
  yield* tell("with another time", { ...envelope, issued_at_ms: envelope.issued_at_ms + 1 })

  // Whoever knows the signer's key beforehand needs no keys of the server.
  const pinned = yield* verifyEvidence(envelope, { expectedSigner: envelope.signer_did })
  yield* Console.log(`against a known signer: ${pinned._tag}`)
})

// 32 random bytes in hexadecimal digits, from where secrets are kept.
const signingKey = Redacted.make("5e".repeat(32))

Effect.runPromise(program.pipe(Effect.provide(Authority.layer({
  budgets: [{ scope: "tenant:acme", allocated: Amount.usd("1") }],
  evidence: { serverId, signingKey }
}))))
