/**
 * Signed evidence of what the authority answers: an envelope for each fresh decision, settlement and denial. Its id is made with the answer;
 * its signature may follow.
 */
import { utf8ToBytes } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { DecisionRequest, DecisionResponse } from "../protocol/Decision.js"
import { type ErrorCode, statusOf } from "../protocol/ErrorResponse.js"
import type { EvidenceId, EvidenceJwks } from "../protocol/Evidence.js"
import { hashOf, idOf, sealed } from "../protocol/internal/envelope.js"
import { type InvalidInput, invalidInput } from "../protocol/InvalidInput.js"
import {
  CommitRequest,
  CommitResponse,
  CreateRequest,
  CreateResponse,
  ReleaseRequest,
  ReleaseResponse
} from "../protocol/Reservation.js"
import { isRefusal, type Refusal } from "./Command.js"
import * as Answer from "./internal/answer.js"
import { defaultGraceMs } from "./internal/replay.js"
import { makeSigner } from "./internal/signer.js"
import type { Document, ReceiptOf, Reservation } from "./Rows.js"
import type { Attest } from "./State.js"

/**
 * A key that signed before: it stays listed, so that what it signed stays verifiable. Instants are epoch ms, the end is exclusive.
 *
 * @since 0.1.0
 * @category config
 */
export interface RetiredKey {
  /** 64 hexadecimal digits. */
  readonly publicKey: string
  /** The first 16 digits of the key when absent. */
  readonly kid?: string | undefined
  readonly notBefore: number
  readonly notAfter: number
}

/**
 * Who signs.
 *
 * @since 0.1.0
 * @category config
 */
export interface EvidenceOptions {
  /** The public base URL of the server with its `/v1`, such as `https://cycles.example.com/v1`. It is signed byte for byte. */
  readonly serverId: string
  /** The Ed25519 private key: 32 bytes as 64 hexadecimal digits. */
  readonly signingKey: Redacted.Redacted
  /** The name of the key. The first 16 digits of the public key when absent. */
  readonly kid?: string | undefined
  /** From when the key signs, epoch ms: the end of the latest retired key when absent, else 0. */
  readonly notBefore?: number | undefined
  /** Keys that signed before. None when absent. */
  readonly retired?: ReadonlyArray<RetiredKey> | undefined
  /** Whether envelopes name their signer by its key (the default) or by `did:cycles`, which needs the published set. */
  readonly signer?: "key" | "did" | undefined
}

/** The refusals that are answers of the ledger: what was not even evaluated is no evidence. */
const denials: ReadonlySet<string> = new Set<ErrorCode>([
  "BUDGET_EXCEEDED",
  "BUDGET_FROZEN",
  "BUDGET_CLOSED",
  "OVERDRAFT_LIMIT_EXCEEDED",
  "DEBT_OUTSTANDING",
  "UNIT_MISMATCH",
  "RESERVATION_FINALIZED",
  "RESERVATION_EXPIRED",
  "TENANT_CLOSED"
])

type Attested = Parameters<Attest>[0]

const endpoints = {
  Decide: "POST /v1/decide",
  Reserve: "POST /v1/reservations",
  Commit: "POST /v1/reservations/{reservation_id}/commit",
  Release: "POST /v1/reservations/{reservation_id}/release"
} as const

const encode = {
  decide: Schema.encodeSync(DecisionRequest),
  create: Schema.encodeSync(CreateRequest),
  commit: Schema.encodeSync(CommitRequest),
  release: Schema.encodeSync(ReleaseRequest),
  decided: Schema.encodeSync(DecisionResponse),
  created: Schema.encodeSync(CreateResponse),
  committed: Schema.encodeSync(CommitResponse),
  released: Schema.encodeSync(ReleaseResponse)
}

/** The request as it was understood, with the two defaults that do not depend on the tenant. */
const requestOf = (command: Attested): object => {
  switch (command._tag) {
    case "Decide":
      return encode.decide(command.request)
    case "Reserve":
      return { grace_period_ms: defaultGraceMs, dry_run: false, ...encode.create(command.request) }
    case "Commit":
      return encode.commit(command.request)
    case "Release":
      return encode.release(command.request)
  }
}

/** The answer without what only concerns its transport. */
const responseOf = (command: Attested, answer: Parameters<Attest>[1]): object => {
  switch (command._tag) {
    case "Decide":
      return encode.decided(Answer.decision(answer as ReceiptOf<"Advice">))
    case "Reserve":
      return encode.created(Answer.created({ receipt: answer as ReceiptOf<"Hold">, ttlMs: undefined }))
    case "Commit":
      return encode.committed(Answer.committed(answer as Reservation))
    case "Release":
      return encode.released(Answer.released(answer as Reservation))
  }
}

const hoisted = (command: Attested): object =>
  "reservationId" in command ? { reservation_id: command.reservationId } : {}

const artifacts = { Decide: "decide", Reserve: "reserve", Commit: "commit", Release: "release" } as const

const errorOf = (command: Attested, { code, details, message }: Refusal): object | undefined => {
  const { requestId, traceId } = command.origin ?? {}
  // Without an id of the request there was no answer on the wire to attest.
  if (!denials.has(code) || requestId === undefined) return undefined
  return {
    endpoint: endpoints[command._tag],
    http_status: statusOf[code as ErrorCode],
    ...hoisted(command),
    request: requestOf(command),
    response: { error: code, message, request_id: requestId, trace_id: traceId, details }
  }
}

/** The type and the content of an envelope; nothing when the answer is not worth one. */
const artifactOf = (command: Attested, answer: Parameters<Attest>[1]): readonly [string, object] | undefined => {
  if (isRefusal(answer)) {
    const error = errorOf(command, answer)
    return error === undefined ? undefined : ["error", error]
  }
  return [
    artifacts[command._tag],
    { request: requestOf(command), response: responseOf(command, answer), ...hoisted(command) }
  ]
}

const nothing: Effect.Effect<Document | undefined> = Effect.sync(() => undefined)

const unsigned = /"signature":"","signer_did":"[^"]*"(?:,"trace_id":"[0-9a-f]{32}")?\}$/

/** Whether an envelope waits for its signature. */
export const isUnsigned = ({ text }: Document): boolean => unsigned.test(text)

/**
 * `seal` is nothing for an envelope of another key.
 *
 * @since 0.1.0
 * @category models
 */
export interface Keeper {
  readonly attest: Attest
  /** The ids of envelopes that wait for their signature: whoever signs takes them out. */
  readonly unsealed: Set<string>
  readonly seal: (document: Document) => Effect.Effect<Document | undefined>
  readonly jwks: EvidenceJwks
}

const jwkOf = (publicKey: string, kid: string, from: number, until: number | undefined) => ({
  kty: "OKP",
  crv: "Ed25519",
  alg: "EdDSA",
  x: Encoding.encodeBase64Url(Either.getOrThrow(Encoding.decodeHex(publicKey))),
  kid,
  cycles_nbf_ms: from,
  ...(until === undefined ? {} : { cycles_exp_ms: until }),
  status: until === undefined ? "active" : "retired"
})

const checkedKid = (kid: string): Either.Either<string, InvalidInput> =>
  /^[\w.-]{1,128}$/.test(kid)
    ? Either.right(kid)
    : Either.left(invalidInput("kid", "must be 1 to 128 letters, digits, dots, hyphens or underscores", kid))

/** The keys of the past, each with its name. */
const checkedKeys = (retired: ReadonlyArray<RetiredKey>, active: string) =>
  Either.gen(function*() {
    const kids = new Set([active])
    const keys: Array<ReturnType<typeof jwkOf>> = []
    for (const { kid, notAfter, notBefore, publicKey } of retired) {
      if (!/^[0-9a-f]{64}$/.test(publicKey)) {
        return yield* Either.left(invalidInput("public_key", "must be 64 lowercase hexadecimal digits", publicKey))
      }
      if (!Number.isSafeInteger(notBefore) || !Number.isSafeInteger(notAfter) || notAfter <= notBefore) {
        return yield* Either.left(invalidInput("not_after", "must be whole milliseconds after not_before", notAfter))
      }
      const name = yield* checkedKid(kid ?? publicKey.slice(0, 16))
      if (kids.has(name)) return yield* Either.left(invalidInput("kid", "must not be given twice", name))
      kids.add(name)
      keys.push(jwkOf(publicKey, name, notBefore, notAfter))
    }
    return keys
  })

/**
 * `InvalidInput` names what is wrong with the options, and never shows a key.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeKeeper = (options: EvidenceOptions): Effect.Effect<Keeper, InvalidInput> =>
  Effect.gen(function*() {
    const { retired = [], serverId } = options
    if (!URL.canParse(serverId)) return yield* invalidInput("server_id", "must be an absolute URL", serverId)
    const { publicKey, sign } = yield* makeSigner(options.signingKey)
    const kid = yield* checkedKid(options.kid ?? publicKey.slice(0, 16))
    const past = yield* checkedKeys(retired, kid)
    const from = options.notBefore ?? Math.max(0, ...retired.map(({ notAfter }) => notAfter))
    const did = options.signer === "did" ? `did:cycles:${hashOf(serverId)}#${kid}` : publicKey
    const base = `${serverId.replace(/\/$/, "")}/evidence/`

    const unsealed = new Set<string>()

    const make = (command: Attested, answer: Parameters<Attest>[1], now: number): ReturnType<Attest> => {
      const artifact = artifactOf(command, answer)
      if (artifact === undefined) return undefined
      const [type, content] = artifact
      const envelope = {
        schema_version: "cycles-evidence/v0.1",
        artifact_type: type,
        server_id: serverId,
        signer_did: did,
        issued_at_ms: now,
        trace_id: command.origin?.traceId,
        payload: { [type]: content }
      }
      const made = Either.flatMap(idOf(envelope), (id) =>
        Either.map(sealed(envelope, id, ""), (text) => ({
          reference: { evidenceId: id as EvidenceId, url: base + id },
          document: { id, text, at: now }
        })))
      return Either.getOrUndefined(made)
    }

    return {
      unsealed,
      // Evidence never fails a request: what has no canonical text has no evidence.
      attest: (...args) => {
        const made = Either.getOrUndefined(Either.try(() => make(...args)))
        if (made !== undefined) unsealed.add(made.document.id)
        return made
      },
      seal: (document) => {
        const envelope = JSON.parse(document.text)
        return envelope.signer_did !== did ? nothing : Effect.map(
          sign(new Uint8Array(utf8ToBytes(document.text))),
          (signature) => ({ ...document, text: Either.getOrThrow(sealed(envelope, document.id, signature)) })
        )
      },
      jwks: { keys: [jwkOf(publicKey, kid, from, undefined), ...past] }
    }
  })
